"""Times, spans and shares as a language writes them."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from django.utils import translation
from django.utils.formats import date_format

from apps.common.clock import from_epoch_ms
from apps.metrics.uptime import percent_floor3
from apps.statuspages.words import say

# Django's own formats speak each language; English is written the way the product does.
DATE = {"en": "j F Y"}
SHORT = {"en": "j M"}
MINUTE, HOUR, DAY = 60, 3600, 86400
NO_BREAK, DASH = "\u00a0", " \u2013 "


@dataclass(frozen=True, slots=True)
class Spelling:
    """One language and one zone."""

    language: str
    zone: str = "UTC"

    def say(self, key: str, **parts: object) -> str:
        return say(self.language, key, **parts)

    def moment(self, at: datetime) -> str:
        """Date and time in the page's zone."""
        return f"{self.date(at)}, {self.time(at)}"

    def date(self, at: datetime) -> str:
        return _date(at.astimezone(_zone(self.zone)).date().isoformat(), self.language)

    def time(self, at: datetime) -> str:
        return f"{at.astimezone(_zone(self.zone)):%H:%M}"

    def day(self, day_ms: int) -> str:
        """A UTC day of an uptime bar; its year goes without saying."""
        return _day(day_ms, self.language)

    def span(self, starts_at: datetime, ends_at: datetime | None) -> str:
        """From when to when; on one day the date is said once."""
        start = self.moment(starts_at)
        if ends_at is None:
            return f"{start}, {self.say('no_end')}"
        same = self.date(starts_at) == self.date(ends_at)
        return f"{start}{DASH}{self.time(ends_at) if same else self.moment(ends_at)}"

    def share(self, fraction: tuple[int, int] | None) -> str:
        """`99.994 %`, cut after three decimals; `100 %` only for the whole."""
        if fraction is None:
            return "—"
        number = "100" if fraction[0] == fraction[1] else percent_floor3(*fraction)
        return f"{number.replace('.', self.say('decimal'))}{NO_BREAK}%"

    def lasting(self, seconds: float) -> str:
        """The two largest units: `2 d 3 h`, `15 min`, `40 s`."""
        left, parts = max(0, int(seconds)), []
        for size, unit in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (1, "second")):
            count, left = divmod(left, size)
            if count:
                parts.append(self.say(unit, n=count))
        return " ".join(parts[:2]) or self.say("second", n=0)

    def millis(self, us: float) -> str:
        return f"{max(1, round(us / 1000))}{NO_BREAK}ms"


def speaking(language: str) -> translation.override:
    """Django's own words (months, weekdays) in this language for a while."""
    return translation.override(language)


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return UTC


@lru_cache(maxsize=4096)
def _day(day_ms: int, language: str) -> str:
    return _date(from_epoch_ms(day_ms).date().isoformat(), language, short=True)


@lru_cache(maxsize=4096)
def _date(day: str, language: str, *, short: bool = False) -> str:
    write: Callable[..., str] = date_format
    form = SHORT.get(language, "MONTH_DAY_FORMAT") if short else DATE.get(language, "DATE_FORMAT")
    with translation.override(language):
        return write(datetime.fromisoformat(day).date(), form)
