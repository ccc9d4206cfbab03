"""Buckets of a device's results: a pure function of raw rows and maintenance windows, and their exact merge."""

from collections.abc import Sequence
from typing import Any

from apps.metrics import columns
from apps.metrics.codec import Table
from apps.metrics.figures import SampleCounts
from apps.metrics.gauge import Part, fold, measure, runs
from apps.metrics.rows import cut, samples_of
from apps.metrics.types import UptimeTotals
from apps.metrics.uptime import (
    AVAILABLE,
    CHECKED,
    Span,
    State,
    StateTimes,
    bucket_times,
    is_inside,
)

# What is kept of each gauge: the latency in full, of a phase what its average needs.
GAUGES: dict[int, tuple[Part, ...]] = {
    columns.LATENCY: tuple(Part),
    **dict.fromkeys(columns.PHASES.values(), (Part.SUM, Part.COUNT)),
}
RAW_KEYS = frozenset({columns.STATE, columns.INTERVAL, columns.MISSED, *GAUGES})


def _spoken(rows: Table, speaking: Sequence[bool]) -> dict[int, list[int | None]]:
    """Each gauge that was measured, with the values that count; the others are as if nobody had answered."""
    return {
        key: [value if speaks else None for value, speaks in zip(rows.column(key), speaking, strict=True)]
        for key in GAUGES
        if key in rows.columns
    }


def device_buckets(rows: Table, *, windows: Sequence[Span], start_ms: int, end_ms: int, step_ms: int) -> Table:
    """Buckets of [start, end), ascending; a bucket in which nothing was known does not exist.

    `rows` may begin with the row that carries in. Latency and phases count available results outside maintenance.
    """
    times = bucket_times(samples_of(rows), windows=windows, start_ms=start_ms, end_ms=end_ms, step_ms=step_ms)
    inside = cut(rows, start_ms, end_ms)
    indexes = {bucket: range(first, past) for bucket, first, past in runs(inside.ts, step_ms)}
    states = inside.column(columns.STATE)
    kept = [state in CHECKED and not is_inside(ts, windows) for ts, state in zip(inside.ts, states, strict=True)]
    speaking = [keep and state in AVAILABLE for keep, state in zip(kept, states, strict=True)]
    gauges = _spoken(inside, speaking)
    checked_buckets = {bucket for bucket, members in indexes.items() if any(states[i] in CHECKED for i in members)}
    table = Table(sorted({*times, *checked_buckets}), {})
    for bucket in table.ts:
        members = indexes.get(bucket, range(0))
        spent = times.get(bucket, [0] * 6)
        cells = {
            columns.UP_MS: spent[State.UP] + spent[State.WARNING],
            columns.WARNING_MS: spent[State.WARNING],
            columns.DOWN_MS: spent[State.DOWN],
            columns.MAINTENANCE_MS: spent[State.MAINTENANCE],
            columns.CHECKS: sum(states[i] in CHECKED for i in members),
            columns.FAILS: sum(states[i] == State.DOWN for i in members),
            columns.SAMPLES: sum(kept[i] for i in members),
            columns.AVAILABLE: sum(speaking[i] for i in members),
        }
        for key, values in gauges.items():
            chosen = values[members.start : members.stop]
            cells.update({columns.gauge_key(key, part): measure(part, chosen) for part in GAUGES[key]})
        for key, value in cells.items():
            table.columns.setdefault(key, []).append(value)
    return table


def merge_buckets(table: Table, step_ms: int) -> Table:
    """Wider buckets from narrower ones: every figure is summed, or the least, greatest or last is taken."""
    groups = runs(table.ts, step_ms)
    merged = Table([bucket for bucket, _, _ in groups], {})
    for key, values in table.columns.items():
        part = columns.gauge_part(key)
        how = Part.SUM if part is None else Part(part)
        merged.columns[key] = [fold(how, values[first:past]) for _, first, past in groups]
    return merged


def joined(tables: Sequence[Table]) -> Table:
    """Tables of neighbouring stretches, oldest first, as one."""
    whole = Table()
    keys = {key for table in tables for key in table.columns}
    for table in tables:
        for key in keys:
            whole.columns.setdefault(key, []).extend(table.column(key))
        whole.ts.extend(table.ts)
    return whole


def times_at(table: Table, index: int, length_ms: int) -> StateTimes:
    """The five figures of one bucket."""
    up, warning, down, maintenance = (
        table.column(key)[index] or 0
        for key in (columns.UP_MS, columns.WARNING_MS, columns.DOWN_MS, columns.MAINTENANCE_MS)
    )
    # A bucket that the end of a range cuts may know more than the range is long.
    return StateTimes(up, warning, down, maintenance, max(0, length_ms - up - down - maintenance))


def totals_of(table: Table, length_ms: int) -> UptimeTotals:
    """All buckets of a window of that length as one set of totals."""

    def total(key: int) -> int:
        return sum(value for value in table.column(key) if value is not None)

    def gauge(part: Part) -> Any:
        return fold(part, table.column(columns.gauge_key(columns.LATENCY, part)))

    up, down, maintenance = total(columns.UP_MS), total(columns.DOWN_MS), total(columns.MAINTENANCE_MS)
    return UptimeTotals(
        times=StateTimes(up, total(columns.WARNING_MS), down, maintenance, length_ms - up - down - maintenance),
        checks=total(columns.CHECKS),
        fails=total(columns.FAILS),
        counts=SampleCounts(total(columns.SAMPLES), total(columns.AVAILABLE)),
        latency_count=gauge(Part.COUNT),
        latency_sum_us=gauge(Part.SUM),
        latency_min_us=gauge(Part.MIN),
        latency_max_us=gauge(Part.MAX),
    )
