"""Buckets of reports: a pure function of raw rows, exact integers, and their exact merge (`buckets.merge_buckets`)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from apps.metrics.buckets import joined
from apps.metrics.codec import Relation, Table
from apps.metrics.columns import SAMPLES, gauge_key, gauge_part
from apps.metrics.gauge import Part, parts_of, runs
from apps.metrics.packing import fits
from apps.metrics.reported import kept

# The number of reports of a bucket; every column's own count is hardly ever another.
REPORT_COUNT = SAMPLES


def report_buckets(
    hours: Iterable[Table], names: Mapping[int, str], step_ms: int, parts: Collection[Part] = tuple(Part)
) -> Table:
    """Buckets of raw reports, handed in oldest first and cut where buckets begin; ones without a report do not exist.

    Values are integers, scaled by the decimal places of their column (`hours_of` with `decimals`). Of what a column
    keeps only `parts` are reckoned.
    """
    return joined([_bucketed(rows, names, step_ms, parts) for rows in hours if rows.ts])


def _bucketed(rows: Table, names: Mapping[int, str], step_ms: int, parts: Collection[Part]) -> Table:
    groups = runs(rows.ts, step_ms)
    spans = [(first, past) for _, first, past in groups]
    table = Table([bucket for bucket, _, _ in groups], {REPORT_COUNT: [past - first for first, past in spans]})
    for key, values in rows.columns.items():
        if key in names:
            chosen = [part for part in kept(names[key]).parts if part in parts]
            table.columns.update(_measured(key, values, chosen, spans))
    return table


def decimals_of(names: Mapping[int, str]) -> dict[int, int]:
    """The decimal places of each column in a bucket."""
    return {key: kept(name).decimals for key, name in names.items()}


def _measured(
    key: int, values: Sequence[Any], parts: Sequence[Part], spans: Sequence[tuple[int, int]]
) -> dict[int, list[int | None]]:
    measured = [part for part in parts if part is not Part.COUNT]
    found = {gauge_key(key, part): column for part, column in parts_of(values, spans, measured).items()}
    if Part.COUNT in parts:
        gaps = None in values
        found[gauge_key(key, Part.COUNT)] = [
            past - first - (values[first:past].count(None) if gaps else 0) for first, past in spans
        ]
    return found


def storable(table: Table) -> Table:
    """The buckets as a block can hold them: where a sum is beyond 64 bits its column is one of floats."""
    for key, values in table.columns.items():
        present = [value for value in values if value is not None]
        if any(isinstance(value, float) for value in present) or not fits(present):
            table.columns[key] = [None if value is None else float(value) for value in values]
    return table


def relations_of(table: Table) -> dict[int, Relation]:
    """What each bucket column hardly differs from: its last value, or the number of reports."""
    found: dict[int, Relation] = {}
    for key in table.columns:
        part = gauge_part(key)
        if part in {Part.MIN, Part.MAX}:
            found[key] = Relation((key - part + Part.LAST,))
        elif part is not None and part == Part.COUNT:
            found[key] = Relation((REPORT_COUNT,))
    return found
