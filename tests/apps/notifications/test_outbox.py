"""Planning: once for each event, in order for each subject, and again after any abort."""

from collections.abc import Callable
from typing import Any

import pytest

from apps.devices.models import Device
from apps.incidents import services as incidents
from apps.incidents.models import IncidentEvent
from apps.notifications import messages, services
from apps.notifications.desk import Desk
from apps.notifications.models import Delivery
from apps.notifications.services import outbox
from apps.workspaces.models import Workspace
from apps.workspaces.querysets import TenantQuerySet
from tests.apps.incidents.scene import T0, change, go_down, make_device, make_workspace, minutes, tell
from tests.apps.notifications.conftest import mail_to
from tests.sinks.http import HttpSink


class Killed(BaseException):
    """The process died here."""


def before(step: Callable[..., Any]) -> Callable[..., Any]:
    def dead(*_: Any, **__: Any) -> None:
        raise Killed

    return dead


def after(step: Callable[..., Any]) -> Callable[..., Any]:
    def dead(*args: Any, **kwargs: Any) -> None:
        step(*args, **kwargs)
        raise Killed

    return dead


def waiting(workspace: Workspace) -> int:
    return IncidentEvent.objects.of(workspace).filter(fanned_out_at__isnull=True).count()


@pytest.mark.parametrize("when", [before, after])
@pytest.mark.parametrize(
    ("module", "step"),
    [
        (outbox, "_claim"),
        (Desk, "news"),
        (outbox, "_notices"),
        (messages, "mail"),
        (TenantQuerySet, "bulk_create"),
        (messages, "message"),
        (outbox, "_webhook_calls"),
        (outbox, "_plan"),
    ],
)
@pytest.mark.usefixtures("mails", "hook")
def test_a_planner_that_dies_anywhere_plans_everything_once_when_it_runs_again(  # noqa: PLR0917  # fixtures and parameters
    workspace: Workspace, device: Device, monkeypatch: pytest.MonkeyPatch, module: Any, step: str, when: Any
) -> None:
    go_down(device)
    with monkeypatch.context() as patch:
        patch.setattr(module, step, when(getattr(module, step)))
        with pytest.raises(Killed):
            services.fan_out(now=T0, limit=10)
    assert (waiting(workspace), Delivery.objects.of(workspace).count()) == (1, 0)

    assert services.fan_out(now=T0, limit=10) == 1
    assert services.fan_out(now=T0, limit=10) == 0
    assert sorted(Delivery.objects.of(workspace).values_list("kind", flat=True)) == ["email", "webhook"]


@pytest.mark.usefixtures("mails")
def test_a_planned_event_that_is_planned_again_adds_nothing(workspace: Workspace, device: Device) -> None:
    go_down(device)
    services.fan_out(now=T0, limit=10)
    delivery = Delivery.objects.of(workspace).get()

    (event,) = IncidentEvent.objects.of(workspace)
    Delivery.objects.of(workspace).update(event_name="kept")
    outbox._plan(event, Desk([event], now=minutes(1)), now=minutes(1))

    kept = Delivery.objects.of(workspace).get()
    assert (kept.public_id, kept.created_at) == (delivery.public_id, T0)


@pytest.mark.usefixtures("mails")
def test_an_event_that_cannot_be_planned_holds_back_its_own_subject_only(
    workspace: Workspace, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy = make_device(workspace, "Router")
    go_down(device)
    tell(change(device, "down", "up", minutes(1)))
    go_down(healthy, minutes(2))
    real = outbox._plan

    def fragile(event: IncidentEvent, desk: Desk, **kwargs: Any) -> None:
        if event.subject_id == device.pk:
            raise RuntimeError("broken event")
        real(event, desk, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "_plan", fragile)
        with pytest.raises(outbox._StuckError) as stuck:
            services.fan_out(now=minutes(2), limit=10)
    assert isinstance(stuck.value.__cause__, RuntimeError)
    assert waiting(workspace) == 2
    assert [row.subject_id for row in Delivery.objects.of(workspace)] == [healthy.pk]

    assert services.fan_out(now=minutes(3), limit=10) == 2
    told = Delivery.objects.of(workspace).filter(subject_id=device.pk).order_by("id")
    assert [row.event_name for row in told] == ["down", "up"]


@pytest.mark.usefixtures("mails")
def test_the_limit_is_kept_and_the_oldest_come_first(workspace: Workspace, device: Device) -> None:
    for n in range(4):
        go_down(make_device(workspace, f"Router {n}"), minutes(n))

    assert services.fan_out(now=minutes(5), limit=3) == 3

    assert waiting(workspace) == 1
    assert IncidentEvent.objects.of(workspace).get(fanned_out_at__isnull=True).at == minutes(3)


def test_without_a_rule_events_are_marked_and_nothing_is_planned(workspace: Workspace, device: Device) -> None:
    go_down(device)

    assert services.fan_out(now=T0, limit=10) == 1
    assert (waiting(workspace), Delivery.objects.of(workspace).count()) == (0, 0)


@pytest.mark.usefixtures("mails")
def test_one_workspaces_rule_never_speaks_of_anothers_devices(workspace: Workspace) -> None:
    stranger = make_workspace("stranger")
    go_down(make_device(stranger))

    services.fan_out(now=T0, limit=10)

    assert Delivery.objects.count() == 0


@pytest.mark.usefixtures("mails")
def test_trouble_that_outlasts_its_window_is_told_when_the_incident_opens(workspace: Workspace, device: Device) -> None:
    tell(change(device, "up", "down", minutes(1), in_maintenance=True))
    services.fan_out(now=minutes(1), limit=10)
    assert Delivery.objects.of(workspace).count() == 0

    # What the end of the window makes of it: the known state, told again.
    tell(change(device, "down", "down", minutes(5)))
    services.fan_out(now=minutes(5), limit=10)

    mail = Delivery.objects.of(workspace).get()
    assert (mail.event_name, mail.occurred_at) == ("down", minutes(5))


@pytest.mark.usefixtures("mails")
def test_an_acknowledgement_sends_no_mail(workspace: Workspace, device: Device) -> None:
    incident = go_down(device)
    incidents.acknowledge(incident=incident, actor="ana", user=None, now=minutes(1))
    incidents.resolve(incident=incident, actor="ana", now=minutes(2))
    services.fan_out(now=minutes(3), limit=10)

    assert [row.event_name for row in Delivery.objects.of(workspace)] == ["down"]


def test_rules_speak_of_what_happens_while_they_are_on(workspace: Workspace, device: Device, hook: HttpSink) -> None:
    go_down(device)
    services.fan_out(now=T0, limit=10)
    mail_to(workspace, "ops@acme.example")
    tell(change(device, "down", "up", minutes(5)))
    services.fan_out(now=minutes(5), limit=10)

    rows = Delivery.objects.of(workspace).order_by("id")
    assert [(row.kind, row.event_name) for row in rows] == [
        ("webhook", "incident.opened"),
        ("webhook", "incident.resolved"),
        ("email", "up"),
    ]
