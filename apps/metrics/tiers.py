"""Windows of the store: how much time one block of each tier covers, and how wide its buckets are (milliseconds)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

RAW, FIVE_MINUTES, HOURS, DAYS, FACTS, REPORTS = range(6)
TIERS = (FIVE_MINUTES, HOURS, DAYS)
# One block holds a day of raw results, a day of 5-minute buckets, 30 days of hours, 360 days of days.
# Facts are five minutes of an interface's traffic each; apps.traffic reckons them.
# Raw reports of nodes and the like come every few seconds: an hour of them fills a block.
SPAN = {RAW: DAY, FIVE_MINUTES: DAY, HOURS: 30 * DAY, DAYS: 360 * DAY, FACTS: DAY, REPORTS: HOUR}
STEP = {FIVE_MINUTES: 5 * MINUTE, HOURS: HOUR, DAYS: DAY}

RollUp = Literal["raw", "5m", "1h", "1d"]
# What charts call the tiers they are drawn from.
ROLL_UPS: Mapping[int, RollUp] = {RAW: "raw", FIVE_MINUTES: "5m", HOURS: "1h", DAYS: "1d"}


@dataclass(frozen=True, slots=True)
class Retention:
    """Days each tier is kept; None: for ever. Tier 3 and the day rows always are."""

    raw: int | None = 90
    five_minutes: int | None = 90
    hours: int | None = 730
    reports: int | None = 7

    def limit_ms(self, tier: int, now_ms: int) -> int | None:
        """Blocks of the tier that end at or before this instant have had their time."""
        kept = {RAW: self.raw, REPORTS: self.reports, FIVE_MINUTES: self.five_minutes, HOURS: self.hours}
        days = kept.get(FIVE_MINUTES if tier == FACTS else tier)
        return None if days is None else now_ms - days * DAY


DEFAULT_RETENTION = Retention()


def floor_to(ms: int, step: int) -> int:
    """The start of the epoch-aligned bucket of `step` milliseconds that holds the instant."""
    return ms // step * step


def window_of(ms: int, tier: int) -> int:
    """The start of the tier's window that holds the instant."""
    return floor_to(ms, SPAN[tier])


def days_between(start_ms: int, end_ms: int) -> list[int]:
    """Starts of the UTC days that [start, end) touches."""
    return list(range(floor_to(start_ms, DAY), end_ms, DAY)) if end_ms > start_ms else []


def runs_of_days(days: Iterable[int]) -> list[tuple[int, int]]:
    """Day starts as half-open stretches of neighbouring days, oldest first."""
    stretches: list[tuple[int, int]] = []
    for day in sorted(days):
        if stretches and stretches[-1][1] == day:
            stretches[-1] = (stretches[-1][0], day + DAY)
        else:
            stretches.append((day, day + DAY))
    return stretches
