"""How often one address may look at one page: 120 a minute (contract Dashmon 1.5), counted in this process."""

import threading

MOST, WINDOW_S = 120, 60
MOST_VISITORS = 50_000


class Visits:
    """Fixed windows of a minute; all counts are forgotten with their window."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._window = -1
        self._counts: dict[tuple[str, str], int] = {}

    def count(self, address: str, slug: str, seconds: float) -> int:
        """Count one visit; 0 when it may go on, else the seconds until it may."""
        window = int(seconds) // WINDOW_S
        with self._lock:
            if window != self._window or len(self._counts) > MOST_VISITORS:
                self._window, self._counts = window, {}
            used = self._counts.get((address, slug), 0) + 1
            self._counts[address, slug] = used
        return 0 if used <= self._most else WINDOW_S - int(seconds) % WINDOW_S

    def clear(self) -> None:
        with self._lock:
            self._counts.clear()


visits = Visits()
