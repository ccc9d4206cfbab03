"""Leases: whoever proves the token stores, everybody else throws away."""

from datetime import timedelta

import pytest

from apps.checks import leases
from apps.checks.leases import LEASE, MOST_ATTEMPTS, Ran, complete, give_back, renew, take
from apps.checks.models import CheckBatch, CheckRequest
from apps.checks.schedule import materialise
from apps.checks.types import CheckResult
from apps.common.clock import epoch_ms
from apps.devices.models import Device, DeviceState
from apps.incidents.models import Incident
from tests.apps.checks.stored import rows_of
from tests.apps.pipeline.scene import make_device


@pytest.fixture
def due(project, now):
    """Three devices whose slot began within the second before `now`, in one batch."""
    devices = [make_device(project, now=now, phase_ms=index * 100, interval_s=60) for index in range(3)]
    materialise(now=now - timedelta(seconds=1))
    materialise(now=now + timedelta(seconds=1))
    return devices


def ran(member, *, status="up", at) -> Ran:
    detail = {} if status == "up" else {"error": "connect", "reason": "refused"}
    return Ran(member, CheckResult(status, at, latency_us=900 if status == "up" else None, detail=detail), 3)


def results(batch, at, status="up") -> list[Ran]:
    return [ran(member, status=status, at=at) for member in batch.members]


def test_a_batch_has_one_holder_at_a_time(due, now) -> None:
    assert take(owner="a", now=now) is not None
    assert take(owner="b", now=now) is None
    assert take(owner="b", now=now + LEASE - timedelta(seconds=1)) is None
    assert take(owner="b", now=now + LEASE - timedelta(milliseconds=1)) is None


def test_completing_stores_each_result_at_its_slot_and_ends_the_batch(due, now) -> None:
    batch = take(owner="a", now=now)

    assert complete(batch=batch, results=results(batch, now), now=now)

    assert CheckBatch.objects.count() == 0
    for index, device in enumerate(due):
        (row,) = rows_of(device)
        assert (row.ts, row.state, row.latency_us, row.interval_ms) == (epoch_ms(now) + index * 100, "up", 900, 60_000)
    assert set(DeviceState.objects.values_list("state", flat=True)) == {"up"}


def test_a_worker_frozen_past_its_lease_stores_nothing(due, now) -> None:
    frozen = take(owner="a", now=now)
    later = now + LEASE - timedelta(seconds=2)
    CheckBatch.objects.update(lease_until=later)
    second = take(owner="b", now=later)
    assert complete(batch=second, results=results(second, later), now=later)

    assert not complete(batch=frozen, results=results(frozen, now, "down"), now=later)

    assert [row.state for device in due for row in rows_of(device)] == ["up"] * 3
    assert Incident.objects.count() == 0


def test_a_frozen_worker_that_wakes_first_stores_nothing_either(due, now) -> None:
    frozen = take(owner="a", now=now)
    CheckBatch.objects.update(lease_until=now)
    second = take(owner="b", now=now)

    assert not complete(batch=frozen, results=results(frozen, now, "down"), now=now)
    assert complete(batch=second, results=results(second, now), now=now)

    assert [row.state for device in due for row in rows_of(device)] == ["up"] * 3


def test_what_is_finished_is_stored_while_the_rest_keeps_its_lease(due, now) -> None:
    batch = take(owner="a", now=now)
    slow = batch.members[1]
    fast = [member for member in batch.members if member is not slow]

    assert complete(batch=batch, results=[ran(member, at=now) for member in fast], rest=[slow], now=now)

    assert [len(rows_of(device)) for device in due] == [1, 0, 1]
    assert take(owner="b", now=now) is None
    CheckBatch.objects.update(lease_until=now)
    retaken = take(owner="b", now=now)
    assert [member.key for member in retaken.members] == [slow.key]
    assert not complete(batch=batch, results=[ran(slow, at=now)], now=now)
    assert complete(batch=retaken, results=[ran(slow, at=now)], now=now)
    assert [len(rows_of(device)) for device in due] == [1, 1, 1]


def test_a_renewed_lease_lasts_and_a_lost_one_is_not_renewed(due, now) -> None:
    batch = take(owner="a", now=now)
    half = now + LEASE / 2

    assert renew(batches=[batch], now=half) == {batch.id: half + LEASE}

    CheckBatch.objects.update(lease_until=half)
    assert take(owner="b", now=half) is not None
    assert renew(batches=[batch], now=half) == {}


def test_a_worker_gives_back_its_own_leases_and_no_others(due, now) -> None:
    batch = take(owner="a", now=now)

    assert give_back(owner="b") == 0
    assert give_back(owner="a") == 1

    again = take(owner="b", now=now)
    assert [member.key for member in again.members] == [member.key for member in batch.members]
    assert not complete(batch=batch, results=results(batch, now), now=now)


def test_a_slot_older_than_its_interval_is_told_as_missed_instead_of_run(due, now) -> None:
    take(owner="a", now=now)
    back = now + timedelta(seconds=61)

    assert take(owner="b", now=back) is None

    assert CheckBatch.objects.count() == 0
    for device in due:
        (row,) = rows_of(device)
        assert (row.state, row.missed, row.detail) == ("unknown", 1, {"reason": "not_measured"})
    assert set(DeviceState.objects.values_list("state", flat=True)) == {"unknown"}


def test_of_a_late_batch_only_the_members_that_are_still_worth_it_run(project, now) -> None:
    quick = make_device(project, now=now, interval_s=10)
    calm = make_device(project, now=now, interval_s=3600)
    materialise(now=now)
    materialise(now=now + timedelta(milliseconds=1))

    batch = take(owner="a", now=now + timedelta(seconds=10))

    assert [member.device.pk for member in batch.members] == [calm.pk]
    assert [row.missed for row in rows_of(quick)] == [1]
    assert CheckBatch.objects.get().device_ids == (calm.pk,)


def test_devices_that_are_gone_or_paused_drop_out_without_a_row(due, now) -> None:
    gone, paused, stays = due
    gone.delete()
    Device.objects.filter(pk=paused.pk).update(enabled=False)

    batch = take(owner="a", now=now)

    assert [member.device.pk for member in batch.members] == [stays.pk]
    assert rows_of(paused) == []


def test_a_device_deleted_while_its_check_ran_leaves_no_row(due, now) -> None:
    batch = take(owner="a", now=now)
    gone = due[0]
    pk, workspace_id = gone.pk, gone.workspace_id
    gone.delete()

    assert complete(batch=batch, results=results(batch, now), now=now)

    gone.pk, gone.workspace_id = pk, workspace_id
    assert rows_of(gone) == []
    assert [len(rows_of(device)) for device in due[1:]] == [1, 1]


def test_a_batch_that_fells_its_workers_is_given_up_and_told_as_missed(project, now) -> None:
    device = make_device(project, now=now, interval_s=86_400, phase_ms=epoch_ms(now) % 86_400_000)
    materialise(now=now)
    materialise(now=now + timedelta(seconds=1))
    instant = now + timedelta(seconds=1)
    for _ in range(MOST_ATTEMPTS):
        assert take(owner="a", now=instant) is not None
        instant += LEASE + timedelta(seconds=1)

    assert take(owner="a", now=instant) is None

    assert [row.missed for row in rows_of(device)] == [1]
    assert CheckBatch.objects.count() == 0


@pytest.mark.parametrize("step", ["_prove", "submit", "follow_up"])
@pytest.mark.parametrize("status", ["up", "down"])
def test_a_completion_that_breaks_off_has_not_happened(due, now, monkeypatch, step, status) -> None:
    Device.objects.update(retries=1)
    batch = take(owner="a", now=now)
    original = getattr(leases, step)

    def breaks_after(*args, **kwargs):
        original(*args, **kwargs)
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(leases, step, breaks_after)
        with pytest.raises(RuntimeError, match="killed"):
            complete(batch=batch, results=results(batch, now, status), now=now)
    assert not any(rows_of(device) for device in due)
    assert CheckRequest.objects.count() == 0
    assert set(DeviceState.objects.values_list("state", flat=True)) == {"unknown"}

    assert complete(batch=batch, results=results(batch, now, status), now=now)
    assert not complete(batch=batch, results=results(batch, now, status), now=now)
    assert [len(rows_of(device)) for device in due] == [1, 1, 1]
    assert CheckRequest.objects.count() == (3 if status == "down" else 0)
