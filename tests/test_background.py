"""The background as threads and as a child process, with real probes, until it is stopped or killed."""

import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.utils import timezone

from apps.checks import requests
from apps.checks.models import CheckBatch, CheckRequest
from apps.checks.services import request_check
from apps.devices.models import Device, DeviceState
from apps.incidents.models import Incident
from dashmon import background
from dashmon.background import Background, ChildBackground, Loop, embedded_owner
from tests.apps.checks.stored import rows_of
from tests.apps.pipeline.scene import make_device, make_project
from tests.shared_database import shared_database
from tests.waiting import eventually

__all__ = ["shared_database"]


class Target(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(type(self).status)
        self.end_headers()

    def log_message(self, *args) -> None: ...


@pytest.fixture
def target() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Target)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    Target.status = 200
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def black_hole() -> Iterator[str]:
    """An address that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def watched(url: str, **fields) -> Device:
    project = make_project(now=timezone.now(), name="background")
    return make_device(project, now=timezone.now(), url=url, **({"interval_s": 2} | fields))


def background_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("background-")]


# --- How it runs -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("circumstances", "expected"),
    [
        (("", "auto", 1, 5000), "thread"),
        (("", "auto", 2, 200), "thread"),
        (("", "auto", 2, 201), "process"),
        (("", "thread", 8, 5000), "thread"),
        (("", "process", 1, 0), "process"),
        (("", "off", 2, 5000), "off"),
        (("redis://x", "process", 8, 5000), "off"),
    ],
)
def test_the_mode_follows_from_redis_the_setting_and_the_load(settings, monkeypatch, circumstances, expected) -> None:
    settings.REDIS_URL, settings.BACKGROUND, cores, load = circumstances
    monkeypatch.setattr(background, "_cores", lambda: cores)
    monkeypatch.setattr(background, "due_per_second", lambda: load)

    assert background.mode() == expected


# --- Loops -----------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_an_error_ends_no_loop() -> None:
    calls = []

    def step() -> bool:
        calls.append(1)
        if len(calls) == 1:
            raise ValueError("a defect")
        return False

    loop = Loop("test", step, every_s=0.01)
    loop.start()
    try:
        assert eventually(lambda: len(calls) > 3)
        assert loop.failures == 0
    finally:
        loop.stop()
        loop.thread.join(5)
    assert not loop.thread.is_alive()


@pytest.mark.django_db(transaction=True)
def test_a_nudge_cuts_a_pause_short_and_so_does_the_stop() -> None:
    steps = threading.Semaphore(0)
    loop = Loop("test", lambda: bool(steps.release()), every_s=60)
    loop.start()
    assert steps.acquire(timeout=5)

    loop.wake()
    assert steps.acquire(timeout=5)
    loop.stop()
    loop.thread.join(5)

    assert not loop.thread.is_alive()


@pytest.mark.django_db(transaction=True)
def test_more_work_is_done_without_a_pause() -> None:
    calls = []
    loop = Loop("test", lambda: calls.append(1) or len(calls) < 50, every_s=60)
    loop.start()

    assert eventually(lambda: len(calls) == 50, 5)
    loop.stop()
    loop.thread.join(5)


# --- Threads ---------------------------------------------------------------------------------------


def test_threads_check_store_and_tell_until_they_are_closed(shared_database, target) -> None:
    device = watched(target)
    running = Background()
    running.start()
    try:
        assert eventually(lambda: len([row for row in rows_of(device) if row.state == "up"]) >= 2)
        Target.status = 503
        assert eventually(lambda: Incident.objects.filter(subject_id=device.pk, closed_at=None).exists())
        Target.status = 200
        assert eventually(lambda: not Incident.objects.filter(closed_at=None).exists())
    finally:
        running.close()

    assert background_threads() == []
    assert CheckBatch.objects.filter(token__isnull=False).count() == 0
    slots = [row.ts for row in rows_of(device) if not row.missed]
    assert {(slot - device.phase_ms) % 2000 for slot in slots} == {0}


def test_a_check_that_somebody_asks_for_runs_at_once(shared_database, target) -> None:
    device = watched(target, interval_s=3600)
    running = Background()
    running.start()
    try:
        request = request_check(device=device, now=timezone.now())
        assert eventually(lambda: CheckRequest.objects.filter(pk=request.pk, done_at__isnull=False).exists(), 5)
    finally:
        running.close()

    assert [row.state for row in rows_of(device)][-1:] == ["up"]


def test_closing_waits_for_no_target_and_gives_its_lease_back(shared_database, black_hole) -> None:
    device = watched(black_hole, interval_s=3600)
    request_check(device=device, now=timezone.now())
    running = Background()
    running.start()
    assert eventually(lambda: CheckRequest.objects.filter(token__isnull=False).exists())

    began = time.monotonic()
    running.close()

    assert time.monotonic() - began < background.CLOSE_S
    assert background_threads() == []
    assert CheckRequest.objects.get().token is None
    assert DeviceState.objects.get().state == "unknown"


def test_a_restart_takes_over_what_a_killed_process_held(shared_database, target) -> None:
    device = watched(target, interval_s=3600)
    request_check(device=device, now=timezone.now())
    assert len(requests.take(owner=embedded_owner(), limit=1, now=timezone.now())) == 1
    running = Background()
    running.start()
    try:
        assert eventually(lambda: bool(rows_of(device)), 10)
    finally:
        running.close()


# --- A child process -------------------------------------------------------------------------------


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def child(shared_database: str, monkeypatch) -> Iterator[ChildBackground]:
    monkeypatch.setenv("DATABASE_URL", shared_database)
    monkeypatch.setenv("REDIS_URL", "")
    running = ChildBackground()
    running.start()
    yield running
    running.close()


def test_a_child_does_the_same_work_and_ends_with_its_parent(child, target) -> None:
    device = watched(target)
    pid = child.pid

    assert eventually(lambda: any(row.state == "up" for row in rows_of(device)), 40)
    os.kill(pid, signal.SIGINT)
    os.kill(pid, signal.SIGTERM)
    count = len(rows_of(device))
    assert eventually(lambda: len(rows_of(device)) > count)
    child.close()

    assert not is_alive(pid)
    assert CheckBatch.objects.filter(token__isnull=False).count() == 0


def test_a_child_that_dies_is_started_again(child, target) -> None:
    device = watched(target)
    first = child.pid
    assert eventually(lambda: bool(rows_of(device)), 40)

    os.kill(first, signal.SIGKILL)

    assert eventually(lambda: child.pid != first, 20)
    count = len(rows_of(device))
    assert eventually(lambda: len(rows_of(device)) > count, 40)


def test_a_child_ends_when_its_parent_is_killed(shared_database: str) -> None:
    parent = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-m', 'dashmon.child'], stdin=subprocess.PIPE)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    environment = os.environ | {"DATABASE_URL": shared_database, "REDIS_URL": ""}
    process = subprocess.Popen(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE, cwd=settings.BASE_DIR, env=environment
    )
    pid = int(process.stdout.readline())
    time.sleep(3)
    assert is_alive(pid)

    process.send_signal(signal.SIGKILL)
    process.wait()

    assert eventually(lambda: not is_alive(pid), 20)
