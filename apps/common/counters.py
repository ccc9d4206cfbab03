"""What this process has done since it started: counted where it happens, told to the others by `dashmon.reporting`.

A name may carry one label after a slash (`checks_executed/up`). Nothing here is stored; a count is one addition under
a lock, so the hot paths count a batch at a time.
"""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime

from apps.common.clock import epoch_ms

Reading = Callable[[], float]

_lock = threading.Lock()
_counts: dict[str, float] = {}
_marks: dict[str, int] = {}
_readings: dict[object, tuple[str, Reading]] = {}


def count(name: str, amount: float = 1) -> None:
    """Add to a counter; from any thread."""
    with _lock:
        _counts[name] = _counts.get(name, 0) + amount


def step_done(step: str, *, at: datetime, seconds: float) -> None:
    """A step of the background came to its end."""
    count(f"step_runs/{step}")
    count(f"step_seconds/{step}", seconds)
    with _lock:
        _marks[step] = epoch_ms(at)


def step_failed(step: str) -> None:
    """A step of the background raised."""
    count(f"step_failures/{step}")


def watch(name: str, reading: Reading) -> Callable[[], None]:
    """Ask `reading` whenever somebody wants to know how things stand; the answer ends that."""
    key = object()
    with _lock:
        _readings[key] = (name, reading)

    def unwatch() -> None:
        with _lock:
            _readings.pop(key, None)

    return unwatch


def counted() -> Mapping[str, float]:
    """Every counter as it stands."""
    with _lock:
        return dict(_counts)


def marked() -> Mapping[str, int]:
    """When each step last came to its end, in epoch milliseconds."""
    with _lock:
        return dict(_marks)


def watched() -> Mapping[str, float]:
    """Every reading, those of one name added up."""
    with _lock:
        readings = list(_readings.values())
    total: dict[str, float] = {}
    for name, reading in readings:
        total[name] = total.get(name, 0) + reading()
    return total


def reset() -> None:
    """Begin anew: a process that was forked has done nothing yet."""
    with _lock:
        _counts.clear()
        _marks.clear()
        _readings.clear()
