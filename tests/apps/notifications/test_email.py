"""Notices over a real socket to a real mail server."""

from email.message import EmailMessage
from typing import Any

import pytest

from apps.devices.models import Device
from apps.incidents.selectors import timeline
from apps.notifications import services
from apps.notifications.models import Delivery
from apps.workspaces.models import Workspace
from tests.apps.incidents.scene import change, go_down, make_device, minutes, tell
from tests.apps.notifications.conftest import mail_to
from tests.sinks.smtp import SmtpSink

pytestmark = pytest.mark.usefixtures("mails")


def part(message: EmailMessage, kind: str = "plain") -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def run(at: float = 0) -> int:
    services.fan_out(now=minutes(at), limit=100)
    return services.deliver_due(now=minutes(at), limit=100)


def test_a_fault_and_its_recovery_are_told(device: Device, smtp_sink: SmtpSink, settings: Any) -> None:
    settings.BASE_URL = "https://watch.example"
    incident = go_down(device)
    run()
    tell(change(device, "down", "up", minutes(15)))
    run(15)

    down, up = smtp_sink.to("ops@acme.example")
    assert (down["Subject"], up["Subject"]) == ("Down: Till 1 (Berlin branch)", "Up: Till 1 (Berlin branch)")
    assert down["From"] == "Dashmon <dashmon@watch.example>"
    for text in (part(down), part(down, "html")):
        assert "Cause: connection refused" in text
        assert "Since: 2026-03-01 10:00:00 UTC" in text
        assert f"https://watch.example/app/incidents/{incident.wire_id}" in text
    assert "Lasted: 15 min" in part(up)
    assert "connection refused" not in part(up)


def test_the_log_and_the_timeline_say_it_was_delivered(device: Device, smtp_sink: SmtpSink) -> None:
    incident = go_down(device)
    run()

    delivery = Delivery.objects.of(device.workspace_id).get()
    assert (delivery.status, delivery.attempts, delivery.next_at, delivery.lease_token) == ("sent", 1, None, None)
    assert delivery.result == "Accepted by the mail server."
    notified = timeline(incident)[-1]
    assert (notified.kind, notified.detail) == (
        "notified",
        {"recipient": "ops@acme.example", "channel": "email", "result": "delivered", "delivery": delivery.wire_id},
    )
    assert run(1) == 0
    assert len(smtp_sink.messages) == 1


def test_the_message_id_is_the_deliverys_own(device: Device, smtp_sink: SmtpSink) -> None:
    go_down(device)
    run()

    ((_, message),) = smtp_sink.messages
    delivery = Delivery.objects.of(device.workspace_id).get()
    assert message["Message-ID"] == f"<{delivery.wire_id}@watch.example>"
    assert message["X-Dashmon-Delivery"] == delivery.wire_id
    assert message["Auto-Submitted"] == "auto-generated"


def test_without_recipients_the_owner_hears(workspace: Workspace, device: Device, smtp_sink: SmtpSink) -> None:
    mail_to(workspace)
    go_down(device)
    run()

    assert [address for address, _ in smtp_sink.messages] == ["owner@acme.example"]


def test_two_recipients_get_two_messages_of_their_own(
    workspace: Workspace, device: Device, smtp_sink: SmtpSink
) -> None:
    mail_to(workspace, "a@acme.example", "b@acme.example")
    go_down(device)
    run()

    assert sorted(address for address, _ in smtp_sink.messages) == ["a@acme.example", "b@acme.example"]
    assert len({message["Message-ID"] for _, message in smtp_sink.messages}) == 2
    assert all(message["To"] == address for address, message in smtp_sink.messages)


def test_a_name_with_markup_or_line_breaks_harms_nothing(workspace: Workspace, smtp_sink: SmtpSink) -> None:
    go_down(make_device(workspace, "<b>Till\r\nBcc: all@acme.example</b>"))
    run()

    ((_, message),) = smtp_sink.messages
    assert message["Subject"] == "Down: <b>Till Bcc: all@acme.example</b> (Berlin branch)"
    assert message["Bcc"] is None
    assert "&lt;b&gt;Till" in part(message, "html")


def test_words_beyond_ascii_arrive_as_written(workspace: Workspace, smtp_sink: SmtpSink) -> None:
    go_down(make_device(workspace, "Kasse Süd ☕"))
    run()

    ((_, message),) = smtp_sink.messages
    assert message["Subject"] == "Down: Kasse Süd ☕ (Berlin branch)"
    assert "Kasse Süd ☕" in part(message)


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ({"refuse_recipient": "450 mailbox busy"}, "The mail server refused the recipient: 450 mailbox busy"),
        ({"refuse_message": "451 try later"}, "The mail server refused the message: 451 try later"),
        ({"hang_s": 4.0}, "The mail server could not be used: Connection unexpectedly closed: timed out"),
    ],
)
def test_a_mail_server_that_refuses_or_hangs_is_tried_again(
    device: Device, smtp_sink: SmtpSink, settings: Any, behaviour: dict[str, Any], words: str
) -> None:
    settings.EMAIL_TIMEOUT = 0.5
    incident = go_down(device)
    vars(smtp_sink).update(behaviour)
    run()

    delivery = Delivery.objects.of(device.workspace_id).get()
    assert (delivery.status, delivery.attempts, delivery.result) == ("planned", 1, words)
    assert [event.kind for event in timeline(incident)] == ["opened"]
    settings.EMAIL_TIMEOUT = 5
    vars(smtp_sink).update(refuse_recipient="", refuse_message="", hang_s=0.0)
    assert services.deliver_due(now=minutes(1), limit=10) == 1
    assert len(smtp_sink.to("ops@acme.example")) == 1


@pytest.mark.parametrize("refusal", [{"refuse_recipient": "550 no such user"}, {"refuse_message": "554 not wanted"}])
def test_what_is_refused_for_good_is_given_up_at_once(
    device: Device, smtp_sink: SmtpSink, refusal: dict[str, str]
) -> None:
    incident = go_down(device)
    vars(smtp_sink).update(refusal)
    run()

    delivery = Delivery.objects.of(device.workspace_id).get()
    assert (delivery.status, delivery.attempts) == ("failed", 1)
    assert delivery.result.endswith(next(iter(refusal.values())))
    assert [event.kind for event in timeline(incident)] == ["opened", "notified"]


def test_no_mail_server_at_all_is_tried_again(device: Device, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    go_down(device)
    run()

    delivery = Delivery.objects.of(device.workspace_id).get()
    assert delivery.status == "planned"
    assert "Connection refused" in delivery.result


def test_a_repeat_after_a_lost_answer_is_recognisable(device: Device, smtp_sink: SmtpSink) -> None:
    smtp_sink.keep_then_drop = True
    go_down(device)
    run()
    smtp_sink.keep_then_drop = False

    delivery = Delivery.objects.of(device.workspace_id).get()
    assert delivery.status == "planned"
    services.deliver_due(now=minutes(1), limit=10)
    first, second = smtp_sink.to("ops@acme.example")
    assert first["Message-ID"] == second["Message-ID"]
    assert part(first) == part(second)


def test_an_installation_without_a_mail_server_says_so(device: Device, settings: Any, capsys: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
    go_down(device)
    run()

    assert Delivery.objects.of(device.workspace_id).get().result.startswith("Written to the server's own output")
    assert "Down: Till 1" in capsys.readouterr().out
