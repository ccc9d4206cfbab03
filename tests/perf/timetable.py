"""A million monitors on a real database: windows, leases and idle sweeps. Also the pump on nothing but itself.

Run by `tests.perf.cores.measure`; prints one JSON document.
"""

import json
import statistics
import time
import uuid
from collections.abc import Callable, Hashable
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.perf.cores import arguments, spent
from tests.perf.database import backend_clock, backend_seconds, fresh_database

INTERVAL_S = 60
TICKS, SWEEPS, BATCHES = 6, 50, 40
SECOND = timedelta(seconds=1)


def timetable(monitors: int) -> dict[str, Any]:
    """Microseconds a check for windows, leases and reading what to probe; WAL bytes; milliseconds an idle sweep."""
    with fresh_database():
        now = datetime.now(UTC)
        _fill(monitors, now=now)
        from apps.checks import leases
        from apps.checks.schedule import materialise

        _warm_up(now)
        wal, wall = _wal(), time.perf_counter()
        ticks = [now + number * SECOND for number in range(1, TICKS + 1)]
        due, made_s = _timed(lambda: sum(materialise(now=tick).due for tick in ticks))
        taken, took_s = _drain(lambda: leases.lease(owner="bench", now=ticks[-1]))
        wall = time.perf_counter() - wall
        wal = _wal() - wal
        read_s = _read(taken, now=ticks[-1])
        checks = sum(len(batch.slots) for batch in taken)
        if checks != due:
            raise RuntimeError(f"{due} due, {checks} leased")
        found = {"materialise_us": made_s, "take_us": took_s, "read_us": read_s, "wall_us": wall, "us": made_s + took_s}
        per_check = {name: seconds / due * 1e6 for name, seconds in found.items()}
        return {**per_check, "wal_bytes": wal / due, "due": due, "sweep_ms": _sweep_ms(now)}


def _warm_up(now: datetime) -> None:
    """A tick and a lease, as those of a process that has run for a while."""
    from apps.checks import leases
    from apps.checks.models import CheckBatch
    from apps.checks.schedule import materialise

    materialise(now=now - SECOND)
    materialise(now=now)
    leases.lease(owner="bench", now=now)
    CheckBatch.objects.all().delete()


def _read(taken: list[Any], *, now: datetime) -> float:
    from apps.checks import leases

    return _timed(lambda: [leases.members_of(batch, now=now) for batch in taken])[1]


def _timed(run: Callable[[], Any]) -> tuple[Any, float]:
    own, backend = spent(), backend_seconds()
    value = run()
    return value, spent() - own + backend_seconds() - backend


def _drain(lease: Callable[[], Any]) -> tuple[list[Any], float]:
    """Lease batches until there is none. Workers finish theirs, so each is out of the way before the next is timed."""
    from apps.checks.models import CheckBatch

    backend = backend_clock()
    taken: list[Any] = []
    seconds = 0.0
    while True:
        before = spent() + backend()
        row = lease()
        seconds += spent() + backend() - before
        if row is None:
            return taken, seconds
        taken.append(row)
        CheckBatch.objects.filter(pk=row.id).delete()


def _fill(monitors: int, *, now: datetime) -> None:
    """Copies of one monitor and its state; all states are due for a look tomorrow, as heartbeats are."""
    from django.db import connection

    from apps.devices.models import Device, DeviceState
    from tests.perf import fleet

    (key,) = fleet.fill(
        fleet.project(now=now), 1, interval_s=INTERVAL_S, now=now, describe=lambda _: {"url": "http://a/"}
    )
    DeviceState.objects.update(due_at=now + timedelta(days=1))
    postgres = connection.vendor == "postgresql"
    numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {monitors - 1})"
    own = {
        "id": f"{key} + n.i",
        "number": "number + n.i",
        "public_id": "gen_random_uuid()" if postgres else "lower(hex(randomblob(16)))",
        "phase_ms": f"(n.i * {fleet.SPREAD}::bigint) % 60000" if postgres else f"(n.i * {fleet.SPREAD}) % 60000",
        "shard": "n.i % 16",
    }
    with connection.cursor() as cursor:
        cursor.execute(f"{numbers} {_copies(Device, own)}")
        cursor.execute(f"{numbers} {_copies(DeviceState, {'device_id': f'{key} + n.i'})}")
        # As PostgreSQL does by itself within minutes: only then is an index enough to read from.
        cursor.execute("VACUUM ANALYZE" if postgres else "ANALYZE")
        if not postgres:
            # What the next commit would do, which has no part in this.
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _copies(model: Any, own: dict[str, str]) -> str:
    columns = [field.column for field in model._meta.local_concrete_fields]
    values = [own.get(column, f't."{column}"') for column in columns]
    names = ", ".join(f'"{column}"' for column in columns)
    return f"INSERT INTO {model._meta.db_table} ({names}) SELECT {', '.join(values)} FROM n, {model._meta.db_table} t"


def _wal() -> int:
    from django.db import connection

    if connection.vendor != "postgresql":
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint")
        return int(cursor.fetchone()[0])


def _sweep_ms(now: datetime) -> float:
    from apps.pipeline.heartbeats import sweep_heartbeats

    taken = []
    for _ in range(SWEEPS):
        began = time.perf_counter()
        sweep_heartbeats(now=now)
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


class _Instant:
    """An engine whose checks are over at once."""

    def __init__(self, result: Any) -> None:
        self.free = 256
        self._result, self._finished = result, []

    def start(self, plan: Any, ticket: Hashable) -> None:
        self._finished.append((ticket, self._result))

    def wait(self, timeout_s: float) -> list[tuple[Hashable, Any]]:
        finished, self._finished = self._finished, []
        return finished

    def wake(self) -> None: ...
    def close(self) -> None: ...


def dispatch() -> dict[str, Any]:
    """The pump with an engine that takes no time, and leases and results that touch no database."""
    from apps.checks import leases, requests
    from apps.checks.pump import Pump
    from apps.checks.types import CheckResult

    now = datetime.now(UTC)
    waiting = [_batch(number, now) for number in range(BATCHES)]
    requests.take = lambda **_: []
    leases.take = lambda **_: waiting.pop() if waiting else None
    leases.complete = lambda **_: True
    pump = Pump(_Instant(CheckResult("up", now)), owner="bench", planner=_NoPlans(), delay_ms=0)
    before = spent()
    pump.step(0)
    while pump.busy:
        pump.step(0)
    return {"us": (spent() - before) / BATCHES / 500 * 1e6}


class _NoPlans:
    def of_device(self, device: Any) -> None: ...
    def of_draft(self, config: Any) -> None: ...


def _batch(number: int, now: datetime) -> Any:
    from apps.checks.leases import Leased, Member
    from apps.common.clock import epoch_ms
    from apps.devices.models import Device

    members = [
        Member(Device(pk=number * 500 + each, interval_s=3600, workspace_id=1), epoch_ms(now) - 1000)
        for each in range(500)
    ]
    return Leased(number, uuid.uuid4(), now + timedelta(minutes=5), tuple(members))


if __name__ == "__main__":
    import django

    django.setup()
    wanted = arguments()
    print(json.dumps(timetable(**wanted) if wanted.pop("what") == "timetable" else dispatch()))
