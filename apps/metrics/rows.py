"""Stored rows of one source: union by time, and the shapes the rules work on."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from itertools import repeat
from typing import Any, TypeVar

from apps.metrics import columns
from apps.metrics.codec import Table
from apps.metrics.uptime import Held, Sample

V = TypeVar("V")


def first_stored(rows: Iterable[tuple[int, V]]) -> list[tuple[int, V]]:
    """Rows in arrival order as a series: ascending by time, the first of every instant kept."""
    kept: dict[int, V] = {}
    for ts, value in rows:
        kept.setdefault(ts, value)
    return sorted(kept.items(), key=lambda row: row[0])


def union(block: Table, rows: Mapping[int, Mapping[int, Any]]) -> Table:
    """A block and later rows (cells by column, by time) as one table; a stored instant wins.

    The result depends on the set of rows alone, not on the order they came in, as long as none conflict.
    """
    if not rows:
        return block
    if not block.ts or block.ts[-1] < min(rows):
        return _extended(block, rows)
    known = set(block.ts)
    fresh = {ts: cells for ts, cells in rows.items() if ts not in known}
    order = sorted([*((ts, index) for index, ts in enumerate(block.ts)), *((ts, None) for ts in fresh)])
    keys = sorted(set(block.columns).union(*fresh.values()))
    table = Table([ts for ts, _ in order], {})
    for key in keys:
        stored = block.column(key)
        table.columns[key] = [fresh[ts].get(key) if index is None else stored[index] for ts, index in order]
    return table


def _extended(block: Table, rows: Mapping[int, Mapping[int, Any]]) -> Table:
    """A block and rows that are all younger."""
    order = sorted(rows)
    keys = sorted(set(block.columns).union(*rows.values()))
    return Table([*block.ts, *order], {key: [*block.column(key), *(rows[ts].get(key) for ts in order)] for key in keys})


def rows_of(table: Table) -> list[tuple[int, dict[int, Any]]]:
    """The rows of a table: time, and cells by column without the missing values."""
    keys = list(table.columns)
    rows = zip(*table.columns.values(), strict=True) if keys else repeat((), len(table.ts))
    return [
        (ts, {key: value for key, value in zip(keys, row, strict=True) if value is not None})
        for ts, row in zip(table.ts, rows, strict=True)
    ]


def samples_of(table: Table) -> list[Sample]:
    """The results of a table for the uptime rules; a row that stands for slots never run is an unknown one."""
    rows = zip(
        table.ts,
        table.numbers(columns.STATE),
        table.numbers(columns.INTERVAL),
        table.column(columns.LATENCY),
        strict=True,
    )
    return list(map(Sample._make, rows))


def held_of(table: Table) -> Held:
    """The results of a table as the time accounting reads them."""
    return Held(table.ts, table.numbers(columns.STATE), table.numbers(columns.INTERVAL))


def cut(table: Table, start_ms: int, end_ms: int) -> Table:
    """The rows of [start, end); times ascend."""
    first, past = bisect_left(table.ts, start_ms), bisect_left(table.ts, end_ms)
    if past - first == len(table.ts):
        return table
    # An end before the start leaves nothing.
    past = max(first, past)
    return Table(table.ts[first:past], {key: values[first:past] for key, values in table.columns.items()})
