"""Alert rules, mounts and alert settings over the wire, and what they do (contract Dash 9)."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from apps.alerts import services as alerts
from apps.alerts.conditions import Condition
from apps.alerts.documents import RuleDraft
from apps.alerts.models import AlertRule
from apps.api.dash.alert_rules import reason_of
from apps.incidents.models import Incident
from apps.nodes.models import Node
from apps.notifications.models import Route
from apps.pipeline.lifecycle import retire_node
from apps.pipeline.silence import sweep_nodes
from apps.workspaces.models import Workspace
from tests.contracts.dash import reporting
from tests.contracts.dash.conftest import Caller, Clock, refused
from tests.contracts.dash.reporting import make_node

RULES, MOUNTS, SETTINGS = (f"/api/admin/alerts/{what}" for what in ("rules", "mounts", "settings"))
# A machine without anything broken about it.
say = partial(reporting.say, case=reporting.CASES[1])
RULE = {"name": "busy", "metric": "cpu.usage_ratio", "operator": ">=", "threshold": 0.9, "duration_sec": 0}
FIRST = ["mem_used_ratio_high", "cpu_load5_high", "cpu_load1_high", "cpu_usage_ratio_high"]
HOOK = {"name": "ops", "type": "webhook", "config": {"url": "https://hooks.example.com/a"}, "enabled": True}


@pytest.fixture
def node(workspace: Workspace, clock: Clock) -> Node:
    return make_node(workspace, "metal-fra-01", now=clock.now)


def listed(caller: Caller) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = caller("GET", RULES).json()
    return found


def make(admin: Caller, **more: Any) -> int:
    response = admin("POST", RULES, {**RULE, **more})
    assert response.status_code == 204, response.content
    number: int = listed(admin)[0]["id"]
    return number


def mount(admin: Caller, *numbers: int, mounted: bool = True, servers: Any = (1,)) -> Any:
    return admin("PUT", MOUNTS, {"rule_ids": list(numbers), "server_ids": list(servers), "mounted": mounted})


def closed() -> list[tuple[str, str]]:
    """Which incidents are over, and why in Dash's words."""
    rows = Incident.objects.filter(closed_at__isnull=False).order_by("pk")
    return [(row.rule.key or row.rule.name, reason_of(row.close_reason)) for row in rows]


# --- Rules --------------------------------------------------------------------------------------------


def test_a_fresh_dash_has_four_rules_of_its_own(workspace: Workspace, admin: Caller) -> None:
    rows = listed(admin)

    assert [row["name"] for row in rows] == FIRST
    assert rows[0] == {
        "id": 4,
        "name": "mem_used_ratio_high",
        "enabled": True,
        "metric": "mem.used_ratio",
        "operator": ">=",
        "threshold": 0.9,
        "duration_sec": 60,
        "cooldown_min": 0,
        "threshold_mode": "static",
        "threshold_offset": 0,
        "created_at": "2026-03-02T10:00:00Z",
        "updated_at": "2026-03-02T10:00:00Z",
    }
    assert {row["name"]: (row["threshold_mode"], row["threshold_offset"]) for row in rows[1:3]} == {
        "cpu_load5_high": ("core_plus", 0),
        "cpu_load1_high": ("core_plus", 1),
    }


def test_a_rule_is_made_changed_and_taken_away(admin: Caller, clock: Clock) -> None:
    number = make(admin, name="  busy ", cooldown_min=5)
    assert listed(admin)[0] == {
        "id": number,
        "name": "busy",
        "enabled": True,
        "metric": "cpu.usage_ratio",
        "operator": ">=",
        "threshold": 0.9,
        "duration_sec": 0,
        "cooldown_min": 5,
        "threshold_mode": "static",
        "threshold_offset": 0,
        "created_at": "2026-03-02T10:00:00Z",
        "updated_at": "2026-03-02T10:00:00Z",
    }
    clock.forward(minutes=1)

    changed = {
        "metric": "cpu.load1",
        "threshold_mode": "core_plus",
        "threshold_offset": 2,
        "enabled": False,
        "name": None,
    }
    assert admin("PATCH", f"{RULES}/{number}/", changed).status_code == 204

    row = listed(admin)[0]
    assert (row["metric"], row["threshold_mode"], row["threshold_offset"]) == ("cpu.load1", "core_plus", 2)
    assert (row["enabled"], row["name"], row["updated_at"]) == (False, "busy", "2026-03-02T10:01:00Z")

    assert admin("DELETE", f"{RULES}/{number}").status_code == 204
    assert [row["name"] for row in listed(admin)] == FIRST
    refused(admin("DELETE", f"{RULES}/{number}"), 404, "not_found")


BAD: list[Any] = [
    {"name": " "},
    {"name": None},
    {"metric": "disk.total_used_ratio"},
    {"metric": "node.offline"},
    {"operator": "=>"},
    {"threshold": None},
    {"duration_sec": 30},
    {"cooldown_min": -1},
    {"threshold_mode": "core_plus"},
    {"threshold_offset": 1},
]


@pytest.mark.parametrize("wrong", BAD, ids=str)
def test_a_rule_that_cannot_be_is_not_made(admin: Caller, wrong: Any) -> None:
    refused(admin("POST", RULES, {**RULE, **wrong}), 400, "invalid_fields")

    assert [row["name"] for row in listed(admin)] == FIRST


@pytest.mark.parametrize(
    "wrong", [{"duration_sec": 1.5}, {"enabled": "yes"}, {"threshold": "0.9"}, {"name": 5}], ids=str
)
def test_a_value_of_the_wrong_type_is_no_request(admin: Caller, wrong: Any) -> None:
    refused(admin("POST", RULES, {**RULE, **wrong}), 400, "invalid_request")
    refused(admin("PATCH", f"{RULES}/4", wrong), 400, "invalid_request")

    assert listed(admin)[0]["name"] == FIRST[0]


@pytest.mark.parametrize(
    ("number", "body", "status", "code"),
    [
        ("4", {}, 400, "no_fields"),
        ("4", {"unknown": 1}, 400, "no_fields"),
        ("4", {"duration_sec": 30}, 400, "invalid_fields"),
        ("4", {"threshold_mode": "core_plus"}, 400, "invalid_fields"),
        ("-1", {"enabled": False}, 400, "invalid_id"),
        ("0", {"enabled": False}, 400, "invalid_id"),
        ("x", {"enabled": False}, 400, "invalid_id"),
        ("99", {"enabled": False}, 404, "not_found"),
    ],
)
def test_a_change_that_cannot_be_changes_nothing(admin: Caller, number: str, body: Any, status: int, code: str) -> None:
    before = listed(admin)

    refused(admin("PATCH", f"{RULES}/{number}", body), status, code)

    assert listed(admin) == before


def test_rules_that_dash_cannot_say_are_not_there(workspace: Workspace, admin: Caller, clock: Clock) -> None:
    pair = (Condition("cpu.ratio", "ge", 0.9, missing="clear"), Condition("mem.ratio", "ge", 0.9, missing="clear"))
    rule = alerts.create_rule(workspace=workspace, draft=RuleDraft("two", "node", pair), actor="ana", now=clock.now)

    assert [row["name"] for row in listed(admin)] == FIRST
    refused(admin("DELETE", f"{RULES}/{rule.number}"), 404, "not_found")
    assert all(row["id"] != rule.number for row in admin("GET", MOUNTS).json()["rules"])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", RULES),
        ("POST", RULES),
        ("PATCH", f"{RULES}/4"),
        ("DELETE", f"{RULES}/4"),
        ("GET", MOUNTS),
        ("PUT", MOUNTS),
        ("GET", SETTINGS),
        ("PUT", SETTINGS),
    ],
)
def test_everything_here_is_the_admins(workspace: Workspace, guest: Caller, method: str, path: str) -> None:
    refused(guest(method, path, {"enabled": False}), 401, "unauthorized")

    assert AlertRule.objects.of(workspace).filter(enabled=False, number=4).count() == 0


def test_another_tenants_rules_and_nodes_are_not_there(admin: Caller, stranger: Caller, node: Node) -> None:
    number = make(admin)

    refused(stranger("PATCH", f"{RULES}/{number}", {"enabled": False}), 404, "not_found")
    refused(stranger("DELETE", f"{RULES}/{number}"), 404, "not_found")
    refused(mount(stranger, 4), 400, "invalid_fields")
    refused(mount(stranger, number), 400, "invalid_fields")
    assert stranger("GET", MOUNTS).json()["nodes"] == []
    assert listed(admin)[0]["enabled"]


# --- Mounts -------------------------------------------------------------------------------------------


def test_mounts_list_every_rule_for_every_node(node: Node, admin: Caller, clock: Clock) -> None:
    say(node, clock.now)
    page = admin("GET", MOUNTS).json()

    assert [(rule["id"], rule["name"]) for rule in page["rules"]] == [
        (-1, "node_offline"),
        (-2, "raid_failed"),
        (-3, "smart_failed"),
        (-4, "smart_nvme_critical_warning"),
        *((4 - index, name) for index, name in reversed(list(enumerate(FIRST)))),
    ]
    assert page["rules"][0] == {
        "id": -1,
        "name": "node_offline",
        "metric": "node.offline",
        "builtin": True,
        "enabled": True,
        "default_mounted": True,
    }
    (row,) = page["nodes"]
    assert [mount["mounted"] for mount in row.pop("mounts")] == [True] * 4 + [False] * 4
    name = "metal-fra-01"
    assert row == {"id": 1, "name": name, "hostname": row["hostname"], "ip": "203.0.113.7", "group_ids": [1]}


def test_rules_are_mounted_and_taken_off_as_a_whole_product(workspace: Workspace, admin: Caller, clock: Clock) -> None:
    for name in ("a", "b", "c"):
        make_node(workspace, name, now=clock.now)

    assert mount(admin, 4, 3, servers=(1, 2)).status_code == 204
    assert mount(admin, -1, mounted=False, servers=(3,)).status_code == 204

    page = admin("GET", f"{MOUNTS}/").json()
    mounted = {row["id"]: [each["rule_id"] for each in row["mounts"] if each["mounted"]] for row in page["nodes"]}
    assert mounted == {3: [-2, -3, -4], 2: [-1, -2, -3, -4, 3, 4], 1: [-1, -2, -3, -4, 3, 4]}

    # For new nodes the usual holds.
    make_node(workspace, "d", now=clock.now)
    assert [each["mounted"] for each in admin("GET", MOUNTS).json()["nodes"][0]["mounts"]] == [True] * 4 + [False] * 4


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"rule_ids": [99999]}, "invalid_fields"),
        ({"rule_ids": []}, "invalid_fields"),
        ({"rule_ids": [4, -5]}, "invalid_fields"),
        ({"server_ids": []}, "invalid_fields"),
        ({"server_ids": [1, 9]}, "invalid_fields"),
        ({"server_ids": [2**80]}, "invalid_fields"),
        ({"server_ids": [2**40]}, "invalid_fields"),
        ({"mounted": None}, "invalid_fields"),
        ({"mounted": "yes"}, "invalid_request"),
        ({"rule_ids": None}, "invalid_fields"),
        ({"rule_ids": 4}, "invalid_request"),
    ],
    ids=str,
)
def test_a_mount_that_cannot_be_changes_nothing(node: Node, admin: Caller, said: Any, code: str) -> None:
    before = admin("GET", MOUNTS).json()

    refused(admin("PUT", MOUNTS, {"rule_ids": [4], "server_ids": [1], "mounted": True, **said}), 400, code)

    assert admin("GET", MOUNTS).json() == before


def test_a_rule_does_nothing_until_it_is_mounted(node: Node, admin: Caller, clock: Clock) -> None:
    number = make(admin)
    say(node, clock.now, usage_ratio=0.95)
    assert not Incident.objects.exists()

    mount(admin, number)
    clock.forward(seconds=3)
    say(node, clock.now, usage_ratio=0.95)

    assert [incident.rule.name for incident in Incident.objects.all()] == ["busy"]


def _reports_well(admin: Caller, node: Node, number: int, clock: Clock) -> None:
    say(node, clock.now, usage_ratio=0.1)


def _falls_silent(admin: Caller, node: Node, number: int, clock: Clock) -> None:
    clock.forward(minutes=1)
    sweep_nodes(now=clock.now)


ENDS: dict[str, Any] = {
    "condition_cleared": _reports_well,
    "rule_updated": lambda admin, node, number, clock: admin("PATCH", f"{RULES}/{number}", {"threshold": 0.8}),
    "rule_disabled": lambda admin, node, number, clock: admin("PATCH", f"{RULES}/{number}", {"enabled": False}),
    "rule_deleted": lambda admin, node, number, clock: admin("DELETE", f"{RULES}/{number}"),
    "rule_unmounted": lambda admin, node, number, clock: mount(admin, number, mounted=False),
    "server_deleted": lambda admin, node, number, clock: retire_node(node=node, actor="ana", now=clock.now),
    "snapshot_stale": _falls_silent,
}


@pytest.mark.parametrize("reason", ENDS)
def test_what_is_open_ends_for_the_reason_that_dash_says(node: Node, admin: Caller, clock: Clock, reason: str) -> None:
    number = make(admin)
    mount(admin, number)
    say(node, clock.now, usage_ratio=0.95)
    assert Incident.objects.filter(closed_at__isnull=True).count() == 1
    clock.forward(seconds=3)

    ENDS[reason](admin, node, number, clock)

    assert closed() == [("busy", reason)]


def test_a_new_name_ends_nothing(node: Node, admin: Caller, clock: Clock) -> None:
    number = make(admin)
    mount(admin, number)
    say(node, clock.now, usage_ratio=0.95)

    admin("PATCH", f"{RULES}/{number}", {"name": "hot"})

    assert Incident.objects.get().closed_at is None


def test_a_silent_node_is_offline_unless_the_rule_is_taken_off(node: Node, admin: Caller, clock: Clock) -> None:
    say(node, clock.now)
    sweep_nodes(now=clock.now + timedelta(seconds=14))
    assert not Incident.objects.filter(rule__number=-1).exists()
    sweep_nodes(now=clock.now + timedelta(seconds=15))
    assert Incident.objects.get(rule__number=-1).closed_at is None

    mount(admin, -1, mounted=False)

    assert closed() == [("node_offline", "rule_unmounted")]


# --- Settings -----------------------------------------------------------------------------------------


def test_settings_are_on_and_tell_nobody_at_first(workspace: Workspace, admin: Caller, clock: Clock) -> None:
    at = "2026-03-02T10:00:00Z"
    assert admin("GET", SETTINGS).json() == {"enabled": True, "channel_ids": [], "created_at": at, "updated_at": at}
    for _ in range(2):
        assert admin("POST", "/api/admin/alerts/channels", HOOK).status_code == 204
    clock.forward(minutes=1)

    assert admin("PUT", SETTINGS, {"enabled": False, "channel_ids": [2, 1, 2]}).status_code == 204

    said = {"enabled": False, "channel_ids": [1, 2], "created_at": at, "updated_at": "2026-03-02T10:01:00Z"}
    assert admin("GET", f"{SETTINGS}/").json() == said
    admin("DELETE", "/api/admin/alerts/channels/1")
    assert admin("GET", SETTINGS).json()["channel_ids"] == [2]
    assert admin("PUT", SETTINGS, {"enabled": True, "channel_ids": []}).status_code == 204
    assert admin("GET", SETTINGS).json()["channel_ids"] == []


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"enabled": None}, "invalid_fields"),
        ({"channel_ids": None}, "invalid_fields"),
        ({"channel_ids": [1, 9]}, "invalid_fields"),
        ({"channel_ids": "1"}, "invalid_request"),
        ({"enabled": 1}, "invalid_request"),
    ],
    ids=str,
)
def test_settings_that_cannot_be_change_nothing(admin: Caller, said: Any, code: str) -> None:
    admin("POST", "/api/admin/alerts/channels", HOOK)

    refused(admin("PUT", SETTINGS, {"enabled": True, "channel_ids": [1], **said}), 400, code)

    assert not Route.objects.filter(scope="surface").exists()


def test_another_tenants_channels_cannot_be_told(admin: Caller, stranger: Caller) -> None:
    admin("POST", "/api/admin/alerts/channels", HOOK)

    refused(stranger("PUT", SETTINGS, {"enabled": True, "channel_ids": [1]}), 400, "invalid_fields")
