"""Latency percentiles of a window: exact where raw rows exist, from the stored histograms beyond."""

from datetime import datetime

from apps.common.clock import epoch_ms
from apps.common.values import Ref
from apps.metrics import columns
from apps.metrics.buckets import spoken_latencies
from apps.metrics.codec import Table
from apps.metrics.days import day_totals, plan_days
from apps.metrics.maintenance import windows_of
from apps.metrics.models import Block, DayTotals, Source
from apps.metrics.percentiles import linear
from apps.metrics.raw import load_runs
from apps.metrics.rows import cut
from apps.metrics.sketch import Sketch, from_bytes, sketch_of
from apps.metrics.sources import source_of
from apps.metrics.tiers import DAY, RAW, floor_to, runs_of_days
from apps.metrics.types import LatencyStats

_KEYS = frozenset({columns.STATE, columns.LATENCY})
PERCENTS = (50, 95, 99)
NOTHING = LatencyStats(0, None, None, None, None, None, None, exact=True)


def latency_percentiles(*, workspace_id: int, ref: Ref, start: datetime, end: datetime) -> LatencyStats:
    """Percentiles, extremes and mean of [start, end) in microseconds (contract Dashmon 11).

    Interpolated between the closest ranks of the raw values. Where part of the window has lost its raw rows, the log
    histograms of whole days answer instead, within 1 % of the nearest rank, and `exact` is False.
    """
    source = source_of(workspace_id, ref)
    start_ms, end_ms = epoch_ms(start), epoch_ms(end)
    if source is None or start_ms >= end_ms:
        return NOTHING
    plan = plan_days(workspace_id=workspace_id, sources=[source], start_ms=start_ms, end_ms=end_ms)[source.pk]
    raw_days = _raw_days(source, start_ms, end_ms)
    lost = {day: row for day, row in plan.stored.items() if row.latency_count and day not in raw_days}
    read = (set(plan.stored) | plan.raw) - set(lost)
    values = _raw_latencies(source, read, start_ms, end_ms)
    if not lost:
        return _exact(values)
    whole = [day for day in lost if start_ms <= day and day + DAY <= end_ms]
    sketch = sum(_histograms(source, whole), sketch_of(values))
    return _estimated(source, sketch, start_ms, end_ms)


def _raw_days(source: Source, start_ms: int, end_ms: int) -> set[int]:
    blocks = Block.objects.of(source.workspace_id).filter(
        source_id=source.pk, tier=RAW, t0__gte=floor_to(start_ms, DAY), t0__lt=end_ms
    )
    return set(blocks.values_list("t0", flat=True))


def _histograms(source: Source, days: list[int]) -> list[Sketch]:
    rows = DayTotals.objects.of(source.workspace_id).filter(source_id=source.pk, day__in=[day // DAY for day in days])
    return [from_bytes(sketch) for sketch in rows.values_list("sketch", flat=True)]


def _raw_latencies(source: Source, days: set[int], start_ms: int, end_ms: int) -> list[float]:
    """Latencies that count, ascending, of the wanted days within [start, end)."""
    runs = runs_of_days(days)
    tables = load_runs(workspace_id=source.workspace_id, runs={source.pk: runs}, keys=_KEYS, carry=False)
    table = tables.get(source.pk, Table())
    windows = windows_of(workspace_id=source.workspace_id, sources=[source], start_ms=start_ms, end_ms=end_ms)
    values: list[float] = []
    for first, last in runs:
        rows = cut(table, max(first, start_ms), min(last, end_ms))
        values += spoken_latencies(rows, windows.get(source.pk, []))
    return sorted(values)


def _exact(values: list[float]) -> LatencyStats:
    if not values:
        return NOTHING
    p50, p95, p99 = (linear(values, percent) for percent in PERCENTS)
    return LatencyStats(
        len(values), p50, p95, p99, int(values[0]), int(values[-1]), sum(values) / len(values), exact=True
    )


def _estimated(source: Source, sketch: Sketch, start_ms: int, end_ms: int) -> LatencyStats:
    days = day_totals(workspace_id=source.workspace_id, sources=[source], start_ms=start_ms, end_ms=end_ms)[source.pk]
    totals = sum(list(days.values())[1:], next(iter(days.values())))
    p50, p95, p99 = (sketch.quantile(percent) for percent in PERCENTS)
    return LatencyStats(
        sketch.count, p50, p95, p99, totals.latency_min_us, totals.latency_max_us, totals.latency_avg_us, exact=False
    )
