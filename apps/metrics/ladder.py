"""Which bucket width a chart uses (vectors rollup_steps), and which tier can serve it."""

from apps.metrics.tiers import DAY, DAYS, FIVE_MINUTES, HOURS, RAW

LADDER_S = (10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400, 172800, 604800)
MAX_POINTS = 500
# Raw rows serve two days, 5-minute buckets 30 days, hours a year (in milliseconds).
_REACH = ((2 * DAY, RAW), (30 * DAY, FIVE_MINUTES), (366 * DAY, HOURS))


def points(start_s: int, end_s: int, step_s: int) -> int:
    """How many epoch-aligned buckets [start, end) touches."""
    return -(-end_s // step_s) - start_s // step_s


def step_for(start_s: int, end_s: int, *, max_points: int = MAX_POINTS, at_least_s: int = 0) -> int:
    """The smallest step of the ladder with at most `max_points` buckets; the widest where none has.

    `at_least_s` keeps a chart from being finer than its source: one result a minute is drawn by the minute.
    """
    for step in LADDER_S:
        if step >= at_least_s and points(start_s, end_s, step) <= max_points:
            return step
    return LADDER_S[-1]


def tier_for(length_ms: int) -> int:
    """The finest tier meant for a range of this length."""
    for reach, tier in _REACH:
        if length_ms <= reach:
            return tier
    return DAYS
