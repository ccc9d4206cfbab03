"""A lasting event that is said ever more seldom (contract Nezha 3.3): one of three brakes, and one of a route.

Vectors: nezha_notifications.json (mute_ladder_seconds), nezha_alert_rules.json (sequences).
"""

from datetime import datetime, timedelta

FIRST = timedelta(minutes=15)
LONGEST = timedelta(hours=24)
# A gap has to be over, and not only to have come to its end.
MOMENT = timedelta(microseconds=1)


def rung(begun_at: datetime, at: datetime) -> tuple[int, timedelta]:
    """How high an event has climbed at an instant, from 0, and the gap that follows there.

    Gaps are 15 min, 30 min, 1 h and so on up to 24 h.
    """
    height, gap, left = 0, FIRST, at - begun_at
    while left >= gap:
        left -= gap
        gap = min(gap * 2, LONGEST)
        height += 1
    return height, gap


def said_again_at(begun_at: datetime, said_at: datetime) -> datetime:
    """When an event that goes on may be said again after it was said: as soon as the gap is over."""
    return said_at + rung(begun_at, said_at)[1] + MOMENT
