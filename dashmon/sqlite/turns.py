"""A queue in front of a lock that has none: whoever came first goes first."""

import threading
from collections import deque


class Turns:
    """One holder at a time, handed on in the order of asking."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._is_taken = False

    def take(self, timeout_s: float) -> bool:
        """Wait for one's turn; False when it did not come in time."""
        with self._mutex:
            if not self._is_taken:
                self._is_taken = True
                return True
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=timeout_s):
            return True
        with self._mutex:
            if mine not in self._waiting:
                # It came in this very moment.
                return True
            self._waiting.remove(mine)
            return False

    def hand_on(self) -> None:
        """End one's turn: it is the next one's, or nobody's."""
        with self._mutex:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._is_taken = False
