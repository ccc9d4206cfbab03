"""Exact percentiles of sorted values (vectors rollup_latency): nearest rank, and linear interpolation."""

from collections.abc import Sequence


def rank(count: int, percent: int) -> int:
    """Nearest rank, from 1: the smallest that covers `percent` of `count` values."""
    return max(1, -(-count * percent // 100))


def nearest_rank(ordered: Sequence[float], percent: int) -> float | None:
    """A value that occurs: at least `percent` of all are not above it. None for no values."""
    return ordered[rank(len(ordered), percent) - 1] if ordered else None


def linear(ordered: Sequence[float], percent: int) -> float | None:
    """Linear interpolation between the closest ranks, as PERCENTILE_CONT does. None for no values."""
    if not ordered:
        return None
    whole, hundredths = divmod((len(ordered) - 1) * percent, 100)
    if not hundredths:
        return float(ordered[whole])
    low, high = ordered[whole], ordered[whole + 1]
    return low + (high - low) * hundredths / 100
