"""The whole pipeline: cursor windows, leases, plans, probes, verdicts, stored results and states, on a real database.

Run by `tests.perf.cores.measure`; prints one JSON document.
"""

import json
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.perf.cores import arguments, spent
from tests.perf.database import backend_seconds, fresh_database
from tests.perf.engine import RULES
from tests.perf.farm import address, name

HOUR = timedelta(hours=1)
TICK_S = 0.5
INTERVAL_S, WARM_S, WATCHED_S = 10, 15, 20


def ceiling(target: str, count: int, port: int) -> dict[str, Any]:
    """Run all monitors twice as fast as it goes; `us` of processor time a check in the second round.

    The first round reads every configuration and makes every source; the second is any other round.
    """
    with fresh_database():
        began = datetime.now(UTC)
        _fill(target, count, port, interval_s=3600, now=began - 2 * HOUR)
        _gather(began)
        _settle()
        rounds = [_round(count, offset=number * HOUR, began=began) for number in range(2)]
    return {**rounds[1], "first_us": rounds[0]["us"]}


def _gather(began: datetime) -> None:
    """Move all slots into the half hour before: none of them is outdated before it is run."""
    from django.db.models import F

    from apps.common.clock import epoch_ms
    from apps.devices.models import Device

    hour_ms = HOUR // timedelta(milliseconds=1)
    start_ms = (epoch_ms(began) - hour_ms // 2) % hour_ms
    Device.objects.update(phase_ms=(F("phase_ms") / 2 + start_ms) % hour_ms)


def _fill(target: str, count: int, port: int, *, interval_s: int, now: datetime) -> list[int]:
    from tests.perf import fleet

    scheme = "https" if target == "https" else "http"

    def describe(number: int) -> dict[str, Any]:
        host = address(number) if target == "http" else name(number)
        return {"url": f"{scheme}://{host}:{port}/ok", "synthetic": RULES}

    return fleet.fill(fleet.project(now=now), count, interval_s=interval_s, now=now, describe=describe)


def _round(count: int, *, offset: timedelta, began: datetime) -> dict[str, Any]:
    from apps.checks import cycles
    from apps.checks.engine.engine import Engine
    from apps.checks.models import ShardCursor
    from apps.checks.pump import Pump
    from apps.checks.schedule import materialise
    from apps.common.clock import epoch_ms
    from apps.devices.models import SHARDS
    from apps.metrics.models import HeadRow

    def clock() -> datetime:
        return datetime.now(UTC) + offset

    start_ms = epoch_ms(began + offset - HOUR)
    cursors = [ShardCursor(shard=shard, cursor_ms=start_ms) for shard in range(SHARDS)]
    ShardCursor.objects.bulk_create(
        cursors, update_conflicts=True, unique_fields=["shard"], update_fields=["cursor_ms"]
    )
    stored = HeadRow.objects.count()
    cycles.search_rarely()
    pump = Pump(Engine(), owner="bench", clock=clock, delay_ms=0)
    own, backend, wall = spent(), backend_seconds(), time.perf_counter()
    due = materialise(now=began + offset).due
    pump.step(0)
    while pump.busy:
        pump.step(1.0)
    own, backend, wall = spent() - own, backend_seconds() - backend, time.perf_counter() - wall
    pump.close()
    done = HeadRow.objects.count() - stored
    if not done == due == count:
        raise RuntimeError(f"{due} due, {done} stored of {count} monitors")
    return {
        "us": (own + backend) / done * 1e6,
        "own_us": round(own / done * 1e6, 1),
        "database_us": round(backend / done * 1e6, 1),
        "per_second": round(done / wall),
        **_outcomes(),
    }


def _outcomes() -> dict[str, Any]:
    """How many are up, and what is said of one that is not."""
    from apps.devices.models import DeviceState

    other = DeviceState.objects.exclude(state="up").first()
    up = DeviceState.objects.filter(state="up").count()
    return {"up": up, "other": "" if other is None else f"{other.state} {other.cause} {other.cause_text}"}


def steady(per_second: float, port: int) -> dict[str, Any]:
    """A fleet that is due at this rate, watched for a while: the share of its slots that was run, and how late."""
    count = int(per_second * INTERVAL_S)
    with fresh_database():
        from apps.checks import cycles
        from apps.checks.engine.engine import Engine
        from apps.checks.pump import Pump

        _fill("http", count, port, interval_s=INTERVAL_S, now=datetime.now(UTC))
        _begin()
        cycles.search_rarely()
        pump = Pump(Engine(), owner="bench")
        own, backend, wall = spent(), backend_seconds(), time.perf_counter()
        with _ticks(), _watched() as lags:
            start = datetime.now(UTC) + timedelta(seconds=WARM_S)
            end = start + timedelta(seconds=WATCHED_S)
            pump.run(end)
            pump.run(end + timedelta(seconds=5))
        busy = (spent() - own + backend_seconds() - backend) / (time.perf_counter() - wall)
        pump.close()
        return {**_told(start, end, lags), "monitors": count, "busy_share": round(busy, 3)}


def _begin() -> None:
    """The schedule begins now."""
    from apps.checks.schedule import materialise

    _settle()
    materialise(now=datetime.now(UTC))


def _settle() -> None:
    """Everybody's first result is behind us: what is measured is a calm fleet."""
    from apps.devices.models import DeviceState

    DeviceState.objects.update(state="up", rank=0)


@contextmanager
def _ticks() -> Iterator[None]:
    """The schedule's loop beside the pump, as in a worker."""
    from django.db import connections

    from dashmon import steps

    stop = threading.Event()

    def run() -> None:
        while not stop.wait(TICK_S):
            steps.schedule()
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def _watched() -> Iterator[dict[int, list[float]]]:
    """Note how long after its slot each check began: slots in milliseconds to seconds late."""
    from apps.checks import leases

    lags: dict[int, list[float]] = {}
    complete = leases.complete

    def note(**given: Any) -> bool:
        for ran in given["results"]:
            slot_ms = ran.member.slot_ms
            lags.setdefault(slot_ms, []).append(ran.result.started_at.timestamp() - slot_ms / 1000)
        return complete(**given)

    leases.complete = note
    try:
        yield lags
    finally:
        leases.complete = complete


def _told(start: datetime, end: datetime, lags: dict[int, list[float]]) -> dict[str, Any]:
    """Slots of [start, end) by arithmetic, those that are stored as run, and the lags of these."""
    from apps.checks.schedule import slots_between
    from apps.common.clock import epoch_ms
    from apps.devices.models import Device
    from apps.metrics.columns import MISSED, read_row
    from apps.metrics.models import HeadRow

    start_ms, end_ms = epoch_ms(start), epoch_ms(end)
    due = sum(
        slots_between(phase_ms=phase, interval_ms=INTERVAL_S * 1000, start_ms=start_ms, end_ms=end_ms)[1]
        for phase in Device.objects.values_list("phase_ms", flat=True)
    )
    rows = HeadRow.objects.filter(ts__gte=start_ms, ts__lt=end_ms).values_list("payload", flat=True)
    run = sum(MISSED not in read_row(payload) for payload in rows.iterator())
    late = sorted(lag for slot, found in lags.items() if start_ms <= slot < end_ms for lag in found)
    return {
        "share": run / due,
        "due": due,
        "run": run,
        "lag_p50_s": round(statistics.median(late), 3),
        "lag_p99_s": round(late[int(len(late) * 0.99)], 3),
        "lag_max_s": round(late[-1], 3),
        "per_second": round(due / WATCHED_S),
    }


if __name__ == "__main__":
    wanted = arguments()
    print(json.dumps((steady if wanted.pop("what") == "steady" else ceiling)(**wanted)))
