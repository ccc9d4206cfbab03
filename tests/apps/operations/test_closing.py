"""From the commit of its end on nothing of a workspace runs or speaks; until it is erased it can come back."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from apps.audit.models import AuditEntry
from apps.checks import heartbeats, leases, requests
from apps.checks.models import CheckBatch, CheckRequest
from apps.checks.schedule import materialise
from apps.checks.services import request_check
from apps.common.errors import ConflictError, ForbiddenError, NotFoundError
from apps.devices.models import Device, DeviceState
from apps.devices.services import set_paused
from apps.incidents.models import Incident, IncidentEvent
from apps.notifications import services as notifications
from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Delivery, Escalation, Route
from apps.operations.closing import GRACE, close_workspace, reopen_workspace
from apps.operations.models import Erasure
from apps.operations.plans import lapse_ended_terms
from apps.operations.provision import Wanted, provision
from apps.pipeline.flapping import sweep_flapping
from apps.pipeline.windows import sweep_windows
from apps.projects.actors import actor_of
from apps.projects.models import MaintenanceWindow
from apps.reports.models import ReportSchedule
from apps.reports.services import send_due
from apps.statuspages import services as statuspages
from apps.statuspages.models import StatusUpdate
from apps.workspaces.models import Membership, Workspace
from apps.workspaces.selectors import owner_of
from tests.apps.web.conftest import break_down
from tests.factories import NOW, make_device, make_project, make_seat, make_workspace

pytestmark = pytest.mark.django_db
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)


def close(workspace: Workspace) -> Erasure:
    seat = Membership.objects.of(workspace).select_related("user").get(role="owner")
    return close_workspace(workspace=workspace, actor=actor_of(seat, seat.user), now=NOW)


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace(name="Goes")


@pytest.fixture
def device(workspace: Workspace) -> Device:
    return make_device(make_project(workspace))


@pytest.fixture
def stays() -> Device:
    """A monitor of somebody else."""
    return make_device(make_project(make_workspace(name="Stays")))


def routed(device: Device) -> None:
    """A mail goes to somebody when the device goes down."""
    notifications.set_email_rule(
        workspace=device.workspace, enabled=True, cooldown_minutes=30, to=["ana@example.com"], actor="ana", now=NOW
    )


def message(workspace: Workspace, key: str = "one") -> Delivery:
    payload = {"subject": "s", "text": "t", "html": "h"}
    delivery = notifications.queue_message(
        workspace=workspace,
        kind=ChannelKind.EMAIL,
        recipient="ana@example.com",
        event_name="report",
        payload=payload,
        key=key,
        now=NOW,
    )
    assert delivery is not None
    return Delivery.objects.get(dedupe_key=delivery.dedupe_key)


def test_the_owner_closes_it_once_and_the_trail_says_so(workspace: Workspace) -> None:
    erasure = close(workspace)

    assert Workspace.objects.get(pk=workspace.pk).closed_at == NOW
    assert (erasure.due_at, erasure.begun_at) == (NOW + GRACE, None)
    entry = AuditEntry.objects.of(workspace).get(verb="workspace.close")
    assert (entry.actor, entry.subject) == (owner_of(workspace).email, workspace.name)
    with pytest.raises(NotFoundError):
        close(workspace)
    assert Erasure.objects.count() == 1


@pytest.mark.parametrize("role", ["admin", "editor", "viewer"])
def test_nobody_else_closes_it(workspace: Workspace, role: str) -> None:
    seat = make_seat(workspace, role)

    with pytest.raises(ForbiddenError):
        close_workspace(workspace=workspace, actor=actor_of(seat, seat.user), now=NOW)

    assert Workspace.objects.get(pk=workspace.pk).closed_at is None
    assert not Erasure.objects.exists()


def test_an_owner_of_another_workspace_closes_nothing(workspace: Workspace, stays: Device) -> None:
    seat = Membership.objects.of(stays.workspace).select_related("user").get()

    with pytest.raises(NotFoundError):
        close_workspace(workspace=workspace, actor=actor_of(seat, seat.user), now=NOW)

    assert not Workspace.objects.filter(closed_at__isnull=False).exists()


def test_no_check_is_scheduled_and_none_that_was_handed_out_is_run(device: Device, stays: Device) -> None:
    materialise(now=NOW)
    materialise(now=NOW + DAY)
    close(device.workspace)
    # What was under way when it closed writes the monitor as it knew it.
    late = make_device(device.project, "Late")

    handed_out = leases.take(owner="w", now=NOW + DAY)
    assert handed_out is not None
    assert [member.device.pk for member in handed_out.members] == [stays.pk]
    assert late.enabled

    CheckBatch.objects.all().delete()
    Device.objects.filter(pk=late.pk).delete()
    assert materialise(now=NOW + 2 * DAY).due == 1


def test_a_check_that_was_asked_for_is_not_run(device: Device, stays: Device) -> None:
    for one in (device, stays):
        request_check(device=one, now=NOW)
    close(device.workspace)

    taken = requests.take(owner="w", limit=10, now=NOW)

    assert [each.row.device_id for each in taken] == [stays.pk]
    assert CheckRequest.objects.get(device=device).attempt == 0


def test_time_passes_for_nothing_in_it(device: Device, stays: Device) -> None:
    for one in (device, stays):
        beat = make_device(one.project, "Backup", kind="heartbeat")
        DeviceState.objects.filter(device=beat).update(due_at=NOW)
        DeviceState.objects.filter(device=one).update(settles_at=NOW)
        MaintenanceWindow.objects.create(
            workspace=one.workspace, project=one.project, starts_at=NOW - DAY, ends_at=NOW - MINUTE, created_at=NOW
        )
    close(device.workspace)

    swept = [act(now=NOW + MINUTE) for act in (heartbeats.sweep, sweep_flapping, sweep_windows)]

    assert swept == [1, 1, 1]
    assert not DeviceState.objects.of(device.workspace).filter(due_at__isnull=False).exists()


def test_what_would_have_been_said_is_not(device: Device, stays: Device) -> None:
    for one in (device, stays):
        routed(one)
        break_down(one, at=NOW)
    waiting = message(device.workspace)
    close(device.workspace)
    # As a process does that had judged a result before, and had not committed.
    IncidentEvent.objects.update(fanned_out_at=None)

    notifications.fan_out(now=NOW, limit=50)

    waiting.refresh_from_db()
    assert (waiting.status, waiting.result, waiting.next_at) == ("dropped", "The workspace was closed.", None)
    planned = Delivery.objects.filter(status="planned")
    assert set(planned.values_list("workspace", flat=True)) == {stays.workspace_id}


def test_a_message_planned_by_who_did_not_know_ends_quietly(
    workspace: Workspace, stays: Device, mailoutbox: Any
) -> None:
    close(workspace)
    late, other = message(workspace), message(stays.workspace)

    notifications.deliver_due(now=NOW, limit=10)

    assert [Delivery.objects.get(pk=each.pk).status for each in (late, other)] == ["dropped", "sent"]
    assert len(mailoutbox) == 1


def test_steps_of_incidents_are_taken_no_more(device: Device) -> None:
    routed(device)
    incident = break_down(device, at=NOW)
    route = Route.objects.of(device.workspace).get()
    event = IncidentEvent.objects.filter(incident=incident).earliest("pk")
    row = Escalation.objects.create(
        workspace=device.workspace, incident=incident, route=route, event=event, begun_at=NOW, next_at=NOW
    )
    close(device.workspace)
    row.refresh_from_db()
    assert row.next_at is None

    Escalation.objects.update(next_at=NOW)
    assert notifications.advance_due(now=NOW, limit=10) == 0


def test_subscribers_and_readers_of_reports_hear_nothing(device: Device, mailoutbox: Any) -> None:
    page, _ = statuspages.create_page(
        workspace=device.workspace, values={"name": "S", "slug": "shop"}, projects=[device.project], now=NOW
    )
    StatusUpdate.objects.create(
        workspace=device.workspace, page=page, title="t", status="investigating", thread="t", notify=True,
        published_at=NOW,
    )  # fmt: skip
    ReportSchedule.objects.create(
        workspace=device.workspace, name="Weekly", frequency="daily", hour=1, format="csv", target=0,
        recipients=["ana@example.com"], next_at=NOW, created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    close(device.workspace)

    assert statuspages.tell_subscribers(now=NOW, limit=10) == 0
    send_due(now=NOW + DAY, limit=10)

    assert not Delivery.objects.filter(status="planned").exists()
    assert len(mailoutbox) == 0


def test_a_term_that_ends_meanwhile_starts_nothing(device: Device) -> None:
    Workspace.objects.filter(pk=device.workspace_id).update(premium_until=NOW)
    close(device.workspace)

    assert lapse_ended_terms(now=NOW + DAY) == 0
    assert not Device.objects.get().enabled


def test_a_script_does_not_furnish_it_again(workspace: Workspace) -> None:
    close(workspace)

    with pytest.raises(ConflictError):
        provision(wanted=Wanted(slug=workspace.slug, owner=owner_of(workspace).email), now=NOW)


def test_the_operator_brings_it_back(device: Device) -> None:
    paused = set_paused(device=make_device(device.project, "Paused"), paused=True, now=NOW)
    beat = make_device(device.project, "Backup", kind="heartbeat")
    DeviceState.objects.filter(device=beat).update(due_at=NOW, heartbeat={"phase": "up"}, state="up")
    incident = break_down(device, at=NOW)
    close(device.workspace)
    out = StringIO()

    call_command("reopen_workspace", device.workspace.slug, stdout=out)

    assert "is open again" in out.getvalue()
    assert Workspace.objects.get().closed_at is None
    assert not Erasure.objects.exists()
    assert dict(Device.objects.values_list("pk", "enabled")) == {device.pk: True, paused.pk: False, beat.pk: False}
    # Nobody looked for a while: the next result is news, and a job is first waited for.
    assert set(DeviceState.objects.values_list("state", "due_at")) == {("unknown", None)}
    assert Incident.objects.get(pk=incident.pk).close_reason == "paused"
    assert AuditEntry.objects.filter(verb="workspace.reopen", actor="operator").exists()


def test_only_what_is_closed_comes_back(workspace: Workspace) -> None:
    with pytest.raises(CommandError, match="is open"):
        call_command("reopen_workspace", workspace.slug)
    with pytest.raises(CommandError, match="no workspace nobody"):
        call_command("reopen_workspace", "nobody")


def test_what_it_would_have_said_while_closed_is_never_said(workspace: Workspace) -> None:
    waiting = message(workspace)
    close(workspace)
    reopen_workspace(slug=workspace.slug, now=NOW + DAY)

    assert notifications.deliver_due(now=NOW + DAY, limit=10) == 0
    waiting.refresh_from_db()
    assert waiting.status == "dropped"
