"""Figures that are dear to compute and asked for often, kept in this process for some seconds."""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar
from weakref import WeakSet

T = TypeVar("T")
_all: "WeakSet[Kept[object]]" = WeakSet()


class Kept(Generic[T]):
    """One value for at most `ttl`. Of several threads that ask at once one computes and the others wait for it."""

    def __init__(self, make: Callable[[datetime], T], *, ttl: timedelta) -> None:
        self._make, self._ttl = make, ttl
        self._lock = threading.Lock()
        self._kept: tuple[datetime, T] | None = None
        _all.add(self)  # type: ignore[arg-type]  # only cleared through the set, whatever is inside

    def get(self, now: datetime) -> T:
        """The value as it was at most `ttl` before `now`; what the maker raises is raised and not kept."""
        with self._lock:
            if self._kept is None or not timedelta() <= now - self._kept[0] < self._ttl:
                self._kept = (now, self._make(now))
            return self._kept[1]

    def forget(self) -> None:
        """Compute anew at the next question."""
        with self._lock:
            self._kept = None


def forget_all() -> None:
    """For tests, whose databases differ."""
    for each in list(_all):
        each.forget()
