"""Replays of rollup_uptime, rollup_latency, rollup_gauge and rollup_steps through the product's own rules."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from apps.metrics.figures import kept_samples
from apps.metrics.gauge import GaugeBucket, gauge_buckets, merge_buckets
from apps.metrics.ladder import points, step_for
from apps.metrics.percentiles import linear, nearest_rank
from apps.metrics.rows import first_stored
from apps.metrics.sketch import ACCURACY, Sketch, from_bytes, sketch_of
from apps.metrics.tiers import DAY, HOUR, MINUTE
from apps.metrics.uptime import CHECKED, Sample, State, merged_windows, state_times

Document = dict[str, Any]


def same(label: str, got: Any, expected: Any) -> None:
    """Exactly equal, or a sentence about the difference."""
    if got != expected:
        raise AssertionError(f"{label}: got {got!r}, expected {expected!r}")


def near(label: str, got: float | None, expected: float | None, tolerance: float) -> None:
    """Both None, or no further apart than the tolerance."""
    if got is None or expected is None:
        same(label, got, expected)
    elif abs(got - expected) > tolerance:
        raise AssertionError(f"{label}: got {got!r}, expected {expected!r} within {tolerance}")


def samples_of(case: Document) -> list[Sample]:
    """The stored samples of arrival batches of [ts, status, latency]."""
    rows = [(ts, (status, latency)) for batch in case["batches"] for ts, status, latency in batch]
    interval = case["interval_ms"]
    return [Sample(ts, State[status.upper()], interval, latency) for ts, (status, latency) in first_stored(rows)]


def uptime(_: Document, case: Document) -> None:
    samples = samples_of(case)
    windows = merged_windows((start, end) for start, end in case["maintenance"])
    for window in case["windows"]:
        start, end, expected = window["from_ms"], window["to_ms"], window["expect"]
        times = state_times(samples, windows=windows, start_ms=start, end_ms=end)
        same("length", times.up_ms + times.down_ms + times.maintenance_ms + times.unknown_ms, end - start)
        checked = kept_samples(samples, windows=[], start_ms=start, end_ms=end)
        fraction = times.fraction
        got = {
            **asdict(times),
            "checks": len(checked),
            "fails": sum(sample.state == State.DOWN for sample in checked),
            "uptime": fraction and {"num": fraction[0], "den": fraction[1], "percent_floor3": times.percent_floor3},
        }
        same(f"window {start} to {end}", got, expected)
        same("checked states", {sample.state for sample in checked} <= CHECKED, True)  # reads as a sentence


def latency(document: Document, case: Document) -> None:
    values = case["values_us"]
    parts = case["merge_parts"]
    whole = sketch_of(values)
    merged = sum((sketch_of(values[part::parts]) for part in range(parts)), Sketch())
    same("merge of parts", (dict(merged.bins), merged.zeros), (dict(whole.bins), whole.zeros))
    same("zero_count", whole.zeros, case["zero_count"])
    same("bins", [list(item) for item in sorted(whole.bins.items())], case["bins"])
    same("stored histogram", dict(from_bytes(whole.to_bytes()).bins), dict(whole.bins))
    same("accuracy", ACCURACY, document["relative_accuracy"])
    ordered = sorted(values)
    for name, expected in case["expect"].items():
        percent = int(name[1:])
        got = (nearest_rank(ordered, percent), linear(ordered, percent), whole.quantile(percent))
        if expected is None:
            same(name, got, (None, None, None))
            continue
        same(f"{name} nearest rank", got[0], expected["nearest_rank"])
        near(f"{name} linear", got[1], expected["linear"], 1e-6)
        near(f"{name} sketch", got[2], expected["sketch"], 1e-6 * max(1.0, expected["sketch"] / 1e6))


def gauge(_: Document, case: Document) -> None:
    rows = first_stored((ts, value) for batch in case["batches"] for ts, value in batch)
    five_minutes = gauge_buckets([ts for ts, _ in rows], [value for _, value in rows], 5 * MINUTE)
    hours = merge_buckets(five_minutes, HOUR)
    days = merge_buckets(hours, DAY)
    for name, got in (("five_min", five_minutes), ("hour", hours), ("day", days)):
        same(name, got, [GaugeBucket(**bucket) for bucket in case[name]])


def steps(document: Document, case: Document) -> None:
    step = step_for(case["from_s"], case["to_s"], max_points=document["max_points"])
    same("step_s", step, case["step_s"])
    same("points", points(case["from_s"], case["to_s"], step), case["points"])


CASES: dict[str, Callable[[Document, Document], None]] = {
    "rollup_uptime": uptime,
    "rollup_latency": latency,
    "rollup_gauge": gauge,
    "rollup_steps": steps,
}
