"""What the front end polls: every node as it is now, and the groups (contract Dash 5)."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.nodes import services as nodes
from apps.nodes.models import Node
from apps.pipeline.lifecycle import retire_node
from apps.workspaces.models import Workspace
from tests.contracts.dash.conftest import Caller, Clock, refused
from tests.contracts.dash.reporting import CASES, Document, introduce, make_node, say

METRICS, GROUPS = "/api/front/metrics", "/api/front/groups"


def titles(caller: Caller, path: str = METRICS) -> list[str]:
    response = caller("GET", path)
    assert response.status_code == 200, response.content
    return [view["node"]["title"] for view in response.json()]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_node_is_shown_as_the_vectors_say(workspace: Workspace, admin: Caller, clock: Clock, case: Document) -> None:
    context, expected = case["context"], dict(case["expect_front_metrics"])
    node = make_node(
        workspace, context["node_name"], now=clock.now, tags=context["tags"], rank=context["display_order"]
    )
    introduce(node, now=clock.now, case=case)
    say(node, clock.now, case=case)

    response = admin("GET", METRICS)
    (view,) = response.json()

    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert view.pop("pressure", None) == case["report"]["metrics"].get("pressure")
    expected["node"] = {**expected["node"], "id": "1"}
    at = "2026-03-02T10:00:00Z"
    expected["observation"] = {**expected["observation"], "received_at": at, "observed_at": at, "sent_at": at}
    assert view == expected


def told(workspace: Workspace, admin: Caller, clock: Clock, **parts: Any) -> Document:
    """The view of a node whose report has other parts than that of the vectors."""
    node = make_node(workspace, now=clock.now)
    metrics = CASES[0]["report"]["metrics"]
    disk = {**metrics["disk"], **parts.pop("disk", {})}
    say(node, clock.now, case={"report": {**CASES[0]["report"], "metrics": {**metrics, "disk": disk, **parts}}})
    view: Document
    (view,) = admin("GET", METRICS).json()
    return view


def test_a_sensor_without_a_reading_is_not_shown(workspace: Workspace, admin: Caller, clock: Clock) -> None:
    named = {"name": "a", "source": "hwmon", "status": "ok"}
    sensors: list[Document] = [
        {**named, "kind": " CPU ", "sensor_key": "package", "temp_c": 61.5},
        {**named, "kind": "cpu", "sensor_key": "core", "temp_c": None},
        {**named, "kind": "board", "sensor_key": "board", "status": "no_permission"},
        {**named, "kind": "board", "sensor_key": "other", "temp_c": 0},
    ]

    view = told(workspace, admin, clock, thermal={"status": "partial", "sensors": sensors})

    assert [(each["sensor_key"], each["temp_c"]) for each in view["thermal"]["sensors"]] == [("package", 61.5)]
    clock.forward(seconds=3)
    query = "server_id=1&metric=cpu.temp_c&range=1h"
    assert admin("GET", f"/api/metrics/history?{query}").json()["points"][0]["value"] == 61.5


def test_raid_says_every_number_and_both_flags(workspace: Workspace, admin: Caller, clock: Clock) -> None:
    array = {"name": "md0", "status": "active", "health": "healthy", "level": "raid1"}
    members = [{"name": "sda1", "state": "up"}]

    view = told(workspace, admin, clock, raid={"supported": None, "arrays": [{**array, "members": members}]})

    numbers = {"active": 0, "working": 0, "failed": 0}
    named = {"name": "md0", "status": "active", **numbers, "health": "healthy", "members": members}
    assert view["raid"] == {"supported": False, "available": False, "arrays": [named]}
    assert list(view["raid"]["arrays"][0]) == list(named)


def test_a_disk_that_is_told_twice_is_one_to_choose(workspace: Workspace, admin: Caller, clock: Clock) -> None:
    warm = {"source": "smartctl", "status": "ok", "temp_c": 40, "protocol": "ATA"}
    devices = [{**warm, "name": name} for name in (" sda ", "sdb", "sda")]

    view = told(workspace, admin, clock, disk={"smart": {"status": "ok", "devices": devices}})

    assert view["disk"]["temperature_devices"] == ["sda", "sdb"]


@pytest.fixture
def fleet(workspace: Workspace, other: Workspace, clock: Clock) -> list[Node]:
    """Three nodes that report, the second of them for everybody; one that never did; one of somebody else."""
    fleet = [make_node(workspace, name, now=clock.now, public=name == "b") for name in ("a", "b", "c")]
    make_node(workspace, "mute", now=clock.now, public=True)
    for node in [*fleet, make_node(other, "theirs", now=clock.now, public=True)]:
        say(node, clock.now)
    return fleet


def keys_in(value: Any) -> Any:
    """The keys of a document in their order, all the way down."""
    if isinstance(value, dict):
        return [(key, keys_in(each)) for key, each in value.items()]
    return [keys_in(each) for each in value if isinstance(each, dict)] if isinstance(value, list) else None


def test_keys_stand_as_in_the_contract(workspace: Workspace, admin: Caller, clock: Clock) -> None:
    node = make_node(workspace, tags=["prod"], now=clock.now)
    introduce(node, now=clock.now)
    say(node, clock.now)
    expected = CASES[0]["expect_front_metrics"]

    (view,) = admin("GET", "/api/front/metrics").json()

    for part in ("node", "observation", "system", "cpu", "memory", "network"):
        assert keys_in(view[part]) == keys_in(expected[part]), part
    assert list(view["thermal"]) == list(expected["thermal"])
    (row,) = admin("GET", "/api/admin/nodes").json()
    assert list(row)[:4] == ["id", "name", "hostname", "ip"]


def test_a_guest_sees_the_nodes_that_are_for_guests(fleet: list[Node], admin: Caller, guest: Caller) -> None:
    assert titles(admin) == ["c", "b", "a"]
    assert titles(guest) == ["b"]
    guest.headers["Authorization"] = "Bearer of.bad.news"
    assert titles(guest) == ["b"]


def test_another_tenant_sees_its_own_nodes(fleet: list[Node], stranger: Caller) -> None:
    assert titles(stranger) == ["theirs"]


def test_nothing_that_is_for_admins_is_in_a_view(fleet: list[Node], admin: Caller) -> None:
    text = admin("GET", METRICS).content.decode()

    assert "203.0.113.7" not in text
    assert not any(key in text for key in ('"ip"', '"secret"', '"hostname"'))


def test_nodes_stand_by_order_then_title_then_id(fleet: list[Node], admin: Caller, clock: Clock) -> None:
    for node, rank, name in zip(fleet, (5, 5, 9), ("same", "same", "top"), strict=True):
        nodes.update_node(node=node, changes=nodes.Changes(rank=rank, name=name), actor="ana", now=clock.now)

    views = admin("GET", METRICS).json()

    assert [(view["node"]["title"], view["node"]["id"]) for view in views] == [
        ("top", "3"),
        ("same", "1"),
        ("same", "2"),
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("limit=2", ["c", "b"]),
        ("limit=2&offset=2", ["a"]),
        ("limit=1&offset=999999", []),
        ("limit=5000", ["c", "b", "a"]),
    ],
)
def test_a_page_counts_the_nodes_that_are_shown(fleet: list[Node], admin: Caller, query: str, expected: Any) -> None:
    assert titles(admin, f"{METRICS}?{query}") == expected


@pytest.mark.parametrize("query", ["offset=3", "limit=0", "limit=-1", "limit=x", "limit=1.5", "limit=3&offset=-1"])
def test_a_page_that_cannot_be_is_refused(admin: Caller, guest: Caller, query: str) -> None:
    refused(admin("GET", f"{METRICS}?{query}"), 400, "invalid_request")
    refused(guest("GET", f"{METRICS}/?{query}"), 400, "invalid_request")


def test_all_nodes_are_listed_however_many(fleet: list[Node], admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.nodes.selectors.MOST", 1)

    assert titles(admin) == ["c", "b", "a"]


def test_who_has_the_list_already_is_told_so(fleet: list[Node], admin: Caller, guest: Caller) -> None:
    response = admin("GET", METRICS)
    tag = response.headers["ETag"]
    assert response.headers["Cache-Control"] == "private, no-cache"
    assert response.headers["Vary"] == "Authorization"

    for said in (tag, f'"other", W/{tag}'):
        again = admin("GET", METRICS, If_None_Match=said)
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", tag)
    assert guest("GET", METRICS, If_None_Match=tag).status_code == 200
    assert admin("GET", METRICS, If_None_Match='"x"').json() == response.json()


CHANGES = {
    "report": lambda node, at: say(node, at + timedelta(seconds=3), usage_ratio=0.5),
    "static facts": lambda node, at: introduce(node, now=at),
    "name": lambda node, at: _change(node, at, name="other"),
    "tags": lambda node, at: _change(node, at, tags=["new"]),
    "order": lambda node, at: _change(node, at, rank=77),
    "hidden": lambda node, at: _change(node, at, public=False),
    "deleted": lambda node, at: retire_node(node=node, actor="ana", now=at),
}


def _change(node: Node, at: Any, **changes: Any) -> None:
    nodes.update_node(node=node, changes=nodes.Changes(**changes), actor="ana", now=at)


@pytest.mark.parametrize("what", CHANGES)
def test_every_change_is_seen_at_once(fleet: list[Node], guest: Caller, clock: Clock, what: str) -> None:
    before = guest("GET", METRICS)

    CHANGES[what](Node.objects.get(pk=fleet[1].pk), clock.now)

    after = guest("GET", METRICS, If_None_Match=before.headers["ETag"])
    assert after.status_code == 200
    assert after.content != before.content


def test_a_list_without_news_is_not_made_again(fleet: list[Node], admin: Caller) -> None:
    first = admin("GET", METRICS).content
    with CaptureQueriesContext(connection) as told:
        assert admin("GET", METRICS).content == first

    assert not any('"payload"' in query["sql"] or '"document"' in query["sql"] for query in told)


def test_polling_costs_the_same_number_of_statements_for_many_nodes(
    workspace: Workspace, fleet: list[Node], admin: Caller, clock: Clock
) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as told:
            assert admin("GET", METRICS).status_code == 200
        return len(told)

    statements()
    # What documents and columns are called is known from now on, and there is news.
    say(fleet[0], clock.now + timedelta(seconds=3))
    few = statements()
    for number in range(12):
        say(make_node(workspace, f"more {number}", now=clock.now), clock.now)

    # All that is new is asked for together.
    assert few < statements() <= few + 2
    say(fleet[0], clock.now + timedelta(seconds=6))
    assert statements() == few


def test_groups_name_the_nodes_that_the_caller_may_see(
    fleet: list[Node], admin: Caller, guest: Caller, stranger: Caller, clock: Clock
) -> None:
    workspace = fleet[0].workspace
    for name, numbers in (("hk", [2, 1]), ("hidden", [1])):
        group = nodes.create_group(workspace=workspace, name=name, actor="ana", now=clock.now)
        for node in fleet:
            if node.number in numbers:
                node.groups.add(group)

    assert admin("GET", GROUPS).json() == [
        {"id": 1, "name": "default", "node_ids": [1, 2, 3, 4]},
        {"id": 2, "name": "hk", "node_ids": [1, 2]},
        {"id": 3, "name": "hidden", "node_ids": [1]},
    ]
    assert guest("GET", f"{GROUPS}/").json() == [
        {"id": 1, "name": "default", "node_ids": [2, 4]},
        {"id": 2, "name": "hk", "node_ids": [2]},
    ]
    assert [row["node_ids"] for row in stranger("GET", GROUPS).json()] == [[1]]


def test_a_host_without_a_workspace_has_no_nodes(settings: Any, workspace: Workspace, guest: Caller) -> None:
    settings.TENANT_DOMAIN = "tenants.example"

    refused(guest("GET", METRICS, Host="nobody.tenants.example"), 404, "not_found")
    assert json.loads(guest("GET", METRICS, Host=f"{workspace.slug}.tenants.example").content) == []
