"""Freezes, clocks that are wrong and a database that is away: what the pump and the schedule make of them."""

from datetime import timedelta

import pytest
from django.db import InterfaceError, OperationalError

from apps.checks import leases, requests, services
from apps.checks.models import CheckBatch, CheckRequest, ShardCursor
from apps.checks.schedule import AHEAD_MS, materialise
from apps.common.clock import epoch_ms
from apps.devices.models import DeviceState
from apps.incidents.models import Incident
from tests.apps.checks.house import SECOND, House
from tests.apps.checks.simulation import Doing, Targets, slots_between
from tests.apps.checks.stored import rows_of, slots_told
from tests.apps.pipeline.scene import make_device

HOUR = timedelta(hours=1)


def at_once(project, now, **fields):
    """A monitor whose slot begins now, and the next one in ten minutes."""
    return make_device(project, now=now, **({"interval_s": 600, "phase_ms": epoch_ms(now) % 600_000} | fields))


# --- Held up -----------------------------------------------------------------------------------------


def test_a_failure_that_was_under_way_while_the_process_was_frozen_is_checked_again(project, now) -> None:
    device = at_once(project, now)
    # Answers in time whenever somebody listens: the one that was under way could not be heard.
    heard = Doing(took_ms=1900, status=lambda began: "down" if began < now + 5 * SECOND else "up")
    house = House(now, Targets({device.pk: heard}))
    house.run(2)
    assert house.pump.busy

    house.clock.to(now + 20 * SECOND)
    house.run(5)

    assert [row.state for row in rows_of(device)] == ["up"]
    assert len(house.engine.started) == 2
    assert Incident.objects.count() == 0


def test_a_good_answer_that_was_heard_late_counts_without_its_times(project, now) -> None:
    device = at_once(project, now)
    house = House(now, Targets({device.pk: Doing(took_ms=1900)}))
    house.run(2)

    house.clock.to(now + 20 * SECOND)
    house.run(5)

    assert [(row.state, row.latency_us) for row in rows_of(device)] == [("up", None)]
    assert len(house.engine.started) == 1


def test_a_check_that_was_held_up_twice_is_not_measured_rather_than_down(project, now) -> None:
    device = at_once(project, now)
    house = House(now, Targets({device.pk: Doing(took_ms=1900, status="down")}))
    house.run(2)
    house.clock.to(now + 20 * SECOND)
    house.run(1)
    assert len(house.engine.started) == 2

    house.clock.to(now + 40 * SECOND)
    house.run(5)

    (row,) = rows_of(device)
    assert (row.state, row.detail["reason"]) == ("unknown", "not_measured")
    assert DeviceState.objects.get().state == "unknown"


def test_a_check_that_found_no_place_before_the_next_slot_is_not_measured(project, now) -> None:
    devices = [make_device(project, now=now, interval_s=20, phase_ms=index * 50) for index in range(400)]
    house = House(now, Targets(default=Doing(took_ms=15_000, status="down")), slots=200)

    house.run(100)

    end = house.clock.now - 45 * SECOND
    told = [(device, slot) for device in devices for slot in slots_told(device) if slot < epoch_ms(end)]
    assert len(told) == len(set(told))
    assert {slot for _, slot in told} == {slot for device in devices for slot in slots_between(device, now, end)}
    states = [row.state for device in devices for row in rows_of(device)]
    # There are places for about half of them; the rest is recorded, and never "down".
    assert 0.2 < states.count("down") / len(states) < 0.8
    assert set(states) == {"down", "unknown"}


# --- The database ------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_results_wait_for_a_database_that_is_away_for_long(project, now, monkeypatch, error) -> None:
    device = at_once(project, now)
    house = House(now, Targets({device.pk: Doing(took_ms=3000)}))
    house.run(2)

    def away(**_):
        raise error("the connection is closed")

    with monkeypatch.context() as broken:
        for module, name in [(leases, "complete"), (leases, "take"), (requests, "take")]:
            broken.setattr(module, name, away)
        house.run(50)
    assert rows_of(device) == []

    house.run(12)

    assert [row.state for row in rows_of(device)] == ["up"]
    assert len(house.engine.started) == 1


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_is_not_asked_all_the_time(project, now, monkeypatch) -> None:
    house, asked = House(now), []

    def away(**_):
        asked.append(house.clock.now)
        raise OperationalError("the database is away")

    monkeypatch.setattr(requests, "take", away)
    house.run(60)

    assert 5 < len(asked) < 15


@pytest.mark.django_db(transaction=True)
def test_an_answer_waits_for_the_database_too(project, now, monkeypatch) -> None:
    device = at_once(project, now, interval_s=3600, phase_ms=epoch_ms(now) % 3_600_000 + 1_000_000)
    asked = services.request_check(device=device, now=now)
    house = House(now, Targets({device.pk: Doing(took_ms=3000)}))
    house.run(2)

    def away(**_):
        raise OperationalError("the database is away")

    with monkeypatch.context() as broken:
        broken.setattr(requests, "complete", away)
        house.run(20)
    house.run(10)

    asked.refresh_from_db()
    assert asked.done_at is not None
    assert [row.state for row in rows_of(device)] == ["up"]


# --- Clocks ------------------------------------------------------------------------------------------


def test_a_clock_that_is_set_back_a_little_hands_out_no_slot_twice(project, now) -> None:
    device = make_device(project, now=now, interval_s=20, phase_ms=3000)
    house = House(now)
    house.run(120)

    house.clock.now -= timedelta(seconds=50)
    house.next_tick = house.clock.now
    house.run(120)

    slots = slots_told(device)
    assert slots == slots_between(device, now, now + timedelta(seconds=190))[: len(slots)]
    assert len(slots) >= 9
    assert {row.state for row in rows_of(device)} == {"up"}


def test_a_clock_that_was_a_year_ahead_stops_nothing_once_it_is_right(project, now) -> None:
    device = make_device(project, now=now, interval_s=20, phase_ms=3000)
    materialise(now=now + timedelta(days=365))
    materialise(now=now + timedelta(days=365, seconds=30))
    assert CheckBatch.objects.exists()

    house = House(now)
    house.run(60)

    rows = [row for row in rows_of(device) if row.ts < epoch_ms(now + HOUR)]
    assert [row.ts for row in rows] == slots_between(device, now, now + timedelta(seconds=60))
    assert {row.state for row in rows} == {"up"}


def test_a_lead_that_is_waited_for_is_not_touched(project, now) -> None:
    make_device(project, now=now)
    materialise(now=now + timedelta(milliseconds=AHEAD_MS))

    materialise(now=now)

    assert set(ShardCursor.objects.values_list("cursor_ms", flat=True)) == {epoch_ms(now) + AHEAD_MS}


def test_a_running_pump_lives_on_when_the_clock_is_set_back_an_hour(project, now) -> None:
    device = make_device(project, now=now, interval_s=20, phase_ms=3000)
    house = House(now + HOUR)
    house.run(45)

    house.clock.now -= HOUR
    house.next_tick = house.clock.now
    began = house.clock.now
    house.run(60)

    slots = [row.ts for row in rows_of(device) if row.ts < epoch_ms(now + HOUR)]
    assert slots == slots_between(device, began, house.clock.now)[: len(slots)]
    assert len(slots) >= 2
    asked = services.request_check(device=device, now=house.clock.now)
    house.run(2)
    asked.refresh_from_db()
    assert asked.done_at is not None


def test_a_lease_by_a_clock_that_was_wrong_holds_nobody_up(project, now) -> None:
    device = at_once(project, now)
    services.request_check(device=device, now=now)
    materialise(now=now - SECOND)
    materialise(now=now + SECOND)
    CheckBatch.objects.update(lease_until=now + HOUR, token="0" * 32, owner="gone")
    CheckRequest.objects.update(lease_until=now + HOUR, token="0" * 32, owner="gone")

    assert leases.take(owner="here", now=now + SECOND) is not None
    assert len(requests.take(owner="here", limit=5, now=now + SECOND)) == 1


def test_a_slot_is_not_run_before_its_time(project, now) -> None:
    at_once(project, now)
    materialise(now=now - SECOND)
    materialise(now=now + SECOND)

    assert leases.take(owner="slow clock", now=now - SECOND) is None
    assert leases.take(owner="right clock", now=now) is not None
