"""Group commit: requests hand in what they want written, one thread writes all that waits in one transaction.

While one batch commits the next one gathers, so under load batches grow by themselves and without load nobody waits.
An answer comes after the commit. What nobody waits for any more is written all the same.

A transaction holds entries of one lane. What locks the same rows as others do, in an order of its own, has a lane of
its own: in one transaction both together would have no order, and two transactions could wait for each other.
"""

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from apps.common import counters, storage
from dashmon.hot.patience import Patience

log = logging.getLogger(__name__)
MOST = 500  # entries of a batch
# What waits at most; more is refused, because memory is not the place to queue.
MOST_WAITING, MOST_BYTES = 4000, 64 << 20
# Agents give up after ten seconds.
ANSWER_S = 8.0
DEADLOCK = "40P01"  # as PostgreSQL says it
# The longest that a batch waits for the loop to read what came in while the one before was answered.
TURN_S = 0.005

Write = Callable[[Sequence[Any], datetime], Sequence[Any]]
# Hears what a write said of its entry, or the exception that stands for it.
Hear = Callable[[Any], None]


class UnavailableError(Exception):
    """Not written, or nobody knows: the sender should come again."""


class _Entry:
    """Something that is to be written; known by itself, whatever it says."""

    __slots__ = ("hear", "heard", "lane", "loop", "said", "size", "write")

    def __init__(self, write: Write, said: Any, hear: Hear, size: int, lane: str) -> None:
        self.write, self.said, self.hear, self.size, self.lane = write, said, hear, size, lane
        self.heard = False
        self.loop = asyncio.get_running_loop()


class Committer:
    """The one writer of this process; its thread starts with the first entry."""

    def __init__(self) -> None:
        self._queue: deque[_Entry] = deque()
        self._changed = threading.Condition()
        self._turned = threading.Event()
        self._thread: threading.Thread | None = None
        self._bytes = 0
        self._writing = False
        self._is_out = False
        self._closed = False
        self._patience: Patience[_Entry] = Patience(ANSWER_S, _give_up)
        self._unwatch = counters.watch("ingest_waiting", lambda: len(self._queue))

    def hand_in(self, write: Write, said: Any, hear: Hear, *, size: int, lane: str = "") -> None:
        """Write `said` through `write`, which is handed all that waits for it. `hear` is called once, in this loop.

        It hears what `write` said of this entry, or what `write` raised for it alone; an UnavailableError when too
        much waits, when the database does not answer, or when the process ends.
        """
        entry = _Entry(write, said, hear, size, lane)
        if self._put(entry):
            self._patience.begin(entry)
        else:
            hear(UnavailableError("Too much waits to be written."))

    def close(self) -> None:
        """Write what waits, then end."""
        self._unwatch()
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(ANSWER_S)

    def _put(self, entry: _Entry) -> bool:
        """Whether there is room for it."""
        with self._changed:
            is_full = len(self._queue) >= MOST_WAITING or self._bytes + entry.size > MOST_BYTES
            # While the database is away one entry at a time finds out whether it is back.
            if self._closed or is_full or (self._is_out and (self._queue or self._writing)):
                return False
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
                self._thread.start()
            self._queue.append(entry)
            self._bytes += entry.size
            self._changed.notify()
            return True

    def _run(self) -> None:
        while batch := self._take():
            began = time.perf_counter()
            try:
                answers = _written(batch)
                self._is_out = False
            except Exception as error:  # noqa: BLE001  # whatever happened, whoever waits is told and the next batch comes
                self._is_out = isinstance(error, UnavailableError)
                if self._is_out:
                    # Each vain try can take seconds; nobody is to sit through more than one.
                    batch += self._take_rest()
                answers = [error] * len(batch)
            counters.count("ingest_commits")
            counters.count("ingest_commit_seconds", time.perf_counter() - began)
            with self._changed:
                # Before anybody is told: who comes again at once must not find the place taken.
                self._writing = False
            self._turned.clear()
            self._tell(batch, answers)
            # Much of a batch's cost is the same for one entry and for a hundred. Who was told comes again at once
            # when there is load: in the next batch, not in the one after it.
            self._turned.wait(TURN_S)
        connection.close()

    def _tell(self, batch: Sequence[_Entry], answers: Sequence[Any]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Entry, Any]]] = {}
        for entry, answer in zip(batch, answers, strict=True):
            by_loop.setdefault(entry.loop, []).append((entry, answer))
        for loop, told in by_loop.items():
            try:
                loop.call_soon_threadsafe(self._settle, told)
            except RuntimeError:
                # The loop has ended, and with it everybody who waited there.
                continue

    def _settle(self, told: Sequence[tuple[_Entry, Any]]) -> None:
        for entry, answer in told:
            self._patience.end(entry)
            _hear(entry, answer)
        asyncio.get_running_loop().call_soon(self._turned.set)

    def _take(self) -> list[_Entry]:
        with self._changed:
            while not self._queue and not self._closed:
                self._changed.wait()
            batch = self._next()
            self._bytes -= sum(entry.size for entry in batch)
            self._writing = True
            return batch

    def _next(self) -> list[_Entry]:
        """The entry that waits longest, if any, and others of its lane; the rest keeps its order."""
        batch: list[_Entry] = []
        others: list[_Entry] = []
        while self._queue and len(batch) < MOST:
            entry = self._queue.popleft()
            (batch if not batch or entry.lane == batch[0].lane else others).append(entry)
        self._queue.extendleft(reversed(others))
        return batch

    def _take_rest(self) -> list[_Entry]:
        with self._changed:
            rest = list(self._queue)
            self._queue.clear()
            self._bytes = 0
            return rest


def _written(batch: Sequence[_Entry], *, again: bool = True) -> list[Any]:
    """What was said of each entry, an exception for those that cannot be written; UnavailableError for all of them."""
    try:
        return _in_one_transaction(batch)
    except (OperationalError, InterfaceError) as error:
        if again and getattr(error.__cause__, "sqlstate", "") == DEADLOCK:
            # The database is well, and whoever else was in it has gone on.
            return _written(batch, again=False)
        storage.note(error, now=timezone.now())
        log.warning("ingest: the database did not take a batch", exc_info=True)
        connection.close()
        raise UnavailableError("The database does not answer.") from error
    except Exception as error:
        if len(batch) == 1:
            log.exception("ingest: an entry could not be written")
            return [error]
    # One that cannot be written must not take the others with it.
    return [answer for entry in batch for answer in _written([entry])]


def _in_one_transaction(batch: Sequence[_Entry]) -> list[Any]:
    groups: dict[Write, list[int]] = {}
    for number, entry in enumerate(batch):
        groups.setdefault(entry.write, []).append(number)
    answers: dict[int, Any] = {}
    now = timezone.now()
    with transaction.atomic():
        # One order of kinds for every process. Each kind locks in order; the rows of two kinds may still cross.
        for write in sorted(groups, key=lambda each: each.__name__):
            said = write([batch[number].said for number in groups[write]], now)
            answers |= dict(zip(groups[write], said, strict=True))
    return [answers[number] for number in range(len(batch))]


def _give_up(entry: _Entry) -> None:
    _hear(entry, UnavailableError("The database takes too long."))


def _hear(entry: _Entry, answer: Any) -> None:
    if entry.heard:
        # It was told before that it takes too long; it is written all the same.
        return
    entry.heard = True
    try:
        entry.hear(answer)
    except Exception:
        # The others of its batch wait for theirs.
        log.exception("ingest: an answer could not be told")
