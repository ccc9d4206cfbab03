"""The stretch of time a chart shows, as the address says it: a usual one by its key, or one with ends of its own."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import QueryDict
from django.utils import timezone
from django.utils.http import urlencode

USUAL: dict[str, tuple[str, timedelta]] = {
    "1h": ("1 h", timedelta(hours=1)),
    "24h": ("24 h", timedelta(hours=24)),
    "7d": ("7 d", timedelta(days=7)),
    "30d": ("30 d", timedelta(days=30)),
}
FIRST = "24h"
LONGEST = timedelta(days=800)
LOCAL = "%Y-%m-%dT%H:%M"


@dataclass(frozen=True, slots=True)
class Range:
    """A stretch [start, end); `key` is empty when the address names its ends. `fault` says why it was not taken."""

    key: str
    start: datetime
    end: datetime
    fault: str = ""

    @property
    def query(self) -> str:
        """The same stretch as an address spells it, the same instants in every zone."""
        return urlencode(
            {"range": self.key} if self.key else {"from": self.start.isoformat(), "to": self.end.isoformat()}
        )

    @property
    def from_text(self) -> str:
        return timezone.localtime(self.start).strftime(LOCAL)

    @property
    def to_text(self) -> str:
        return timezone.localtime(self.end).strftime(LOCAL)


def read_range(query: QueryDict, *, now: datetime) -> Range:
    """The stretch an address asks for, in the reader's zone and no later than now; the usual one if there is none."""
    if "from" not in query and "to" not in query:
        return _usual(query.get("range", ""), now=now)
    start, end = _moment(query.get("from", "")), _moment(query.get("to", "")) or now
    if start is None:
        return _usual("", now=now, fault="The start of the range is not a date and a time.")
    end = min(end, now)
    if start >= end:
        return _usual("", now=now, fault="The range ends before it starts.")
    return Range("", max(start, end - LONGEST), end)


def _usual(key: str, *, now: datetime, fault: str = "") -> Range:
    key = key if key in USUAL else FIRST
    return Range(key, now - USUAL[key][1], now, fault)


def _moment(text: str) -> datetime | None:
    """A local date and time; None for anything else, and for a year that no clock can turn into another zone's."""
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if timezone.is_aware(moment) else timezone.make_aware(moment)
    except (ValueError, OverflowError):
        return None
    return moment if 1971 <= moment.year <= 9000 else None
