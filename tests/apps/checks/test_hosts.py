"""Many monitors on one host: bounded, out of everybody's way, and in the hands of one pump at a time."""

import random
from datetime import timedelta

import pytest

from apps.checks import leases
from apps.checks.hosts import CROWD, PLACES, crowd_number
from apps.checks.leases import LEASE
from apps.checks.models import CheckBatch
from apps.checks.schedule import materialise
from apps.common.clock import epoch_ms
from apps.devices.crowds import gather
from apps.devices.models import CROWDS, SHARDS, Device
from tests.apps.checks.house import SECOND, House
from tests.apps.checks.simulation import Doing, Targets, slots_between
from tests.apps.checks.stored import rows_of, slots_told
from tests.apps.pipeline.scene import make_device
from tests.shared_database import shared_database
from tests.together import at_once

__all__ = ["shared_database"]


def on_one_host(project, now, count: int, **fields) -> list[Device]:
    dice = random.Random(count)
    values = {"interval_s": 20, "url": "http://busy.example/check"} | fields
    return [
        make_device(project, now=now, phase_ms=dice.randrange(20_000), shard=dice.randrange(SHARDS), **values)
        for _ in range(count)
    ]


def in_flight(house: House) -> list[int]:
    return [job.device.pk for job in house.pump._jobs.values()]


def test_a_host_that_never_answers_takes_no_more_than_its_places_and_holds_up_nobody(project, now) -> None:
    crowd = on_one_host(project, now, 200)
    others = [make_device(project, now=now, interval_s=20, phase_ms=index * 400) for index in range(50)]
    never = Doing(took_ms=15_000, status="down")
    house = House(now, Targets({device.pk: never for device in crowd}))
    peak = 0

    for _ in range(600):
        house.run(0.1)
        peak = max(peak, len(set(in_flight(house)) & {device.pk for device in crowd}))

    assert PLACES / 2 < peak <= PLACES
    end = house.clock.now - 3 * SECOND
    for device in others:
        assert {row.state for row in rows_of(device)} == {"up"}
        told = [slot for slot in slots_told(device) if slot < epoch_ms(end)]
        assert told == slots_between(device, now, end)
    assert {row.state for device in crowd for row in rows_of(device)} == {"down", "unknown"}


def test_every_slot_of_a_crowd_is_told_once_while_it_gathers(project, now) -> None:
    crowd = on_one_host(project, now, 200)
    house = House(now, Targets(default=Doing(took_ms=8000)))

    house.run(120)

    assert Device.objects.filter(shard__gte=SHARDS).count() > CROWD
    end = now + 85 * SECOND
    for device in crowd:
        told = [slot for slot in slots_told(device) if slot < epoch_ms(end)]
        assert told == slots_between(device, now, end)


def test_a_few_monitors_of_one_host_are_no_crowd(project, now) -> None:
    devices = on_one_host(project, now, 40)
    house = House(now, Targets(default=Doing(took_ms=8000)))

    house.run(60)

    assert not Device.objects.filter(shard__gte=SHARDS).exists()
    assert {row.state for device in devices for row in rows_of(device)} == {"up"}


def test_what_waits_in_line_is_given_back_with_the_rest(project, now) -> None:
    crowd = on_one_host(project, now, 150, interval_s=600)
    house = House(now, Targets(default=Doing(took_ms=8000)))
    house.run(22)
    house.pump.close()

    House(house.clock.now, Targets()).run(30)

    assert [slots_told(device) for device in crowd] == [
        slots_between(device, now, now + 20 * SECOND) for device in crowd
    ]
    assert {row.state for device in crowd for row in rows_of(device)} == {"up"}


@pytest.fixture
def gathered(project, now) -> list[Device]:
    """A crowd whose slots lie in three batches, beside a monitor that belongs to nobody."""
    crowd = on_one_host(project, now, 30)
    make_device(project, now=now, interval_s=20, phase_ms=19_999)
    number = crowd_number(project.workspace_id, "busy.example")
    gather(workspace_id=project.workspace_id, device_ids=[device.pk for device in crowd], crowd=number)
    materialise(now=now)
    for seconds in (7, 14, 20):
        materialise(now=now + seconds * SECOND)
    return crowd


def test_the_slots_of_a_crowd_come_in_batches_of_their_own(gathered, now) -> None:
    batches = [batch for batch in CheckBatch.objects.all() if batch.shard >= SHARDS]

    slots = [pair for batch in batches for pair in zip(batch.device_ids, batch.slots, strict=True)]
    wanted = [(device.pk, slot) for device in gathered for slot in slots_between(device, now, now + 20 * SECOND)]
    assert sorted(slots) == sorted(wanted)
    assert len(batches) == 3
    assert len({batch.shard for batch in batches}) == 1
    assert CheckBatch.objects.filter(shard__lt=SHARDS).count() == 1


def pks_of(batch: leases.Leased) -> list[int]:
    return [member.device.pk for member in batch.members]


def test_a_crowd_is_worked_on_by_one_pump_until_its_lease_ends(gathered, now) -> None:
    later = now + 20 * SECOND
    first = leases.take(owner="a", now=later)
    assert set(pks_of(first)) <= {device.pk for device in gathered}

    other = leases.take(owner="b", now=later)
    assert [Device.objects.get(pk=pk).name for pk in pks_of(other)] == ["device 31"]
    assert leases.take(owner="b", now=later) is None
    second = leases.take(owner="a", now=later)
    assert set(pks_of(second)) <= {device.pk for device in gathered}
    leases.give_back(owner="a")
    assert leases.take(owner="b", now=later).id == first.id
    assert leases.take(owner="a", now=later) is None
    Device.objects.update(interval_s=600)
    assert leases.take(owner="a", now=later + LEASE).id == first.id


def test_of_pumps_that_ask_at_once_one_gets_the_crowd(shared_database, gathered, now) -> None:
    later = now + 20 * SECOND

    taken = at_once(*[lambda owner=owner: leases.take(owner=owner, now=later) for owner in "abcdef"])

    assert not [outcome for outcome in taken if isinstance(outcome, Exception)]
    held = CheckBatch.objects.filter(shard__gte=SHARDS, token__isnull=False)
    assert held.values("owner").distinct().count() == 1


def test_gathering_keeps_the_cursor_of_each_device_and_happens_once(project, now) -> None:
    crowd = on_one_host(project, now, 40)
    before = {device.pk: device.shard for device in crowd}

    assert gather(workspace_id=project.workspace_id, device_ids=list(before), crowd=CROWDS) == 40
    assert gather(workspace_id=project.workspace_id, device_ids=list(before), crowd=1) == 0
    assert gather(workspace_id=project.workspace_id + 1, device_ids=list(before), crowd=1) == 0

    after = dict(Device.objects.values_list("pk", "shard"))
    assert {pk: shard % SHARDS for pk, shard in after.items()} == before
    assert {shard // SHARDS for shard in after.values()} == {CROWDS}
    assert max(after.values()) < 2**15


def test_an_outage_of_a_crowd_is_told_like_any_other(project, now) -> None:
    crowd = on_one_host(project, now, 10)
    gather(workspace_id=project.workspace_id, device_ids=[device.pk for device in crowd], crowd=5)
    materialise(now=now)
    back = now + timedelta(minutes=5)

    materialise(now=back)

    for device in crowd:
        assert slots_told(device) == slots_between(device, now, back - 20 * SECOND)
