"""Several workers at once on one database: nothing twice, nothing out of turn."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections

from apps.devices.models import Device
from apps.incidents.models import IncidentEvent
from apps.notifications import services
from apps.notifications.desk import Desk
from apps.notifications.models import Delivery, DeliveryAttempt
from apps.notifications.services import outbox
from apps.workspaces.models import Workspace
from tests.apps.incidents.scene import T0, change, go_down, make_device, make_workspace, minutes, tell
from tests.apps.notifications.conftest import mail_to
from tests.sinks.smtp import SmtpSink

WORKERS = 4


@pytest.fixture
def workspace(transactional_db: None) -> Workspace:
    if "memory" in str(connection.settings_dict["NAME"]):
        pytest.skip("a SQLite database in memory has one connection; the tests beside these nest their workers")
    return make_workspace()


@pytest.fixture
def device(workspace: Workspace) -> Device:
    return make_device(workspace)


def together(work: Callable[[], int]) -> int:
    """Run the same work in several threads that start at once; the sum of what they did."""
    gate = threading.Barrier(WORKERS)

    def one(_: int) -> int:
        try:
            gate.wait(10)
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(WORKERS) as pool:
        return sum(pool.map(one, range(WORKERS)))


def test_many_senders_send_every_message_once(workspace: Workspace, smtp_sink: SmtpSink) -> None:
    mail_to(workspace, *(f"p{n}@acme.example" for n in range(10)))
    for n in range(3):
        go_down(make_device(workspace, f"Till {n}"), minutes(n))
    services.fan_out(now=minutes(3), limit=10)

    # A worker stops when all that is due is behind somebody else's message; the next run takes that up.
    sent = together(lambda: services.deliver_due(now=minutes(4), limit=100))
    sent += services.deliver_due(now=minutes(5), limit=100)

    assert (sent, len(smtp_sink.messages)) == (30, 30)
    assert len({message["Message-ID"] for _, message in smtp_sink.messages}) == 30
    assert DeliveryAttempt.objects.of(workspace).count() == 30
    for n in range(10):
        subjects = [message["Subject"] for message in smtp_sink.to(f"p{n}@acme.example")]
        assert subjects == [f"Down: Till {k} (Berlin branch)" for k in range(3)]


def test_many_planners_plan_every_event_once_and_in_turn(workspace: Workspace) -> None:
    mail_to(workspace, "ops@acme.example")
    devices = [make_device(workspace, f"Till {n}") for n in range(6)]
    for device in devices:
        tell(change(device, "up", "down"))
        tell(change(device, "down", "up", minutes(1)))
        # Inside the cooldown: only a planner that sees the notices before it keeps quiet here.
        tell(change(device, "up", "down", minutes(2)))
        tell(change(device, "down", "up", minutes(3)))

    planned = together(lambda: services.fan_out(now=minutes(4), limit=100))
    planned += services.fan_out(now=minutes(4), limit=100)

    assert planned == 24
    assert not IncidentEvent.objects.of(workspace).filter(fanned_out_at__isnull=True).exists()
    for device in devices:
        rows = Delivery.objects.of(workspace).filter(subject_id=device.pk).order_by("id")
        assert [row.event_name for row in rows] == ["down", "up"]


def test_an_event_waits_while_another_worker_holds_the_one_before_it(
    workspace: Workspace, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time: the other worker would wait for the whole transaction")
    mail_to(workspace, "ops@acme.example")
    go_down(device)
    tell(change(device, "down", "up", minutes(1)))
    real = outbox._plan
    others: list[int] = []

    def slow(event: IncidentEvent, desk: Desk, **kwargs: Any) -> None:
        if not others:
            others.append(-1)
            with ThreadPoolExecutor(1) as pool:
                others[0] = pool.submit(elsewhere).result(10)
        real(event, desk, **kwargs)

    def elsewhere() -> int:
        try:
            return services.fan_out(now=minutes(2), limit=10)
        finally:
            connections.close_all()

    monkeypatch.setattr(outbox, "_plan", slow)

    assert services.fan_out(now=minutes(2), limit=10) == 2
    assert others == [0]
    rows = Delivery.objects.of(workspace).order_by("id")
    assert [(row.event_name, row.occurred_at) for row in rows] == [("down", T0), ("up", minutes(1))]
