"""Rendered pages, kept for seconds in this process: one renderer at a time, everybody else gets the previous one.

An entry is fresh for FRESH_S. After that whoever asks first renders it anew while the others are given the old one, up
to STALE_S after it was made; older than that they wait. So what is shown is never older than STALE_S, however many ask.
"""

import gzip
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import transaction

FRESH_S, STALE_S = 5.0, 15.0
MOST_ENTRIES, MOST_ADDRESSES = 512, 4096
# How long one request may be on its way to the renderer before another is sent there too.
CLAIM_S = 2.0
SMALLEST_GZIP = 400

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Key:
    """What is kept: a page, in one form (`html`, `api`, `badge:berlin`), language and theme."""

    page_id: int
    form: str
    language: str = ""
    theme: str = ""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer ready to be sent, plain and packed. `slug` is whom its visits are counted for."""

    slug: str
    body: bytes
    headers: Headers
    modified: datetime
    made: float = 0.0
    packed: bytes = b""
    tag: str = ""
    # What doors have prepared of it, for the next request.
    ready: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def of(cls, slug: str, body: bytes, headers: Headers, *, modified: datetime) -> "Kept":
        packed = gzip.compress(body, 6, mtime=0) if len(body) >= SMALLEST_GZIP else b""
        tag = sha256(repr(headers).encode() + body).hexdigest()[:24]
        return cls(slug, body, headers, modified, packed=packed, tag=tag)


class Shelf:
    """A bounded map of answers, and of the addresses that lead to them; shared by the threads of a process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[Key, Kept] = OrderedDict()
        self._addresses: OrderedDict[tuple[str, ...], Key] = OrderedDict()
        self._making: dict[Key, threading.Lock] = {}
        self._claims: dict[Key, float] = {}
        self._dropped: dict[int, int] = {}

    def serve(self, key: Key, make: Callable[[], Kept]) -> Kept:
        """The answer: kept, the previous one while somebody renders, or rendered here and now."""
        kept = self._entries.get(key)
        if kept is not None and self._age(kept) < FRESH_S:
            return kept
        making = self._making_of(key)
        usable = kept is not None and self._age(kept) < STALE_S
        if not making.acquire(blocking=not usable):
            assert kept is not None
            return kept
        try:
            return self._made(key, make)
        finally:
            making.release()
            self._claims.pop(key, None)
            with self._lock:
                # Names that lead to nothing are as many as strangers can think of.
                if key not in self._entries:
                    self._making.pop(key, None)

    def _made(self, key: Key, make: Callable[[], Kept]) -> Kept:
        before = self._entries.get(key)
        if before is not None and self._age(before) < FRESH_S:
            return before
        seen, began = self._dropped.get(key.page_id, 0), self._clock()
        kept = replace(make(), made=began)
        if before is not None and before.tag == kept.tag:
            kept = replace(kept, modified=before.modified)
        with self._lock:
            # What was changed meanwhile may be missing in it: shown this once, and not kept.
            if self._dropped.get(key.page_id, 0) == seen:
                self._entries[key] = kept
                self._entries.move_to_end(key)
                while len(self._entries) > MOST_ENTRIES:
                    gone, _ = self._entries.popitem(last=False)
                    self._making.pop(gone, None)
        return kept

    def remember(self, address: tuple[str, ...] | None, key: Key) -> None:
        """Have an address answered without the product's help as long as its answer is kept (dashmon/public.py)."""
        if address is None:
            return
        with self._lock:
            self._addresses[address] = key
            self._addresses.move_to_end(address)
            while len(self._addresses) > MOST_ADDRESSES:
                self._addresses.popitem(last=False)

    def peek(self, address: tuple[str, ...]) -> Kept | None:
        """The answer for an address; None when it has to be rendered, and this caller is the one to have it done."""
        key = self._addresses.get(address)
        kept = self._entries.get(key) if key is not None else None
        if key is None or kept is None:
            return None
        age = self._age(kept)
        if age < FRESH_S:
            return kept
        now = self._clock()
        if age >= STALE_S or now - self._claims.get(key, -CLAIM_S) >= CLAIM_S:
            self._claims[key] = now
            return None
        return kept

    def drop_page(self, page_id: int) -> None:
        """Forget everything about a page: it has been changed."""
        with self._lock:
            self._dropped[page_id] = self._dropped.get(page_id, 0) + 1
            for key in [key for key in self._entries if key.page_id == page_id]:
                del self._entries[key]

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()
            self._addresses.clear()
            self._claims.clear()

    def _age(self, kept: Kept) -> float:
        return self._clock() - kept.made

    def _making_of(self, key: Key) -> threading.Lock:
        with self._lock:
            return self._making.setdefault(key, threading.Lock())


pages = Shelf()


def drop_page(page_id: int) -> None:
    """Forget a page now, and once more when the change is committed: between the two it may be rendered as it was."""
    pages.drop_page(page_id)
    transaction.on_commit(lambda: pages.drop_page(page_id))
