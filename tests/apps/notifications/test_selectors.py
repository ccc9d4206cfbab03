import uuid
from datetime import timedelta

import pytest

from apps.common.errors import NotFoundError
from apps.devices.models import Device
from apps.notifications import selectors, services
from apps.notifications.models import Delivery
from apps.notifications.types import Backlog
from apps.workspaces.models import Workspace
from tests.apps.incidents.scene import T0, go_down, make_device, make_workspace, minutes
from tests.apps.notifications.conftest import mail_to
from tests.sinks.http import HttpSink


def test_the_log_is_read_page_by_page(workspace: Workspace) -> None:
    mail_to(workspace, "a@acme.example", "b@acme.example")
    for n in range(3):
        go_down(make_device(workspace, f"Till {n}"))
        services.fan_out(now=minutes(n), limit=10)

    seen: list[int] = []
    after = None
    for _ in range(2):
        page = selectors.list_deliveries(workspace, after=after, limit=4)
        seen += [row.pk for row in page.items]
        after = page.next

    assert seen == list(Delivery.objects.of(workspace).order_by("-created_at", "-id").values_list("pk", flat=True))
    assert (len(seen), after, page.total) == (6, None, 6)
    assert selectors.list_deliveries(make_workspace("stranger")).items == []


def test_the_log_narrows_by_status_and_incident(workspace: Workspace, device: Device) -> None:
    mail_to(workspace, "a@acme.example", "b@acme.example")
    incident = go_down(device)
    go_down(make_device(workspace, "Router"))
    services.fan_out(now=T0, limit=10)
    one = Delivery.objects.of(workspace).filter(incident=incident)[0]
    Delivery.objects.of(workspace).filter(pk=one.pk).update(status="failed")

    assert [row.pk for row in selectors.list_deliveries(workspace, status="failed").items] == [one.pk]
    assert selectors.list_deliveries(workspace, incident=incident).total == 2


def test_a_foreign_delivery_is_not_there(workspace: Workspace, device: Device) -> None:
    mail_to(workspace, "a@acme.example")
    go_down(device)
    services.fan_out(now=T0, limit=10)
    delivery = Delivery.objects.of(workspace).get()

    assert selectors.delivery_by_public_id(workspace, delivery.public_id) == delivery
    for where, public_id in (
        (make_workspace("stranger"), delivery.public_id),
        (workspace, uuid.uuid4()),
        (workspace, None),
    ):
        with pytest.raises(NotFoundError):
            selectors.delivery_by_public_id(where, public_id)


def test_tries_are_listed_oldest_first(workspace: Workspace, device: Device, hook: HttpSink) -> None:
    hook.answers = [500, 200]
    go_down(device)
    services.fan_out(now=T0, limit=10)
    services.deliver_due(now=T0, limit=10)
    services.deliver_due(now=minutes(1), limit=10)

    found = selectors.tries(Delivery.objects.of(workspace).get())

    assert [(row.ok, row.http_status, row.result) for row in found] == [
        (False, 500, "Answered 500."),
        (True, 200, "Answered 200."),
    ]


def test_the_backlog_counts_what_waits(workspace: Workspace, device: Device, hook: HttpSink) -> None:
    assert selectors.backlog(T0) == Backlog(0, None, 0, 0, None, 0)
    go_down(device)
    assert selectors.backlog(T0) == Backlog(1, T0, 0, 0, None, 0)
    services.fan_out(now=minutes(1), limit=10)
    assert selectors.backlog(minutes(2)) == Backlog(0, None, 1, 1, minutes(1), 0)
    hook.status = 500
    services.deliver_due(now=minutes(2), limit=10)
    assert (selectors.backlog(minutes(2)).planned, selectors.backlog(minutes(2)).due) == (1, 0)
    Delivery.objects.of(workspace).update(status="failed", next_at=None)
    assert selectors.backlog(minutes(2)) == Backlog(0, None, 0, 0, None, 1)
    assert selectors.backlog(T0 + timedelta(days=2)).failed_last_day == 0
