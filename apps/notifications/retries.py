"""How often and when a message is tried again (contract Dashmon 9.1)."""

from datetime import datetime, timedelta

WAITS = (
    timedelta(seconds=10),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(minutes=60),
)
ATTEMPTS = len(WAITS) + 1


# However long the other side asks for, people want to know within a day.
LONGEST_WAIT_S = 24 * 3600


def next_try(*, attempts: int, now: datetime, not_before_s: float | None = None) -> datetime | None:
    """When to try again after `attempts` that failed, the last of them now; None: give up.

    `not_before_s` is what the other side asked for (Retry-After), within a day.
    """
    if attempts > len(WAITS):
        return None
    asked = timedelta(seconds=min(max(0.0, not_before_s or 0.0), LONGEST_WAIT_S))
    return now + max(WAITS[attempts - 1], asked)
