"""The 95th percentile of five-minute rates, as providers bill it (contract Dash 8.7)."""

from collections.abc import Sequence

from apps.traffic.facts import NO_RATE, Rate

MIN_SAMPLES = 20
ONE_IN = 20
# Two different fractions with denominators of up to a bucket's milliseconds are further apart than 2^-40.
_PRECISION = 40


def rank(count: int) -> int:
    """How many of so many samples, the highest, are dropped; the next one is the percentile."""
    return count // ONE_IN


def percentile_and_peak(volumes: Sequence[int], times_ms: Sequence[int]) -> tuple[Rate | None, Rate]:
    """The rate that 95 % of the samples do not exceed and the greatest of all, from bytes and milliseconds of each.

    No percentile for fewer than twenty samples, no peak for none. Times are positive and no longer than a bucket.
    """
    if not volumes:
        return None, NO_RATE
    # An integer that orders rates exactly as the fractions do, and costs no fraction a sample.
    order = [(volume << _PRECISION) // ms for volume, ms in zip(volumes, times_ms, strict=True)]
    peak = order.index(max(order))
    if len(order) < MIN_SAMPLES:
        return None, Rate(volumes[peak], times_ms[peak])
    ninety_fifth = order.index(sorted(order, reverse=True)[rank(len(order))])
    return Rate(volumes[ninety_fifth], times_ms[ninety_fifth]), Rate(volumes[peak], times_ms[peak])
