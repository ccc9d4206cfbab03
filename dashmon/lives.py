"""What happens when Celery's processes start, run a task and end: their logs and their row."""

import atexit
import time
import uuid
from collections.abc import Mapping
from typing import Any

import structlog
from celery import signals
from django.utils import timezone

from apps.common import counters

_reporters: list[Any] = []
_began: dict[str, float] = {}
_steps: dict[str, str] = {}


def attach(steps: Mapping[str, str]) -> None:
    """Follow Celery's processes; `steps` says by which name of the beat a task is counted."""
    _steps.update(steps)
    for signal, receiver in (
        (signals.setup_logging, set_up_logs),
        (signals.worker_process_init, begin_worker),
        (signals.worker_process_shutdown, end_process),
        (signals.beat_init, begin_beat),
        (signals.task_prerun, begin_task),
        (signals.task_postrun, end_task),
    ):
        signal.connect(receiver)


def set_up_logs(loglevel: int = 20, **_: Any) -> None:
    """Celery leaves its own logging out where somebody else sets it up."""
    from dashmon import logs

    logs.configure(level=loglevel)


def begin_worker(**_: Any) -> None:
    """A process of a worker's pool: it was forked, so nothing it finds counted is its own."""
    from apps.operations.models import ProcessReport

    counters.reset()
    _report(ProcessReport.Kind.WORKER)


def begin_beat(**_: Any) -> None:
    """The beat has no signal for its end."""
    from apps.operations.models import ProcessReport

    _report(ProcessReport.Kind.BEAT)
    atexit.register(end_process)


def _report(kind: Any) -> None:
    from dashmon.reporting import Reporter

    reporter = Reporter(kind, started_at=timezone.now())
    _reporters.append(reporter)
    reporter.start()


def end_process(**_: Any) -> None:
    """Leave what was counted to the row of ended processes."""
    while _reporters:
        _reporters.pop().close()


def begin_task(task_id: str, task: Any, **_: Any) -> None:
    """Every log line of a task names it and this run of it."""
    _began[task_id] = time.monotonic()
    step = _steps.get(task.name, task.name)
    structlog.contextvars.bind_contextvars(step=step, run_id=task_id or uuid.uuid4().hex)


def end_task(task_id: str, task: Any, state: str | None = None, **_: Any) -> None:
    """Count the run."""
    seconds = time.monotonic() - _began.pop(task_id, time.monotonic())
    structlog.contextvars.unbind_contextvars("step", "run_id")
    step = _steps.get(task.name)
    if step is None:
        return
    if state == "SUCCESS":
        counters.step_done(step, at=timezone.now(), seconds=seconds)
    else:
        counters.step_failed(step)
