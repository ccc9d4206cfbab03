"""A lasting event that is said ever more seldom (contract Nezha 3.3): one of three brakes, and one of a route."""

from dataclasses import dataclass
from datetime import datetime, timedelta

FIRST = timedelta(minutes=15)
LONGEST = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Rung:
    """When a label was last said, and the gap that has to pass before it is said again."""

    said_at: datetime
    gap: timedelta


def climb(rung: Rung | None, *, at: datetime) -> tuple[bool, Rung]:
    """Whether the event may be said now, and the rung after that.

    At once, then when strictly more than 15 min have passed, then 30, 60 and so on up to 24 h. Whoever sees the
    event end forgets the rung: the next one is said at once again.
    """
    if rung is None:
        return True, Rung(at, FIRST)
    if at - rung.said_at <= rung.gap:
        return False, rung
    return True, Rung(at, min(rung.gap * 2, LONGEST))
