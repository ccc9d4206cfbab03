"""Analytics, percentiles and down events (contract Dashmon 11 and 14), with results that came through the pipeline."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from apps.common.clock import parse_iso
from apps.projects.models import MaintenanceWindow
from apps.projects.windows import Target, set_window
from tests import factories
from tests.contracts.dashmon.conftest import refused
from tests.contracts.dashmon.test_history import store
from tests.replay.uptime import figures_of

CASES = {
    case["id"]: case
    for case in json.loads((Path(__file__).parents[2] / "vectors" / "dashmon_uptime.json").read_text())["cases"]
}
QUARTER = timedelta(minutes=15)


def path(device, tail="analytics") -> str:
    return f"/api/devices/{device.public_id}/{tail}"


@pytest.fixture
def day(device, clock) -> None:
    """96 quarters up to now: one outage of two checks, one degraded check, growing response times."""
    for back in range(96, 0, -1):
        status = "down" if back in {40, 41} else "warning" if back == 10 else "up"
        latency = None if status == "down" else (200 - back) * 1000
        store(device, clock.now - back * QUARTER, status, latency_us=latency)


def test_a_day_with_one_outage(api, device, day) -> None:
    answer = api("GET", path(device) + "?range=24h").json()

    assert (answer["deviceId"], answer["range"]) == (str(device.public_id), "24h")
    figures = answer["analytics"]
    assert list(figures)[:5] == ["samples", "uptime_pct", "avg_response_ms", "incident_count", "downtime_minutes"]
    assert (figures["samples"], figures["incident_count"], figures["downtime_minutes"]) == (96, 1, 30)
    assert figures["uptime_pct"] == 94 * 100 / 96
    assert figures["uptime_time_pct"] == pytest.approx(94 * 100 / 96)
    assert (figures["up_seconds"], figures["down_seconds"]) == (94 * 900, 1800)
    assert (figures["maintenance_seconds"], figures["unknown_seconds"]) == (0, 0)
    assert (figures["mttr_seconds"], figures["mtbf_seconds"]) == (1800, 94 * 900)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [("1d", "24h"), ("day", "24h"), ("month", "30d"), ("30d", "30d"), ("", "7d"), ("90d", "7d"), ("7 d", "7d")],
)
def test_other_spellings_of_a_range(api, device, asked, meant) -> None:
    assert api("GET", f"{path(device)}?range={asked}").json()["range"] == meant


def test_without_results_there_are_counts_and_nulls(api, device) -> None:
    figures = api("GET", path(device)).json()["analytics"]

    assert figures == {
        "samples": 0,
        "uptime_pct": None,
        "avg_response_ms": None,
        "incident_count": 0,
        "downtime_minutes": 0,
        "uptime_time_pct": None,
        "up_seconds": 0,
        "down_seconds": 0,
        "maintenance_seconds": 0,
        "unknown_seconds": 7 * 86_400,
        "p50_ms": None,
        "p95_ms": None,
        "p99_ms": None,
        "mttr_seconds": None,
        "mtbf_seconds": None,
    }


STORABLE = [
    name
    for name, case in CASES.items()
    if case["kind"] == "window" and {sample["status"] for sample in case["samples"]} <= {"up", "down", "warning"}
]


@pytest.mark.parametrize("name", STORABLE)
def test_what_the_pipeline_stored_says_what_the_vectors_say(with_token, device, clock, monkeypatch, name) -> None:
    case = CASES[name]
    start, end = parse_iso(case["from"]), parse_iso(case["to"])
    monkeypatch.setattr("apps.api.dashmon.views.reports.WINDOWS", {"24h": end - start})
    for window in case["maintenance"]:
        MaintenanceWindow.objects.create(
            workspace_id=device.workspace_id,
            project=device.project,
            starts_at=parse_iso(window["start"]),
            ends_at=parse_iso(window["end"]) if window["end"] else None,
            created_at=parse_iso(window["start"]),
        )
    for sample in case["samples"]:
        latency = sample["latency_ms"]
        store(
            device,
            parse_iso(sample["ts"]),
            sample["status"],
            latency_us=None if latency is None else round(latency * 1000),
            interval_ms=round(case["intervalSeconds"] * 1000),
        )
    clock.now = end

    # A session of the scene would have ended by then.
    figures = with_token("read_only")("GET", path(device) + "?range=24h").json()["analytics"]

    expected, rule = case["expect"], figures_of(case)
    assert figures["samples"] == expected["samples"] == rule.counts.samples
    assert figures["incident_count"] == expected["incident_count"]
    assert figures["downtime_minutes"] == expected["downtime_minutes"]
    for field, off in (
        ("uptime_pct", 0.0005),
        ("uptime_time_pct", 0.0005),
        ("avg_response_ms", 0.01),
        ("p50_ms", 0.01),
        ("p95_ms", 0.01),
        ("p99_ms", 0.01),
        ("up_seconds", 0.001),
        ("down_seconds", 0.001),
        ("maintenance_seconds", 0.001),
        ("unknown_seconds", 0.001),
    ):
        wanted = expected[field]
        assert figures[field] == (None if wanted is None else pytest.approx(wanted, abs=off)), field


def test_enough_vectors_can_be_stored() -> None:
    assert len(STORABLE) >= 10


def test_percentiles_of_a_window(api, device, day, clock) -> None:
    answer = api("GET", path(device, "latency/percentiles")).json()

    values = sorted(200 - back for back in range(96, 0, -1) if back not in {40, 41})
    assert (answer["window"], answer["samples"]) == ("24h", 94)
    assert (answer["min"], answer["max"]) == (values[0], values[-1])
    place = 93 * 0.95
    low = values[int(place)]
    assert answer["p95"] == round(low + (values[int(place) + 1] - low) * (place - int(place)), 2)
    assert answer["avg"] == round(sum(values) / 94, 2)
    assert answer["to"] == "2026-03-02T10:00:00.000Z"
    assert answer["from"] == "2026-03-01T10:00:00.000Z"


def test_percentiles_of_nothing_are_null(api, device) -> None:
    answer = api("GET", path(device, "latency/percentiles") + "?window=1h").json()

    assert answer["samples"] == 0
    assert {answer[name] for name in ("p50", "p95", "p99", "min", "max", "avg")} == {None}


@pytest.mark.parametrize("window", ["2h", "24H", "all", "1d"])
def test_another_window_is_refused(api, device, window) -> None:
    response = api("GET", path(device, "latency/percentiles") + f"?window={window}")

    assert "window" in refused(response, 400, "validation_error")["details"]["fields"]


@pytest.mark.parametrize("tail", ["analytics", "latency/percentiles"])
def test_the_scope_holds_and_everybody_within_it_may_read(workspace, device, seated, with_token, tail) -> None:
    elsewhere = factories.make_project(workspace)

    refused(seated("editor", [elsewhere])("GET", path(device, tail)), 404, "not_found", "Device not found")
    assert seated("viewer")("GET", path(device, tail)).status_code == 200
    assert with_token("read_only")("GET", path(device, tail)).status_code == 200


@pytest.mark.parametrize("tail", ["analytics", "latency/percentiles"])
def test_free_is_refused(api, workspace, device, tail) -> None:
    workspace.plan = "free"
    workspace.save()
    refused(api("GET", path(device, tail)), 403, "premium_required", "premium_required")


def test_nobody_reads_further_back_than_the_plan_keeps(api, workspace, device, day) -> None:
    workspace.limit_overrides = {"historyDays": 0}
    workspace.save()

    assert api("GET", path(device)).json()["analytics"]["samples"] == 0
    assert api("GET", path(device, "latency/percentiles")).json()["samples"] == 0
    assert api("GET", "/api/metrics/down-events").json() == {"points": []}


# --- Down events -----------------------------------------------------------------------------------
def test_failed_checks_are_counted_by_hour(api, project, device, clock) -> None:
    other = factories.make_device(project, "Till 2")
    for hours, which in ((1, device), (1, other), (3, device)):
        store(which, clock.now - timedelta(hours=hours), "down", latency_us=None)
        store(which, clock.now - timedelta(hours=hours, minutes=-5), "up")

    points = api("GET", "/api/metrics/down-events").json()["points"]

    assert points == [
        {"ts": "2026-03-02T07:00:00.000Z", "value": 1},
        {"ts": "2026-03-02T09:00:00.000Z", "value": 2},
    ]


@pytest.mark.parametrize(
    ("hours", "count"), [("1", 1), ("200", 2), ("-3", 1), ("abc", 1), ("", 1), ("nan", 1), ("168", 2)]
)
def test_hours_are_cut_at_a_week_and_nonsense_means_a_day(api, device, clock, hours, count) -> None:
    for back in (timedelta(minutes=30), timedelta(days=6), timedelta(days=8)):
        store(device, clock.now - back, "down", latency_us=None)

    points = api("GET", f"/api/metrics/down-events?hours={hours}").json()["points"]

    assert len(points) == count


def test_failures_in_maintenance_are_no_down_events(api, device, clock) -> None:
    at = clock.now - timedelta(hours=2)
    target = Target(workspace_id=device.workspace_id, ref=device.ref)
    set_window(target=target, starts_at=at, ends_at=at + timedelta(minutes=5), now=at)
    store(device, at, "down", latency_us=None)

    assert api("GET", "/api/metrics/down-events").json() == {"points": []}


def test_down_events_follow_the_scope_and_the_tenant(seated, workspace, device, stranger, clock) -> None:
    store(device, clock.now - timedelta(hours=1), "down", latency_us=None)
    elsewhere = factories.make_project(workspace)

    assert seated("viewer", [elsewhere])("GET", "/api/metrics/down-events").json() == {"points": []}
    assert stranger("GET", "/api/metrics/down-events").json() == {"points": []}
    assert len(seated("viewer")("GET", "/api/metrics/down-events").json()["points"]) == 1
