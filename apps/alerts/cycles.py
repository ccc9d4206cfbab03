"""Cycles of whole hours, days, weeks, months or years from an anchor, and how much of a counter fell into one."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Literal
from zoneinfo import ZoneInfo

from apps.traffic.cycles import months_later, near

Unit = Literal["hour", "day", "week", "month", "year"]
HOUR = timedelta(hours=1)
DAYS = {"day": 1, "week": 7}
MONTHS = {"month": 1, "year": 12}
KEEP_EVERY = timedelta(minutes=1)
# A cycle's use is looked at again when the rest of its limit could be half way gone, at the latest and at the soonest.
LOOK_AGAIN_S, LOOK_AGAIN_SOONEST_S = 1800, 180


@dataclass(frozen=True, slots=True)
class Cycle:
    """`every` units from `anchor` on; days and longer follow the wall clock of `zone` (empty: the anchor's offset).

    A day that a month does not have rolls over into the next one, and the walk goes on from there: the end of
    January and a month is the 3rd of March, then the 3rd of April (contract Nezha 2.7).
    """

    anchor: datetime
    every: int
    unit: Unit
    zone: str = ""

    @property
    def clock(self) -> tzinfo:
        """The zone whose wall clock the cycle follows."""
        return ZoneInfo(self.zone) if self.zone else (self.anchor.tzinfo or UTC)


def bounds(cycle: Cycle, at: datetime) -> tuple[datetime, datetime]:
    """Start and end of the cycle that `at` lies in, as UTC instants.

    An instant on the border belongs to the cycle that ends there; a whole number of hours belongs to the one that
    begins. Before the anchor it is the first cycle.
    """
    if cycle.unit == "hour":
        length = HOUR * cycle.every
        start = cycle.anchor + max((at - cycle.anchor) // length, 0) * length
        return start.astimezone(UTC), (start + length).astimezone(UTC)
    start = _near(cycle, at)
    end = _after(cycle, start)
    while at > _instant(cycle, end):
        start, end = end, _after(cycle, end)
    return _instant(cycle, start), _instant(cycle, end)


def _near(cycle: Cycle, at: datetime) -> datetime:
    """A start on the walk, as wall time, that is at most a few steps before `at`: anchors can be centuries old."""
    start, goal = _wall(cycle, cycle.anchor), _wall(cycle, at)
    if cycle.unit in DAYS:
        length = timedelta(days=DAYS[cycle.unit] * cycle.every)
        return start + max((goal - start) // length - 1, 0) * length
    return near(start, goal, MONTHS[cycle.unit] * cycle.every)


def _after(cycle: Cycle, start: datetime) -> datetime:
    if cycle.unit in DAYS:
        return start + timedelta(days=DAYS[cycle.unit] * cycle.every)
    return months_later(start, MONTHS[cycle.unit] * cycle.every)


def _wall(cycle: Cycle, at: datetime) -> datetime:
    return at.astimezone(cycle.clock).replace(tzinfo=None)


def _instant(cycle: Cycle, wall: datetime) -> datetime:
    return wall.replace(tzinfo=cycle.clock).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Used:
    """How much of a counter fell into the cycle that began at `start`; `counter` is its newest reading."""

    start: datetime
    amount: float
    counter: float
    kept_at: datetime


def count(cycle: Cycle, used: Used | None, *, counter: float, at: datetime) -> Used:
    """The use after one more reading of a counter.

    A counter that fell began again at zero. What passed between two readings counts for the later one's cycle; what
    passed before the first reading is not known and counts for none.
    """
    start, _ = bounds(cycle, at)
    if used is None:
        return Used(start, 0, counter, at)
    passed = counter - used.counter if counter >= used.counter else counter
    amount = used.amount + passed if used.start == start else passed
    return Used(start, amount, counter, at)


def settled(cycle: Cycle, used: Used, before: Used | None) -> Used:
    """What is kept of a count. A counter remembers what passed, so a row can wait a minute: a reader that goes on
    from an older one reckons the same.

    Written at once are a new cycle, the last minute of one and a counter that fell. Only when a counter begins again
    is lost what passed since the row was written.
    """
    if before is None or used.start != before.start or used.counter < before.counter:
        return used
    _, end = bounds(cycle, used.kept_at)
    waits = used.kept_at < before.kept_at + KEEP_EVERY and used.kept_at < end - KEEP_EVERY
    return before if waits else used


def next_check_s(limit: float, used: float) -> float:
    """Seconds until a use of `used` out of `limit` is worth another look: 1800 down to 180 (contract Nezha 2.7).

    For whoever reckons `Subject.used` from stored traffic, which is dear; what is counted here is looked at anyway.
    """
    if limit <= 0:
        return LOOK_AGAIN_SOONEST_S
    return max(LOOK_AGAIN_S * (limit - used) / limit, LOOK_AGAIN_SOONEST_S)
