"""Queues of the whole installation, and faults."""

from datetime import timedelta
from typing import Any

import pytest

from apps.common.clock import epoch_ms
from apps.incidents.models import IncidentEvent
from apps.metrics.models import DirtyWindow, Source
from apps.notifications import services
from apps.notifications.models import Channel, Delivery, Escalation, Route
from apps.operations.backlog import (
    MOST_COUNTED,
    PATIENCE,
    USUAL_PATIENCE,
    Queue,
    message_queues,
    other_queues,
    store_queues,
)
from apps.operations.faults import STUCK, recent_faults
from tests import factories
from tests.apps.incidents.scene import T0, make_workspace
from tests.apps.web.conftest import break_down

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("name", ["events", "inbox"])
def test_a_queue_is_behind_when_its_oldest_waits_too_long(name: str) -> None:
    patience = PATIENCE.get(name, USUAL_PATIENCE)

    assert not Queue(name, 5).is_behind
    assert not Queue(name, 5, patience).is_behind
    assert Queue(name, 1, patience + SECOND).is_behind


def test_a_queue_that_was_not_counted_to_its_end_says_so() -> None:
    assert Queue("inbox", MOST_COUNTED).is_capped
    assert not Queue("inbox", MOST_COUNTED - 1).is_capped


def test_an_empty_installation_waits_for_nothing(db, now) -> None:
    for queue in (*message_queues(now), *store_queues(now), *other_queues(now)):
        assert (queue.waiting, queue.lag, queue.held, queue.expired) == (0, None, 0, 0)


def test_sources_due_and_windows_to_compute_wait(db, now) -> None:
    for ref, due in (("1", now - 30 * SECOND), ("2", now), ("3", now + SECOND)):
        Source.objects.create(workspace_id=1, kind=2, ref=ref, first_ms=0, due_ms=epoch_ms(due))
    DirtyWindow.objects.create(workspace_id=1, source_id=1, tier=1, t0=0, mark=1)

    inbox, rollups = store_queues(now)

    assert (inbox.waiting, inbox.lag, rollups.waiting) == (2, 30 * SECOND, 1)


def delivery(workspace: Any, key: str, **fields: Any) -> Delivery:
    plain = {"kind": "email", "event_name": "incident.opened", "recipient": f"{key}@example.com", "created_at": T0}
    return Delivery.objects.create(workspace=workspace, recipient_key=key, dedupe_key=key, **(plain | fields))


def test_messages_wait_are_held_and_lose_their_holder(db) -> None:
    workspace = make_workspace()
    delivery(workspace, "a", next_at=T0 - 5 * SECOND)
    delivery(workspace, "b", next_at=T0 + SECOND, lease_until=T0 + SECOND)
    delivery(workspace, "c", next_at=T0 + SECOND, lease_until=T0)

    queues = {queue.name: queue for queue in message_queues(T0)}

    assert queues["deliveries"] == Queue("deliveries", 1, 5 * SECOND, 1, 1)
    assert queues["planned"].waiting == 3


def test_events_and_steps_of_routing_wait_from_their_time_on(db) -> None:
    device = factories.make_device(factories.make_project(factories.make_workspace()), now=T0)
    incident = break_down(device, at=T0)
    event = incident.events.get()
    IncidentEvent.objects.update(written_at=T0)
    services.set_alert_settings(project=device.project, document={}, actor="test", now=T0)
    route = Route.objects.get(project=device.project)
    Escalation.objects.create(
        workspace=device.workspace, incident=incident, route=route, event=event, begun_at=T0, next_at=T0 + 10 * SECOND
    )

    before, after = ({queue.name: queue for queue in message_queues(T0 + at * SECOND)} for at in (9, 12))

    assert before["escalations"].waiting == 0
    assert after["escalations"] == Queue("escalations", 1, 2 * SECOND)
    assert after["events"].lag == 12 * SECOND
    assert [fault.kind for fault in recent_faults(T0 + STUCK)] == []
    assert [fault.kind for fault in recent_faults(T0 + STUCK + SECOND)] == ["event"]


def test_faults_are_the_days_newest_first_and_name_no_recipient(db) -> None:
    workspace = make_workspace()
    delivery(workspace, "a", status="failed", result="550 No such user", created_at=T0 - timedelta(hours=23))
    delivery(workspace, "b", status="failed", created_at=T0 - timedelta(hours=25))
    delivery(workspace, "c", status="sent")
    plain = {"workspace": workspace, "kind": "webhook", "created_at": T0, "last_error": "Answered 500."}
    Channel.objects.create(number=1, key="one", failing_since=T0 - SECOND, **plain)
    Channel.objects.create(number=2, key="two", **plain)
    Channel.objects.create(number=3, key="three", failing_since=T0, enabled=False, **plain)

    faults = recent_faults(T0)

    assert [(fault.kind, fault.subject, fault.said) for fault in faults] == [
        ("channel", "one (webhook)", "Answered 500."),
        ("delivery", "incident.opened by email", "550 No such user"),
    ]
    assert {fault.workspace for fault in faults} == {workspace.slug}
    assert len(recent_faults(T0, limit=0)) == 0
