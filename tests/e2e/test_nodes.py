"""Nodes in a browser: the line that turns, meters that move, charts with a cursor; all of it without script too."""

from datetime import timedelta

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from apps.nodes.models import Node
from apps.traffic.choices import settings_of
from tests.apps.web.conftest import Scene
from tests.apps.web.machines import add_node, hear, lately
from tests.e2e.conftest import Visit
from tests.e2e.test_pages import unsound

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]


def test_a_node_is_added_and_its_first_report_turns_the_line(visit: Visit, scene: Scene) -> None:
    page = visit(scene.path("nodes/"), user=scene.owner)
    page.get_by_role("link", name="Add a node").click()
    page.get_by_label("Name").fill("edge-1")
    page.get_by_role("button", name="Add node").click()
    expect(page.get_by_text("Waiting for the first report.")).to_be_visible()
    assert unsound(page, "install") == []

    hear(Node.objects.get(name="edge-1"), timezone.now())

    expect(page.get_by_text("The first report is here.")).to_be_visible()
    page.get_by_role("link", name="Open edge-1").click()
    expect(page.get_by_role("heading", name="edge-1", level=1)).to_be_visible()


def test_the_list_and_the_meters_follow_new_reports(visit: Visit, scene: Scene) -> None:
    node = hear(add_node(scene), *lately(scene, minutes=5))
    listed = visit(scene.path("nodes/"), user=scene.viewer)
    expect(listed.get_by_role("meter", name="CPU")).to_have_attribute("aria-valuenow", "21.8")
    one = visit(scene.path(f"nodes/{node.number}"), user=scene.viewer)

    hear(node, timezone.now() + timedelta(milliseconds=1), cpu=0.77)

    for page in (listed, one):
        expect(page.get_by_role("meter", name="CPU")).to_have_attribute("aria-valuenow", "77", timeout=15_000)


def test_the_charts_share_a_cursor_that_keys_and_readers_do_without(visit: Visit, scene: Scene) -> None:
    node = hear(add_node(scene), *lately(scene, minutes=50))
    page = visit(scene.path(f"nodes/{node.number}?range=1h"), user=scene.viewer)
    expect(page.locator(".uplot")).to_have_count(page.locator("[data-node-chart]").count())
    legend = page.locator('[data-legend="cpu-1"]')
    expect(legend).to_have_text("21.8 %")
    plot = page.locator('[data-node-chart="memory"] .u-over')
    box = plot.bounding_box()
    assert box is not None

    plot.hover(position={"x": 4, "y": box["height"] / 2})

    # The hour began before the first report: there is nothing at its left edge, in any chart.
    expect(legend).to_have_text("—")
    assert page.locator("[data-node-time]").inner_text()
    expect(page.get_by_role("img", name="Processor: Busy average")).to_be_visible()
    assert page.faults == []  # type: ignore[attr-defined]  # set by the fixture


def test_nodes_are_ticked_by_keys_tagged_and_deleted_together(visit: Visit, scene: Scene) -> None:
    for name in ("a", "b", "c"):
        add_node(scene, name)
    page = visit(scene.path("nodes/?sort=name"), user=scene.owner)
    for key in "jxjx":
        page.keyboard.press(key)
    bar = page.get_by_role("group", name="Selected nodes")
    expect(bar.get_by_text("2 selected")).to_be_visible()
    assert unsound(page, "ticked nodes") == []
    bar.locator("summary", has_text="Tags").click()
    bar.get_by_label("Tags").fill("edge")
    bar.get_by_label("Tags").press("Enter")
    expect(page.get_by_text("edge added to 2 of 2 nodes.")).to_be_visible()

    page.goto(scene.path("nodes/?view=cards&tag=edge"))
    page.get_by_label("Select all on this page").check()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="Delete 2 nodes")).to_be_visible()
    assert unsound(page, "delete nodes") == []
    page.get_by_label("Type 2 to go on").fill("2")
    page.get_by_role("button", name="Delete 2 nodes").click()
    expect(page.get_by_text("2 nodes deleted.")).to_be_visible()
    assert [node.name for node in Node.objects.live()] == ["c"]


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_the_borders_of_a_cycle_follow_what_is_chosen(visit: Visit, scene: Scene, theme: str, width: int) -> None:
    page = visit(scene.path("settings/traffic"), user=scene.owner, theme=theme, width=width)
    expect(page.get_by_label("First day")).to_be_hidden()
    page.get_by_text("From a day of the month, or its last day").click()
    page.get_by_label("First day").fill("15")
    expect(page.locator("#borders td").first).to_contain_text("15 ")
    page.get_by_label("First day").fill("40")
    expect(page.locator("#borders")).to_contain_text("First day: A day from 1 to 31.")
    assert unsound(page, "traffic settings") == []
    page.get_by_label("First day").fill("15")
    page.get_by_role("button", name="Save traffic settings").click()
    expect(page.get_by_text("Traffic settings saved.")).to_be_visible()
    assert settings_of(scene.workspace).start_day == 15
    assert page.faults == []  # type: ignore[attr-defined]  # set by the fixture


def test_everything_is_there_without_script(visit: Visit, scene: Scene) -> None:
    node = hear(add_node(scene), *lately(scene, minutes=50))
    page = visit(scene.path("nodes/"), user=scene.owner, script=False, width=390)
    page.get_by_role("link", name="web-1").click()
    assert page.locator("svg path.line").count() > 10
    page.get_by_text("Show as table: Processor").click()
    expect(page.get_by_role("cell", name="21.8 %").first).to_be_visible()
    page.get_by_role("link", name="Settings").first.click()
    page.get_by_label("Name", exact=True).fill("web-2")
    page.get_by_role("button", name="Save node").click()
    node.refresh_from_db()
    assert node.name == "web-2"
    page.goto(scene.path(f"nodes/{node.number}/install"))
    page.get_by_role("link", name="Open web-2").click()
    expect(page.get_by_role("heading", name="web-2", level=1)).to_be_visible()
