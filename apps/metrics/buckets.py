"""Buckets of a device's results: a pure function of raw rows and maintenance windows, and their exact merge."""

from collections.abc import Collection, Mapping, Sequence
from itertools import compress
from typing import Any

from apps.metrics import columns
from apps.metrics.codec import Table
from apps.metrics.figures import SampleCounts
from apps.metrics.gauge import Part, fold, folds, runs
from apps.metrics.rows import cut, held_of
from apps.metrics.types import UptimeTotals
from apps.metrics.uptime import (
    AVAILABLE,
    CHECKED,
    FAILED,
    Span,
    State,
    StateTimes,
    bucket_times,
    is_inside,
)

# What is kept of each gauge is what somebody reads: of a phase its average; where the latency stood last nobody asks.
GAUGES: dict[int, tuple[Part, ...]] = {
    columns.LATENCY: (Part.SUM, Part.MIN, Part.MAX, Part.COUNT),
    **dict.fromkeys(columns.PHASES.values(), (Part.SUM, Part.COUNT)),
}
RAW_KEYS = frozenset({columns.STATE, columns.INTERVAL, columns.MISSED, *GAUGES})


def bucket_keys(gauges: Collection[int] = GAUGES) -> set[int]:
    """The columns of buckets: what is counted, and the parts of these gauges."""
    return {*columns.COUNTED, *(columns.gauge_key(column, part) for column in gauges for part in GAUGES[column])}


def device_buckets(rows: Table, *, windows: Sequence[Span], start_ms: int, end_ms: int, step_ms: int) -> Table:
    """Buckets of [start, end), ascending; a bucket in which nothing was known does not exist.

    `rows` may begin with the row that carries in. Latency and phases count available results outside maintenance.
    """
    times = bucket_times(held_of(rows), windows=windows, start_ms=start_ms, end_ms=end_ms, step_ms=step_ms)
    inside = cut(rows, start_ms, end_ms)
    checked, speaking = _flags(inside, CHECKED, ()), speaks(inside, windows)
    members = {bucket: (first, past) for bucket, first, past in runs(inside.ts, step_ms) if 1 in checked[first:past]}
    table = Table(sorted({*times, *members}), {})
    spans = [members.get(bucket, (0, 0)) for bucket in table.ts]
    counted = {
        columns.CHECKS: checked,
        columns.FAILS: _flags(inside, FAILED, ()),
        columns.SAMPLES: _flags(inside, CHECKED, windows),
        columns.AVAILABLE: speaking,
    }
    table.columns = _spent(times, table.ts)
    table.columns.update({key: [flags.count(1, *span) for span in spans] for key, flags in counted.items()})
    for key in GAUGES.keys() & inside.columns.keys():
        table.columns.update(_measured(key, inside.columns[key], speaking, spans))
    return table


def speaks(rows: Table, windows: Sequence[Span]) -> bytes:
    """1 for each row whose latency and phases count: available, and outside every window; else 0."""
    return _flags(rows, AVAILABLE, windows)


def spoken_latencies(rows: Table, windows: Sequence[Span]) -> list[int]:
    """The latencies that count, in the order of the rows."""
    values = compress(rows.column(columns.LATENCY), speaks(rows, windows))
    return [value for value in values if value is not None]


def _flags(rows: Table, among: Collection[int], windows: Sequence[Span]) -> bytes:
    """A byte a row, so that counting those of a bucket is one search through memory."""
    flags = bytes(map(among.__contains__, rows.numbers(columns.STATE)))
    if not windows:
        return flags
    return bytes(flag and not is_inside(ts, windows) for ts, flag in zip(rows.ts, flags, strict=True))


def _spent(times: Mapping[int, Sequence[int]], buckets: Sequence[int]) -> dict[int, list[Any]]:
    """Milliseconds per state of each bucket."""
    nothing = [0] * 6
    spent = [times.get(bucket, nothing) for bucket in buckets]
    return {
        columns.UP_MS: [each[State.UP] + each[State.WARNING] for each in spent],
        columns.WARNING_MS: [each[State.WARNING] for each in spent],
        columns.DOWN_MS: [each[State.DOWN] for each in spent],
        columns.MAINTENANCE_MS: [each[State.MAINTENANCE] for each in spent],
    }


def _measured(
    column: int, values: Sequence[Any], speaking: bytes, spans: Sequence[tuple[int, int]]
) -> dict[int, list[Any]]:
    """The parts of one gauge, of the values that count; the others are as if nobody had answered."""
    spoken = values
    if 0 in speaking:
        spoken = [value if counts else None for value, counts in zip(values, speaking, strict=True)]
    answered = [value is not None for value in spoken] if None in spoken else [True] * len(spoken)
    return {
        columns.gauge_key(column, part): folds(part, answered if part is Part.COUNT else spoken, spans)
        for part in GAUGES[column]
    }


def merge_buckets(table: Table, step_ms: int) -> Table:
    """Wider buckets from narrower ones: every figure is summed, or the least, greatest or last is taken."""
    groups = runs(table.ts, step_ms)
    spans = [(first, past) for _, first, past in groups]
    merged = Table([bucket for bucket, _, _ in groups], {})
    for key, values in table.columns.items():
        part = columns.gauge_part(key)
        merged.columns[key] = folds(Part.SUM if part is None else Part(part), values, spans)
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


def spent_times(spent: Sequence[int], length_ms: int) -> StateTimes:
    """The five figures of one bucket from its up, warning, down and maintenance."""
    up, warning, down, maintenance = spent
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
