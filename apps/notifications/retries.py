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


def next_try(*, attempts: int, now: datetime) -> datetime | None:
    """When to try again after `attempts` that failed, the last of them now; None: give up."""
    return now + WAITS[attempts - 1] if attempts <= len(WAITS) else None
