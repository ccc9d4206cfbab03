"""The pump in virtual time: an engine that knows how long each target takes, and the real database."""

from datetime import timedelta

import pytest
from django.db import OperationalError

from apps.checks import leases, services
from apps.checks.jobs import PART
from apps.checks.models import CheckBatch, CheckRequest
from apps.checks.pump import DELAY_MS
from apps.common import bus
from apps.common.clock import epoch_ms, from_epoch_ms
from apps.common.errors import UnsupportedError
from apps.devices.models import DeviceState
from apps.incidents.models import Incident
from tests.apps.checks.house import SECOND, House
from tests.apps.checks.simulation import Doing, Targets, slots_between
from tests.apps.checks.stored import rows_of, slots_told
from tests.apps.pipeline.scene import make_device


@pytest.fixture
def house(now) -> House:
    return House(now)


def test_every_slot_is_run_once_and_stored_at_its_slot(project, now) -> None:
    devices = [make_device(project, now=now, interval_s=30, phase_ms=index * 997, shard=index) for index in range(16)]
    house = House(now)

    house.run(300)

    for device in devices:
        slots = slots_told(device)
        assert slots == slots_between(device, now, now + timedelta(seconds=296))[: len(slots)]
        assert len(slots) >= 9
        assert {row.state for row in rows_of(device)} == {"up"}
    assert CheckBatch.objects.filter(token__isnull=False).count() == 0


def test_each_check_starts_at_its_own_phase_in_groups_of_at_most_10_ms(project, now) -> None:
    devices = [make_device(project, now=now, interval_s=60, phase_ms=index * 7) for index in range(140)]
    house = House(now)

    house.run(5)

    starts = sorted(epoch_ms(instant) for instant, _ in house.engine.started)
    wanted = sorted(device.phase_ms + epoch_ms(now) + DELAY_MS for device in devices)
    late = [start - instant for start, instant in zip(starts, wanted, strict=True)]
    assert min(late) >= 0
    assert max(late) <= 10


def test_slow_targets_hold_back_nobody(project, now) -> None:
    devices = [make_device(project, now=now, interval_s=30, phase_ms=index * 30) for index in range(200)]
    slow = devices[::4]
    house = House(now, Targets({device.pk: Doing(took_ms=15_000, status="down") for device in slow}))

    house.run(28)

    for device in devices:
        (row,) = rows_of(device)
        assert row.state == ("down" if device in slow else "up")
    house.run(180)
    for device in devices:
        assert slots_told(device) == slots_between(device, now, now + timedelta(seconds=200))[: len(rows_of(device))]
        assert len(rows_of(device)) >= 6


def test_a_result_waits_at_most_a_moment_for_the_rest_of_its_batch(project, now) -> None:
    fast, slow = (make_device(project, now=now, phase_ms=phase) for phase in (100, 200))
    house = House(now, Targets({slow.pk: Doing(took_ms=20_000)}))

    house.run((PART + 3 * SECOND) / SECOND)

    assert [row.state for row in rows_of(fast)] == ["up"]
    assert rows_of(slow) == []
    assert CheckBatch.objects.get().device_ids == (slow.pk,)
    house.run(20)
    assert [row.state for row in rows_of(slow)] == ["up"]


def test_a_check_that_takes_longer_than_a_lease_keeps_it(project, now) -> None:
    device = make_device(project, now=now, interval_s=600, phase_ms=epoch_ms(now) % 600_000)
    house = House(now, Targets({device.pk: Doing(took_ms=200_000)}))

    house.run(250)

    assert [row.state for row in rows_of(device)] == ["up"]
    assert house.engine.started[0][1] is not None
    assert len(house.engine.started) == 1


def test_what_people_ask_for_goes_before_routine_even_when_all_places_are_taken(project, now) -> None:
    for index in range(300):
        make_device(project, now=now, interval_s=60, phase_ms=index)
    asked = make_device(project, now=now, interval_s=3600, phase_ms=1_000_000)
    house = House(now, Targets({asked.pk: Doing(took_ms=5)}, default=Doing(took_ms=50_000, status="down")))
    house.run(10)
    assert house.engine.free > 0

    services.request_check(device=asked, now=house.clock.now)
    house.run(2)

    assert [row.state for row in rows_of(asked)] == ["up"]


def test_a_nudge_makes_the_pump_look_at_once(device, house) -> None:
    house.run(0.5)
    services.request_check(device=device, now=house.clock.now)
    before = house.clock.now

    bus.publish(bus.CHECKS)
    house.pump.step(1.0)
    house.pump.step(1.0)

    assert house.clock.now - before < timedelta(milliseconds=100)
    assert CheckRequest.objects.get().done_at is not None


def test_a_failure_is_confirmed_by_retries_before_anybody_hears_of_it(project, now) -> None:
    device = make_device(
        project, now=now, interval_s=600, phase_ms=epoch_ms(now) % 600_000, retries=2, retry_interval_s=5
    )
    house = House(now, Targets({device.pk: Doing(status="down")}))

    house.run(4)
    assert DeviceState.objects.get().state == "warning"
    assert Incident.objects.count() == 0
    house.run(20)

    assert DeviceState.objects.get().state == "down"
    assert [(row.state, row.detail.get("confirming")) for row in rows_of(device)] == [
        ("warning", True),
        ("warning", True),
        ("down", None),
    ]
    incident = Incident.objects.get()
    assert incident.opened_at == from_epoch_ms(rows_of(device)[-1].ts)


def test_a_blip_that_a_retry_clears_is_history_and_no_incident(project, now) -> None:
    device = make_device(
        project, now=now, interval_s=600, phase_ms=epoch_ms(now) % 600_000, retries=1, retry_interval_s=5
    )
    first_only = Doing(status=lambda began: "down" if began < now + 4 * SECOND else "up")
    house = House(now, Targets({device.pk: first_only}))

    house.run(30)

    assert [row.state for row in rows_of(device)] == ["warning", "up"]
    assert Incident.objects.count() == 0
    assert CheckRequest.objects.count() == 0


def test_a_draft_is_answered(project, now, house) -> None:
    asked = services.request_draft(workspace=project.workspace, config={"status": "down"}, now=now)

    house.run(2)

    asked.refresh_from_db()
    assert asked.result["detail"]["reason"] == "refused"


def test_a_monitor_that_cannot_be_run_is_not_measured_and_never_down(device, now, house, monkeypatch) -> None:
    def refuses(device):
        raise UnsupportedError("No address.")

    monkeypatch.setattr(house.targets, "of_device", refuses)
    services.request_check(device=device, now=now)

    house.run(1)

    (row,) = rows_of(device)
    assert (row.state, row.detail["reason"]) == ("unknown", "not_measured")
    assert DeviceState.objects.get().state == "unknown"


def test_stopping_gives_leases_back_at_once_and_the_next_pump_finishes(project, now) -> None:
    devices = [
        make_device(project, now=now, interval_s=600, phase_ms=epoch_ms(now) % 600_000 + index) for index in range(9)
    ]
    house = House(now, Targets({device.pk: Doing(took_ms=30_000) for device in devices[:3]}))
    house.run(4)

    house.pump.stop()
    house.pump.close()

    assert CheckBatch.objects.get().token is None
    assert [len(rows_of(device)) for device in devices] == [0, 0, 0, 1, 1, 1, 1, 1, 1]
    successor = House(house.clock.now)
    successor.run(3)
    assert [len(rows_of(device)) for device in devices] == [1] * 9
    assert {slot for device in devices for slot in slots_told(device)} == {epoch_ms(now) + index for index in range(9)}


def test_a_killed_pump_loses_nothing_and_doubles_nothing(project, now) -> None:
    devices = [make_device(project, now=now, interval_s=300, phase_ms=index * 150) for index in range(100)]
    house = House(now, Targets(default=Doing(took_ms=700)))
    instant = now
    for _ in range(12):
        house.run(1.6)
        instant = house.clock.now
        # Killed: memory and sockets are gone, the rows stay, and a restart frees what the name held.
        house.engine.flying.clear()
        leases.give_back(owner="house")
        house.pump = house.new_pump()
    house.run(20)

    for device in devices:
        assert slots_told(device) == slots_between(device, now, instant)


def test_a_pump_frozen_past_its_lease_throws_its_results_away(project, now) -> None:
    device = make_device(project, now=now, interval_s=600, phase_ms=epoch_ms(now) % 600_000)
    house = House(now, Targets({device.pk: Doing(took_ms=3000, status="down")}))
    house.run(3)
    assert house.pump.busy
    # Frozen for 100 s, in which another worker did its work.
    rescuer = House(house.clock.now + timedelta(seconds=100))
    rescuer.run(3)
    house.clock.to(rescuer.clock.now)

    house.run(5)

    assert [row.state for row in rows_of(device)] == ["up"]
    assert Incident.objects.count() == 0
    assert not house.pump.busy


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_for_a_while_costs_no_result(project, now, monkeypatch) -> None:
    device = make_device(project, now=now, interval_s=600, phase_ms=epoch_ms(now) % 600_000)
    house = House(now, Targets(default=Doing(took_ms=5000)))
    with monkeypatch.context() as broken:

        def away(**_):
            raise OperationalError("the database is away")

        house.run(1.5)
        broken.setattr(leases, "complete", away)
        broken.setattr(leases, "take", away)
        house.run(6)
    assert rows_of(device) == []

    house.run(20)

    assert [row.state for row in rows_of(device)] == ["up"]
    assert len(house.engine.started) == 1


@pytest.mark.django_db(transaction=True)
def test_a_batch_that_cannot_be_stored_keeps_no_other_from_being_stored(project, now, monkeypatch) -> None:
    poison, healthy = (
        make_device(project, now=now, interval_s=3600, phase_ms=epoch_ms(now) % 3_600_000 + p) for p in (0, 4000)
    )
    house, complete = House(now), leases.complete

    def picky(*, batch, **rest):
        if any(member.device.pk == poison.pk for member in batch.members):
            raise ValueError("a defect")
        return complete(batch=batch, **rest)

    monkeypatch.setattr(leases, "complete", picky)
    house.run(60)

    assert rows_of(poison) == []
    assert [row.state for row in rows_of(healthy)] == ["up"]


def test_an_outage_of_the_pump_is_told_and_then_everything_runs_on(project, now) -> None:
    devices = [make_device(project, now=now, interval_s=30, phase_ms=index * 301) for index in range(30)]
    first = House(now)
    first.run(90)
    first.pump.close()
    back = House(first.clock.now + timedelta(minutes=10))

    back.run(90)

    end = back.clock.now - 3 * SECOND
    for device in devices:
        told = [slot for slot in slots_told(device) if slot < epoch_ms(end)]
        assert told == slots_between(device, now, end)
        assert sum(row.missed for row in rows_of(device)) >= 18
    assert Incident.objects.count() == 0
