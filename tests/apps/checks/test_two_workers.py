"""Two workers at the same instant: each batch, request, slot and heartbeat has one of them."""

from datetime import timedelta

import pytest
from django.db import connection

from apps.checks import leases, requests, services
from apps.checks.leases import Ran
from apps.checks.models import CheckBatch
from apps.checks.schedule import materialise
from apps.checks.types import CheckResult
from apps.devices.models import SHARDS, DeviceState
from apps.incidents.models import Incident
from apps.pipeline.heartbeats import sweep_heartbeats
from apps.pipeline.services import submit
from apps.pipeline.windows import sweep_windows
from tests.apps.checks.stored import rows_of
from tests.apps.pipeline.scene import make_device, make_heartbeat
from tests.apps.pipeline.test_heartbeats import beat
from tests.apps.pipeline.test_services import fact
from tests.apps.pipeline.test_windows import cover, goes
from tests.shared_database import shared_database
from tests.together import at_once

__all__ = ["shared_database"]
pytestmark = pytest.mark.usefixtures("shared_database")
MINUTE = timedelta(minutes=1)


def done(outcomes):
    """The outcomes, none of which may be an error: writers queue, they do not fail."""
    errors = [outcome for outcome in outcomes if isinstance(outcome, Exception)]
    assert errors == []
    return outcomes


def test_two_ticks_hand_out_every_slot_once(project, now) -> None:
    devices = [make_device(project, now=now, phase_ms=index * 300, shard=index % SHARDS) for index in range(100)]
    materialise(now=now)
    end = now + timedelta(seconds=40)

    ticks = done(at_once(*[lambda: materialise(now=end)] * 3))

    slots = [pair for batch in CheckBatch.objects.all() for pair in zip(batch.device_ids, batch.slots, strict=True)]
    assert sum(tick.due for tick in ticks) == len(slots) == len(set(slots)) == len(devices)


def test_a_batch_is_taken_by_one_worker(project, now) -> None:
    for index in range(4):
        make_device(project, now=now, interval_s=60, phase_ms=index, shard=index)
        materialise(now=now + timedelta(milliseconds=index))
    materialise(now=now + timedelta(seconds=1))
    batches = CheckBatch.objects.count()

    taken = done(at_once(*[lambda: leases.take(owner="x", now=now + timedelta(seconds=1))] * 6))

    held = [leased.id for leased in taken if leased is not None]
    assert len(held) == len(set(held)) == batches


def test_one_of_two_workers_with_one_batch_stores_it(project, now) -> None:
    device = make_device(project, now=now)
    materialise(now=now)
    materialise(now=now + timedelta(seconds=1))
    first = leases.take(owner="a", now=now)
    CheckBatch.objects.update(lease_until=now)
    second = leases.take(owner="b", now=now)

    def complete(batch, status):
        results = [Ran(member, CheckResult(status, now), 1) for member in batch.members]
        return lambda: leases.complete(batch=batch, results=results, now=now)

    assert done(at_once(complete(first, "down"), complete(second, "up"))) == [False, True]
    assert [row.state for row in rows_of(device)] == ["up"]


def test_a_request_is_taken_by_one_worker(project, now) -> None:
    device = make_device(project, now=now)
    for _ in range(5):
        services.request_check(device=device, now=now)

    taken = done(at_once(*[lambda: requests.take(owner="x", limit=2, now=now)] * 4))

    held = [leased.row.pk for part in taken for leased in part]
    assert len(held) == len(set(held))
    assert len(held) >= 2


def test_one_fact_told_by_two_workers_at_once_changes_as_much_as_one(project, now) -> None:
    device = make_device(project, now=now)
    failure = fact(device, now, "down")

    outcomes = done(at_once(*[lambda: submit(observations=[failure], now=now)] * 4))

    assert sorted(len(outcome.changes) for outcome in outcomes) == [0, 0, 0, 1]
    assert (len(rows_of(device)), Incident.objects.count()) == (1, 1)


def test_batches_that_share_devices_in_opposite_orders_do_not_block_each_other(project, now) -> None:
    devices = [make_device(project, now=now) for _ in range(30)]
    ways = [
        [fact(device, now + offset * MINUTE, "down") for device in order]
        for offset, order in enumerate([devices, devices[::-1], devices[10:] + devices[:10], devices[::-1]])
    ]

    done(at_once(*[lambda way=way: submit(observations=way, now=now + 5 * MINUTE) for way in ways]))

    assert Incident.objects.count() == len(devices)
    assert all(len(rows_of(device)) == 4 for device in devices)


def test_sweeps_and_signals_at_once_leave_one_story(project, now) -> None:
    device = make_heartbeat(project, now=now)
    beat(device, now)
    later = now + timedelta(hours=2)

    done(
        at_once(
            lambda: sweep_heartbeats(now=later),
            lambda: sweep_heartbeats(now=later),
            lambda: beat(device, later),
        )
    )

    assert [row.state for row in rows_of(device)] == ["up", "warning", "down", "up"]
    assert DeviceState.objects.get().state == "up"
    assert Incident.objects.get().closed_at is not None


def test_many_signals_at_once_are_all_heard(project, now) -> None:
    device = make_heartbeat(project, now=now)

    done(at_once(*[lambda: beat(device, now)] * 6))

    assert len(rows_of(device)) == 6


def test_a_window_is_settled_by_one_sweep(project, now) -> None:
    device = make_device(project, now=now)
    cover(device, now, now + 10 * MINUTE, now)
    goes(device, now + MINUTE)

    settled = done(at_once(*[lambda: sweep_windows(now=now + 11 * MINUTE)] * 3))

    assert sum(settled) == 1
    assert Incident.objects.count() == 1


def test_the_database_is_one_that_threads_share() -> None:
    assert "memory" not in str(connection.settings_dict["NAME"])
