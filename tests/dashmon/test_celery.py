"""The static table of the beat against the tasks there are."""

import pytest

from apps.checks import tasks
from apps.checks.pump import Pump
from dashmon.celery import QUEUES, app


@pytest.mark.parametrize("name", sorted(app.conf.beat_schedule))
def test_every_entry_of_the_beat_names_a_task_with_a_queue_that_workers_take(name) -> None:
    app.loader.import_default_modules()

    task = app.tasks[app.conf.beat_schedule[name]["task"]]

    assert task.queue in QUEUES
    assert task.ignore_result
    assert task.time_limit


def test_pumps_never_take_every_process_of_a_worker(monkeypatch) -> None:
    monkeypatch.setattr(tasks.os, "cpu_count", lambda: 2)

    places = [tasks._free_place() for _ in range(3)]

    assert places[2] is None
    assert len(set(places)) == 3
    assert app.conf.worker_concurrency > 2


def test_a_pump_without_a_place_returns_at_once(monkeypatch) -> None:
    monkeypatch.setattr(tasks, "_free_place", lambda: None)
    monkeypatch.setattr(Pump, "run", lambda *_: pytest.fail("it ran"))

    tasks.pump_checks()
