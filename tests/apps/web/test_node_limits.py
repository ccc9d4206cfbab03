"""Where rules draw the line on the bars of nodes: what is in force, about this node, and about this very figure."""

import re
from datetime import timedelta
from typing import Any

import pytest

from apps.alerts import services
from apps.alerts.conditions import Condition
from apps.alerts.cycles import Cycle
from apps.alerts.documents import RuleDraft, to_json
from apps.alerts.models import AlertRule
from apps.alerts.windows import Streak
from apps.common.values import Cover
from apps.nodes.models import Node
from apps.projects.services import set_scope
from apps.web.node_limits import limits_of
from apps.web.presenters.meters import Limit, meter
from tests import factories
from tests.apps.web.conftest import Scene
from tests.apps.web.machines import add_node, hear, lately


def rule(scene: Scene, *conditions: Condition, **said: Any) -> AlertRule:
    owner = said.pop("owner", None)
    draft = RuleDraft("r", "node", conditions, **said)
    return services.create_rule(workspace=scene.workspace, draft=draft, owner=owner, actor="ana", now=scene.now)


def limits(scene: Scene, node: Node) -> dict[str, list[float]]:
    found = limits_of([node], now=scene.now)[node.pk]
    return {metric: sorted(limit.ratio for limit in drawn) for metric, drawn in found.items()}


def told(scene: Scene, tail: str = "nodes/") -> list[str]:
    page = scene.client(scene.viewer).get(scene.path(tail)).content.decode()
    return re.findall(r'aria-valuetext="([^"]+)"', page)


def test_rules_in_force_are_found_by_metric(scene: Scene) -> None:
    node = add_node(scene)
    rule(scene, Condition("cpu.ratio", "ge", 0.9, window=Streak(60)), severity="critical")
    rule(scene, Condition("cpu.ratio", "gt", 0.7, offset=0.05))
    rule(scene, Condition("disk.ratio[sda]", "gt", 0.8))

    assert limits(scene, node) == {"cpu.ratio": [0.75, 0.9], "disk.ratio[sda]": [0.8]}


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ([Condition("cpu.ratio", "gt", 0.9)], {"enabled": False}),
        ([Condition("cpu.ratio", "lt", 0.9)], {}),
        ([Condition("cpu.ratio", "outside", low=0.1, high=0.9)], {}),
        ([Condition("cpu.load1", "gt", 0.9)], {}),
        ([Condition("cpu.ratio", "gt", 0.9), Condition("mem.ratio", "gt", 0.9)], {}),
        ([Condition("cpu.ratio", "gt", 0.9, cover=Cover(default_on=False))], {}),
    ],
    ids=["off", "under", "outside", "another metric", "two conditions", "about nobody"],
)
def test_what_is_no_limit_of_this_node_is_not_drawn(
    scene: Scene, conditions: list[Condition], said: dict[str, Any]
) -> None:
    rule(scene, *conditions, **said)

    assert limits(scene, add_node(scene)) == {}


def test_a_rule_of_a_seat_looks_no_further_than_the_seat(scene: Scene) -> None:
    seat = factories.make_seat(scene.workspace, "admin", user=factories.make_user("adm@example.com"))
    set_scope(seat=seat, project_keys=["berlin"])
    rule(scene, Condition("mem.ratio", "gt", 0.9), owner=seat)
    mine, theirs = add_node(scene, "mine"), add_node(scene, "theirs", project=None)

    assert (limits(scene, mine), limits(scene, theirs)) == ({"mem.ratio": [0.9]}, {})


def test_rules_of_another_workspace_draw_nothing(scene: Scene) -> None:
    elsewhere = scene.stranger.memberships.get().workspace
    draft = RuleDraft("r", "node", (Condition("cpu.ratio", "gt", 0.5),))
    services.create_rule(workspace=elsewhere, draft=draft, actor="eve", now=scene.now)

    assert limits(scene, add_node(scene)) == {}


def test_the_list_and_the_node_say_their_limits(scene: Scene) -> None:
    node = hear(add_node(scene), *lately(scene, minutes=2), cpu=0.93)
    rule(scene, Condition("cpu.ratio", "ge", 0.9, window=Streak(600)), severity="critical")
    rule(scene, Condition("mem.ratio", "gt", 0.29))
    rule(scene, Condition("disk.ratio[raid:md0]", "gt", 0.8))

    expected = ["93 %, 16 cores, past its limit of 90 %", "28 %, 9 of 31.3 GiB, limit 29 %"]
    assert told(scene)[:2] == expected
    assert told(scene)[2].endswith("310 of 900 GiB, limit 80 %")
    assert told(scene, "nodes/?view=cards")[:2] == expected
    assert told(scene, f"nodes/{node.number}/live")[:2] == expected
    page = scene.client(scene.viewer).get(scene.path("nodes/")).content.decode()
    assert page.count('data-tone="down"') == 1
    assert "the mark on a bar is the limit of its alert rule" in page


def test_without_a_rule_there_is_no_mark_and_nobody_speaks_of_one(scene: Scene) -> None:
    hear(add_node(scene), *lately(scene, minutes=2), cpu=1)

    page = scene.client(scene.viewer).get(scene.path("nodes/")).content.decode()

    assert "meter__marks" not in page
    assert "data-tone" not in page
    assert "the mark on a bar" not in page


def test_what_a_silent_node_said_last_is_no_trouble_of_now(scene: Scene) -> None:
    hear(add_node(scene), scene.now - timedelta(minutes=11), cpu=0.93)
    rule(scene, Condition("cpu.ratio", "ge", 0.9), severity="critical")

    assert told(scene)[0] == "93 %, 16 cores, limit 90 %"
    assert "data-tone" not in scene.client(scene.viewer).get(scene.path("nodes/")).content.decode()


@pytest.mark.parametrize(("ratio", "tone"), [(0.79, ""), (0.8, ""), (0.81, "degraded"), (0.9, "down"), (0.99, "down")])
def test_the_worst_limit_that_is_met_gives_the_tone(ratio: float, tone: str) -> None:
    drawn = [Limit(0.9, True, "critical"), Limit(0.8, False, "warning"), Limit(0.5, True, "info")]

    assert meter("CPU", ratio, "", drawn).tone == tone
    assert meter("CPU", ratio, "", drawn, is_old=True).tone == ""


def test_each_limit_says_for_itself_whether_the_bar_is_past_it() -> None:
    drawn = [Limit(0.9, True, "critical"), Limit(0.8, False, "warning")]

    assert meter("CPU", 0.85, "16 cores", drawn).told == "85 %, 16 cores, past its limit of 80 %, limit 90 %"
    assert meter("CPU", 0.8, "", drawn).told == "80 %, limit 80 %, limit 90 %"


def test_marks_are_drawn_once_each_inside_the_bar() -> None:
    drawn = [Limit(1.0, True, "critical"), Limit(0.29, True, "warning"), Limit(0.29, False, "info")]

    assert [(mark.place, mark.text) for mark in meter("CPU", 0.1, "", drawn).marks] == [(29.0, "29 %"), (99.5, "100 %")]
    assert meter("CPU", None, "", drawn).marks == ()


def test_use_over_a_cycle_is_no_share_of_now(scene: Scene) -> None:
    row, node = rule(scene, Condition("cpu.ratio", "gt", 0.9)), add_node(scene)
    cycle = Condition("cpu.ratio", "gt", 0.9, window=Cycle(scene.now, 1, "month", "UTC"))
    AlertRule.objects.filter(pk=row.pk).update(conditions=to_json([cycle]))

    assert limits(scene, node) == {}
