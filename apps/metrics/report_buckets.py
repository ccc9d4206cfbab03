"""Buckets of reports: a pure function of raw rows, exact integers, and their exact merge (`buckets.merge_buckets`)."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from apps.metrics.buckets import joined
from apps.metrics.codec import Relation, Table
from apps.metrics.columns import SAMPLES, gauge_key, gauge_part
from apps.metrics.gauge import Part, folds, runs
from apps.metrics.packing import fits
from apps.metrics.reported import Kept, kept

# The number of reports of a bucket; every column's own count is hardly ever another.
REPORT_COUNT = SAMPLES


def report_buckets(hours: Iterable[Table], names: Mapping[int, str], step_ms: int) -> Table:
    """Buckets of raw reports, handed in oldest first and cut where buckets begin; ones without a report do not exist.

    Values are integers, scaled by the decimal places of their column.
    """
    return joined([_bucketed(rows, names, step_ms) for rows in hours if rows.ts])


def _bucketed(rows: Table, names: Mapping[int, str], step_ms: int) -> Table:
    groups = runs(rows.ts, step_ms)
    spans = [(first, past) for _, first, past in groups]
    table = Table([bucket for bucket, _, _ in groups], {REPORT_COUNT: [past - first for first, past in spans]})
    for key, values in rows.columns.items():
        if key in names:
            table.columns.update(_measured(key, values, kept(names[key]), spans))
    return table


def _measured(
    key: int, values: Sequence[Any], how: Kept, spans: Sequence[tuple[int, int]]
) -> dict[int, list[int | None]]:
    scaled = [None if value is None else round(value * how.scale) for value in values]
    answered: Sequence[int | None] = [int(value is not None) for value in scaled]
    return {gauge_key(key, part): folds(part, answered if part is Part.COUNT else scaled, spans) for part in how.parts}


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
