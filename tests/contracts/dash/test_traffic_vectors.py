"""What the vectors say of facts, percentiles, statistics and lite cycles, asked over HTTP (contract Dash 8).

Counters are kept, sealed and reckoned by the product; what it answers must be what the files expect.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from apps.nodes import services as nodes
from apps.nodes.models import Node
from apps.traffic.services import change_settings
from apps.workspaces.models import Workspace
from tests.contracts.dash.conftest import Caller, Clock, admin_of
from tests.contracts.dash.reporting import Document, count, make_node, vectors

SUMMARY = "/api/statistics/traffic/summary?server_id=1&iface=eth0"
MONTHLY = "/api/statistics/traffic/monthly?server_id=1&iface=eth0&months=24"
SETTINGS = "/api/statistics/traffic/settings"
BUCKET = timedelta(minutes=5)
Reading = tuple[datetime, int, int]


def cases(stem: str) -> Any:
    found = vectors(stem)
    return pytest.mark.parametrize("case", found, ids=[case["id"] for case in found])


@pytest.fixture
def node(workspace: Workspace, clock: Clock) -> Node:
    """A node that wants percentiles, made before the windows of the files, in a workspace that bills."""
    change_settings(workspace=workspace, fields={"usage": "billing"})
    node = make_node(workspace, now=datetime.fromisoformat("2026-01-01T00:00:00Z"))
    return nodes.update_node(node=node, changes=nodes.Changes(p95=True), actor="ana", now=clock.now)


def readings(case: Document) -> list[Reading]:
    return [(datetime.fromisoformat(row["t"]), row["bytes_recv"], row["bytes_sent"]) for row in case["samples"]]


def growing(start: datetime, moved: Iterable[tuple[int, int]]) -> list[Reading]:
    """The counters of an interface that moved so much in each five minutes."""
    rows, received, sent = [(start, 0, 0)], 0, 0
    for number, (more_in, more_out) in enumerate(moved, 1):
        received, sent = received + more_in, sent + more_out
        rows.append((start + number * BUCKET, received, sent))
    return rows


def told(node: Node, rows: list[Reading], clock: Clock, *, at: datetime) -> Caller:
    """Keep the readings; the workspace's admin at that instant."""
    clock.now = at
    count(node, rows, now=at)
    return admin_of(node.workspace, at)


def close(got: Any, expected: Any) -> bool:
    return bool(got == expected if expected is None or isinstance(expected, str) else got == pytest.approx(expected))


@cases("dash_traffic_facts")
def test_the_facts_of_a_window_add_up_to_what_is_answered(node: Node, clock: Clock, case: Document) -> None:
    end = datetime.fromisoformat(case["window_end"])
    rows, until = readings(case), end.timestamp()
    # A file's window may end before its readings do: then what follows is a bucket that is not told yet.
    admin = told(node, rows, clock, at=max(end, rows[-1][0]))
    told_until = clock.now.timestamp() // 300 * 300
    assert told_until == until

    stats = admin("GET", SUMMARY).json()["stats"]

    for name in ("in_bytes", "out_bytes", "sample_count", "gap_count", "reset_count"):
        assert stats[name] == sum(fact[name] for fact in case["expect"]), name
    for way in ("in", "out"):
        rates = [fact[f"{way}_rate_bytes_per_sec"] for fact in case["expect"] if fact["sample_count"]]
        assert close(stats[f"{way}_peak_bytes_per_sec"], max(rates, default=0)), way


@cases("dash_p95")
def test_the_percentile_of_a_month_is_that_of_the_file(node: Node, clock: Clock, case: Document) -> None:
    start = datetime.fromisoformat("2026-04-01T00:00:00Z")
    rows = growing(start, [(round(value * 300), 0) for value in case["values"]])
    admin = told(node, rows, clock, at=rows[-1][0])

    stats = admin("GET", SUMMARY).json()["stats"]

    assert stats["sample_count"] == case["n"]
    assert close(stats["in_p95_bytes_per_sec"], case["reported"])
    assert (stats["p95_status"] == "available") is (case["reported"] is not None)


@cases("dash_traffic_stats")
def test_statistics_under_every_direction(node: Node, clock: Clock, case: Document) -> None:
    start, end = (datetime.fromisoformat(case[name]) for name in ("window_start", "window_end"))
    rows = growing(start, [(fact["in_bytes"], fact["out_bytes"]) for fact in case["facts"]])
    told(node, rows, clock, at=end)
    nodes.update_node(node=node, changes=nodes.Changes(p95=case["traffic_p95_enabled"]), actor="ana", now=end)
    admin = admin_of(node.workspace, end)

    for direction, expected in case["expect_by_direction_mode"].items():
        said = {"direction_mode": direction, "usage_mode": case["usage_mode"]}
        assert admin("PATCH", SETTINGS, said).status_code == 204
        stats = admin("GET", SUMMARY).json()["stats"]
        wrong = {name: stats.get(name) for name, value in expected.items() if not close(stats.get(name), value)}
        assert wrong == {}, direction


@cases("dash_lite_usage")
def test_lite_months_are_those_of_the_file(node: Node, clock: Clock, case: Document) -> None:
    rows = readings(case)
    admin = told(node, rows, clock, at=rows[-1][0] + timedelta(seconds=1))
    said = {
        "usage_mode": "lite",
        "cycle_mode": case["cycle_mode"],
        "billing_start_day": case["billing_start_day"],
        "billing_anchor_date": case.get("billing_anchor_date") or "",
        "billing_timezone": case["timezone"],
    }
    assert admin("PATCH", SETTINGS, said).status_code == 204

    months = admin("GET", MONTHLY).json()["items"]

    assert [each["cycle"]["start"] for each in reversed(months)] == [each["cycle_start"] for each in case["expect"]]
    for each, expected in zip(reversed(months), case["expect"], strict=True):
        stats = each["stats"]
        wrong = {name: stats[name] for name, value in expected.items() if name in stats and stats[name] != value}
        assert wrong == {}
        assert (each["cycle"]["end"], stats["p95_status"]) == (expected["cycle_end"], "lite_mode")
