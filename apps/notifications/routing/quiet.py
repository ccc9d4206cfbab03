"""Quiet hours: until when a notice has to wait, or that it is dropped."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from apps.notifications.routing.policy import QuietHours
from apps.notifications.routing.wall import DAY, spans

# A quiet period longer than this is no night but a mistake; its notices are dropped instead of kept for ever.
LONGEST = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Settled:
    """What quiet hours make of a notice that is due at an instant: when it leaves, or None when it is dropped."""

    at: datetime | None
    quiet: bool


def settle(quiet: QuietHours, zone: ZoneInfo, *, at: datetime, severity: str) -> Settled:
    """Let a notice of this severity pass, wait for the end of the quiet period, or drop it (contract Dashmon 9.1)."""
    if not quiet.enabled or severity in quiet.bypass:
        return Settled(at, quiet=False)
    end = quiet_until(quiet, zone, at)
    if end is None:
        return Settled(at, quiet=False)
    if quiet.mode == "suppress" or end - at > LONGEST:
        return Settled(None, quiet=True)
    return Settled(end, quiet=True)


def quiet_until(quiet: QuietHours, zone: ZoneInfo, at: datetime) -> datetime | None:
    """The end of the contiguous quiet period that holds `at`; None outside of one. Adjoining windows are one period.

    Looks a little further than LONGEST, which is all that anybody asks.
    """
    today = at.astimezone(zone).date()
    # The day before yesterday's window cannot reach today, but yesterday's can; the far end is beyond LONGEST.
    listed = sorted(spans(quiet.windows, zone, first=today - DAY, last=today + LONGEST + DAY))
    end: datetime | None = None
    for start, stop in listed:
        if end is None:
            if start <= at < stop:
                end = stop
        elif start > end:
            break
        else:
            end = max(end, stop)
    return end
