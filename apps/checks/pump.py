"""The pump: keeps an engine's places filled with due checks, and stores what comes out, without a barrier.

Requests go first, then batches in the order of their slots. Inside a batch each check starts at its own phase, in
groups of at most 10 ms: checks that start in one burst measure each other instead of their targets. A batch whose
members are slow does not hold back the results of the others, and a worker that stops gives back what it holds.

One thread, one engine, one pump. Only `stop()` and the engine's `wake()` may be called from other threads.
"""

import heapq
import itertools
import logging
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from django.db import DatabaseError, connection

from apps.checks import leases, requests
from apps.checks.leases import Leased, Member, Ran, Slot
from apps.checks.plans import Monitor, plan_for, plan_for_draft
from apps.checks.requests import LeasedRequest
from apps.checks.types import CheckResult
from apps.common import bus
from apps.common.clock import epoch_ms
from apps.common.errors import DomainError
from apps.devices.models import Device

log = logging.getLogger(__name__)

ROOM = 128  # a further batch is taken while more places than this are free
RESERVE = 16  # places that routine leaves to checks that people wait for
AHEAD = 500  # checks that may wait for their instant in memory
GROUP = 16  # checks that start in one pass; the rest of a backlog follows 10 ms later
GROUP_S = 0.010
LOOK = timedelta(seconds=1)
PART = timedelta(seconds=2)  # how long a finished check may wait for the rest of its batch
DELAY_MS = 500  # a slot starts this long after its instant: the tick that found it is that late at most
MOST_FAILURES = 5  # with growing pauses, half a minute in all


class Engine(Protocol):
    """What the pump needs of a probe engine (apps.checks.engine)."""

    @property
    def free(self) -> int: ...
    def start(self, plan: Any, ticket: Hashable) -> None: ...
    def wait(self, timeout_s: float) -> list[tuple[Hashable, CheckResult]]: ...
    def wake(self) -> None: ...
    def close(self) -> None: ...


class Planner(Protocol):
    """What to do for a device, or for a draft's document; DomainError when that cannot be said."""

    def of_device(self, device: Device | Monitor) -> Any: ...
    def of_draft(self, config: Mapping[str, Any]) -> Any: ...


class StoredPlans:
    """Plans as the product reads them off devices."""

    def of_device(self, device: Device | Monitor) -> Any:
        return plan_for(device)

    def of_draft(self, config: Mapping[str, Any]) -> Any:
        return plan_for_draft(config)


@dataclass(slots=True)
class _Job:
    """One check between being taken and being filed; `work` says whose result it is."""

    work: tuple[int, Member] | LeasedRequest
    started_ms: int = 0


@dataclass(slots=True)
class _OpenBatch:
    """A batch in our hands: what still runs, what is finished and not stored yet."""

    lease: Leased
    until: datetime
    stored_at: datetime
    waiting: dict[Slot, Member]
    finished: list[Ran] = field(default_factory=list)
    failures: int = 0


def utc_now() -> datetime:
    return datetime.now(UTC)


class Pump:
    """Runs due checks on an engine until told to stop."""

    def __init__(
        self,
        engine: Engine,
        *,
        owner: str,
        clock: Callable[[], datetime] = utc_now,
        planner: Planner | None = None,
        delay_ms: int = DELAY_MS,
    ) -> None:
        self._engine = engine
        self._owner = owner
        self._clock = clock
        self._planner = planner or StoredPlans()
        self._delay_ms = delay_ms
        self._agenda: list[tuple[int, int, _Job, Any]] = []  # start in epoch ms, order, job, plan
        self._jobs: dict[Hashable, _Job] = {}
        self._batches: dict[int, _OpenBatch] = {}
        self._asked: list[tuple[LeasedRequest, CheckResult, int]] = []
        self._order = itertools.count()
        self._look_at: datetime | None = None
        self._more = True  # whether batches may be waiting that nobody looked at since the last one was taken
        self._stopping = False
        self._unsubscribe = bus.subscribe(bus.CHECKS, self._nudge)

    @property
    def busy(self) -> bool:
        """Whether anything is taken and not stored yet."""
        return bool(self._agenda or self._jobs or self._batches or self._asked)

    def run(self, until: datetime | None = None) -> None:
        """Pump until `until`, or until `stop()`. May be called again: nothing taken is forgotten."""
        while not self._stopping and (until is None or self._clock() < until):
            self.step(LOOK.total_seconds())

    def drain(self, until: datetime) -> None:
        """Finish what is in hand and take nothing more."""
        while self.busy and not self._stopping and self._clock() < until:
            self._advance(LOOK.total_seconds())

    def step(self, timeout_s: float) -> None:
        """Take what there is room for, start what is due, wait for results at most `timeout_s`, store them."""
        now = self._clock()
        try:
            self._take(now)
        except DatabaseError:
            # What is in flight goes on being served while the database is away.
            log.exception("pump: nothing could be taken")
            connection.close_if_unusable_or_obsolete()
            self._more = False
        self._advance(timeout_s)

    def stop(self) -> None:
        """End `run` soon; from any thread."""
        self._stopping = True
        self._engine.wake()

    def close(self) -> None:
        """Store what is finished, give everything else back at once and drop what is in flight."""
        self._unsubscribe()
        self._engine.close()
        now = self._clock()
        try:
            self._store_requests(now)
            for batch in list(self._batches.values()):
                if batch.finished:
                    self._store(batch, now)
        finally:
            requests.give_back(owner=self._owner)
            leases.give_back(owner=self._owner)
            self._agenda.clear()
            self._jobs.clear()
            self._batches.clear()

    def _nudge(self) -> None:
        self._look_at = None
        self._engine.wake()

    def _advance(self, timeout_s: float) -> None:
        self._start_due()
        for ticket, result in self._engine.wait(self._patience(timeout_s)):
            self._file(ticket, result)
        now = self._clock()
        self._store_requests(now)
        for batch in [batch for batch in self._batches.values() if self._is_ripe(batch, now)]:
            self._store(batch, now)

    # --- Taking ----------------------------------------------------------------------------------

    def _take(self, now: datetime) -> None:
        if self._look_at is None or now >= self._look_at:
            self._look_at, self._more = now + LOOK, True
            self._renew(now)
            self._take_requests(now)
        if self._more:
            self._take_batches(now)

    def _take_requests(self, now: datetime) -> None:
        taken = requests.take(owner=self._owner, limit=min(self._engine.free, ROOM), now=now)
        for request in taken:
            self._enlist(request, start_ms=0, now=now)

    def _take_batches(self, now: datetime) -> None:
        while self._engine.free > ROOM and len(self._agenda) < AHEAD:
            leased = leases.take(owner=self._owner, now=now)
            if leased is None:
                self._more = False
                return
            waiting = {member.key: member for member in leased.members}
            self._batches[leased.id] = _OpenBatch(leased, leased.until, now, waiting)
            for member in leased.members:
                self._enlist((leased.id, member), start_ms=member.slot_ms + self._delay_ms, now=now)

    def _enlist(self, work: tuple[int, Member] | LeasedRequest, *, start_ms: int, now: datetime) -> None:
        job = _Job(work)
        try:
            plan = self._plan(work)
        except DomainError as error:
            self._conclude(job, _impossible(error, now=now), run_ms=0)
            return
        heapq.heappush(self._agenda, (start_ms, next(self._order), job, plan))

    def _plan(self, work: tuple[int, Member] | LeasedRequest) -> Any:
        if isinstance(work, LeasedRequest):
            if work.row.device is not None:
                return self._planner.of_device(work.row.device)
            return self._planner.of_draft(work.row.draft or {})
        return self._planner.of_device(work[1].device)

    def _renew(self, now: datetime) -> None:
        """Hold on to what takes long; forget what was lost to somebody else meanwhile."""
        late = [batch for batch in self._batches.values() if batch.until - now < leases.LEASE / 2]
        if not late:
            return
        kept = leases.renew(batches=[batch.lease for batch in late], now=now)
        for batch in late:
            if batch.lease.id in kept:
                batch.until = kept[batch.lease.id]
            else:
                self._forget(batch, "lost its lease")

    # --- Running ---------------------------------------------------------------------------------

    def _start_due(self) -> None:
        now_ms = epoch_ms(self._clock())
        for _ in range(GROUP):
            if not self._agenda or self._agenda[0][0] > now_ms or not self._has_place(self._agenda[0][2]):
                return
            _, order, job, plan = heapq.heappop(self._agenda)
            job.started_ms = now_ms
            self._jobs[order] = job
            self._engine.start(plan, order)

    def _has_place(self, job: _Job) -> bool:
        reserve = 0 if isinstance(job.work, LeasedRequest) else RESERVE
        return self._engine.free > reserve

    def _patience(self, timeout_s: float) -> float:
        """How long to wait: until the next start, but never less than the length of a group."""
        now = self._clock()
        if self._asked or any(self._is_ripe(batch, now) for batch in self._batches.values()):
            return 0.0
        if not self._agenda:
            return timeout_s
        left_s = (self._agenda[0][0] - epoch_ms(now)) / 1000
        return min(timeout_s, max(left_s, GROUP_S))

    def _file(self, ticket: Hashable, result: CheckResult) -> None:
        job = self._jobs.pop(ticket, None)
        if job is not None:
            self._conclude(job, result, run_ms=max(0, epoch_ms(self._clock()) - job.started_ms))

    def _conclude(self, job: _Job, result: CheckResult, *, run_ms: int) -> None:
        if isinstance(job.work, LeasedRequest):
            self._asked.append((job.work, result, run_ms))
            return
        batch_id, member = job.work
        batch = self._batches.get(batch_id)
        # A batch that was lost meanwhile is somebody else's now, and so are its results.
        if batch is not None and batch.waiting.pop(member.key, None) is not None:
            batch.finished.append(Ran(member, result, run_ms))

    # --- Storing ---------------------------------------------------------------------------------

    def _is_ripe(self, batch: _OpenBatch, now: datetime) -> bool:
        since = now - batch.stored_at
        if batch.failures:
            return since >= LOOK * (1 << batch.failures)
        return not batch.waiting or (len(batch.finished) > 0 and since >= PART)

    def _store(self, batch: _OpenBatch, now: datetime) -> None:
        batch.stored_at = now
        try:
            rest = list(batch.waiting.values())
            kept = leases.complete(batch=batch.lease, results=batch.finished, rest=rest, now=now)
        except Exception:
            # An edge of the process: what cannot be stored must not keep the other batches from being stored.
            log.exception("pump: a batch could not be stored", extra={"batch": batch.lease.id})
            connection.close_if_unusable_or_obsolete()
            batch.failures += 1
            if batch.failures >= MOST_FAILURES:
                self._forget(batch, "could not be stored")
            return
        batch.failures = 0
        batch.finished.clear()
        if not kept:
            self._forget(batch, "lost its lease")
        elif not batch.waiting:
            del self._batches[batch.lease.id]

    def _forget(self, batch: _OpenBatch, why: str) -> None:
        log.warning("pump: a batch %s", why, extra={"batch": batch.lease.id})
        self._batches.pop(batch.lease.id, None)
        self._agenda = [entry for entry in self._agenda if not _belongs(entry[2], batch)]
        heapq.heapify(self._agenda)

    def _store_requests(self, now: datetime) -> None:
        finished, self._asked = self._asked, []
        for request, result, run_ms in finished:
            try:
                requests.complete(request=request, result=result, run_ms=run_ms, now=now)
            except Exception:
                # Likewise; the lease ends by itself and the request is taken again.
                log.exception("pump: a request could not be stored", extra={"request": str(request.row.public_id)})
                connection.close_if_unusable_or_obsolete()


def _belongs(job: _Job, batch: _OpenBatch) -> bool:
    return not isinstance(job.work, LeasedRequest) and job.work[0] == batch.lease.id


def _impossible(error: DomainError, *, now: datetime) -> CheckResult:
    """A monitor whose configuration cannot be run says nothing about its target."""
    return CheckResult(
        status="down", started_at=now, message=error.message, detail={"error": "unsupported"}, measured=False
    )
