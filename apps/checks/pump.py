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
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from django.db import Error, InterfaceError, OperationalError, connection
from django.utils import timezone

from apps.checks import leases, requests
from apps.checks.counts import count_results
from apps.checks.hosts import HostLines
from apps.checks.jobs import LOOK, Job, OpenBatch
from apps.checks.leases import Member, Ran
from apps.checks.plans import Monitor, plan_for, plan_for_draft
from apps.checks.requests import LeasedRequest
from apps.checks.types import CheckResult, Phases
from apps.common import bus, counters, storage
from apps.common.clock import epoch_ms
from apps.common.errors import DomainError
from apps.devices.crowds import gather
from apps.devices.models import Device

log = logging.getLogger(__name__)

ROOM = 64  # a further batch is taken while more places than this are free
RESERVE = 16  # places that routine leaves to checks that people wait for
AHEAD = 500  # checks that may wait for their instant in memory
GROUP = 16  # checks that start in one pass; the rest of a backlog follows 10 ms later
GROUP_S = 0.010
DELAY_MS = 500  # a slot starts this long after its instant: the tick that found it is that late at most
MOST_FAILURES = 5  # with growing pauses, half a minute in all
LONGEST_AWAY = timedelta(seconds=8)  # between two looks for a database that is away
STALL = timedelta(seconds=2)  # longer than this without attention, and checks under way have measured us

LATE = "The next check was due before there was a place for this one."
HELD_UP = "The checks were held up while this one ran."


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


class Pump:
    """Runs due checks on an engine until told to stop."""

    def __init__(
        self,
        engine: Engine,
        *,
        owner: str,
        clock: Callable[[], datetime] = timezone.now,
        planner: Planner | None = None,
        delay_ms: int = DELAY_MS,
    ) -> None:
        self._engine = engine
        self._owner = owner
        self._clock = clock
        self._planner = planner or StoredPlans()
        self._delay_ms = delay_ms
        self._agenda: list[tuple[int, int, Job]] = []  # start in epoch ms, order, job
        self._jobs: dict[Hashable, Job] = {}
        self._batches: dict[int, OpenBatch] = {}
        self._asked: list[tuple[LeasedRequest, CheckResult, int]] = []
        self._hosts = HostLines()
        self._order = itertools.count()
        self._look_at: datetime | None = None
        self._served_at = clock()
        self._away_until: datetime | None = None
        self._failures = 0
        self._more = True  # whether batches may be waiting that nobody looked at since the last one was taken
        self._stopping = False
        self._unsubscribe = bus.subscribe(bus.CHECKS, self._nudge)
        slots = engine.free
        self._unwatch = (
            counters.watch("engine_slots", lambda: slots),
            counters.watch("engine_slots_used", lambda: slots - engine.free),
        )

    @property
    def busy(self) -> bool:
        """Whether anything is taken and not stored yet."""
        return bool(self._agenda or self._jobs or self._batches or self._asked)

    def run(self, until: datetime | None = None) -> None:
        """Pump until `until`, or until `stop()`. May be called again: nothing taken is forgotten."""
        while not self._stopping and (until is None or self._clock() < until):
            self.step(LOOK.total_seconds())

    def step(self, timeout_s: float) -> None:
        """Take what there is room for, start what is due, wait for results at most `timeout_s`, store them."""
        now = self._clock()
        if now < self._served_at - STALL:
            self._start_over(now)
        if not self._is_away(now):
            try:
                self._take(now)
            except Error as error:
                # What is in flight goes on being served while the database is away.
                self._notice_absence(error, now)
        self._start_due()
        self._serve(self._patience(timeout_s))
        self._store_all()

    def stop(self) -> None:
        """End `run` soon; from any thread."""
        self._stopping = True
        self._engine.wake()

    def close(self) -> None:
        """Store what is finished, give everything else back at once and drop what is in flight."""
        self._unsubscribe()
        for unwatch in self._unwatch:
            unwatch()
        self._engine.close()
        self._let_go(self._clock())

    def _let_go(self, now: datetime) -> None:
        try:
            self._store_requests(now)
            for batch in [batch for batch in self._batches.values() if batch.finished]:
                self._store(batch, now)
        finally:
            self._agenda.clear()
            self._jobs.clear()
            self._hosts = HostLines()
            self._batches.clear()
            requests.give_back(owner=self._owner)
            leases.give_back(owner=self._owner)

    def _start_over(self, now: datetime) -> None:
        """The clock was set back: what is in hand lies in the future now, and is taken when its time comes."""
        log.warning("pump: the clock was set back", extra={"seconds": (self._served_at - now).total_seconds()})
        self._served_at, self._look_at, self._away_until = now, None, None
        try:
            self._let_go(now)
        except Error as error:
            # Then the leases end by themselves.
            self._notice_absence(error, now)

    def _nudge(self) -> None:
        self._look_at = None
        self._engine.wake()

    # --- The database ----------------------------------------------------------------------------

    def _is_away(self, now: datetime) -> bool:
        return self._away_until is not None and now < self._away_until

    def _notice_absence(self, error: Error, now: datetime) -> None:
        """Leave the database alone for a moment: each vain try holds up the checks that are under way."""
        storage.note(error, now=now)
        log.error("pump: the database cannot be used", exc_info=error)
        connection.close_if_unusable_or_obsolete()
        self._failures += 1
        self._away_until = now + min(LONGEST_AWAY, LOOK * 2 ** min(self._failures - 1, 10))
        self._look_at, self._more = None, False

    # --- Taking ----------------------------------------------------------------------------------

    def _take(self, now: datetime) -> None:
        if self._look_at is None or now >= self._look_at:
            self._look_at, self._more = now + LOOK, True
            self._renew(now)
            self._tidy_lines(now)
            self._take_requests(now)
        if self._more:
            self._take_batches(now)

    def _tidy_lines(self, now: datetime) -> None:
        for job in self._hosts.take_late(epoch_ms(now)):
            self._conclude(job, _not_run(LATE, now=now), run_ms=0)
        for crowd in list(self._hosts.crowds()):
            gather(workspace_id=crowd.workspace_id, device_ids=crowd.device_ids, crowd=crowd.number)

    def _take_requests(self, now: datetime) -> None:
        taken = requests.take(owner=self._owner, limit=min(self._engine.free, ROOM), now=now)
        for request in taken:
            self._enlist(request, start_ms=0, now=now)

    def _take_batches(self, now: datetime) -> None:
        while self._engine.free > ROOM and len(self._agenda) < AHEAD:
            leased = leases.take(owner=self._owner, now=now)
            self._failures = 0
            if leased is None:
                self._more = False
                return
            waiting = {member.key: member for member in leased.members}
            self._batches[leased.id] = OpenBatch(leased, leased.until, now, waiting)
            for member in leased.members:
                self._enlist((leased.id, member), start_ms=member.slot_ms + self._delay_ms, now=now)

    def _enlist(self, work: tuple[int, Member] | LeasedRequest, *, start_ms: int, now: datetime) -> None:
        job = Job(work)
        try:
            job.plan = self._plan(work)
        except DomainError as error:
            self._conclude(job, _not_run(error.message, now=now, error="unsupported"), run_ms=0)
            return
        self._schedule(job, start_ms=start_ms)

    def _schedule(self, job: Job, *, start_ms: int) -> None:
        heapq.heappush(self._agenda, (start_ms, next(self._order), job))

    def _plan(self, work: tuple[int, Member] | LeasedRequest) -> Any:
        if not isinstance(work, LeasedRequest):
            return self._planner.of_device(work[1].device)
        if work.row.device is not None:
            return self._planner.of_device(work.row.device)
        return self._planner.of_draft(work.row.draft or {})

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
        now = self._clock()
        now_ms, left = epoch_ms(now), GROUP
        while left and self._agenda and self._agenda[0][0] <= now_ms:
            _, order, job = self._agenda[0]
            if job.is_late(now_ms):
                heapq.heappop(self._agenda)
                self._conclude(job, _not_run(LATE, now=now), run_ms=0)
                continue
            if not self._has_place(job):
                return
            heapq.heappop(self._agenda)
            if not self._hosts.admit(job):
                continue
            job.started_ms, left = now_ms, left - 1
            self._jobs[order] = job
            self._engine.start(job.plan, order)

    def _serve(self, patience_s: float) -> None:
        """Wait for results. A failure that was under way while this process was frozen or blocked is checked again."""
        began = self._clock()
        if began - self._served_at > STALL:
            self._doubt()
        results = self._engine.wait(patience_s)
        self._served_at = self._clock()
        if self._served_at - began > timedelta(seconds=patience_s) + STALL:
            self._doubt()
        now_ms = epoch_ms(self._served_at)
        for ticket, result in results:
            self._file(ticket, result, now_ms)

    def _doubt(self) -> None:
        for job in self._jobs.values():
            job.doubtful = True

    def _has_place(self, job: Job) -> bool:
        reserve = 0 if isinstance(job.work, LeasedRequest) else RESERVE
        return self._engine.free > reserve

    def _patience(self, timeout_s: float) -> float:
        """How long to wait: until the next start, but never less than the length of a group."""
        now = self._clock()
        ripe = self._asked or any(batch.is_ripe(now) for batch in self._batches.values())
        if ripe and not self._is_away(now):
            return 0.0
        if not self._agenda:
            return timeout_s
        left_s = (self._agenda[0][0] - epoch_ms(now)) / 1000
        return min(timeout_s, max(left_s, GROUP_S))

    def _file(self, ticket: Hashable, result: CheckResult, now_ms: int) -> None:
        job = self._jobs.pop(ticket, None)
        if job is None:
            return
        if (following := self._hosts.release(job)) is not None:
            self._schedule(following, start_ms=following.started_ms)
        if job.doubtful and result.status == "up":
            # True, but its times have measured us.
            result = result._replace(latency_us=None, phases=Phases())
        elif job.doubtful and not job.again:
            job.doubtful, job.again = False, True
            self._schedule(job, start_ms=now_ms)
            return
        elif job.doubtful:
            result = _not_run(HELD_UP, now=self._served_at)
        self._conclude(job, result, run_ms=max(0, now_ms - job.started_ms))

    def _conclude(self, job: Job, result: CheckResult, *, run_ms: int) -> None:
        if isinstance(job.work, LeasedRequest):
            self._asked.append((job.work, result, run_ms))
            return
        batch_id, member = job.work
        batch = self._batches.get(batch_id)
        # A batch that was lost meanwhile is somebody else's now, and so are its results.
        if batch is not None and batch.waiting.pop(member.key, None) is not None:
            batch.finished.append(Ran(member, result, run_ms))

    # --- Storing ---------------------------------------------------------------------------------

    def _store_all(self) -> None:
        now = self._clock()
        if self._is_away(now):
            return
        self._store_requests(now)
        for batch in [batch for batch in self._batches.values() if batch.is_ripe(now)]:
            if not self._is_away(now):
                self._store(batch, now)

    def _store(self, batch: OpenBatch, now: datetime) -> None:
        batch.stored_at = now
        try:
            rest = list(batch.waiting.values())
            with structlog.contextvars.bound_contextvars(batch=batch.lease.id):
                kept = leases.complete(batch=batch.lease, results=batch.finished, rest=rest, now=now)
        except (OperationalError, InterfaceError) as error:
            # Nothing is wrong with the batch; it is ours until somebody else has taken it.
            self._notice_absence(error, now)
            return
        except Exception:
            # An edge of the process: what cannot be stored must not keep the other batches from being stored.
            log.exception("pump: a batch could not be stored", extra={"batch": batch.lease.id})
            connection.close_if_unusable_or_obsolete()
            batch.failures += 1
            if batch.failures >= MOST_FAILURES:
                self._forget(batch, "could not be stored")
            return
        batch.failures = self._failures = 0
        if kept:
            count_results(ran.result for ran in batch.finished)
        batch.finished.clear()
        if not kept:
            self._forget(batch, "lost its lease")
        elif not batch.waiting:
            del self._batches[batch.lease.id]

    def _forget(self, batch: OpenBatch, why: str) -> None:
        log.warning("pump: a batch %s", why, extra={"batch": batch.lease.id})
        self._batches.pop(batch.lease.id, None)
        self._hosts.forget(batch)
        self._agenda = [entry for entry in self._agenda if not entry[2].belongs_to(batch)]
        heapq.heapify(self._agenda)

    def _store_requests(self, now: datetime) -> None:
        finished, self._asked = self._asked, []
        for request, result, run_ms in finished:
            try:
                requests.complete(request=request, result=result, run_ms=run_ms, now=now)
                count_results([result])
            except (OperationalError, InterfaceError) as error:
                self._asked.append((request, result, run_ms))
                self._notice_absence(error, now)
            except Exception:
                # Likewise; the lease ends by itself and the request is taken again.
                log.exception("pump: a request could not be stored", extra={"request": str(request.row.public_id)})
                connection.close_if_unusable_or_obsolete()


def _not_run(message: str, *, now: datetime, error: str = "late") -> CheckResult:
    """A check that did not happen says nothing about its target."""
    return CheckResult(status="down", started_at=now, message=message, detail={"error": error}, measured=False)
