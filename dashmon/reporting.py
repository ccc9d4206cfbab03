"""Every process writes a row about itself every few seconds: what runs where, and what it has done since it started."""

import logging
import os
import resource
import socket
import threading
import time
import uuid
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connections
from django.utils import timezone

from apps.common import counters, storage
from apps.operations import processes
from apps.operations.models import ProcessReport

log = logging.getLogger(__name__)
EVERY_S = 5.0
CLOSE_S = 2.0
# Readings that travel with the counters: of a process that runs they are how it stands.
STANDING = ("ingest_waiting",)
STATM = Path("/proc/self/statm")


class Reporter:
    """Writes the row of this process until closed. What cannot be written is written a few seconds later."""

    def __init__(self, kind: ProcessReport.Kind, *, started_at: datetime) -> None:
        self._kind, self._started_at = kind, started_at
        self._key: uuid.UUID | None = None
        # What is no longer ours to tell: it went to the row of ended processes while we were away.
        self._told: Mapping[str, float] = {}
        self._base: Mapping[str, float] = {}
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reporter", daemon=True)

    def start(self) -> None:
        """Report from now on; returns at once."""
        self._thread.start()

    def close(self) -> None:
        """Report a last time and leave the counts to the row of ended processes."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)

    def tell(self, now: datetime) -> None:
        """Write the row once."""
        totals = counters.counted()
        if self._key is None or not processes.refresh(key=self._key, facts=self._facts(totals), now=now):
            if self._key is not None:
                self._base = self._told
            self._key = uuid.uuid4()
            processes.enlist(key=self._key, facts=self._facts(totals), now=now)
        self._told = totals

    def leave(self, now: datetime) -> None:
        """Write the row a last time, as that of an ended process."""
        self.tell(now)
        if self._key is not None:
            processes.retire(key=self._key, now=now)

    def _run(self) -> None:
        try:
            while True:
                closing = self._closing.is_set()
                self._try(closing=closing)
                if closing:
                    return
                self._closing.wait(EVERY_S)
        finally:
            connections.close_all()

    def _try(self, *, closing: bool) -> None:
        now = timezone.now()
        try:
            if closing:
                self.leave(now)
            else:
                self.tell(now)
        except DatabaseError as error:
            storage.note(error, now=now)
            log.warning("reporting: the row of this process could not be written", exc_info=True)
            connections.close_all()

    def _facts(self, totals: Mapping[str, float]) -> processes.Facts:
        seen = counters.watched()
        return processes.Facts(
            kind=self._kind,
            host=socket.gethostname(),
            pid=os.getpid(),
            version=settings.VERSION,
            started_at=self._started_at,
            rss_bytes=rss_bytes(),
            cpu_s=time.process_time(),
            slots=int(seen.get("engine_slots", 0)),
            slots_used=int(seen.get("engine_slots_used", 0)),
            counters={name: value - self._base.get(name, 0) for name, value in totals.items()}
            | {name: seen[name] for name in STANDING if name in seen},
            marks=counters.marked(),
        )


def rss_bytes() -> int:
    """Memory of this process: resident now, or at its peak where the system does not tell."""
    try:
        return int(STATM.read_text(encoding="ascii").split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
