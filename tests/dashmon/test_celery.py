"""The static table of the beat against the tasks there are, and what a worker does at its start and end."""

import contextlib
import os
import uuid
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone
from kombu.exceptions import OperationalError

from apps.checks import schedule, stations, tasks
from apps.checks.models import CheckBatch
from apps.checks.pump import Pump
from apps.checks.selectors import schedule_lag
from dashmon.celery import QUEUES, app, keep_one_connection, stop_pumps


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path, monkeypatch) -> None:
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(stations, "_leaving", bytearray(1))


@pytest.mark.parametrize("name", sorted(app.conf.beat_schedule))
def test_every_entry_of_the_beat_names_a_task_with_a_queue_that_workers_take(name) -> None:
    app.loader.import_default_modules()

    task = app.tasks[app.conf.beat_schedule[name]["task"]]

    assert task.queue in QUEUES
    assert task.ignore_result
    # A pump lasts as long as its worker.
    assert bool(task.time_limit) == (task.name != tasks.pump_checks.name)


def test_pumps_never_take_every_process_of_a_worker(monkeypatch) -> None:
    monkeypatch.setattr(stations.os, "cpu_count", lambda: 2)

    with contextlib.ExitStack() as manned:
        names = [manned.enter_context(stations.manned()) for _ in range(3)]

        assert names[2] is None
        assert len(set(names)) == 3
    assert app.conf.worker_concurrency > (os.cpu_count() or 1)


def test_a_station_that_was_left_is_manned_again_under_the_same_name() -> None:
    with stations.manned() as first:
        pass

    with stations.manned() as second:
        assert first == second is not None


def test_a_station_is_free_as_soon_as_its_process_is_dead(monkeypatch) -> None:
    monkeypatch.setattr(stations.os, "cpu_count", lambda: 1)
    child = os.fork()
    if child == 0:
        with stations.manned():
            os.kill(os.getpid(), 9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9

    with stations.manned() as name:
        assert name is not None


def test_a_pump_without_a_station_returns_at_once(monkeypatch) -> None:
    monkeypatch.setattr(stations.os, "cpu_count", lambda: 1)
    monkeypatch.setattr(Pump, "step", lambda *_: pytest.fail("it ran"))

    with stations.manned():
        tasks.pump_checks()


def test_a_pump_ends_with_its_worker(transactional_db, monkeypatch) -> None:
    steps = []

    def step(pump, timeout_s) -> None:
        steps.append(timeout_s)
        if len(steps) == 3:
            stop_pumps()

    called = []
    monkeypatch.setattr(Pump, "step", step)
    monkeypatch.setattr(tasks.pump_checks, "apply_async", lambda **_: called.append(1))

    tasks.pump_checks()

    assert (len(steps), len(called)) == (3, 1)
    with stations.manned() as name:
        assert name is not None


def test_a_worker_holds_one_connection_without_a_pool(monkeypatch) -> None:
    monkeypatch.setitem(connections.settings["default"], "OPTIONS", {"pool": {"max_size": 16}, "connect_timeout": 5})
    monkeypatch.setitem(connections.settings["default"], "CONN_MAX_AGE", 0)

    keep_one_connection()

    assert connections.settings["default"]["OPTIONS"] == {"connect_timeout": 5}
    assert connections.settings["default"]["CONN_MAX_AGE"] is None


@pytest.mark.parametrize(("silent_s", "ticked"), [(4, False), (6, True)])
def test_a_pump_ticks_when_nobody_else_has_for_a_while(transactional_db, monkeypatch, silent_s, ticked) -> None:
    schedule.materialise(now=timezone.now() - timedelta(seconds=silent_s))
    before = schedule_lag(timezone.now())
    monkeypatch.setattr(Pump, "step", lambda *_: stop_pumps())
    monkeypatch.setattr(tasks.pump_checks, "apply_async", lambda **_: None)

    tasks.pump_checks()

    assert (schedule_lag(timezone.now()) < before) == ticked


def test_a_successor_that_cannot_be_called_is_no_failure(monkeypatch) -> None:
    def away(**_) -> None:
        raise OperationalError("the broker is away")

    monkeypatch.setattr(tasks.pump_checks, "apply_async", away)

    tasks._call_successor()


def test_a_pump_gives_back_what_a_killed_one_of_its_station_held(transactional_db, monkeypatch) -> None:
    with stations.manned() as name:
        assert name is not None
        CheckBatch.objects.create(shard=0, device_ids=[1], slots=[0], first_slot=0, owner=name, token=uuid.uuid4())
    monkeypatch.setattr(Pump, "step", lambda *_: stop_pumps())
    monkeypatch.setattr(tasks.pump_checks, "apply_async", lambda **_: None)

    tasks.pump_checks()

    assert CheckBatch.objects.get().token is None
