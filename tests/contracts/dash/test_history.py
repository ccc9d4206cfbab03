"""Charts of a node and the share of its reports that came (contract Dash 6)."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from apps.api.dash import charts
from apps.nodes import services as nodes
from apps.nodes.models import Node
from apps.traffic.services import change_settings
from apps.workspaces.models import Workspace
from apps.workspaces.surfaces import change_surface_data
from tests.contracts.dash.conftest import Caller, Clock, refused
from tests.contracts.dash.reporting import CASES, introduce, make_node, say, vectors

ONLINE, HISTORY, ACCESS = "/api/metrics/online", "/api/metrics/history", "/api/statistics/access"
RULES = vectors("dash_history_online")


def open_history(workspace: Workspace) -> None:
    change_surface_data(workspace=workspace, surface="dash", changes={"history_guest_access_mode": "by_node"})


@pytest.fixture
def node(workspace: Workspace, clock: Clock) -> Node:
    node = make_node(workspace, now=clock.now)
    introduce(node, now=clock.now)
    return node


def chart(caller: Caller, metric: str = "cpu.load1", **more: Any) -> Any:
    query = "&".join(
        f"{name}={value}" for name, value in {"server_id": 1, "metric": metric, "range": "1h", **more}.items()
    )
    return caller("GET", f"{HISTORY}?{query}")


# --- Online -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "case", [case for case in RULES if case["kind"] == "online_point"], ids=lambda case: case["id"]
)
def test_a_step_is_rated_as_the_vectors_say(
    node: Node, admin: Caller, clock: Clock, case: Any, monkeypatch: Any
) -> None:
    name = "24h" if case["step_sec"] == 1800 else "7d"
    node.report_interval_s = case["interval_sec"]
    node.save()
    step = case["step_sec"]
    end = int(clock.now.timestamp()) // step * step
    monkeypatch.setattr(charts, "report_series", _reports(end - step, case["samples"]))

    points = admin("GET", f"{ONLINE}?server_id=1&range={name}").json()["points"]

    expected = case["expect"]
    assert (points[-1]["rate"], points[-1]["status"]) == (expected["rate"], expected["status"])
    assert {point["rate"] for point in points[:-1]} == {0.0}


def _reports(start_s: int, samples: int) -> Any:
    """The store of a node that sent so many reports in one step; sending them one by one would take minutes."""
    from apps.metrics.report_series import Series

    return lambda **_: Series(1, "raw", [start_s * 1000], [samples], {})


def test_online_is_48_whole_steps_of_real_reports(node: Node, admin: Caller, clock: Clock) -> None:
    for second in range(-3600, 30, 30):
        say(node, clock.now + timedelta(seconds=second))
    clock.forward(minutes=5)

    answer = admin("GET", f"{ONLINE}/?server_id=1&range=24h").json()

    assert (answer["server_id"], answer["range"], answer["step_sec"]) == (1, "24h", 1800)
    assert len(answer["points"]) == 48
    assert [point["ts"] for point in answer["points"][-2:]] == ["2026-03-02T09:00:00Z", "2026-03-02T09:30:00Z"]
    # Every thirty seconds instead of every three.
    assert [point["rate"] for point in answer["points"][-3:]] == [0.0, 0.1, 0.1]
    assert {point["status"] for point in answer["points"]} == {2}


@pytest.mark.parametrize("name", ["7d", "7days"])
def test_a_week_has_one_name(node: Node, admin: Caller, name: str) -> None:
    answer = admin("GET", f"{ONLINE}?server_id=1&range={name}").json()

    assert (answer["range"], answer["step_sec"], len(answer["points"])) == ("7d", 12_600, 48)


@pytest.mark.parametrize("query", ["", "server_id=1", "range=24h", "server_id=0&range=24h", "server_id=x&range=24h"])
@pytest.mark.parametrize("who", ["admin", "guest"])
def test_online_says_what_is_wrong_with_a_question(request: Any, node: Node, who: str, query: str) -> None:
    refused(request.getfixturevalue(who)("GET", f"{ONLINE}?{query}"), 400, "invalid_request")


@pytest.mark.parametrize("name", ["30d", "1h", "all"])
def test_online_knows_two_ranges(node: Node, admin: Caller, name: str) -> None:
    refused(admin("GET", f"{ONLINE}?server_id=1&range={name}"), 400, "invalid_request")


def test_guests_see_how_nodes_for_guests_report(
    node: Node, admin: Caller, guest: Caller, stranger: Caller, clock: Clock
) -> None:
    path = f"{ONLINE}?server_id=1&range=24h"
    refused(guest("GET", path), 403, "forbidden")
    refused(guest("GET", f"{ONLINE}?server_id=99&range=24h"), 403, "forbidden")
    refused(stranger("GET", path), 404, "not_found")
    refused(admin("GET", f"{ONLINE}?server_id=99&range=24h"), 404, "not_found")

    nodes.update_node(node=node, changes=nodes.Changes(public=True), actor="ana", now=clock.now)

    assert guest("GET", path).status_code == 200


# --- History ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", [case for case in RULES if case["kind"] == "range"], ids=lambda case: case["id"])
def test_a_range_has_the_step_and_the_length_of_the_vectors(node: Node, admin: Caller, clock: Clock, case: Any) -> None:
    first = clock.now - timedelta(seconds=case["duration_sec"])
    # A moment before the range; within it; now.
    for at in (first - timedelta(seconds=case["step_sec"] + 1), first + timedelta(seconds=case["step_sec"]), clock.now):
        say(node, at)
    clock.forward(seconds=1)

    answer = chart(admin, range=case["range"]).json()

    assert (answer["step_sec"], answer["range"], answer["metric"], answer["agg"]) == (
        case["step_sec"],
        case["range"],
        "cpu.load1",
        "avg",
    )
    assert set(answer) == {"server_id", "metric", "range", "agg", "step_sec", "points"}
    starts = [datetime.fromisoformat(point["ts"]) for point in answer["points"]]
    assert 1 <= len(starts) <= 2
    assert all(start.timestamp() % case["step_sec"] == 0 for start in starts)
    assert all(first - timedelta(seconds=case["step_sec"]) < start <= clock.now for start in starts)


def test_a_bucket_is_said_in_each_of_four_ways(node: Node, admin: Caller, clock: Clock) -> None:
    for second, load in enumerate([1.0, 4.0, 2.5]):
        say(node, clock.now - timedelta(minutes=5) + timedelta(seconds=second), load1=load)

    said = {agg: chart(admin, agg=agg).json()["points"] for agg in ("avg", "max", "min", "last")}

    assert said["avg"] == [{"ts": "2026-03-02T09:55:00Z", "value": 2.5}]
    assert [said[agg][0]["value"] for agg in ("max", "min", "last")] == [4.0, 1.0, 2.5]


def test_fifteen_days_are_made_of_quarters_of_an_hour(node: Node, admin: Caller, clock: Clock) -> None:
    half = clock.now - timedelta(hours=3)
    for minute, load in ((1, 1.0), (2, 2.0), (3, 6.0), (20, 9.0)):
        say(node, half + timedelta(minutes=minute), load1=load)

    said = {agg: chart(admin, range="15d", agg=agg).json()["points"] for agg in ("avg", "max", "min", "last")}

    # The quarters' averages, 3 and 9, count alike.
    assert said["avg"] == [{"ts": "2026-03-02T07:00:00Z", "value": 6.0}]
    assert [said[agg][0]["value"] for agg in ("max", "min", "last")] == [9.0, 1.0, 9.0]
    assert chart(admin, "cpu.temp_c", range="15d").json()["points"][0]["value"] == 58.0


# What the first report of the vectors says: metric and value.
SAID = [
    ("cpu.usage_ratio", 0.2175),
    ("mem.used", 9663676416),
    ("proc.count", CASES[0]["report"]["metrics"]["processes"]["process_count"]),
    ("conn.tcp", CASES[0]["report"]["metrics"]["connections"]["tcp_count"]),
    ("conn.udp", CASES[0]["report"]["metrics"]["connections"]["udp_count"]),
    ("cpu.temp_c", 58.0),
    ("pressure.cpu.some_avg10", CASES[0]["report"]["metrics"]["pressure"]["cpu"]["some"]["avg10"]),
]


@pytest.mark.parametrize(("metric", "value"), SAID)
def test_a_chart_shows_what_was_reported(node: Node, admin: Caller, clock: Clock, metric: str, value: Any) -> None:
    say(node, clock.now - timedelta(minutes=1))

    (point,) = chart(admin, metric).json()["points"]

    assert point["value"] == pytest.approx(value, abs=1e-6)


def test_a_disk_is_found_by_whatever_it_is_called(node: Node, admin: Caller, clock: Clock) -> None:
    say(node, clock.now - timedelta(minutes=1))
    disk = CASES[0]["report"]["metrics"]["disk"]
    io, usage = disk["base_io"][0], disk["logical"][0]
    warm = next(each for each in disk["smart"]["devices"] if each.get("temp_c"))

    def value(metric: str, device: str) -> Any:
        return [point["value"] for point in chart(admin, metric, device=device).json()["points"]]

    for name in filter(None, (io["name"], io.get("ref"))):
        assert value("disk.read_bps", name) == [io["read_rate_bytes_per_sec"]]
    for name in filter(None, (usage["name"], usage.get("ref"), usage.get("mountpoint"))):
        assert value("disk.used", name) == [usage["used"]]
    for name in filter(None, (warm["name"], warm.get("ref"), warm.get("device_path"))):
        assert value("disk.temp_c", name) == [warm["temp_c"]]
    # Where it is mounted the static facts alone say.
    assert value("disk.used", "/") == [usage["used"]]
    # Reports there were, but with nothing about such a disk: buckets without data are absent.
    assert value("disk.used", "nothing") == []
    assert value("disk.temp_c", "nothing") == []


def test_what_a_machine_does_not_measure_is_null_where_it_reported(node: Node, admin: Caller, clock: Clock) -> None:
    say(node, clock.now - timedelta(minutes=1), case=CASES[2])

    assert [point["value"] for point in chart(admin, "pressure.io.full_avg60").json()["points"]] == [None]


@pytest.mark.parametrize("metric", [*charts.PLAIN, *charts.OF_A_DISK])
def test_every_metric_of_the_contract_is_answered(node: Node, admin: Caller, metric: str) -> None:
    device = {"device": "sda"} if metric in charts.OF_A_DISK else {}

    assert chart(admin, metric, **device).json()["points"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"metric": ""},
        {"metric": "pressure.cpu.full_avg10"},
        {"metric": "net.all"},
        {"metric": "disk.iops"},
        {"metric": "disk.temp_c", "device": ""},
        {"agg": "p95"},
        {"range": "2h"},
        {"range": ""},
        {"server_id": 0},
        {"server_id": ""},
        {"server_id": "1.0"},
    ],
    ids=str,
)
@pytest.mark.parametrize("who", ["admin", "guest"])
def test_history_says_what_is_wrong_with_a_question(request: Any, node: Node, who: str, wrong: Any) -> None:
    refused(chart(request.getfixturevalue(who), **wrong), 400, "invalid_request")


def test_history_opens_for_guests_by_the_workspace_and_by_the_node(
    workspace: Workspace, node: Node, guest: Caller, clock: Clock
) -> None:
    refused(chart(guest), 403, "forbidden")
    open_history(workspace)
    refused(chart(guest), 403, "forbidden")
    refused(chart(guest, server_id=99), 403, "forbidden")

    nodes.update_node(node=node, changes=nodes.Changes(public=True), actor="ana", now=clock.now)
    assert chart(guest).status_code == 200

    change_surface_data(workspace=workspace, surface="dash", changes={"history_guest_access_mode": "disabled"})
    refused(chart(guest), 403, "forbidden")


def test_a_node_of_nobody_or_of_somebody_else_has_no_points(
    node: Node, admin: Caller, stranger: Caller, clock: Clock
) -> None:
    say(node, clock.now - timedelta(minutes=1))

    assert len(chart(admin).json()["points"]) == 1
    assert chart(admin, server_id=99).json()["points"] == []
    assert chart(stranger).json()["points"] == []


# --- What guests may see ------------------------------------------------------------------------------


def test_anybody_learns_what_guests_may_see(workspace: Workspace, guest: Caller, stranger: Caller) -> None:
    closed = {"history_guest_access_mode": "disabled", "traffic_guest_access_mode": "disabled"}
    assert guest("GET", ACCESS).json() == closed

    open_history(workspace)
    change_settings(workspace=workspace, fields={"guests_by_node": True})

    opened = {"history_guest_access_mode": "by_node", "traffic_guest_access_mode": "by_node"}
    assert guest("GET", f"{ACCESS}/").json() == opened
    assert stranger("GET", ACCESS).json() == closed
