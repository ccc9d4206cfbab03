"""Sending: at least once, a repeat only where a result was lost, in order for each recipient."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from apps.common.errors import ConflictError, InvalidInputError
from apps.devices.models import Device
from apps.incidents import services as incidents
from apps.incidents.models import IncidentEvent
from apps.incidents.selectors import timeline
from apps.notifications import channels, services
from apps.notifications.channels import webhook
from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Delivery, DeliveryAttempt
from apps.notifications.selectors import backlog
from apps.notifications.services import deliveries
from apps.workspaces.models import Workspace
from tests.apps.incidents.scene import T0, change, go_down, make_device, minutes, tell
from tests.apps.notifications.conftest import mail_to
from tests.apps.notifications.test_outbox import Killed, after, before
from tests.sinks.http import HttpSink
from tests.sinks.smtp import SmtpSink

LATER = T0 + deliveries.LEASE + timedelta(seconds=1)
SLACK = timedelta(seconds=5)  # what the machine may take between two steps


def plan(device: Device, *, at: datetime = T0) -> Delivery:
    go_down(device, at)
    services.fan_out(now=at, limit=10)
    delivery: Delivery = Delivery.objects.of(device.workspace_id).order_by("-id")[0]
    return delivery


def story_of(delivery: Delivery) -> Sequence[IncidentEvent]:
    assert delivery.incident is not None
    return timeline(delivery.incident)


def send(at: datetime = T0) -> int:
    return services.deliver_due(now=at, limit=100)


@pytest.mark.parametrize(
    ("module", "step", "when", "copies"),
    [
        (deliveries, "_claim", before, 1),
        (deliveries, "_claim", after, 1),
        (deliveries, "_envelope", before, 1),
        (channels, "send", before, 1),
        (channels, "send", after, 2),
        (deliveries, "_record", before, 2),
        (deliveries, "_note_try", after, 2),
        (deliveries, "_save_result", after, 2),
        (incidents, "record_notice", before, 2),
        (incidents, "record_notice", after, 2),
        (deliveries, "_record", after, 1),
    ],
)
@pytest.mark.usefixtures("mails")
def test_a_sender_that_dies_anywhere_loses_nothing_and_repeats_only_under_the_same_identity(  # noqa: PLR0917  # fixtures and parameters
    device: Device,
    smtp_sink: SmtpSink,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    step: str,
    when: Callable[..., Any],
    copies: int,
) -> None:
    delivery = plan(device)
    with monkeypatch.context() as patch:
        patch.setattr(module, step, when(getattr(module, step)))
        with pytest.raises(Killed):
            send()

    for at in (T0, LATER, LATER + timedelta(hours=2)):
        send(at)

    delivery.refresh_from_db()
    assert delivery.status == "sent"
    messages = smtp_sink.to("ops@acme.example")
    assert len(messages) == copies
    assert {message["Message-ID"] for message in messages} == {f"<{delivery.wire_id}@watch.example>"}
    notified = IncidentEvent.objects.of(device.workspace_id).filter(kind="notified")
    assert [event.detail["result"] for event in notified] == ["delivered"]
    assert DeliveryAttempt.objects.of(device.workspace_id).count() == 1


def first_time_only(step: Callable[..., Any], meanwhile: Callable[[], None]) -> Callable[..., Any]:
    """The step, with something else happening before its first run: another worker, between sending and recording."""
    waiting = [meanwhile]

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        if waiting:
            waiting.pop()()
        return step(*args, **kwargs)

    return interrupted


@pytest.mark.usefixtures("mails")
def test_a_delivery_that_is_being_sent_is_nobody_elses(
    device: Device, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(device)
    taken: list[int] = []
    other_worker = first_time_only(deliveries._record, lambda: taken.append(send(T0 + timedelta(seconds=60))))
    monkeypatch.setattr(deliveries, "_record", other_worker)

    assert send() == 1

    assert taken == [0]
    assert len(smtp_sink.messages) == 1


@pytest.mark.usefixtures("mails")
def test_the_successor_of_a_killed_process_repeats_what_it_had_under_way_at_once(
    device: Device, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(device)
    with monkeypatch.context() as patch:
        patch.setattr(deliveries, "_record", before(deliveries._record))
        with pytest.raises(Killed):
            services.deliver_due(now=T0, limit=10, owner="embedded@a:8000")

    assert services.give_back(owner="embedded@b:8000") == 0
    assert send(T0 + SLACK) == 0
    assert services.give_back(owner="embedded@a:8000") == 1
    assert send(T0 + SLACK) == 1

    assert len(smtp_sink.messages) == 2
    assert len({message["Message-ID"] for _, message in smtp_sink.messages}) == 1


@pytest.mark.usefixtures("mails")
def test_a_worker_that_froze_past_its_lease_does_not_overwrite_the_result_of_the_next(
    device: Device, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = plan(device)
    smtp_sink.refuse_message = "451 try later"
    taken: list[int] = []

    def wake_late() -> None:
        smtp_sink.refuse_message = ""
        taken.append(send(LATER))

    monkeypatch.setattr(deliveries, "_record", first_time_only(deliveries._record, wake_late))
    send()

    delivery.refresh_from_db()
    assert taken == [1]
    assert (delivery.status, delivery.result, delivery.attempts) == ("sent", "Accepted by the mail server.", 2)
    assert len(smtp_sink.messages) == 1


def test_a_failing_recipient_is_tried_six_times_with_growing_waits(device: Device, hook: HttpSink) -> None:
    hook.status = 500
    delivery = plan(device)
    at, waits = T0, []
    while delivery.status == "planned":
        assert send(at) == 1
        delivery.refresh_from_db()
        if delivery.next_at is not None:
            waits.append(round((delivery.next_at - at).total_seconds()))
            assert send(delivery.next_at - timedelta(seconds=5)) == 0
            at = delivery.next_at

    assert all(wanted <= wait <= wanted + 5 for wanted, wait in zip((10, 60, 300, 900, 3600), waits, strict=True))
    assert len(hook.requests) == 6
    assert (delivery.status, delivery.attempts, delivery.result) == ("failed", 6, "Answered 500.")
    tries = DeliveryAttempt.objects.of(device.workspace_id).filter(delivery=delivery)
    assert [(row.ok, row.http_status) for row in tries] == [(False, 500)] * 6
    story = story_of(delivery)
    assert [event.kind for event in story] == ["opened", "notified"]
    assert story[-1].detail["result"] == "Answered 500."
    assert send(at + timedelta(days=1)) == 0


def test_a_message_that_kills_its_worker_every_time_is_given_up(
    device: Device, hook: HttpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery = plan(device)
    monkeypatch.setattr(channels, "send", before(channels.send))
    at = T0
    for _ in range(6):
        with pytest.raises(Killed):
            send(at)
        at += deliveries.LEASE + timedelta(seconds=1)

    assert send(at) == 0
    delivery.refresh_from_db()
    assert (delivery.status, delivery.result) == ("failed", deliveries.LOST)
    assert story_of(delivery)[-1].detail["result"] == deliveries.LOST


def test_an_unforeseen_error_counts_as_a_try_and_the_others_still_leave(
    workspace: Workspace, device: Device, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    mail_to(workspace, "a@acme.example", "b@acme.example")
    plan(device)
    real = channels.send

    def fragile(kind: str, envelope: Any) -> Any:
        if envelope.recipient == "a@acme.example":
            raise ZeroDivisionError
        return real(kind, envelope)

    monkeypatch.setattr(channels, "send", fragile)
    with pytest.raises(ZeroDivisionError):
        send()

    rows = {row.recipient: row for row in Delivery.objects.of(workspace)}
    assert (rows["a@acme.example"].status, rows["a@acme.example"].result) == ("planned", "Internal error.")
    assert rows["b@acme.example"].status == "sent"


def test_an_older_message_holds_the_newer_ones_to_the_same_recipient_back(
    workspace: Workspace, device: Device, hook: HttpSink, smtp_sink: SmtpSink
) -> None:
    hook.answers = [500, 500]
    mail_to(workspace, "ops@acme.example")
    plan(device)
    send()
    tell(change(device, "down", "up", minutes(1)))
    services.fan_out(now=minutes(1), limit=10)

    send(minutes(1))
    assert [request.headers["X-Dashmon-Event"] for request in hook.requests] == ["incident.opened"] * 2
    assert [message["Subject"][:3] for message in smtp_sink.to("ops@acme.example")] == ["Dow", "Up:"]

    send(minutes(3))
    assert [request.headers["X-Dashmon-Event"] for request in hook.requests] == [
        "incident.opened",
        "incident.opened",
        "incident.opened",
        "incident.resolved",
    ]
    assert not Delivery.objects.of(workspace).exclude(status="sent").exists()


def test_what_is_planned_while_an_older_message_waits_stays_behind_it(device: Device, hook: HttpSink) -> None:
    hook.answers = [500, 500]
    plan(device)
    send()
    send(minutes(1))
    tell(change(device, "down", "up", minutes(1.5)))
    services.fan_out(now=minutes(1.5), limit=10)

    assert send(minutes(1.5)) == 0
    assert len(hook.requests) == 2
    send(minutes(3))
    assert [request.headers["X-Dashmon-Event"] for request in hook.requests[2:]] == [
        "incident.opened",
        "incident.resolved",
    ]


@pytest.mark.usefixtures("mails")
def test_the_next_message_does_not_overtake_one_that_is_being_sent(
    workspace: Workspace, device: Device, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(device)
    plan(make_device(workspace, "Router"))
    others: list[int] = []
    other_worker = first_time_only(deliveries._record, lambda: others.append(send()))
    monkeypatch.setattr(deliveries, "_record", other_worker)

    assert send() == 2

    assert others == [0]
    assert [message["Subject"][:12] for _, message in smtp_sink.messages] == ["Down: Till 1", "Down: Router"]


def test_those_behind_a_failing_message_are_not_tried_before_it(workspace: Workspace, hook: HttpSink) -> None:
    hook.status = 500
    for n in range(3):
        plan(make_device(workspace, f"Till {n}"))

    assert send() == 1

    assert len(hook.requests) == 1
    assert backlog(T0 + timedelta(seconds=9)).due == 0
    assert backlog(T0 + timedelta(seconds=30)).due == 1


@pytest.mark.usefixtures("mails")
def test_a_recipient_that_hangs_delays_nobody_else(
    workspace: Workspace, device: Device, hook: HttpSink, smtp_sink: SmtpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT_S", 1.5)
    hook.answers = ["hang"]
    order: list[str] = []
    real = deliveries._record

    def watched(delivery: Delivery, outcome: Any, **kwargs: Any) -> None:
        order.append(delivery.kind)
        real(delivery, outcome, **kwargs)

    monkeypatch.setattr(deliveries, "_record", watched)
    for n in range(3):
        go_down(make_device(workspace, f"Till {n}"))
    services.fan_out(now=T0, limit=10)
    send()

    assert order == ["email", "email", "email", "webhook"]


def test_giving_up_lets_the_next_one_leave(workspace: Workspace, device: Device, hook: HttpSink) -> None:
    hook.answers = [500] * 6
    first = plan(device)
    second = plan(make_device(workspace, "Router"))
    at = T0
    for _ in range(6):
        send(at)
        at += timedelta(hours=2)
    send(at)

    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.status, second.status) == ("failed", "sent")


def test_a_delivery_that_was_given_up_can_be_tried_again(device: Device, hook: HttpSink) -> None:
    delivery = plan(device)
    Delivery.objects.of(device.workspace_id).update(status="failed", attempts=6, next_at=None)

    again = services.retry(delivery=delivery, now=minutes(5))
    assert (again.status, again.attempts, again.next_at) == ("planned", 0, minutes(5))
    send(minutes(5))

    delivery.refresh_from_db()
    assert delivery.status == "sent"
    assert hook.requests[0].headers["X-Dashmon-Delivery"] == delivery.wire_id
    with pytest.raises(ConflictError):
        services.retry(delivery=delivery, now=minutes(6))


@pytest.mark.usefixtures("mails")
def test_the_limit_bounds_one_run(workspace: Workspace, smtp_sink: SmtpSink) -> None:
    for n in range(3):
        plan(make_device(workspace, f"Till {n}"))

    assert services.deliver_due(now=T0 + SLACK, limit=2) == 2
    assert len(smtp_sink.messages) == 2


def test_a_test_mail_reports_what_the_server_said(workspace: Workspace, smtp_sink: SmtpSink) -> None:
    mail_to(workspace, "a@acme.example", "b@acme.example")
    good = services.send_test(workspace=workspace, kind=ChannelKind.EMAIL, now=T0)
    smtp_sink.refuse_recipient = "550 no such user"
    (bad,) = services.send_test(workspace=workspace, kind=ChannelKind.EMAIL, now=T0, to="X@acme.example")

    assert [(line.recipient, line.ok) for line in good] == [("a@acme.example", True), ("b@acme.example", True)]
    assert (bad.recipient, bad.ok) == ("x@acme.example", False)
    assert bad.result == "The mail server refused the recipient: 550 no such user"
    ((_, message), _) = smtp_sink.messages
    assert message["Subject"] == "Test message"
    statuses = Delivery.objects.of(workspace).order_by("id").values_list("status", flat=True)
    assert list(statuses) == ["sent", "sent", "failed"]
    assert send(T0 + timedelta(days=1)) == 0


def test_a_test_mail_without_a_rule_goes_to_the_owner(workspace: Workspace, smtp_sink: SmtpSink) -> None:
    (line,) = services.send_test(workspace=workspace, kind=ChannelKind.EMAIL, now=T0)

    assert (line.recipient, line.ok) == ("owner@acme.example", True)


def test_a_test_webhook_is_signed_and_marked(workspace: Workspace, hook: HttpSink) -> None:
    hook.answers = [204, 500]
    (good,) = services.send_test(workspace=workspace, kind=ChannelKind.WEBHOOK, now=T0)
    (bad,) = services.send_test(workspace=workspace, kind=ChannelKind.WEBHOOK, now=T0)

    assert (good.ok, good.http_status, bad.ok, bad.http_status) == (True, 204, False, 500)
    request = hook.requests[0]
    assert request.headers["X-Dashmon-Event"] == "test"
    assert request.headers["X-Dashmon-Delivery"] == good.delivery_id
    assert b'"test":true' in request.body


def test_a_test_does_not_count_as_a_notice(workspace: Workspace, device: Device, smtp_sink: SmtpSink) -> None:
    mail_to(workspace, "ops@acme.example")
    services.send_test(workspace=workspace, kind=ChannelKind.EMAIL, now=T0)
    plan(device)
    send()

    assert [message["Subject"][:4] for message in smtp_sink.to("ops@acme.example")] == ["Test", "Down"]


@pytest.mark.parametrize(("kind", "to"), [(ChannelKind.WEBHOOK, None), (ChannelKind.EMAIL, "nobody")])
def test_a_test_with_nobody_to_send_to_is_refused(workspace: Workspace, kind: Any, to: str | None) -> None:
    with pytest.raises(InvalidInputError):
        services.send_test(workspace=workspace, kind=kind, now=T0, to=to)

    assert not Delivery.objects.of(workspace).exists()
