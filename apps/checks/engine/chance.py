"""Bytes that nobody can guess, for identifiers of packets."""

import os


class Chance:
    """Random bytes of one size. A call to the kernel for each would cost as much as the rest of a small packet."""

    MANY = 256  # drawn at once

    def __init__(self, size: int) -> None:
        self._size = size
        self._drawn: list[bytes] = []
        # What a child would share with its parent, the other of the two could guess.
        os.register_at_fork(after_in_child=self._drawn.clear)

    def draw(self) -> bytes:
        """`size` random bytes, handed out once; from any thread."""
        while True:
            try:
                return self._drawn.pop()
            except IndexError:
                drawn = os.urandom(self.MANY * self._size)
                self._drawn.extend([drawn[at : at + self._size] for at in range(0, len(drawn), self._size)])
