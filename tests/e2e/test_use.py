"""What script adds, and that every act works without it."""

from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from apps.devices.models import Device
from apps.incidents.models import Incident
from tests.apps.web.conftest import Scene, break_down, measure
from tests.e2e.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]


def test_keys_go_places_and_open_rows(visit: Visit, scene: Scene) -> None:
    page = visit(scene.path(), user=scene.owner)
    page.keyboard.press("g")
    page.keyboard.press("m")
    page.wait_for_url(f"**{scene.path('monitors/')}")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{scene.monitor()}")
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    page.keyboard.type("audit")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{scene.path('audit/')}")
    assert page.faults == []  # type: ignore[attr-defined]  # set by the fixture


def test_the_chart_is_drawn_with_a_cursor_and_the_bar_tells_its_days(visit: Visit, scene: Scene) -> None:
    measure(scene.device, *["up"] * 50, "down", "up", now=scene.now)
    page = visit(scene.monitor("?range=1h"), user=scene.owner)
    expect(page.locator(".uplot canvas")).to_be_visible()
    box = page.locator(".u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 40)
    expect(page.locator('[data-legend="average"]')).to_have_text("212 ms")
    expect(page.locator('[data-legend="ttfb"]')).to_have_text("106 ms")
    expect(page.locator(".chart__label").first).to_contain_text("Down")

    page.locator("[data-bar]").first.focus()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#bar-tip")).to_contain_text("% up")


def test_a_list_that_is_open_shows_new_trouble_by_itself(visit: Visit, scene: Scene) -> None:
    measure(scene.device, "up", now=scene.now)
    page = visit(scene.path(), user=scene.owner)
    expect(page.locator("#wrong")).not_to_contain_text("Till 1")
    break_down(scene.device, at=scene.now)
    page.evaluate("window.htmx.trigger(document.body, 'seen')")
    expect(page.locator("#wrong")).to_contain_text("Till 1")
    assert page.faults == []  # type: ignore[attr-defined]  # set by the fixture


def test_ticked_rows_are_left_alone_by_the_refresh_and_acted_on_together(visit: Visit, scene: Scene) -> None:
    page = visit(scene.path("monitors/"), user=scene.owner)
    expect(page.locator(".bulk")).to_be_hidden()
    page.locator("tbody .pick input").first.check()
    expect(page.locator(".bulk")).to_contain_text("1 selected")
    page.evaluate("window.htmx.trigger(document.body, 'seen')")
    page.wait_for_load_state("networkidle")
    expect(page.locator("tbody .pick input").first).to_be_checked()
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("main")).to_contain_text("1 paused: Till 1.")
    assert Device.objects.get(pk=scene.device.pk).paused is True


@pytest.mark.parametrize("width", [1280, 360])
def test_many_are_tagged_and_silenced_from_menus_that_stay_on_the_screen(
    visit: Visit, scene: Scene, width: int
) -> None:
    page = visit(scene.path("monitors/"), user=scene.owner, width=width)
    page.locator("tbody .pick input").first.check()
    bar = page.locator(".bulk")
    for name in ("Delete", "Maintenance", "Tags"):
        bar.locator("summary", has_text=name).click()
        box = bar.locator("details[open] .menu__panel").bounding_box()
        assert box is not None
        assert box["x"] >= 0, name
        assert box["x"] + box["width"] <= width, name
        assert box["y"] >= 0, name
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]})
    assert found.violations_count == 0, found.generate_report()
    page.get_by_label("Tags", exact=True).fill("tier-1")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("tier-1 added to 1 of 1 monitor.")

    page.locator("tbody .pick input").first.check()
    page.locator(".bulk summary", has_text="Maintenance").click()
    page.locator(".bulk").get_by_label("For how long").select_option("60")
    page.get_by_role("button", name="Set maintenance").click()
    expect(page.locator("tbody tr").first).to_contain_text("Maintenance")
    assert page.faults == []  # type: ignore[attr-defined]  # set by the fixture


def test_everything_works_without_script(visit: Visit, scene: Scene) -> None:
    measure(scene.device, "up", "up", "down", now=scene.now)
    incident = break_down(scene.device, at=scene.now - timedelta(minutes=4))
    page = visit(scene.path(), user=scene.owner, script=False)
    page.get_by_role("button", name="Acknowledge Till 1").click()
    assert Incident.objects.get(pk=incident.pk).acknowledged_by == scene.owner

    page.goto(scene.monitor())
    expect(page.locator(".chart__svg")).to_be_visible()
    expect(page.locator('.chart__svg .area[data-phase="dns"]')).to_have_count(1)
    page.get_by_text("Show as table").click()
    expect(page.get_by_role("columnheader", name="First byte")).to_be_visible()
    page.get_by_text("Delete", exact=True).last.click()
    page.get_by_role("button", name="Delete Till 1").click()
    expect(page.locator("main")).to_contain_text("Till 1 is deleted.")

    page.goto(scene.path("monitors/new?kind=ping"))
    page.get_by_label("Name", exact=True).fill("Router")
    page.get_by_label("Host name or address").fill("router.example")
    page.get_by_role("button", name="Start watching").click()
    expect(page.locator("h1")).to_have_text("Router")


def test_a_viewer_on_a_phone_finds_everything_behind_more(visit: Visit, scene: Scene) -> None:
    page = visit(scene.path(), user=scene.viewer, width=390, script=False)
    page.get_by_text("More", exact=True).click()
    page.get_by_role("link", name="Members").last.click()
    expect(page.locator("h1")).to_have_text("Members")
    expect(page.get_by_role("button", name="Invite")).to_have_count(0)
