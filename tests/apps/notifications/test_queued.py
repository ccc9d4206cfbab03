"""Messages without an incident take the same way out."""

import base64

from apps.notifications import services
from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Delivery
from apps.workspaces.models import Workspace
from tests.apps.incidents.scene import T0, make_workspace
from tests.sinks.smtp import SmtpSink

MAIL = {
    "subject": "Uptime, last week",
    "text": "All well.",
    "html": "<p>All well.</p>",
    "headers": {"List-Unsubscribe": "<https://watch.example/u/1>"},
    "attachments": [
        {"name": "uptime.csv", "type": "text/csv", "base64": base64.b64encode(b"a,b\n1,2\n").decode()},
    ],
}


def queue(workspace: Workspace, key: str = "report:1") -> Delivery | None:
    return services.queue_message(
        workspace=workspace,
        kind=ChannelKind.EMAIL,
        recipient="ana@example.com",
        event_name="report",
        payload=MAIL,
        key=key,
        now=T0,
    )


def test_a_queued_mail_arrives_with_its_headers_and_attachments(workspace: Workspace, smtp_sink: SmtpSink) -> None:
    delivery = queue(workspace)
    services.deliver_due(now=T0, limit=10)

    message = smtp_sink.to("ana@example.com")[0]
    assert message["Message-ID"] == delivery.payload["message_id"]
    assert message["List-Unsubscribe"] == "<https://watch.example/u/1>"
    attached = next(iter(message.iter_attachments()))
    assert (attached.get_filename(), attached.get_content().splitlines()) == ("uptime.csv", ["a,b", "1,2"])


def test_the_same_fact_is_queued_once(workspace: Workspace) -> None:
    assert queue(workspace) is not None
    assert queue(workspace) is None

    assert Delivery.objects.of(workspace).count() == 1


def test_another_workspace_has_keys_of_its_own(workspace: Workspace) -> None:
    queue(workspace)

    assert queue(make_workspace("globex")) is not None
