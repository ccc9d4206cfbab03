"""Replay of dashmon_uptime: sample-based and time-based figures, and reports, through the product's own rules."""

from collections.abc import Callable
from typing import Any

from apps.common.clock import epoch_ms, parse_iso
from apps.metrics.figures import SampleCounts, WindowFigures, summed, window_figures
from apps.metrics.rows import first_stored
from apps.metrics.uptime import Sample, State, merged_windows
from tests.replay.rollups import near, same

Document = dict[str, Any]
US = 1000
PERCENT, MILLISECONDS, SECONDS = 0.0005, 0.01, 0.001


def instant(text: str) -> int:
    return epoch_ms(parse_iso(text))


def figures_of(case: Document) -> WindowFigures:
    interval = round(case["intervalSeconds"] * 1000)
    rows = first_stored((instant(sample["ts"]), sample) for sample in case["samples"])
    samples = [
        Sample(
            ts,
            State[sample["status"].upper()],
            interval,
            None if sample["latency_ms"] is None else sample["latency_ms"] * US,
        )
        for ts, sample in rows
    ]
    windows = merged_windows(
        (instant(window["start"]), instant(window["end"]) if window["end"] else None) for window in case["maintenance"]
    )
    return window_figures(samples, windows=windows, start_ms=instant(case["from"]), end_ms=instant(case["to"]))


def in_ms(value_us: float | None) -> float | None:
    return None if value_us is None else value_us / US


def window(_: Document, case: Document) -> None:
    figures, expected = figures_of(case), case["expect"]
    times = figures.times
    same("samples", figures.counts.samples, expected["samples"])
    same("up_samples", figures.counts.available, expected["up_samples"])
    same("incident_count", figures.incidents, expected["incident_count"])
    same("downtime_minutes", figures.downtime_minutes, expected["downtime_minutes"])
    near("uptime_pct", figures.counts.uptime_pct, expected["uptime_pct"], PERCENT)
    near("uptime_time_pct", times.percent, expected["uptime_time_pct"], PERCENT)
    near("avg_response_ms", in_ms(figures.average_us), expected["avg_response_ms"], MILLISECONDS)
    near("p50_ms", in_ms(figures.p50_us), expected["p50_ms"], MILLISECONDS)
    near("p95_ms", in_ms(figures.p95_us), expected["p95_ms"], MILLISECONDS)
    near("p99_ms", in_ms(figures.p99_us), expected["p99_ms"], MILLISECONDS)
    near("up_seconds", times.up_ms / 1000, expected["up_seconds"], SECONDS)
    near("down_seconds", times.down_ms / 1000, expected["down_seconds"], SECONDS)
    near("maintenance_seconds", times.maintenance_ms / 1000, expected["maintenance_seconds"], SECONDS)
    near("unknown_seconds", times.unknown_ms / 1000, expected["unknown_seconds"], SECONDS)


def report(_: Document, case: Document) -> None:
    expected = case["expect"]
    projects = [
        [SampleCounts(device["samples"], device["up_samples"]) for device in project["devices"]]
        for project in case["projects"]
    ]
    totals = [summed(devices) for devices in projects]
    summary = expected["summary"]
    near("summary", summed(totals).uptime_pct, summary["uptime_pct"], PERCENT)
    same("projects", len(projects), summary["projects"])
    same("devices", sum(map(len, projects)), summary["devices"])
    for total, devices, wanted in zip(totals, projects, expected["projects"], strict=True):
        near(f"project {wanted['id']}", total.uptime_pct, wanted["uptime_pct"], PERCENT)
        for device, row in zip(devices, wanted["devices"], strict=True):
            same(f"samples of {row['id']}", device.samples, row["samples"])
            near(f"device {row['id']}", device.uptime_pct, row["uptime_pct"], PERCENT)


KINDS = {"window": window, "report": report}


def uptime(document: Document, case: Document) -> None:
    KINDS[case["kind"]](document, case)


CASES: dict[str, Callable[[Document, Document], None]] = {"dashmon_uptime": uptime}
