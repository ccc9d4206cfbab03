"""The front's list of nodes as bytes: encoded once for every change and audience, in this process."""

import threading
from collections import OrderedDict
from collections.abc import Hashable

# Lists that are remembered, and how many bytes of them together.
MOST, MOST_BYTES = 64, 64 * 1024 * 1024


class Shelf:
    """Encoded answers by whom they are for, each with the mark of what it was made of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, tuple[str, bytes]] = OrderedDict()

    def get(self, key: Hashable, mark: str) -> bytes | None:
        """The bytes of this very mark."""
        with self._lock:
            found = self._kept.get(key)
            if found is None or found[0] != mark:
                return None
            self._kept.move_to_end(key)
            return found[1]

    def put(self, key: Hashable, mark: str, body: bytes) -> None:
        """Remember an answer in place of the one before; the oldest make room."""
        with self._lock:
            self._kept.pop(key, None)
            self._kept[key] = (mark, body)
            while len(self._kept) > MOST or sum(len(kept) for _, kept in self._kept.values()) > MOST_BYTES:
                self._kept.popitem(last=False)

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()


nodes = Shelf()
