"""The vector files: through the pure rules, and from one door to the other."""

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.common.clock import from_epoch_ms
from apps.common.values import Observation, Ref, SourceRef
from apps.devices.models import Device
from apps.metrics import columns, selectors, services
from apps.metrics.codec import Table, decode
from apps.metrics.gauge import GaugeBucket, Part
from apps.metrics.ladder import LADDER_S, MAX_POINTS
from apps.metrics.models import Block, DirtyWindow, HeadRow
from apps.metrics.reported import FIXED
from apps.metrics.tiers import DAY, DAYS, FIVE_MINUTES, HOURS
from apps.metrics.uptime import State
from apps.projects.models import MaintenanceWindow
from apps.workspaces.models import Workspace
from tests.apps.metrics.conftest import append_all, observation, settle, stored_bytes
from tests.replay import rollups, uptime

VECTORS = Path(__file__).parents[2] / "vectors"
CASES = {**rollups.CASES, **uptime.CASES}


def load(stem: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((VECTORS / f"{stem}.json").read_text())
    return document


def case_of(stem: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(case for case in load(stem)["cases"] if case["id"] == name)
    return found


ALL = [(stem, case) for stem in CASES for case in load(stem)["cases"]]


@pytest.mark.parametrize(
    ("stem", "case"), ALL, ids=[f"{stem}-{case.get('id', case.get('range'))}" for stem, case in ALL]
)
def test_the_rules_agree_with_the_vectors(stem: str, case: dict[str, Any]) -> None:
    CASES[stem](load(stem), case)


def test_the_ladder_is_the_one_of_the_vectors() -> None:
    document = load("rollup_steps")

    assert list(LADDER_S) == document["ladder_s"]
    assert document["max_points"] == MAX_POINTS


def uptime_rows(device: Device, case: dict[str, Any]) -> list[Any]:
    return [
        observation(device, ts, state=int(State[status.upper()]), interval_ms=case["interval_ms"], latency_us=latency)
        for batch in case["batches"]
        for ts, status, latency in batch
    ]


def plan_windows(device: Device, spans: list[list[int | None]]) -> None:
    for start, end in spans:
        MaintenanceWindow.objects.create(
            workspace_id=device.workspace_id,
            project=device.project,
            starts_at=from_epoch_ms(start or 0),
            ends_at=None if end is None else from_epoch_ms(end),
            created_at=from_epoch_ms(start or 0),
        )


def window_of(device: Device, window: dict[str, Any]) -> dict[str, Any]:
    totals = selectors.window_totals(
        workspace_id=device.workspace_id,
        ref=device.ref,
        start=from_epoch_ms(window["from_ms"]),
        end=from_epoch_ms(window["to_ms"]),
    )
    times = totals.times
    fraction = times.fraction
    return {
        "up_ms": times.up_ms,
        "warning_ms": times.warning_ms,
        "down_ms": times.down_ms,
        "maintenance_ms": times.maintenance_ms,
        "unknown_ms": times.unknown_ms,
        "checks": totals.checks,
        "fails": totals.fails,
        "uptime": fraction and {"num": fraction[0], "den": fraction[1], "percent_floor3": times.percent_floor3},
    }


# Case 12 holds states that only imported samples have; its rule is replayed above.
STORABLE = [case for case in load("rollup_uptime")["cases"] if case["id"] != "s-uptime-12"]


@pytest.mark.parametrize("case", STORABLE, ids=[case["id"] for case in STORABLE])
def test_uptime_is_the_same_at_every_stage_of_storage(device: Device, case: dict[str, Any]) -> None:
    now = from_epoch_ms(case["windows"][-1]["to_ms"])
    plan_windows(device, case["maintenance"])
    expected = [window["expect"] for window in case["windows"]]
    append_all(uptime_rows(device, case), now)

    assert [window_of(device, window) for window in case["windows"]] == expected, "from the inbox"
    services.seal_due(now=now + timedelta(hours=2))
    assert [window_of(device, window) for window in case["windows"]] == expected, "from raw blocks"
    settle(now)
    assert [window_of(device, window) for window in case["windows"]] == expected, "from the day rows"
    assert not HeadRow.objects.exists()
    assert not DirtyWindow.objects.filter(t0__lte=case["windows"][-1]["to_ms"]).exists()


def test_any_order_of_arrival_with_replays_leaves_identical_bytes_in_every_tier(
    workspace: Any, make_device: Any
) -> None:
    case = case_of("rollup_uptime", "s-uptime-07")
    now = from_epoch_ms(case["windows"][-1]["to_ms"])
    seen = []
    for seed in range(4):
        device = make_device(workspace)
        rows = uptime_rows(device, case)
        rng = random.Random(seed)
        if seed:
            rng.shuffle(rows)
            rows += rng.sample(rows, 120)
        for first in range(0, len(rows), 97):
            append_all(rows[first : first + 97], now)
            if rng.random() < 0.5:
                services.seal_due(now=now + timedelta(minutes=61 * (first + 1)))
        settle(now + timedelta(days=30))
        seen.append(stored_bytes())
        services.forget(workspace_id=workspace.pk, ref=device.ref)

    assert {row[0] for row in seen[0]["blocks"]} == {0, 1, 2, 3}
    assert len(seen[0]["days"]) > 1
    assert seen[1:] == seen[:1] * 3


def stored_gauges(tier: int, column: int) -> list[GaugeBucket]:
    """The buckets of a column in a tier as the store holds them, empty ones left out."""
    buckets = []
    for payload in Block.objects.filter(tier=tier).order_by("t0").values_list("payload", flat=True):
        table: Table = decode(payload)
        parts = {part: table.column(columns.gauge_key(column, part)) for part in Part}
        buckets += [
            GaugeBucket(
                ts,
                count=parts[Part.COUNT][index],
                sum=parts[Part.SUM][index],
                min=parts[Part.MIN][index],
                max=parts[Part.MAX][index],
                last=parts[Part.LAST][index],
            )
            for index, ts in enumerate(table.ts)
            if parts[Part.COUNT][index]
        ]
    return buckets


GAUGES = pytest.mark.parametrize("case", load("rollup_gauge")["cases"], ids=lambda case: case["id"])
STORED = ((FIVE_MINUTES, "five_min"), (HOURS, "hour"), (DAYS, "day"))


def settle_batches(case: dict[str, Any], make: Callable[[int, int], Observation]) -> None:
    """The batches of a case as rows, sealed and rolled up."""
    newest = max(ts for batch in case["batches"] for ts, _ in batch)
    for batch in case["batches"]:
        append_all([make(ts, value) for ts, value in batch], from_epoch_ms(newest))
    settle(from_epoch_ms(newest) + timedelta(days=1))


@GAUGES
def test_gauges_of_reports_reach_every_tier_as_the_vectors_say(workspace: Workspace, case: dict[str, Any]) -> None:
    node = SourceRef(Ref("node", 7))
    settle_batches(
        case, lambda ts, value: Observation(workspace.pk, node, from_epoch_ms(ts), {"proc.count": value, "state": 1})
    )

    for tier, name in STORED:
        assert stored_gauges(tier, FIXED["proc.count"]) == [GaugeBucket(**bucket) for bucket in case[name]], name


@GAUGES
def test_latencies_reach_every_tier_as_the_vectors_say_without_the_last(device: Device, case: dict[str, Any]) -> None:
    settle_batches(case, lambda ts, value: observation(device, ts, state=1, interval_ms=10_000, latency_us=value))

    for tier, name in STORED:
        # Nothing reads where a latency stood last, so nothing keeps it.
        expected = [GaugeBucket(**{**bucket, "last": None}) for bucket in case[name]]
        assert stored_gauges(tier, columns.LATENCY) == expected, name


def test_latency_percentiles_are_exact_while_raw_rows_last_and_sketched_after(device: Device) -> None:
    case = case_of("rollup_latency", "s-latency-07")
    start = 1_775_001_600_000 // DAY * DAY
    rows = [
        observation(device, start + index * 60_000, state=1, interval_ms=60_000, latency_us=value)
        for index, value in enumerate(case["values_us"])
    ]
    append_all(rows, from_epoch_ms(start + DAY))
    settle(from_epoch_ms(start + DAY))
    window: dict[str, Any] = {"start": from_epoch_ms(start), "end": from_epoch_ms(start + DAY)}

    exact = selectors.latency_percentiles(workspace_id=device.workspace_id, ref=device.ref, **window)
    Block.objects.filter(tier=0).delete()
    sketched = selectors.latency_percentiles(workspace_id=device.workspace_id, ref=device.ref, **window)

    assert (exact.exact, sketched.exact) == (True, False)
    assert exact.samples == sketched.samples == len(case["values_us"])
    assert (exact.min_us, exact.max_us) == (min(case["values_us"]), max(case["values_us"]))
    assert (sketched.min_us, sketched.max_us, sketched.avg_us) == (exact.min_us, exact.max_us, exact.avg_us)
    for name in ("p50", "p95", "p99"):
        rollups.near(name, getattr(exact, f"{name}_us"), case["expect"][name]["linear"], 1e-6)
        rollups.near(name, getattr(sketched, f"{name}_us"), case["expect"][name]["sketch"], 1.0)


FIGURES = [
    case
    for case in load("dashmon_uptime")["cases"]
    if case["kind"] == "window" and {sample["status"] for sample in case["samples"]} <= {"up", "down", "warning"}
]


@pytest.mark.parametrize("case", FIGURES, ids=lambda case: case["id"])
def test_analytics_read_from_the_store_agree_with_the_contract(device: Device, case: dict[str, Any]) -> None:
    start, end = uptime.instant(case["from"]), uptime.instant(case["to"])
    plan_windows(
        device,
        [
            [uptime.instant(window["start"]), uptime.instant(window["end"]) if window["end"] else None]
            for window in case["maintenance"]
        ],
    )
    rows = [
        observation(
            device,
            uptime.instant(sample["ts"]),
            state=int(State[sample["status"].upper()]),
            interval_ms=case["intervalSeconds"] * 1000,
            latency_us=None if sample["latency_ms"] is None else round(sample["latency_ms"] * 1000),
        )
        for sample in case["samples"]
    ]
    random.Random(1).shuffle(rows)
    append_all(rows, from_epoch_ms(end))
    settle(from_epoch_ms(end))

    figures = selectors.window_figures(
        workspace_id=device.workspace_id, ref=device.ref, start=from_epoch_ms(start), end=from_epoch_ms(end)
    )
    totals = selectors.window_totals(
        workspace_id=device.workspace_id, ref=device.ref, start=from_epoch_ms(start), end=from_epoch_ms(end)
    )

    expected = case["expect"]
    assert (figures.counts.samples, figures.counts.available) == (expected["samples"], expected["up_samples"])
    assert (figures.incidents, figures.downtime_minutes) == (expected["incident_count"], expected["downtime_minutes"])
    rollups.near("average", uptime.in_ms(figures.average_us), expected["avg_response_ms"], 0.01)
    rollups.near("p95", uptime.in_ms(figures.p95_us), expected["p95_ms"], 0.01)
    assert figures.times == totals.times
    assert figures.counts == totals.counts
    rollups.near("up", totals.times.up_ms / 1000, expected["up_seconds"], 0.001)
    rollups.near("unknown", totals.times.unknown_ms / 1000, expected["unknown_seconds"], 0.001)


def test_a_chart_uses_the_step_of_the_vectors_when_the_device_is_fine_enough(device: Device) -> None:
    for case in load("rollup_steps")["cases"]:
        end = datetime.fromtimestamp(case["to_s"], tz=from_epoch_ms(0).tzinfo)
        drawn = selectors.chart(
            workspace_id=device.workspace_id,
            ref=device.ref,
            start=end - timedelta(seconds=case["to_s"] - case["from_s"]),
            end=end,
        )
        assert (drawn.step_ms // 1000, len(drawn.points)) == (case["step_s"], case["points"])
