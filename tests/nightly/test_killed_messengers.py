"""Workers that plan and send, killed at random with kill -9, counted at the receiver: none lost, repeats say so."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from apps.devices.models import Device
from apps.incidents.models import IncidentEvent
from apps.notifications.models import Delivery, Escalation
from apps.notifications.services import set_alert_settings
from tests.apps.incidents.scene import change, make_device, make_workspace, tell
from tests.crew import Crew, crew_on
from tests.shared_database import shared_database
from tests.sinks.http import HttpSink

__all__ = ["shared_database"]
pytestmark = pytest.mark.nightly
MONITORS, KILLS = 60, 40


@pytest.fixture
def crew(shared_database: str) -> Iterator[Crew]:
    with crew_on(shared_database, "tests.apps.notifications.worker") as crew:
        yield crew


def routed(sink: HttpSink) -> list[Device]:
    """Monitors of one project whose routing tells a webhook at once and again after a moment."""
    workspace = make_workspace()
    devices = [make_device(workspace, f"Till {number}") for number in range(MONITORS)]
    channels = [
        {"id": name, "type": "webhook", "url": f"http://127.0.0.1:{sink.port}/{name}", "secret": "s3cret"}
        for name in ("first", "second")
    ]
    steps = [
        {"afterMinutes": 0, "targets": [{"type": "channel", "id": "first"}]},
        {"afterMinutes": 0, "targets": [{"type": "channel", "id": "second"}]},
    ]
    document = {"channels": channels, "escalation": {"steps": steps}}
    set_alert_settings(project=devices[0].project, document=document, actor="owner", now=datetime.now(UTC))
    return devices


def settled() -> bool:
    waiting = IncidentEvent.objects.filter(fanned_out_at__isnull=True).exists()
    due = Escalation.objects.filter(next_at__isnull=False).exists()
    return not (waiting or due or Delivery.objects.filter(status="planned").exists())


@pytest.mark.timeout(900)
def test_nothing_is_lost_and_a_repeat_carries_the_same_name(crew: Crew, http_sink: HttpSink) -> None:
    rng = random.Random(7)
    devices = routed(http_sink)
    for name in ("a", "b"):
        crew.start(name)

    for number in range(KILLS):
        device = devices[number % MONITORS]
        at = datetime.now(UTC)
        tell(change(device, "up", "down", at))
        if number % 2:
            tell(change(device, "down", "up", at + timedelta(milliseconds=1)))
        time.sleep(rng.uniform(0.2, 1.5))
        victim = rng.choice("ab")
        crew.kill(victim)
        crew.start(victim)
    end = time.monotonic() + 300
    while not settled() and time.monotonic() < end:
        time.sleep(0.5)

    assert settled()
    got = Counter(request.headers["X-Dashmon-Delivery"] for request in http_sink.requests)
    planned = {delivery.wire_id: delivery for delivery in Delivery.objects.all()}
    # Both channels hear of every opening; of the end whoever heard of the opening before it.
    opened = [delivery for delivery in planned.values() if delivery.event_name != "incident.resolved"]
    assert len(opened) == len({delivery.dedupe_key for delivery in opened})
    assert {delivery.status for delivery in planned.values()} == {"sent"}
    assert set(planned) - set(got) == set(), "a message that counts as sent never arrived"
    assert set(got) - set(planned) == set()
    repeats = sum(count - 1 for count in got.values())
    assert repeats <= KILLS * 8, "more repeats than messages that were under way when a worker was killed"
    bodies = {request.headers["X-Dashmon-Delivery"]: request.body for request in http_sink.requests}
    assert all(bodies[request.headers["X-Dashmon-Delivery"]] == request.body for request in http_sink.requests)
