"""The public page in a browser without script, on a phone and on a desk, in both themes; and its editor."""

from datetime import timedelta

import pytest

from apps.pipeline.windows import set_maintenance
from apps.projects.windows import Target
from apps.statuspages import services
from apps.statuspages.models import StatusPage
from apps.statuspages.services import Choice
from tests import factories
from tests.apps.web.conftest import Scene, break_down, measure
from tests.e2e.conftest import Visit
from tests.e2e.test_pages import unsound

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]
EDITOR = ("", "new", "PAGE", "PAGE/components", "PAGE/updates", "PAGE/updates?status=maintenance", "PAGE/subscribers")


@pytest.fixture
def page(scene: Scene) -> StatusPage:
    """A page with an incident, a planned maintenance, something slow and something new."""
    now = scene.now
    measure(scene.device, *["up"] * 40, "down", "down", now=now)
    break_down(scene.device, at=now - timedelta(minutes=4))
    fresh = factories.make_device(scene.project, "Returns portal and label printing for pick-up stores", now=now)
    made, _ = services.create_page(
        workspace=scene.workspace,
        values={"name": "Acme status", "slug": "acme", "description": "How the shops are.", "accentColor": "#2563eb"},
        now=now,
    )
    services.set_components(page=made, choices=[Choice(project=scene.project), Choice(device=fresh, group="Parcels")])
    told = services.publish(
        page=made, status="investigating", title="Checkout is unavailable", body="Paying **fails**.", now=now
    )
    services.publish(page=made, status="identified", title="Cause found", thread=told.thread, now=now)
    services.publish(page=made, status="resolved", title="Search was slow", now=now - timedelta(days=2))
    target = Target(scene.workspace.pk, project=scene.project)
    set_maintenance(target=target, starts_at=now + timedelta(days=1), ends_at=now + timedelta(days=1, hours=1), now=now)
    return made


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390), ("dark", 1280), ("light", 390)])
def test_the_public_page_is_sound_in_both_themes_and_widths(
    visit: Visit, page: StatusPage, theme: str, width: int
) -> None:
    thread = page.updates.get(status="identified").thread
    tab = visit(f"/status/acme?theme={theme}", width=width)
    told = unsound(tab, f"page {theme} {width}")
    for path in (
        "/status/acme?lang=de",
        "/status/acme/history",
        f"/status/acme/incidents/{thread}",
        "/status/acme/embed",
    ):
        tab.goto(f"{path}{'&' if '?' in path else '?'}theme={theme}")
        told += unsound(tab, f"{path} {theme} {width}")
    assert told == []


def test_it_is_whole_without_script_on_the_smallest_screen(visit: Visit, page: StatusPage) -> None:
    tab = visit("/status/acme", width=320, script=False)

    assert tab.get_by_role("heading", level=1).inner_text() == "Some things are down"
    assert tab.get_by_text("Checkout is unavailable").is_visible()
    bar = tab.get_by_role("img", name="Till 1: last 90 days")
    assert bar.bounding_box()["width"] < 320
    bar.focus()
    assert tab.locator(".tip").first.is_visible()
    tab.get_by_label("E-mail address").fill("ana@example.com")
    tab.get_by_role("button", name="Subscribe").click()
    assert tab.get_by_role("heading", level=1).inner_text() == "Almost done"
    assert page.subscribers.get().confirmed_at is None


def test_all_of_it_weighs_less_than_sixty_kilobytes(visit: Visit, page: StatusPage) -> None:
    for number in range(10):
        factories.make_device(page.components.first().project, f"Storefront {number}")
    tab = visit("/status/acme")

    sizes = tab.evaluate(
        "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        ".map((entry) => [entry.name, entry.decodedBodySize])"
    )

    assert 5_000 < sum(size for _, size in sizes) <= 60_000, sizes
    assert not [name for name, _ in sizes if name.endswith((".js", ".woff2"))]


def test_a_private_page_opens_with_its_token(visit: Visit, page: StatusPage, scene: Scene) -> None:
    _, token = services.update_page(page=page, values={"visibility": "private_token"}, now=scene.now)
    tab = visit("/status/acme", script=False)
    tab.get_by_label("Token").fill(str(token))
    tab.get_by_role("button", name="Open").click()

    assert tab.get_by_text("Checkout is unavailable").is_visible()
    assert str(token) not in tab.url


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_the_editor_is_sound(visit: Visit, page: StatusPage, scene: Scene, theme: str, width: int) -> None:
    tab = visit("/app/", user=scene.owner, theme=theme, width=width)
    told: list[str] = []
    for path in EDITOR:
        tab.goto(scene.path(f"status-pages/{path.replace('PAGE', page.wire_id)}"))
        told += unsound(tab, f"{path or 'list'} {theme} {width}")
    assert told == []


def test_a_page_is_put_together_without_script(visit: Visit, page: StatusPage, scene: Scene) -> None:
    tab = visit(scene.path(f"status-pages/{page.wire_id}/components"), user=scene.owner, script=False)
    tab.get_by_label("Add", exact=True).select_option(label="Till 1")
    tab.get_by_role("button", name="Add", exact=True).click()
    tab.get_by_role("button", name="Up Till 1").click()

    shown = page.components.order_by("position")
    assert [row.shown_name for row in shown][1] == "Till 1"
