"""What the checks of one process are counted as."""

from datetime import timedelta

import pytest
from django.db import transaction

from apps.checks import leases
from apps.checks.counts import count_results
from apps.checks.schedule import materialise
from apps.checks.types import CheckResult
from apps.common import counters
from tests.apps.checks.house import House
from tests.apps.checks.simulation import Doing, Targets, answer
from tests.apps.pipeline.scene import make_device
from tests.factories import NOW

SECOND = timedelta(seconds=1)


def test_results_are_counted_by_their_state_when_they_are_stored(project, now) -> None:
    _, ill = (make_device(project, now=now, interval_s=30, phase_ms=index * 5000) for index in range(2))
    house = House(now, Targets({ill.pk: Doing(status="down")}))

    house.run(89)
    house.pump.close()

    counted = counters.counted()
    assert (counted["checks_executed/up"], counted["checks_executed/down"]) == (3, 3)
    assert "checks_not_measured/not_run" not in counted


def test_what_could_not_be_run_is_no_result(project, now, monkeypatch) -> None:
    make_device(project, now=now, interval_s=30)
    house = House(now)
    monkeypatch.setattr(
        "tests.apps.checks.simulation.answer", lambda plan, began: answer(plan, began)._replace(measured=False)
    )

    house.run(40)
    house.pump.close()

    counted = counters.counted()
    assert counted["checks_not_measured/not_run"] >= 1
    assert not [name for name in counted if name.startswith("checks_executed")]


@pytest.mark.parametrize(("error", "reason"), [("late", "late"), ("unsupported", "not_run"), (None, "not_run")])
def test_what_found_no_place_in_time_is_late(error: str | None, reason: str) -> None:
    detail = {"error": error} if error else {}
    result = CheckResult(status="down", started_at=NOW, message="", detail=detail, measured=False)

    count_results([result, result])

    assert counters.counted() == {f"checks_not_measured/{reason}": 2}


def test_a_result_whose_lease_was_lost_is_not_counted(project, now, monkeypatch) -> None:
    make_device(project, now=now, interval_s=30)
    house = House(now)
    monkeypatch.setattr(leases, "complete", lambda **_: False)

    house.run(40)

    assert not [name for name in counters.counted() if name.startswith("checks_executed")]


def test_the_places_of_the_engine_are_watched_while_there_is_a_pump(project, now) -> None:
    device = make_device(project, now=now, interval_s=30, phase_ms=1000)
    house = House(now, Targets({device.pk: Doing(took_ms=60_000)}), slots=200)

    house.run(20)

    assert counters.watched() == {"engine_slots": 200, "engine_slots_used": 1}
    house.pump.close()
    assert counters.watched() == {}


@pytest.mark.django_db(transaction=True)
def test_slots_are_counted_due_when_they_are_handed_out_for_good(project, now) -> None:
    for index in range(3):
        make_device(project, now=now, interval_s=30, phase_ms=index * 7000, shard=index)
    materialise(now=now)

    with transaction.atomic():
        materialise(now=now + 30 * SECOND)
        transaction.set_rollback(True)
    assert counters.counted().get("checks_due", 0) == 0
    materialise(now=now + 30 * SECOND)

    assert counters.counted()["checks_due"] == 3
    assert counters.counted()["checks_not_measured/outage"] == 0


@pytest.mark.django_db(transaction=True)
def test_due_is_what_was_handed_out_and_what_an_outage_took(project, now) -> None:
    make_device(project, now=now, interval_s=30)
    materialise(now=now)

    materialise(now=now + timedelta(minutes=5))
    counted = counters.counted()
    assert (counted["checks_due"], counted["checks_not_measured/outage"]) == (10, 9)
    # By the time somebody takes the batch, its only slot is too old as well.
    assert leases.take(owner="a", now=now + timedelta(minutes=6)) is None

    assert counters.counted()["checks_not_measured/late"] == 1
