"""Waiting for what other threads and processes do."""

import time
from collections.abc import Callable

BETWEEN_S = 0.05


def eventually(condition: Callable[[], bool], seconds: float = 30) -> bool:
    """Whether the condition comes true in time; it is asked every 50 ms."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(BETWEEN_S)
    return True
