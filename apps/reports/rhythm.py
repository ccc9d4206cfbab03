"""When a scheduled report is due, and which days it is about: arithmetic on calendars, nothing else.

A report is due at a full hour of local time. Where the clock leaves that hour out, it is due at the hour that the
clock shows instead; where the hour comes twice, at the first of the two.
"""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from apps.reports.periods import ONE_DAY, Period, days_before, month_before

Frequency = Literal["daily", "weekly", "monthly"]


@dataclass(frozen=True, slots=True)
class Rhythm:
    """`weekday` counts from Monday, 0; `day` beyond a month's end means its last day. Each speaks for its frequency."""

    frequency: Frequency
    hour: int
    zone: ZoneInfo
    weekday: int = 0
    day: int = 1

    def falls_on(self, day: date) -> bool:
        """Whether a report is due on this local day."""
        if self.frequency == "weekly":
            return day.weekday() == self.weekday
        if self.frequency == "monthly":
            return day.day == min(self.day, calendar.monthrange(day.year, day.month)[1])
        return True

    def due_on(self, day: date) -> datetime:
        """The instant of the hour on a local day, in UTC."""
        return datetime(day.year, day.month, day.day, self.hour, tzinfo=self.zone).astimezone(UTC)

    def period_of(self, due: datetime) -> Period:
        """What a report due at this instant is about: yesterday, the seven days before, the month before."""
        day = due.astimezone(self.zone).date()
        if self.frequency == "monthly":
            return month_before(day, zone=self.zone)
        return days_before(day, 7 if self.frequency == "weekly" else 1, name=self.frequency, zone=self.zone)


def next_after(rhythm: Rhythm, after: datetime) -> datetime:
    """The first due instant later than `after`."""
    return next(due for due in _dues(rhythm, after - 2 * ONE_DAY, ONE_DAY) if due > after)


def latest_until(rhythm: Rhythm, until: datetime) -> datetime:
    """The last due instant that is not later than `until`."""
    return next(due for due in _dues(rhythm, until + 2 * ONE_DAY, -ONE_DAY) if due <= until)


def _dues(rhythm: Rhythm, start: datetime, step: timedelta) -> Iterator[datetime]:
    day = start.astimezone(rhythm.zone).date()
    while True:
        if rhythm.falls_on(day):
            yield rhythm.due_on(day)
        day += step
