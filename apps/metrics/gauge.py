"""Gauges in buckets: integer sum, minimum, maximum, last and count, merged exactly (vectors rollup_gauge)."""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from operator import itemgetter
from typing import Any


class Part(IntEnum):
    """What a bucket keeps of a gauge."""

    SUM = 0
    MIN = 1
    MAX = 2
    LAST = 3
    COUNT = 4


@dataclass(frozen=True, slots=True)
class GaugeBucket:
    """One bucket that holds at least one sample; values are scaled integers."""

    bucket_ms: int
    count: int
    sum: int
    min: int
    max: int
    last: int


# Each part of a span in which something was measured every time.
_FOLDS: Mapping[Part, Callable[[Any], int]] = {
    Part.SUM: sum,
    Part.MIN: min,
    Part.MAX: max,
    Part.LAST: itemgetter(-1),
    Part.COUNT: sum,
}


def runs(ts: Sequence[int], step_ms: int) -> list[tuple[int, int, int]]:
    """Ascending times as (bucket, first index, index past the last)."""
    found: list[tuple[int, int, int]] = []
    first = 0
    while first < len(ts):
        bucket = ts[first] // step_ms * step_ms
        past = bisect_left(ts, bucket + step_ms, first)
        found.append((bucket, first, past))
        first = past
    return found


def measure(part: Part, values: Sequence[int | None]) -> int | None:
    """One part of a bucket from the raw values in it."""
    if part is Part.COUNT:
        return sum(value is not None for value in values)
    return fold(part, values)


def fold(part: Part, values: Sequence[int | None]) -> int | None:
    """One part of a wider bucket from the same part of the narrower ones; None when nothing was measured."""
    present = [value for value in values if value is not None]
    if part in {Part.SUM, Part.COUNT}:
        return sum(present)
    if not present:
        return None
    if part is Part.LAST:
        return present[-1]
    return min(present) if part is Part.MIN else max(present)


def folds(part: Part, values: Sequence[int | None], spans: Sequence[tuple[int, int]]) -> list[int | None]:
    """`fold` of every span of the values, each from its first index to the one past its last."""
    if part is Part.LAST and None not in values:
        return [values[past - 1] if first < past else None for first, past in spans]
    return parts_of(values, spans, [part])[part]


def parts_of(
    values: Sequence[int | None], spans: Sequence[tuple[int, int]], parts: Sequence[Part]
) -> dict[Part, list[int | None]]:
    """Several parts of every span of the same values: each is cut out once."""
    groups = [values[first:past] for first, past in spans]
    if None in values or not all(groups):
        return {part: [fold(part, group) for group in groups] for part in parts}
    return {part: list(map(_FOLDS[part], groups)) for part in parts}


def gauge_buckets(ts: Sequence[int], values: Sequence[int], step_ms: int) -> list[GaugeBucket]:
    """Buckets of a series: `ts` ascends in milliseconds, one value each. A bucket without a sample does not exist."""
    return [
        _bucket(bucket, [measure(part, values[first:past]) for part in Part])
        for bucket, first, past in runs(ts, step_ms)
    ]


def merge_buckets(buckets: Sequence[GaugeBucket], step_ms: int) -> list[GaugeBucket]:
    """Wider buckets from narrower ones; equals bucketing the samples themselves."""
    merged = []
    for bucket, first, past in runs([narrow.bucket_ms for narrow in buckets], step_ms):
        group = buckets[first:past]
        columns = [
            [narrow.sum for narrow in group],
            [narrow.min for narrow in group],
            [narrow.max for narrow in group],
            [narrow.last for narrow in group],
            [narrow.count for narrow in group],
        ]
        merged.append(_bucket(bucket, [fold(part, columns[part]) for part in Part]))
    return merged


def _bucket(bucket_ms: int, parts: Sequence[int | None]) -> GaugeBucket:
    total, low, high, last, count = (part or 0 for part in parts)
    return GaugeBucket(bucket_ms, count, total, low, high, last)
