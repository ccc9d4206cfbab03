"""A log histogram that merges exactly and answers every percentile within 1 % (vectors rollup_latency).

Bin i = ceil(ln v / ln gamma) counts the values in (gamma^(i-1), gamma^i]; the estimate 2 gamma^i / (gamma + 1) is
within 1 % of each of them. Counts are integers, so any order of values and merges gives the same histogram.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from apps.metrics.codec import Table, decode, encode
from apps.metrics.percentiles import rank

ACCURACY = 0.01
GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
_LOG_GAMMA = math.log(GAMMA)
# Values at or below zero have no logarithm; on disk they sit below every bin a float can have.
_ZERO_BIN = -(2**31)
_COUNT = 1


@dataclass(frozen=True, slots=True)
class Sketch:
    """How many values fell into each bin, and how many were zero or less."""

    bins: Mapping[int, int] = field(default_factory=dict)
    zeros: int = 0

    @property
    def count(self) -> int:
        return self.zeros + sum(self.bins.values())

    def __add__(self, other: "Sketch") -> "Sketch":
        return Sketch(Counter(self.bins) + Counter(other.bins), self.zeros + other.zeros)

    def quantile(self, percent: int) -> float | None:
        """The estimate of the nearest-rank percentile; None for an empty histogram."""
        if not self.count:
            return None
        left = rank(self.count, percent) - self.zeros
        if left <= 0:
            return 0.0
        for index, count in sorted(self.bins.items()):
            left -= count
            if left <= 0:
                return estimate(index)
        raise AssertionError("a rank lies within the count")

    def to_bytes(self) -> bytes:
        """The same block codec as everything else; the same histogram gives the same bytes."""
        rows = [(_ZERO_BIN, self.zeros)] if self.zeros else []
        rows += sorted(self.bins.items())
        return encode(Table([index for index, _ in rows], {_COUNT: [count for _, count in rows]}))


def bin_of(value: float) -> int:
    """The bin of a positive value."""
    return math.ceil(math.log(value) / _LOG_GAMMA)


def estimate(index: int) -> float:
    """The value that stands for a bin: within 1 % of all that fall into it."""
    return 2 * GAMMA**index / (GAMMA + 1)


def sketch_of(values: Iterable[float]) -> Sketch:
    counts = Counter(values)
    bins: Counter[int] = Counter()
    zeros = 0
    for value, count in counts.items():
        if value > 0:
            bins[bin_of(value)] += count
        else:
            zeros += count
    return Sketch(bins, zeros)


def from_bytes(block: "bytes | memoryview[int]") -> Sketch:
    """What `to_bytes` wrote; BlockError when it is anything else."""
    table = decode(block)
    counts = dict(zip(table.ts, table.column(_COUNT), strict=True))
    zeros = counts.pop(_ZERO_BIN, 0)
    return Sketch(counts, zeros)
