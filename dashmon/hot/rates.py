"""How often each sender may come, counted in this process: a guard against abuse, not a promise to the digit."""

import time

WINDOW_S = 60
# More senders than that are not told apart; strangers must not fill the memory.
MOST_SENDERS = 100_000


class Rates:
    """Fixed windows of a minute."""

    def __init__(self, *, most: int) -> None:
        self._most = most
        self._window = -1
        self._used: dict[str, int] = {}

    def wait_s(self, sender: str) -> int:
        """Count one call; whole seconds until the next window when this one is full, else 0."""
        window, elapsed = divmod(time.time(), WINDOW_S)
        if window != self._window:
            self._window = int(window)
            self._used.clear()
        used = self._used.get(sender, 0) + 1
        if sender in self._used or len(self._used) < MOST_SENDERS:
            self._used[sender] = used
        return max(1, int(WINDOW_S - elapsed)) if used > self._most else 0
