"""Rows of history (contract Dashmon 6): as stored, or rolled up to buckets."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from apps.common.clock import epoch_ms, from_epoch_ms, iso_ms
from apps.devices.models import Device
from apps.metrics.percentiles import linear
from apps.metrics.selectors import chart, latency_percentiles, results
from apps.metrics.types import Chart, ChartPoint, ResultRow

PHASES = ("dns", "connect", "tls", "ttfb", "total")
DAY_MS = 86_400_000


def milliseconds(us: float | None) -> float | None:
    """Microseconds as milliseconds with three decimals at most; whole numbers stay whole."""
    if us is None:
        return None
    value = round(us / 1000, 3)
    return int(value) if value == int(value) else value


def result_row(row: ResultRow) -> dict[str, Any]:
    """One result. Inside a maintenance window the state is `maintenance` and the measured one is in `detail.real`."""
    detail = dict(row.detail)
    phases = {name: milliseconds(getattr(row, f"{name}_us")) for name in PHASES}
    if any(value is not None for value in phases.values()):
        detail["phases"] = phases
    status: str = row.state
    if row.in_maintenance:
        status, detail["real"] = "maintenance", row.state
    return {
        "ts": iso_ms(from_epoch_ms(row.ts_ms)),
        "status": status,
        "latency_ms": milliseconds(row.latency_us),
        "status_code": row.status_code,
        "detail": detail,
    }


def bucket_rows(device: Device, *, start: datetime, end: datetime, step_s: int, newest: int) -> list[dict[str, Any]]:
    """Buckets that touch [start, end), oldest first, at most the `newest`; empty ones too.

    Their width is `step_s`, or the device's interval where that is longer.
    """
    if start >= end:
        return []
    past_s = -(-epoch_ms(end) // 1000 // step_s) * step_s
    first_s = max(epoch_ms(start) // 1000 // step_s * step_s, past_s - newest * step_s)
    drawn = chart(
        workspace_id=device.workspace_id,
        ref=device.ref,
        columns=(),
        start=from_epoch_ms(first_s * 1000),
        end=from_epoch_ms(past_s * 1000),
        # As many points as there are buckets of this width leaves the chart no finer choice.
        max_points=(past_s - first_s) // step_s,
    )
    p95 = _p95(device, drawn)
    return [_bucket_row(point, p95_ms=p95.get(point.bucket_ms)) for point in drawn.points]


def _bucket_row(point: ChartPoint, *, p95_ms: float | None) -> dict[str, Any]:
    times = point.times
    known = (
        ("down", times.down_ms),
        ("warning", times.warning_ms),
        ("up", times.up_ms),
        ("maintenance", times.maintenance_ms),
    )
    return {
        "ts": iso_ms(from_epoch_ms(point.bucket_ms)),
        "status": next((name for name, spent in known if spent), "unknown"),
        "latency_ms": milliseconds(point.latency_avg_us),
        "status_code": None,
        "detail": {},
        "min_ms": milliseconds(point.latency_min_us),
        "max_ms": milliseconds(point.latency_max_us),
        "p95_ms": p95_ms,
        "samples": point.checks,
        "up_samples": point.checks - point.fails,
    }


def _p95(device: Device, drawn: Chart) -> Mapping[int, float | None]:
    """The 95th percentile of each bucket that has results: by day from the day's histogram, else from its rows."""
    filled = [point.bucket_ms for point in drawn.points if point.checks]
    if not filled:
        return {}
    step_ms = drawn.step_ms
    if step_ms >= DAY_MS:
        return {bucket: _p95_between(device, bucket, bucket + step_ms) for bucket in filled}
    values: dict[int, list[float]] = defaultdict(list)
    rows = results(
        workspace_id=device.workspace_id,
        ref=device.ref,
        start_ms=filled[0],
        end_ms=filled[-1] + step_ms,
        newest=None,
    )
    for row in rows:
        if row.latency_us is not None and not row.in_maintenance:
            values[row.ts_ms // step_ms * step_ms].append(row.latency_us)
    return {bucket: milliseconds(linear(sorted(found), 95)) for bucket, found in values.items()}


def _p95_between(device: Device, start_ms: int, end_ms: int) -> float | None:
    stats = latency_percentiles(
        workspace_id=device.workspace_id, ref=device.ref, start=from_epoch_ms(start_ms), end=from_epoch_ms(end_ms)
    )
    return milliseconds(stats.p95_us)
