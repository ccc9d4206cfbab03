"""Webhooks over a real socket to a real web server."""

import hashlib
import hmac
import json
from typing import Any

import pytest

from apps.common.clock import epoch_ms
from apps.devices.models import Device
from apps.incidents import services as incidents
from apps.incidents.selectors import timeline
from apps.notifications import services
from apps.notifications.channels import webhook
from apps.notifications.models import Delivery, Route
from apps.workspaces.models import Workspace
from tests.apps.incidents.scene import T0, change, go_down, minutes, tell
from tests.sinks.http import HttpSink


def run(at: float = 0) -> int:
    services.fan_out(now=minutes(at), limit=100)
    return services.deliver_due(now=minutes(at), limit=100)


def bodies(sink: HttpSink) -> list[dict[str, Any]]:
    return [json.loads(request.body) for request in sink.requests]


def test_an_opened_incident_is_told_in_the_shape_of_the_contract(
    workspace: Workspace, device: Device, hook: HttpSink
) -> None:
    incident = go_down(device)
    run()

    (body,) = bodies(hook)
    event_id = body.pop("id")
    assert event_id.startswith("evt_")
    assert body == {
        "event": "incident.opened",
        "occurredAt": "2026-03-01T10:00:00.000Z",
        "workspace": {"ownerUserId": str(workspace.public_id)},
        "project": {"id": "berlin-01", "name": "Berlin branch"},
        "device": {
            "id": str(device.public_id),
            "name": "Till 1",
            "type": "posserver",
            "status": "down",
            "previousStatus": "up",
        },
        "incident": {
            "id": incident.wire_id,
            "severity": "critical",
            "startedAt": "2026-03-01T10:00:00.000Z",
            "acknowledgedAt": None,
            "resolvedAt": None,
            "durationSeconds": None,
            "cause": {"kind": "refused", "message": "connection refused"},
            "url": f"https://watch.example/app/incidents/{incident.wire_id}",
        },
        "step": 0,
        "loop": 0,
        "test": False,
    }


def test_headers_name_event_and_delivery_and_sign_the_body(device: Device, hook: HttpSink) -> None:
    go_down(device)
    run()

    (request,) = hook.requests
    delivery = Delivery.objects.of(device.workspace_id).get()
    assert request.headers["X-Dashmon-Event"] == "incident.opened"
    assert request.headers["X-Dashmon-Delivery"] == delivery.wire_id
    assert request.headers["Content-Type"] == "application/json"
    fields = dict(part.split("=", 1) for part in request.headers["X-Dashmon-Signature"].split(","))
    signed = fields["t"].encode() + b"." + request.body
    assert fields["v1"] == hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
    assert abs(int(fields["t"]) - epoch_ms(T0) // 1000) <= 2


def test_a_signature_is_the_published_example() -> None:
    # Reckoned with: printf '1771240980.{"a":1}' | openssl dgst -sha256 -hmac s3cret
    at = T0.fromtimestamp(1771240980, T0.tzinfo)

    assert webhook.signature("s3cret", b'{"a":1}', at) == (
        "t=1771240980,v1=459b445fdc5c63313f99d43b6e20f7498070515389dd5e957c505ee7ee32a5c9"
    )


def test_a_whole_incident_is_told_step_by_step(device: Device, hook: HttpSink) -> None:
    (incident,) = tell(change(device, "up", "warning"))
    run()
    tell(change(device, "warning", "down", minutes(1)))
    run(1)
    incidents.acknowledge(incident=incident, actor="ana", user=None, now=minutes(2))
    run(2)
    tell(change(device, "down", "warning", minutes(3)))
    run(3)
    tell(change(device, "warning", "up", minutes(4)))
    run(4)

    told = bodies(hook)
    assert [body["event"] for body in told] == [
        "incident.opened",
        "incident.escalated",
        "incident.acknowledged",
        "incident.resolved",
    ]
    assert [body["incident"]["severity"] for body in told[:2]] == ["warning", "critical"]
    assert [body["incident"]["acknowledgedAt"] is None for body in told] == [True, True, False, False]
    assert told[3]["incident"]["resolvedAt"] == "2026-03-01T10:04:00.000Z"
    assert told[3]["incident"]["durationSeconds"] == 240
    assert told[3]["device"]["status"] == "up"
    said = Delivery.objects.of(device.workspace_id).order_by("pk").values_list("payload__title", "payload__tone")
    assert list(said) == [
        ("Degraded: Till 1 (Berlin branch)", "warning"),
        ("Down: Till 1 (Berlin branch)", "down"),
        ("Acknowledged: Till 1 (Berlin branch)", "info"),
        ("Up: Till 1 (Berlin branch)", "up"),
    ]


def test_planning_late_tells_each_event_as_it_was(device: Device, hook: HttpSink) -> None:
    incident = go_down(device)
    incidents.acknowledge(incident=incident, actor="ana", user=None, now=minutes(1))
    tell(change(device, "down", "up", minutes(2)))
    run(9)

    opened, acknowledged, resolved = (body["incident"] for body in bodies(hook))
    assert (opened["acknowledgedAt"], opened["resolvedAt"], opened["durationSeconds"]) == (None, None, None)
    assert (acknowledged["acknowledgedAt"], acknowledged["resolvedAt"]) == ("2026-03-01T10:01:00.000Z", None)
    assert resolved["durationSeconds"] == 120


def test_closing_by_hand_is_told_and_closing_silently_is_not(device: Device, hook: HttpSink) -> None:
    incidents.resolve(incident=go_down(device), actor="ana", now=minutes(1))
    go_down(device, minutes(2))
    incidents.close_silently(ref=device.ref, reason="rule_updated", now=minutes(3))
    run(4)

    assert [body["event"] for body in bodies(hook)] == ["incident.opened", "incident.resolved", "incident.opened"]


def test_nothing_leaves_in_maintenance(device: Device, hook: HttpSink) -> None:
    tell(change(device, "up", "down", in_maintenance=True))
    tell(change(device, "down", "up", minutes(1), in_maintenance=True))

    assert run(2) == 0
    assert hook.requests == []


def test_a_device_that_is_gone_is_still_spoken_of(device: Device, hook: HttpSink) -> None:
    incident = go_down(device)
    device.delete()
    run()

    (body,) = bodies(hook)
    assert (body["device"]["name"], body["device"]["id"], body["project"]["id"]) == ("Till 1", None, "berlin-01")
    assert body["incident"]["id"] == incident.wire_id


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_is_success(device: Device, hook: HttpSink, status: int) -> None:
    hook.status = status
    go_down(device)
    run()

    delivery = Delivery.objects.of(device.workspace_id).get()
    assert (delivery.status, delivery.http_status) == ("sent", status)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (500, (500, "Answered 500.")),
        (404, (404, "Answered 404.")),
        ("redirect", (302, "Answered 302: redirects are not followed.")),
        ("drop", (None, "The answer was not valid HTTP.")),
        ("garbage", (None, "The answer was not valid HTTP.")),
        ("hang", (None, "No answer within 0.5 s.")),
    ],
)
def test_any_other_answer_is_a_failure_that_is_tried_again(
    device: Device,
    hook: HttpSink,
    monkeypatch: pytest.MonkeyPatch,
    answer: int | str,
    expected: tuple[int | None, str],
) -> None:
    http_status, words = expected
    monkeypatch.setattr(webhook, "TIMEOUT_S", 0.5)
    hook.answers = [answer]
    go_down(device)
    run()

    delivery = Delivery.objects.of(device.workspace_id).get()
    assert (delivery.status, delivery.http_status, delivery.result) == ("planned", http_status, words)
    assert [request.path for request in hook.requests] == ["/in"]
    monkeypatch.setattr(webhook, "TIMEOUT_S", 5)
    services.deliver_due(now=minutes(1), limit=10)
    first, second = hook.requests
    assert first.body == second.body
    assert first.headers["X-Dashmon-Delivery"] == second.headers["X-Dashmon-Delivery"]


def test_an_address_that_became_forbidden_is_not_called(device: Device, hook: HttpSink, settings: Any) -> None:
    go_down(device)
    settings.EGRESS_DENY = ["127.0.0.0/8"]
    run()

    assert hook.requests == []
    assert Delivery.objects.of(device.workspace_id).get().result == "The address may not be reached from here."


def test_the_log_does_not_show_the_path_of_a_webhook(workspace: Workspace, device: Device, hook: HttpSink) -> None:
    incident = go_down(device)
    run()

    assert timeline(incident)[-1].detail["recipient"] == f"http://127.0.0.1:{hook.port}"
    assert Delivery(kind="webhook", recipient="https://u:p@x.example:8443/a?k=s").shown_recipient == (
        "https://x.example:8443"
    )


def test_a_removed_webhook_is_given_up_not_called_unsigned(device: Device, hook: HttpSink) -> None:
    go_down(device)
    services.fan_out(now=T0, limit=10)
    Route.objects.of(device.workspace_id).delete()
    services.deliver_due(now=T0, limit=10)

    assert hook.requests == []
    assert Delivery.objects.of(device.workspace_id).get().result == "The webhook was removed."
