"""Stretches of time a report can be about: half-open, made of whole local days or ending now."""

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apps.common.errors import InvalidInputError

BAD_ZONE = "Invalid timezone (must be an IANA timezone like Australia/Adelaide)"
ONE_DAY = timedelta(days=1)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class Period:
    """[start, end) in UTC, seen from a zone; `name` is its word: weekly, monthly, daily or custom."""

    name: str
    start: datetime
    end: datetime
    zone: ZoneInfo

    @property
    def first_day(self) -> date:
        return self.start.astimezone(self.zone).date()

    @property
    def last_day(self) -> date:
        """The local day that the last instant belongs to."""
        last = max(self.start, self.end - timedelta(microseconds=1))
        return last.astimezone(self.zone).date()

    @property
    def length_ms(self) -> int:
        return (self.end - self.start) // timedelta(milliseconds=1)

    def since(self, oldest: datetime) -> "Period":
        """The part of it that is not older than that; empty where nothing is."""
        return replace(self, start=min(max(oldest, self.start), self.end))

    def until(self, now: datetime) -> "Period":
        """The part of it that has passed."""
        end = min(self.end, now)
        return replace(self, start=min(self.start, end), end=end)


def zone_named(name: str | None) -> ZoneInfo:
    """The zone of an IANA name, UTC for none; InvalidInputError otherwise."""
    if not name:
        return ZoneInfo("UTC")
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError, UnicodeError):
        # A folder of the zone database is no zone, and neither is a name that leads out of it.
        raise InvalidInputError(BAD_ZONE, fields={"timezone": BAD_ZONE}) from None


def midnight(day: date, zone: ZoneInfo) -> datetime:
    """When a local day begins, in UTC; where the clock leaves midnight out, the instant of the leap."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def last_days(days: int, *, name: str, zone: ZoneInfo, now: datetime) -> Period:
    """So many times 24 hours, ending now."""
    return Period(name, now - timedelta(days=days), now, zone)


def days_before(day: date, days: int, *, name: str, zone: ZoneInfo) -> Period:
    """So many whole local days, the last of them the one before `day`."""
    return Period(name, midnight(day - timedelta(days=days), zone), midnight(day, zone), zone)


def month_before(day: date, *, zone: ZoneInfo) -> Period:
    """The calendar month before the one of `day`."""
    end = day.replace(day=1)
    start = (end - ONE_DAY).replace(day=1)
    return Period("monthly", midnight(start, zone), midnight(end, zone), zone)


def week_before(day: date, *, zone: ZoneInfo) -> Period:
    """The calendar week, Monday to Sunday, before the one of `day`."""
    return days_before(day - timedelta(days=day.weekday()), 7, name="weekly", zone=zone)


def midnight_of(text: str | None, zone: ZoneInfo) -> datetime | None:
    """The begin of the local day `2026-03-01` names, in UTC; None for anything else."""
    if text is None or not _DATE.fullmatch(text):
        return None
    try:
        return midnight(date.fromisoformat(text), zone)
    except (ValueError, OverflowError):
        return None
