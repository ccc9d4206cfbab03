"""Real Celery workers, told to stop and killed one after the other: no slot is lost, no lease left behind."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.checks.models import CheckBatch
from apps.checks.schedule import materialise
from apps.common.clock import epoch_ms
from apps.devices.models import Device
from dashmon.celery import app
from tests.apps.checks.simulation import slots_between
from tests.apps.checks.stored import rows_of, slots_told
from tests.apps.pipeline.scene import make_device, make_project
from tests.shared_database import shared_database
from tests.test_background import black_hole, target
from tests.waiting import eventually

__all__ = ["black_hole", "shared_database", "target"]
pytestmark = [
    pytest.mark.skipif(not settings.REDIS_URL, reason="Celery needs Redis: make services-test"),
    pytest.mark.timeout(500),
]
GIVEN_BACK_S, STARTED_S = 5, 150  # the second one however slow the machine
SECOND = timedelta(seconds=1)


class Workers:
    """Celery workers and a beat as processes of their own, by name."""

    def __init__(self, database_url: str, folder) -> None:
        self.folder = folder
        self.environment = os.environ | {"DATABASE_URL": database_url, "DASHMON_DATA_DIR": str(folder)}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        self.celery(name, "worker", "-n", f"{name}@%h", "-Q", "checks", "--without-mingle", "--without-gossip")

    def celery(self, name: str, *arguments: str) -> None:
        command = [sys.executable, "-m", "celery", "-A", "dashmon", *arguments]
        self.processes[name] = subprocess.Popen(command, cwd=settings.BASE_DIR, env=self.environment)

    def stop(self, name: str) -> None:
        self.processes[name].send_signal(signal.SIGTERM)

    def end(self) -> None:
        for process in self.processes.values():
            process.kill()
            process.wait()


@pytest.fixture
def workers(shared_database: str, tmp_path) -> Iterator[Workers]:
    assert connection.vendor == "postgresql"
    crew = Workers(shared_database, tmp_path)
    crew.celery("beat", "beat", "--schedule", str(tmp_path / "beat"), "--pidfile=")
    yield crew
    crew.end()


def watched(count: int, url: str, **fields) -> list[Device]:
    now = timezone.now()
    project = make_project(now=now, name=f"rolling-{url[-5:].strip('/')}")
    return [
        make_device(project, now=now, url=url, phase_ms=index * 400, **({"interval_s": 20} | fields))
        for index in range(count)
    ]


def measured(devices: list[Device]) -> int:
    return sum(not row.missed for device in devices for row in rows_of(device))


def told(devices: list[Device], start: datetime, end: datetime) -> list[list[int]]:
    span = (epoch_ms(start), epoch_ms(end))
    return [[slot for slot in slots_told(device) if span[0] <= slot < span[1]] for device in devices]


def test_workers_that_are_stopped_in_turn_lose_no_check(workers: Workers, target: str) -> None:
    devices = watched(40, target)
    workers.start("one")
    workers.start("two")
    assert eventually(lambda: measured(devices) > 5, STARTED_S)
    start = timezone.now()

    for name in ("one", "two", "one", "two"):
        workers.stop(name)
        workers.processes[name].wait(60)
        workers.start(name)
        time.sleep(3)
    end = timezone.now()

    wanted = [slots_between(device, start, end) for device in devices]
    eventually(lambda: told(devices, start, end) == wanted, STARTED_S)
    assert told(devices, start, end) == wanted


@pytest.fixture
def hung(shared_database: str, black_hole: str) -> list[Device]:
    """Monitors that are due in a moment and whose target will keep a worker waiting for a minute and a half."""
    devices = watched(10, black_hole, interval_s=600, synthetic={"request": {"timeoutMs": 90_000}})
    materialise(now=timezone.now())
    Device.objects.update(phase_ms=(epoch_ms(timezone.now()) + 1000) % 600_000)
    return devices


def answers(name: str) -> bool:
    replies = app.control.ping(timeout=1.0)
    return any(node.startswith(f"{name}@") for reply in replies for node in reply)


def test_a_worker_that_is_told_to_stop_waits_for_no_target(workers: Workers, hung: list[Device]) -> None:
    workers.start("one")
    held = CheckBatch.objects.filter(token__isnull=False)
    assert eventually(held.exists, STARTED_S)

    workers.stop("one")

    assert eventually(lambda: not held.exists(), GIVEN_BACK_S)
    assert sum(len(batch.slots) for batch in CheckBatch.objects.all()) == len(hung)


def test_what_a_killed_worker_held_is_taken_over_before_its_lease_ends(workers: Workers, hung: list[Device]) -> None:
    workers.start("one")
    assert eventually(CheckBatch.objects.filter(token__isnull=False).exists, STARTED_S)
    workers.start("two")
    assert eventually(lambda: answers("two"), STARTED_S)
    before = CheckBatch.objects.get()
    assert before.lease_until is not None

    workers.processes["one"].kill()

    # Its station is free at once and keeps its name, so nobody waits for the end of the lease.
    taken = CheckBatch.objects.filter(token__isnull=False).exclude(token=before.token)
    assert eventually(taken.exists, (before.lease_until - timezone.now()).total_seconds())
