"""Every page in both themes and on three widths: nothing breaks, nothing scrolls sideways, axe finds nothing."""

from datetime import timedelta
from uuid import uuid4

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from apps.alerts import services
from apps.alerts.conditions import Condition
from apps.alerts.documents import RuleDraft
from apps.alerts.windows import Streak
from apps.checks.models import ShardCursor
from apps.common.clock import epoch_ms
from apps.common.kept import forget_all
from apps.nodes.models import Node
from apps.nodes.services import Changes, update_node
from apps.notifications.models import Channel, Delivery
from apps.notifications.services import add_override, deliver_due, fan_out, set_alert_settings
from apps.operations.models import ProcessReport
from apps.operations.storage import measure_storage
from apps.pipeline.lifecycle import set_paused
from apps.pipeline.windows import set_maintenance
from apps.projects.windows import Target
from apps.reports.services import Wish, create_schedule
from apps.traffic.services import change_settings
from tests import factories
from tests.apps.web.conftest import Scene, break_down, measure
from tests.apps.web.machines import add_node, hear, lately
from tests.e2e.conftest import Visit

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]

PAGES = (
    "",
    "monitors/",
    "monitors/?q=nothing-here",
    "monitors/new",
    "monitors/new?kind=dns",
    "monitors/new?kind=heartbeat",
    "MONITOR",
    "MONITOR/checks",
    "MONITOR/edit",
    "MONITOR/analytics",
    "HEARTBEAT/analytics",
    "HEARTBEAT",
    "nodes/",
    "nodes/?view=cards",
    "nodes/?q=nothing-here",
    "nodes/new",
    "nodes/groups",
    "settings/traffic",
    "NODE",
    "NODE?range=7d",
    "NODE/traffic",
    "NODE/settings",
    "NODE/install",
    "SILENT",
    "NEVER",
    "NEVER/traffic",
    "NEVER/install",
    "incidents/",
    "incidents/?status=resolved",
    "incidents/?status=all&project=berlin&from=2026-01-01&to=2026-01-02",
    "INCIDENT",
    "alerts/",
    "alerts/rules/",
    "alerts/rules/new",
    "alerts/rules/new?kind=node",
    "RULE",
    "alerts/workspace/",
    "alerts/routing/berlin",
    "alerts/routing/berlin?preview.severity=critical",
    "alerts/on-call/",
    "alerts/channels/",
    "alerts/deliveries/",
    "alerts/deliveries/?status=dropped",
    "DELIVERY",
    "projects/",
    "projects/berlin",
    "new-project",
    "reports/",
    "reports/?period=month&target=99.99",
    "reports/?from=nonsense",
    "reports/schedules/",
    "reports/schedules/new",
    "SCHEDULE",
    "members/",
    "tokens/",
    "settings/",
    "profile/",
    "audit/",
)
EMPTY = (
    "nodes/",
    "nodes/groups",
    "settings/traffic",
    "alerts/",
    "alerts/workspace/",
    "alerts/on-call/",
    "alerts/channels/",
    "alerts/deliveries/",
)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
ENTRY = ("/", "/accounts/login/", "/accounts/password/reset/", "/accounts/signup/", "/nothing-here")
ACCOUNT = (
    "/accounts/email/",
    "/accounts/password/change/",
    "/accounts/2fa/",
    "/accounts/sessions/",
    "/accounts/logout/",
)


@pytest.fixture
def full(scene: Scene) -> dict[str, str]:
    """The scene with every state in it, and the paths of its named pages."""
    now, long = scene.now, "Nightly warehouse export to the accounting partner (EU and UK entities)"
    measure(scene.device, *["up"] * 40, "down", "down", now=now)
    incident = break_down(scene.device, at=now - timedelta(minutes=4))
    heartbeat = factories.make_device(scene.project, long, kind="heartbeat", now=now)
    set_paused(device=factories.make_device(scene.project, "Old storefront", now=now), paused=True, now=now)
    wiki = factories.make_device(scene.project, "Wiki", now=now)
    set_maintenance(
        target=Target(scene.workspace.pk, ref=wiki.ref), starts_at=now, ends_at=now + timedelta(hours=1), now=now
    )
    healthy = factories.make_device(scene.project, "Cart service", now=now - timedelta(days=2), tags=["tier-1"])
    measure(healthy, *["up"] * 60, "warning", "up", now=now, latency_us=88_000)
    factories.make_token(scene.workspace)
    rule = services.create_rule(
        workspace=scene.workspace,
        draft=RuleDraft(long, "device", (Condition("latency_us", "gt", 80_000, window=Streak(300)),)),
        actor="ana@example.com",
        now=now,
    )
    wish = Wish(
        name="Weekly for the board", frequency="weekly", recipients=["board@example.com"], timezone="Asia/Tokyo"
    )
    schedule = create_schedule(workspace=scene.workspace, wish=wish, actor="ana@example.com", now=now)
    delivery = tell(scene)
    node, silent, never = machines(scene)
    return {
        "DELIVERY": f"alerts/deliveries/{delivery.wire_id}",
        "NODE": f"nodes/{node.number}",
        "SILENT": f"nodes/{silent.number}",
        "NEVER": f"nodes/{never.number}",
        "MONITOR": f"monitors/{scene.device.public_id}",
        "HEARTBEAT": f"monitors/{heartbeat.public_id}",
        "INCIDENT": f"incidents/{incident.wire_id}",
        "RULE": f"alerts/rules/{rule.number}",
        "SCHEDULE": f"reports/schedules/{schedule.wire_id}",
    }


def machines(scene: Scene) -> tuple[Node, Node, Node]:
    """A sick machine with traffic and a percentile, a silent one, and one that was never heard."""
    change_settings(workspace=scene.workspace, fields={"usage": "billing"})
    long = add_node(scene, "build-runner-with-a-very-long-host-name-07.ci.northwind.example")
    changes = Changes(tags=["eu", "Edge of the network"], p95=True, note="In rack 4")
    node = update_node(node=long, changes=changes, actor="ana", now=scene.now)
    hear(node, *lately(scene, minutes=180, step_s=300), sick=True)
    silent = hear(add_node(scene, "lab-pi-4"), scene.now - timedelta(minutes=11))
    return node, silent, add_node(scene, "never")


def tell(scene: Scene) -> Delivery:
    """A routing with one of everything, and what it made of the incident."""
    everybody = [str(scene.owner.public_id), str(scene.viewer.public_id)]
    hours = {"days": ["mon", "tue"], "start": "08:00", "end": "18:00"}
    document = {
        "channels": [
            {"id": "ch_mail", "type": "email", "name": "Night shift of the warehouse", "to": ["ops@example.com"]},
            {"id": "ch_hook", "type": "webhook", "url": "https://hooks.example/in"},
            {"id": "ch_sms", "type": "sms", "to": ["+491511234567"], "enabled": False},
        ],
        "quietHours": {"enabled": True, "windows": [hours]},
        "onCall": [{"id": "main", "members": everybody, "startsOn": "2026-01-05", "coverage": [hours]}],
        "escalation": {
            "steps": [
                {
                    "afterMinutes": 0,
                    "targets": [{"type": "oncall", "id": "main"}, {"type": "channel", "id": "ch_mail"}],
                },
                {"afterMinutes": 15, "targets": [{"type": "user", "id": everybody[0]}]},
            ]
        },
    }
    set_alert_settings(project=scene.project, document=document, actor="test", now=scene.now)
    add_override(
        project=scene.project,
        rotation_id="main",
        member=everybody[1],
        start=scene.now,
        end=scene.now + timedelta(days=1),
        actor="test",
        now=scene.now,
    )
    fan_out(now=scene.now, limit=50)
    deliver_due(now=scene.now, limit=50)
    Channel.objects.filter(key="ch_hook").update(failing_since=scene.now, last_error="503 Service Unavailable")
    delivery: Delivery = Delivery.objects.of(scene.workspace).earliest("pk")
    return delivery


def path_of(scene: Scene, page: str, named: dict[str, str]) -> str:
    for name, path in named.items():
        page = page.replace(name, path)
    return scene.path(page)


def unsound(page: Page, where: str) -> list[str]:
    """Script errors, refused resources, sideways scroll and violations of accessibility rules, in words."""
    told = [f"{where}: {fault}" for fault in page.faults]  # type: ignore[attr-defined]  # set by the fixture
    if page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"):
        told.append(f"{where}: scrolls sideways")
    found = Axe().run(page, options={"runOnly": RULES})
    for rule in found.response["violations"]:
        told += [f"{where}: {rule['id']} at {node['html'][:160]}" for node in rule["nodes"][:3]]
    # What axe itself does to the page is not the page's doing.
    page.faults.clear()  # type: ignore[attr-defined]  # set by the fixture
    return told


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390), ("dark", 1280), ("light", 390)])
@pytest.mark.timeout(300)
def test_every_page_is_sound_in_both_themes_and_widths(
    visit: Visit, scene: Scene, full: dict[str, str], theme: str, width: int
) -> None:
    told: list[str] = []
    page = visit("/app/", user=scene.owner, theme=theme, width=width)
    for name in PAGES:
        page.goto(path_of(scene, name, full))
        told += unsound(page, f"{name or 'overview'} {theme} {width}")
    assert told == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_pages_around_signing_in_are_sound(visit: Visit, scene: Scene, theme: str) -> None:
    told: list[str] = []
    for path in ENTRY:
        page = visit(path, theme=theme, width=390)
        if path == "/nothing-here":
            page.faults.clear()  # type: ignore[attr-defined]  # the browser reports the 404 we asked for
        told += unsound(page, f"{path} {theme}")
    page = visit("/app/", user=scene.owner, theme=theme)
    for path in ACCOUNT:
        page.goto(path)
        told += unsound(page, f"{path} {theme}")
    assert told == []


@pytest.mark.timeout(300)
def test_nothing_scrolls_sideways_on_the_smallest_screen(visit: Visit, scene: Scene, full: dict[str, str]) -> None:
    page = visit("/app/", user=scene.owner, width=320)
    for name in PAGES:
        page.goto(path_of(scene, name, full))
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 320, (name, wide)


def test_a_quiet_workspace_and_an_empty_one_are_sound(visit: Visit, scene: Scene) -> None:
    measure(scene.device, "up", "up", now=scene.now)
    page = visit(scene.path(), user=scene.viewer)
    told = unsound(page, "quiet overview of a viewer")
    page.goto(scene.path("alerts/routing/berlin?preview.severity=warning"))
    told += unsound(page, "routing in words")
    slug = scene.stranger.memberships.get().workspace.slug
    page = visit(f"/app/w/{slug}/", user=scene.stranger)
    for tail in ("", "monitors/", "incidents/", *EMPTY, "projects/", "tokens/"):
        page.goto(f"/app/w/{slug}/{tail}")
        told += unsound(page, f"empty {tail or 'overview'}")
    assert told == []


def test_pages_stay_within_their_weight(visit: Visit, scene: Scene, full: dict[str, str]) -> None:
    page = visit(path_of(scene, "MONITOR", full), user=scene.owner)
    sizes = page.evaluate(
        "performance.getEntriesByType('resource').map((entry) => [entry.name, entry.decodedBodySize])"
    )
    styles = sum(size for name, size in sizes if name.endswith(".css"))
    assert 0 < styles < 60_000  # 15 kB compressed
    assert any(name.endswith("uPlot.iife.min.js") for name, _ in sizes)
    page.goto(scene.path("incidents/"))
    loaded = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    assert not any("uPlot" in name for name in loaded)


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390), ("light", 320)])
@pytest.mark.timeout(300)
def test_the_operators_page_is_sound_without_script_fresh_and_in_trouble(
    visit: Visit, scene: Scene, full: dict[str, str], theme: str, width: int
) -> None:
    assert full
    scene.owner.is_staff = True
    scene.owner.save()
    page = visit("/operator/", user=scene.owner, theme=theme, width=width)
    told = unsound(page, f"operations, fresh {theme} {width}")
    counts = {f"step_{what}/seal": 1 for what in ("runs", "failures", "seconds")}
    long = "worker-with-quite-a-long-name-in-rack-17.frankfurt.internal.example"
    for kind, seen in (("server", scene.now), ("worker", scene.now - timedelta(minutes=2))):
        ProcessReport.objects.create(
            id=uuid4(),
            kind=kind,
            host=long,
            pid=4711,
            version="1.0",
            started_at=scene.now,
            seen_at=seen,
            slots=256,
            counters=counts,
        )
    measure_storage(now=scene.now)
    ShardCursor.objects.create(shard=0, cursor_ms=epoch_ms(scene.now - timedelta(minutes=5)))
    forget_all()
    page.goto("/operator/")
    told += unsound(page, f"operations, in trouble {theme} {width}")
    assert page.get_by_text("Checks run late.").count() == 1
    plain = visit("/operator/", user=scene.owner, theme=theme, width=width, script=False)
    assert plain.get_by_role("table").count() == 5
    assert told == []
