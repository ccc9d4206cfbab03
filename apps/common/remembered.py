"""What a process remembers of many things, the least recently used of which it forgets."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from threading import Lock
from typing import Generic, TypeVar
from weakref import WeakSet

K = TypeVar("K")
V = TypeVar("V")
# What follows from the targets of monitors: for more of them than one process checks. They are asked for round and
# round, so all must be there, or nothing of it is.
TARGETS_KEPT = 131_072
_all: "WeakSet[Remembered[object, object]]" = WeakSet()


class Remembered(Generic[K, V]):
    """A bounded map, shared by the threads of a process."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = Lock()
        self._kept: OrderedDict[K, V] = OrderedDict()
        _all.add(self)  # type: ignore[arg-type]  # only cleared through the set, whatever is inside

    def take(self, keys: Iterable[K]) -> dict[K, V]:
        """What is remembered of these, which thereby counts as used."""
        with self._lock:
            found = {key: self._kept[key] for key in keys if key in self._kept}
            for key in found:
                self._kept.move_to_end(key)
            return found

    def put(self, fresh: Mapping[K, V]) -> None:
        with self._lock:
            self._kept.update(fresh)
            while len(self._kept) > self._limit:
                self._kept.popitem(last=False)

    def drop(self, keys: Collection[K] | None = None) -> None:
        """Forget some, or all of them."""
        with self._lock:
            if keys is None:
                self._kept.clear()
            for key in keys or ():
                self._kept.pop(key, None)


def forget_all() -> None:
    """For tests, whose databases differ."""
    for each in list(_all):
        each.drop()
