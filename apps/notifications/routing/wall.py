"""From wall clocks to instants: windows of the week as UTC spans, over summer time and back."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from apps.notifications.routing.policy import Window

DAY = timedelta(days=1)
Span = tuple[datetime, datetime]


def instant(day: date, clock: time, zone: ZoneInfo) -> datetime:
    """The UTC instant of a wall-clock time. A time that the clock skips is read with the offset before the jump
    (02:30 becomes 03:30), one that comes twice means the first (contract Dashmon 9.1).
    """
    return datetime.combine(day, clock, tzinfo=zone).astimezone(UTC)


def spans(windows: Iterable[Window], zone: ZoneInfo, *, first: date, last: date) -> Iterator[Span]:
    """Every span of the windows that starts on a local day from `first` to `last`, in no order, some overlapping."""
    listed = tuple(windows)
    for offset in range((last - first).days + 1):
        day = first + offset * DAY
        for window in listed:
            if day.weekday() in window.days:
                end_day = day if window.end > window.start else day + DAY
                start, end = instant(day, window.start, zone), instant(end_day, window.end, zone)
                # A window that the clock jumps over is empty on that day.
                if start < end:
                    yield start, end


def covers(windows: Iterable[Window], zone: ZoneInfo, at: datetime) -> bool:
    """Whether an instant lies in one of the windows."""
    today = at.astimezone(zone).date()
    return any(start <= at < end for start, end in spans(windows, zone, first=today - DAY, last=today))
