"""Whether the database takes what this process writes: a full or broken disk is told by errors, and only by those.

Noted where writes go on all the time: the process's own row (every few seconds), hot writes, steps, results of checks.
Reading goes on without room, so without this nothing but growing lags would say what is wrong.
"""

import threading
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

# What SQLite says about a disk; PostgreSQL's classes are insufficient resources, and errors of the system.
SQLITE = ("disk is full", "disk i/o error", "readonly database", "unable to open database file")
FULL_OR_BROKEN = ("53100", "58030", "58P01", "25006")
# A small write may still find room where the next one does not: well again is who had no trouble for this long.
QUIET = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class Trouble:
    """Writes fail: since when, when last, and what was said."""

    since: datetime
    last: datetime
    said: str


_lock = threading.Lock()
_trouble: Trouble | None = None


def note(error: BaseException, *, now: datetime) -> None:
    """A write failed; errors that say nothing about the storage are not meant."""
    global _trouble  # noqa: PLW0603  # one storage for the process
    said = str(error).strip().partition("\n")[0]
    sqlstate = getattr(error.__cause__, "sqlstate", None)
    if sqlstate not in FULL_OR_BROKEN and not any(words in said.lower() for words in SQLITE):
        return
    with _lock:
        before = _current(now)
        _trouble = replace(before, last=now, said=said) if before else Trouble(now, now, said)


def trouble(now: datetime) -> Trouble | None:
    """What is wrong with writing; None while nothing is."""
    with _lock:
        return _current(now)


def forget() -> None:
    """For tests, whose disks differ."""
    global _trouble  # noqa: PLW0603  # likewise
    with _lock:
        _trouble = None


def _current(now: datetime) -> Trouble | None:
    return _trouble if _trouble is not None and now - _trouble.last < QUIET else None
