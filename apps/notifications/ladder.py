"""A lasting event said ever more seldom: at once, then after 15 minutes, doubling up to a day (contract Nezha 2.6)."""

from dataclasses import dataclass
from datetime import datetime, timedelta

FIRST = timedelta(minutes=15)
LONGEST = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Rung:
    """When it was last said, and how long it is muted from then on; a change of state begins anew with None."""

    said_at: datetime
    mute: timedelta


def climb(rung: Rung | None, now: datetime) -> Rung | None:
    """The next rung when it may be said now; None while it is muted."""
    if rung is None:
        return Rung(now, FIRST)
    if now - rung.said_at < rung.mute:
        return None
    return Rung(now, min(rung.mute * 2, LONGEST))
