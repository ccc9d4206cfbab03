"""Billing cycles: half-open stretches between two local midnights, about a month long (contract Dash 8.4)."""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import count
from typing import TypeVar
from zoneinfo import ZoneInfo

from apps.traffic.plans import CyclePlan, Mode

SAFE_DAY = 28  # every month has it
LAST_YEAR = 9998
DAY = timedelta(days=1)
MOMENT = timedelta(milliseconds=1)

D = TypeVar("D", bound=date)


@dataclass(frozen=True, slots=True)
class Cycle:
    """One billing cycle: [start, end) as UTC instants."""

    start: datetime
    end: datetime


def cycle_at(plan: CyclePlan, at: datetime) -> Cycle:
    """The cycle that holds an instant. The plan must name its zone."""
    zone = ZoneInfo(plan.zone)
    start = end = datetime.min.replace(tzinfo=UTC)
    # By instants, not by dates: a day whose midnight the clock leaps over begins a little before it says.
    for day in _boundaries(plan, at.astimezone(zone).date()):
        start, end = end, midnight(day, zone)
        if end > at:
            break
    return Cycle(start, end)


def cycles_back(plan: CyclePlan, at: datetime, number: int) -> list[Cycle]:
    """The cycle that holds an instant and those before it, newest first; each ends where the next one begins."""
    found = [cycle_at(plan, at)]
    while len(found) < number:
        found.append(before(plan, found[-1]))
    return found


def before(plan: CyclePlan, cycle: Cycle) -> Cycle:
    """The cycle just before another one."""
    # A walk without an anchor begins anew every January: the older one would reach beyond its successor's start.
    return Cycle(cycle_at(plan, cycle.start - MOMENT).start, cycle.start)


def local_days(cycle: Cycle, zone_name: str) -> Iterator[Cycle]:
    """The local days that a stretch touches, whole: 23, 24 or 25 hours each."""
    zone = ZoneInfo(zone_name)
    day = cycle.start.astimezone(zone).date() - DAY
    start = midnight(day, zone)
    while start < cycle.end:
        end = midnight(day + DAY, zone)
        if end > cycle.start and end > start:
            yield Cycle(start, end)
        day, start = day + DAY, end


def midnight(day: date, zone: tzinfo) -> datetime:
    """The UTC instant at which a local day begins.

    Of two midnights the first. One that the clock leaps over is reckoned with the new offset west of Greenwich and
    with the old one elsewhere, as Dash does; days stay next to each other either way.
    """
    wall = datetime(day.year, day.month, day.day, tzinfo=zone)
    instant = wall.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
        return instant
    before = wall.utcoffset() or timedelta()
    return wall.replace(fold=1).astimezone(UTC) if before < timedelta() else instant


def months_later(start: D, months: int) -> D:
    """The same day so many months on; one that the month does not have rolls over into the next: 31 January, 3 March.

    Stops at the end of the calendar.
    """
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    if year > LAST_YEAR:
        return start.replace(year=LAST_YEAR + 1, month=12, day=1)
    return start.replace(year=year, month=month + 1, day=1) + timedelta(days=start.day - 1)


def near(start: D, goal: D, months: int) -> D:
    """A step of the walk from `start` that is at most a few steps before `goal`: anchors can be centuries old.

    Each step is `months_later` of the one before, so a day that has rolled over stays where it came to.
    """
    while start.day > SAFE_DAY and (following := months_later(start, months)) < goal - 2 * DAY:
        start = following
    if start.day > SAFE_DAY:
        return start
    passed = (goal.year - start.year) * 12 + goal.month - start.month
    return months_later(start, max(passed // months - 1, 0) * months)


def _boundaries(plan: CyclePlan, today: date) -> Iterator[date]:
    """Ascending first days of cycles, from at least one that has begun today on."""
    if plan.mode is Mode.WHMCS:
        step = near(_first_step(plan, today), today, 1)
        while True:
            yield step
            step = months_later(step, 1)
    day = plan.start_day if plan.mode is Mode.CLAMP else 1
    for month in count(today.year * 12 + today.month - 3):
        yield _clamped(month, day)


def _clamped(months: int, day: int) -> date:
    """A day of the month that is so many after January of year 0, or that month's last day."""
    year, month = divmod(months, 12)
    return date(year, month + 1, min(day, monthrange(year, month + 1)[1]))


def _first_step(plan: CyclePlan, today: date) -> date:
    if plan.anchor is not None and plan.anchor <= today:
        return plan.anchor
    return date(today.year - 1, 12, plan.start_day)
