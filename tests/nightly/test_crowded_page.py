"""A status page of 50 monitors under a hundred requests a second, while checks run and incidents open and close."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.conf import settings

from apps.devices.models import Device, DeviceState
from apps.incidents.models import Incident
from apps.metrics.selectors import fleet_counts
from apps.statuspages import services
from apps.statuspages.shelf import STALE_S
from tests import factories
from tests.dashmon.test_server import free_port, running
from tests.nightly.crowd import Answer, Crowd
from tests.shared_database import shared_database
from tests.sinks.http import HttpSink, running_http
from tests.waiting import eventually

__all__ = ["shared_database"]
pytestmark = pytest.mark.nightly
MONITORS, INTERVAL_S, PER_SECOND = 50, 2, 100
# How many of the monitors fail together, again and again; one more fails once, for long.
UNSTEADY, TURN_S = 10, 6
DOWN = b'<h3>Watched</h3><span class="state state--down">'


def watch(steady: HttpSink, unsteady: HttpSink, watched: HttpSink) -> list[Device]:
    """Monitors of one project, each at a web server of this process, and a page that shows them."""
    now = datetime.now(UTC)
    workspace = factories.make_workspace(now=now)
    project = factories.make_project(workspace, "shop", now=now)
    sinks = [watched, *[unsteady] * UNSTEADY, *[steady] * (MONITORS - UNSTEADY - 1)]
    names = ["Watched", *(f"Till {number}" for number in range(1, MONITORS))]
    devices = [factories.make_device(project, name, now=now, retries=0) for name in names]
    for device, sink in zip(devices, sinks, strict=True):
        device.url, device.interval_s = f"{sink.url}/{device.pk}", INTERVAL_S
        device.phase_ms = device.number * 1000 * INTERVAL_S // MONITORS
        device.save()
    services.create_page(workspace=workspace, values={"name": "Shop", "slug": "shop"}, projects=[project], now=now)
    return devices


@contextmanager
def background(act) -> Iterator[None]:
    thread = threading.Thread(target=act)
    thread.start()
    yield
    thread.join(120)
    assert not thread.is_alive()


def turn(sink: HttpSink, stop: threading.Event) -> None:
    """Well and broken by turns."""
    while not stop.wait(TURN_S):
        sink.status = 500 if sink.status == 200 else 200


def open_of(device: Device) -> bool:
    return Incident.objects.filter(subject_id=device.pk, closed_at__isnull=True).exists()


def outage(device: Device, sink: HttpSink) -> tuple[float, float, float]:
    """Down for longer than a page may be kept, and well again for as long: when it was known, mended, known again."""
    sink.status = 500
    assert eventually(lambda: open_of(device), 30)
    known = time.monotonic()
    time.sleep(STALE_S + 3)
    sink.status, mended = 200, time.monotonic()
    assert eventually(lambda: not open_of(device), 30)
    over = time.monotonic()
    time.sleep(STALE_S + 3)
    return known, mended, over


def whole(answer: Answer) -> bool:
    return answer.body.rstrip().endswith(b"</html>") and answer.body.count(b'<div class="line">') == MONITORS


@pytest.mark.timeout(600)
def test_a_crowd_sees_whole_and_true_pages_and_checks_go_on(shared_database: str, tmp_path: Path) -> None:
    with running_http() as steady, running_http() as unsteady, running_http() as watched:
        devices = watch(steady, unsteady, watched)
        port = free_port()
        own = {"DATABASE_URL": shared_database, "SECRET_KEY": settings.SECRET_KEY}
        with running(tmp_path, port, DASHMON_TRUSTED_PROXIES="127.0.0.1", **own):
            crowd = Crowd(port, "/status/shop", PER_SECOND)
            assert eventually(lambda: DeviceState.objects.filter(state="up").count() == MONITORS, 60)
            began = datetime.now(UTC)
            with background(crowd.run), background(lambda: turn(unsteady, crowd.stop)):
                try:
                    known, mended, over = outage(devices[0], watched)
                finally:
                    crowd.stop.set()
            ended = datetime.now(UTC)

    seconds = (ended - began).total_seconds()
    assert len(crowd.answers) >= 0.8 * PER_SECOND * seconds, "the crowd was smaller than it should have been"
    statuses = Counter(answer.status for answer in crowd.answers)
    assert set(statuses) == {200, 304}, statuses
    pages = [answer for answer in crowd.answers if answer.status == 200]
    assert all(whole(page) for page in pages)

    during = [DOWN in page.body for page in pages if page.asked > known + STALE_S and page.got < mended]
    after = [DOWN in page.body for page in pages if page.asked > over + STALE_S]
    assert len(during) > PER_SECOND / 2
    assert all(during), "an incident is missing longer than a page may be kept"
    assert len(after) > PER_SECOND / 2
    assert not any(after), "an incident is shown longer than a page may be kept"

    refs, workspace_id = [device.ref for device in devices], devices[0].workspace_id
    # The last moments are not judged: the server was stopped with checks under way.
    judged = seconds - 2 * INTERVAL_S
    end = began + timedelta(seconds=judged)
    run = fleet_counts(workspace_id=workspace_id, refs=refs, start=began, end=end).samples
    due = MONITORS * judged / INTERVAL_S
    assert run >= 0.95 * due, f"{run} of {due:.0f} checks"
    ends = Incident.objects.filter(subject_id__in=[device.pk for device in devices[1:]], closed_at__isnull=False)
    assert ends.count() >= 2 * UNSTEADY
