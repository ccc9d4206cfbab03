"""Celery's processes and tasks: what is counted, what their log lines carry."""

import logging
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from apps.common import counters
from apps.operations.models import ProcessReport
from dashmon import lives, steps
from dashmon.background import Background, Loop
from dashmon.celery import app

SEAL = SimpleNamespace(name="apps.metrics.tasks.seal_results")


def context() -> dict[str, Any]:
    return dict(structlog.contextvars.get_contextvars())


def run(task: Any, state: str) -> dict[str, Any]:
    lives.begin_task(task_id="t-1", task=task)
    seen = context()
    lives.end_task(task_id="t-1", task=task, state=state)
    return seen


def test_a_task_is_counted_by_the_name_of_the_beat_and_its_lines_carry_its_run() -> None:
    assert run(SEAL, "SUCCESS") == {"step": "seal", "run_id": "t-1"}

    assert context() == {}
    assert counters.counted()["step_runs/seal"] == 1
    assert set(counters.marked()) == {"seal"}


def test_a_task_that_failed_was_no_good_run() -> None:
    run(SEAL, "FAILURE")

    assert dict(counters.counted()) == {"step_failures/seal": 1}
    assert dict(counters.marked()) == {}


def test_a_task_nobody_knows_is_not_counted() -> None:
    assert run(SimpleNamespace(name="celery.ping"), "SUCCESS")["step"] == "celery.ping"

    assert dict(counters.counted()) == {}


def test_a_step_that_failed_is_counted_and_its_lines_name_it(caplog: pytest.LogCaptureFixture) -> None:
    seen: list[dict[str, Any]] = []

    def step() -> bool:
        seen.append(context())
        if len(seen) == 2:
            raise RuntimeError
        return False

    loop = Loop("metrics", step, every_s=1.0, does=("seal", "rebuild"))
    with caplog.at_level(logging.ERROR):
        loop._once()
        loop._once()

    assert [each["step"] for each in seen] == ["metrics", "metrics"]
    assert len({each["run_id"] for each in seen}) == 2
    counted = counters.counted()
    assert [counted[f"step_{what}/{name}"] for what in ("runs", "failures") for name in ("seal", "rebuild")] == [1] * 4


def test_both_modes_count_the_same_steps() -> None:
    embedded = {name for loop in Background(engine=lambda: None)._loops for name in loop._does}

    assert embedded == set(app.conf.beat_schedule) - {"pump"}
    assert set(steps.UPKEEP) <= embedded


@pytest.mark.parametrize(("begin", "kind"), [(lives.begin_worker, "worker"), (lives.begin_beat, "beat")])
def test_processes_of_celery_report_themselves_until_they_end(begin, kind, monkeypatch) -> None:
    told: list[str] = []

    class Reporter:
        def __init__(self, kind: ProcessReport.Kind, **_: Any) -> None:
            self.kind = kind

        def start(self) -> None:
            told.append(f"{self.kind} starts")

        def close(self) -> None:
            told.append(f"{self.kind} ends")

    monkeypatch.setattr("dashmon.reporting.Reporter", Reporter)
    counters.count("checks_due", 5)

    begin()
    lives.end_process()
    lives.end_process()

    assert told == [f"{kind} starts", f"{kind} ends"]
    # A process of the pool was forked with the counts of its parent.
    assert counters.counted().get("checks_due", 0) == (0 if kind == "worker" else 5)
