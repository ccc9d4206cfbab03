"""Ranges that Dash's charts ask for, and how it says whether a node was online (contract Dash 6)."""

from dataclasses import dataclass

HOUR_S, DAY_S = 3600, 86_400
ONLINE_POINTS = 48
# How much of a step has to be reported for it to be fine, and for it to be tolerable.
FINE, TOLERABLE = 0.995, 0.99


@dataclass(frozen=True, slots=True)
class Range:
    """A stretch that ends now, and the width of its buckets in seconds."""

    length_s: int
    step_s: int

    @property
    def most_points(self) -> int:
        """Buckets that the stretch can touch, however it lies."""
        return self.length_s // self.step_s + 1


HISTORY = {
    "30m": Range(HOUR_S // 2, 3),
    "1h": Range(HOUR_S, 6),
    "12h": Range(12 * HOUR_S, 60),
    "24h": Range(DAY_S, 120),
    "1w": Range(7 * DAY_S, 900),
    "15d": Range(15 * DAY_S, 1800),
    "30d": Range(30 * DAY_S, 3600),
}
# What upstream reads these ranges from: raw reports, or roll-ups of that width.
ROLLED_UP = {"1w": "15m", "15d": "15m", "30d": "1h"}
ONLINE = {
    "24h": Range(DAY_S, 1800),
    "7d": Range(7 * DAY_S, 12_600),
    "7days": Range(7 * DAY_S, 12_600),
}


@dataclass(frozen=True, slots=True)
class OnlinePoint:
    """Reports of one step: how many were due, the share that came, and Dash's verdict (0 fine, 1 some gaps, 2 bad)."""

    expected: int
    rate: float
    status: int


def online_point(*, samples: int, step_s: int, interval_s: int) -> OnlinePoint:
    """The verdict on one whole step; a node that reports more often than it says has a rate above 1."""
    expected = -(-step_s // interval_s)
    rate = samples / expected
    status = next((status for status, least in enumerate((FINE, TOLERABLE)) if rate >= least), 2)
    return OnlinePoint(expected, rate, status)


def online_steps(name: str, now_s: int) -> tuple[int, ...]:
    """Starts of the last whole steps of a range, oldest first; the step that holds now is left out."""
    step = ONLINE[name].step_s
    end = now_s // step * step
    return tuple(range(end - ONLINE_POINTS * step, end, step))
