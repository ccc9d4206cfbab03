"""Channels over the wire, and what real receivers get of them (contract Dash 10)."""

import hashlib
import hmac
import re
from typing import Any

import pytest

from apps.nodes.models import Node
from apps.notifications import services as notifications
from apps.notifications.models import Channel
from apps.workspaces.models import Workspace
from tests.contracts.dash.conftest import Caller, Clock, refused
from tests.contracts.dash.reporting import CASES, make_node, say, vectors
from tests.replay.dash_channels import said_of
from tests.sinks.http import HttpSink
from tests.sinks.smtp import SmtpSink

CHANNELS = "/api/admin/alerts/channels"
VECTORS = vectors("dash_channels")
HOOK = {"name": "ops", "type": "webhook", "config": {"url": "https://hooks.example.com/a"}, "enabled": True}
BOT = {"name": "bot", "type": "telegram", "config": {"bot_token": "1:a", "chat_id": -100123}, "enabled": True}
MAIL = {
    "smtp_host": "127.0.0.1",
    "smtp_port": 25,
    "username": "",
    "password": "",
    "from": "dash@acme.example",
    "to": "ops@acme.example",
    "use_tls": False,
}


def listed(caller: Caller) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = caller("GET", CHANNELS).json()
    return found


def make(admin: Caller, document: Any, **config: Any) -> int:
    response = admin("POST", CHANNELS, {**document, "config": {**document["config"], **config}})
    assert response.status_code == 204, response.content
    number: int = listed(admin)[0]["id"]
    return number


def mail(sink: SmtpSink, **more: Any) -> dict[str, Any]:
    return {"name": "mail", "type": "email", "config": {**MAIL, "smtp_port": sink.port, **more}, "enabled": True}


def stored() -> list[dict[str, Any]]:
    return list(Channel.objects.order_by("pk").values("name", "kind", "enabled", "config"))


# --- What is kept and shown ---------------------------------------------------------------------------


@pytest.mark.parametrize("case", VECTORS, ids=[case["id"] for case in VECTORS])
def test_a_channel_is_kept_and_shown_as_the_vectors_say(admin: Caller, case: Any) -> None:
    method, path = "POST", CHANNELS
    if "existing_config" in case:
        number = make(admin, {**HOOK, "type": case["type"], "config": case["existing_config"]})
        method, path = "PUT", f"{CHANNELS}/{number}"
    before, expected = stored(), case["expect"]

    response = admin(method, path, {"name": "ops", "type": case["type"], "config": case["config"], "enabled": True})

    if expected["status"] != 204:
        refused(response, expected["status"], expected["code"])
        assert stored() == before
        return
    assert response.status_code == 204, response.content
    row = listed(admin)[0]
    channel = Channel.objects.get(number=row["id"])
    assert said_of(case["type"], channel.config) == expected["stored"]
    assert row["config"] == expected["view_config"]


def test_a_channel_is_shown_alone_and_in_the_list_newest_first(admin: Caller, clock: Clock) -> None:
    make(admin, HOOK, secret="s3cret")
    clock.forward(minutes=1)
    number = make(admin, BOT)

    assert [row["id"] for row in listed(admin)] == [number, 1]
    assert admin("GET", f"{CHANNELS}/1/").json() == {
        "id": 1,
        "name": "ops",
        "type": "webhook",
        "config": {"url": "https://hooks.example.com/a"},
        "enabled": True,
        "created_at": "2026-03-02T10:00:00Z",
        "updated_at": "2026-03-02T10:00:00Z",
    }
    response = admin("GET", CHANNELS)
    assert response.headers["Cache-Control"] == "no-store"
    assert b"s3cret" not in response.content
    assert b"1:a" not in response.content


def test_a_channel_is_switched_said_anew_and_taken_away(admin: Caller, clock: Clock) -> None:
    number = make(admin, HOOK, secret="kept")
    clock.forward(minutes=1)

    assert admin("PUT", f"{CHANNELS}/{number}/enabled", {"enabled": False}).status_code == 204
    row = admin("GET", f"{CHANNELS}/{number}").json()
    assert (row["enabled"], row["updated_at"], row["created_at"]) == (
        False,
        "2026-03-02T10:01:00Z",
        "2026-03-02T10:00:00Z",
    )

    again = {**HOOK, "name": "night", "config": {"url": "https://hooks.example.com/b", "secret": " "}, "enabled": True}
    assert admin("PUT", f"{CHANNELS}/{number}", again).status_code == 204
    assert Channel.objects.get().config == {"url": "https://hooks.example.com/b", "format": "dash", "secret": "kept"}
    # Another type begins anew, and the way back knows no secret.
    assert admin("PUT", f"{CHANNELS}/{number}", BOT).status_code == 204
    assert admin("PUT", f"{CHANNELS}/{number}", HOOK).status_code == 204
    assert "secret" not in Channel.objects.get().config

    assert admin("DELETE", f"{CHANNELS}/{number}/").status_code == 204
    assert listed(admin) == []
    refused(admin("DELETE", f"{CHANNELS}/{number}"), 404, "not_found")


def test_a_mail_channel_reads_back_as_a_list_and_keeps_its_password(admin: Caller, smtp_sink: SmtpSink) -> None:
    document = mail(smtp_sink, username="u", password="p4ss", to="ops@acme.example")
    number = make(admin, document)
    shown = admin("GET", f"{CHANNELS}/{number}").json()["config"]
    assert shown == {
        "smtp_host": "127.0.0.1",
        "smtp_port": smtp_sink.port,
        "username": "u",
        "from": "dash@acme.example",
        "to": ["ops@acme.example"],
        "use_tls": False,
    }

    assert admin("PUT", f"{CHANNELS}/{number}", {**document, "config": {**shown, "smtp_port": 2525}}).status_code == 204

    config = Channel.objects.get().config
    assert (config["secret"], config["server"]["port"]) == ("p4ss", 2525)


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"name": " "}, "invalid_fields"),
        ({"name": None}, "invalid_fields"),
        ({"type": "slack"}, "invalid_fields"),
        ({"type": None}, "invalid_fields"),
        ({"config": None}, "invalid_fields"),
        ({"enabled": None}, "invalid_fields"),
        ({"config": []}, "invalid_request"),
        ({"enabled": "yes"}, "invalid_request"),
        ({"config": {"url": "ftp://hooks.example.com"}}, "invalid_fields"),
        ({"config": {"url": 5}}, "invalid_fields"),
        ({"config": {"url": "https://hooks.example.com", "secret": 5}}, "invalid_fields"),
        ({"type": "telegram", "config": {"bot_token": "1:a/../x", "chat_id": "1"}}, "invalid_fields"),
        ({"type": "telegram", "config": {"bot_token": "1:a"}}, "invalid_fields"),
        ({"type": "telegram", "config": {"mode": "user", "bot_token": "1:a", "chat_id": "1"}}, "invalid_fields"),
        ({"type": "email", "config": {**MAIL, "to": []}}, "invalid_fields"),
        ({"type": "email", "config": {**MAIL, "to": "a@acme.example,b@acme.example"}}, "invalid_fields"),
        ({"type": "email", "config": {**MAIL, "from": "nobody"}}, "invalid_fields"),
        ({"type": "email", "config": {**MAIL, "smtp_port": 0}}, "invalid_fields"),
        ({"type": "email", "config": {**MAIL, "use_tls": "no"}}, "invalid_fields"),
        *(
            (
                {"type": "email", "config": {name: value for name, value in MAIL.items() if name != left_out}},
                "invalid_fields",
            )
            for left_out in MAIL
        ),
    ],
    ids=str,
)
def test_a_channel_that_cannot_be_is_neither_made_nor_changed(admin: Caller, said: Any, code: str) -> None:
    number = make(admin, BOT)
    before = stored()

    refused(admin("POST", CHANNELS, {**HOOK, **said}), 400, code)
    refused(admin("PUT", f"{CHANNELS}/{number}", {**HOOK, **said}), 400, code)

    assert stored() == before


ADDRESSES = [
    ("GET", ""),
    ("PUT", ""),
    ("DELETE", ""),
    ("PUT", "/enabled"),
    ("POST", "/test"),
]


@pytest.mark.parametrize(("method", "tail"), ADDRESSES)
def test_channels_are_the_admins_and_of_one_tenant(
    admin: Caller, guest: Caller, stranger: Caller, method: str, tail: str
) -> None:
    make(admin, HOOK)
    before = stored()
    body = None if method in {"GET", "DELETE"} else {**HOOK, "enabled": False}

    refused(guest(method, f"{CHANNELS}/1{tail}", body), 401, "unauthorized")
    refused(stranger(method, f"{CHANNELS}/1{tail}", body), 404, "not_found")
    for number in ("0", "x", "-1"):
        refused(admin(method, f"{CHANNELS}/{number}{tail}", body), 400, "invalid_id")
    refused(admin(method, f"{CHANNELS}/9{tail}", body), 404, "not_found")
    assert stored() == before
    assert listed(stranger) == []
    refused(guest("GET", CHANNELS), 401, "unauthorized")
    refused(guest("POST", CHANNELS, HOOK), 401, "unauthorized")


def test_a_switch_must_be_said(admin: Caller) -> None:
    make(admin, HOOK)

    refused(admin("PUT", f"{CHANNELS}/1/enabled", {}), 400, "invalid_fields")


# --- Tests --------------------------------------------------------------------------------------------


def test_a_hook_that_is_off_is_tested_with_its_real_answer(admin: Caller, http_sink: HttpSink) -> None:
    make(admin, {**HOOK, "enabled": False}, url=http_sink.url, secret="s3cret")
    http_sink.answers = [204, 500]

    assert admin("POST", f"{CHANNELS}/1/test", {"title": "Hello", "message": "there"}).status_code == 204
    said = refused(admin("POST", f"{CHANNELS}/1/test", {}), 503, "notify_error")

    assert said["message"] == "Answered 500."
    first, second = http_sink.requests
    assert {name: first.json[name] for name in ("title", "message", "meta")} == {
        "title": "Hello",
        "message": "there",
        "meta": {},
    }
    assert second.json["title"]
    assert second.json["message"]
    signature = hmac.new(b"s3cret", first.body, hashlib.sha256).hexdigest()
    assert first.headers["X-Webhook-Signature"] == f"sha256={signature}"
    assert not any(name.startswith("X-Alert") for name in first.headers)


def test_a_bot_is_tested_with_two_samples(settings: Any, admin: Caller, http_sink: HttpSink) -> None:
    settings.TELEGRAM_URL = f"http://127.0.0.1:{http_sink.port}"
    http_sink.answer_body = b'{"ok": true}'
    make(admin, BOT)

    assert admin("POST", f"{CHANNELS}/1/test", {"title": "left out"}).status_code == 204

    opened, closed = (request.json for request in http_sink.requests)
    assert {request.path for request in http_sink.requests} == {"/bot1:a/sendMessage"}
    assert (opened["chat_id"], closed["chat_id"]) == ("-100123", "-100123")
    assert opened["text"].startswith("❌ Alert triggered: cpu_usage_ratio_high @ ")
    assert closed["text"].startswith("✅ Alert recovered: cpu_usage_ratio_high @ ")
    assert opened["text"].splitlines()[-1].startswith("🕒 Triggered at: ")

    http_sink.answer_body = b'{"ok": false, "description": "chat not found"}'
    assert "chat not found" in refused(admin("POST", f"{CHANNELS}/1/test", {}), 503, "notify_error")["message"]


def test_a_mail_is_sent_by_the_channels_own_server(admin: Caller, smtp_sink: SmtpSink) -> None:
    make(admin, mail(smtp_sink, to=["a@acme.example", "b@acme.example"], username="u", password="p"))

    assert admin("POST", f"{CHANNELS}/1/test", {"title": "Grüße", "message": "line 1\nline 2"}).status_code == 204

    assert sorted(address for address, _ in smtp_sink.messages) == ["a@acme.example", "b@acme.example"]
    (message,) = smtp_sink.to("a@acme.example")
    assert (message["Subject"], message["From"], message.get_content_type()) == (
        "Grüße",
        "dash@acme.example",
        "text/plain",
    )
    assert message.get_content().splitlines() == ["line 1", "line 2"]

    smtp_sink.refuse_login = True
    refused(admin("POST", f"{CHANNELS}/1/test", {}), 503, "notify_error")


def test_a_server_that_cannot_encrypt_is_told_nothing(admin: Caller, smtp_sink: SmtpSink) -> None:
    make(admin, mail(smtp_sink, use_tls=True))

    refused(admin("POST", f"{CHANNELS}/1/test", {}), 503, "notify_error")

    assert smtp_sink.messages == []


def test_an_account_that_nobody_signed_in_cannot_send(admin: Caller) -> None:
    account = {"mode": "mtproto", "api_id": 123, "api_hash": "h", "phone": "+1", "chat_id": "-1"}
    make(admin, {**BOT, "config": account})
    refused(admin("POST", f"{CHANNELS}/1/test", {}), 400, "not_logged_in")
    make(admin, {**BOT, "config": account}, session="sess")
    refused(admin("POST", f"{CHANNELS}/2/test", {}), 503, "notify_error")

    for step in ("code", "verify", "password", "ping"):
        refused(admin("POST", f"{CHANNELS}/telegram/mtproto/{step}", {"channel_id": 1}), 503, "mtproto_unsupported")


# --- Delivery -----------------------------------------------------------------------------------------


def run(clock: Clock) -> None:
    """What the background does."""
    notifications.fan_out(now=clock.now, limit=100)
    notifications.deliver_due(now=clock.now, limit=100)


@pytest.fixture
def node(workspace: Workspace, admin: Caller, clock: Clock) -> Node:
    """One that a rule about its processor is mounted on."""
    node = make_node(workspace, "metal-fra-01", now=clock.now)
    rule = {"name": "busy", "metric": "cpu.usage_ratio", "operator": ">=", "threshold": 0.9, "duration_sec": 0}
    admin("POST", "/api/admin/alerts/rules", rule)
    admin("PUT", "/api/admin/alerts/mounts", {"rule_ids": [5], "server_ids": [1], "mounted": True})
    return node


def tell(admin: Caller, *numbers: int, enabled: bool = True) -> None:
    said = {"enabled": enabled, "channel_ids": list(numbers)}
    assert admin("PUT", "/api/admin/alerts/settings", said).status_code == 204


def rise_and_fall(node: Node, clock: Clock) -> None:
    for ratio in (0.95, 0.1):
        say(node, clock.now, case=CASES[1], usage_ratio=ratio)
        run(clock)
        clock.forward(seconds=3)


def test_a_hook_hears_of_an_alert_in_dashs_envelope(
    node: Node, admin: Caller, clock: Clock, http_sink: HttpSink
) -> None:
    make(admin, HOOK)
    number = make(admin, HOOK, url=http_sink.url, secret="s3cret")
    tell(admin, number)

    rise_and_fall(node, clock)

    opened, closed = http_sink.requests
    assert opened.json["title"] == "Alert triggered: busy @ metal-fra-01"
    assert closed.json["title"] == "Alert recovered: busy @ metal-fra-01"
    assert "Current value: 95.00%" in opened.json["message"].splitlines()
    assert opened.json["sent_at"] == "2026-03-02T10:00:00Z"
    event = opened.json["meta"]["event_id"]
    meta = {"rule_id": "5", "server_id": "1", "event_id": event}
    assert opened.json["meta"] == {**meta, "transition": "opened", "dedupe_key": f"alert:{event}:opened:{number}"}
    assert closed.json["meta"] == {
        **meta,
        "transition": "closed",
        "close_reason": "condition_cleared",
        "dedupe_key": f"alert:{event}:closed:{number}",
    }
    for request in (opened, closed):
        said = request.json["meta"]
        assert request.headers["Content-Type"] == "application/json"
        assert request.headers["X-Alert-Dedupe-Key"] == said["dedupe_key"]
        assert request.headers["X-Alert-Event-ID"] == said["event_id"]
        assert request.headers["X-Alert-Transition"] == said["transition"]
        signature = hmac.new(b"s3cret", request.body, hashlib.sha256).hexdigest()
        assert request.headers["X-Webhook-Signature"] == f"sha256={signature}"


def test_a_hook_without_a_secret_is_not_signed_and_is_tried_again(
    node: Node, admin: Caller, clock: Clock, http_sink: HttpSink
) -> None:
    tell(admin, make(admin, HOOK, url=http_sink.url))
    http_sink.answers = [503]
    say(node, clock.now, case=CASES[1], usage_ratio=0.95)
    run(clock)
    clock.forward(minutes=5)
    run(clock)

    first, second = http_sink.requests
    assert "X-Webhook-Signature" not in first.headers
    assert first.headers["X-Alert-Dedupe-Key"] == second.headers["X-Alert-Dedupe-Key"]
    assert re.fullmatch(r"alert:\d+:opened:1", first.headers["X-Alert-Dedupe-Key"])


def test_a_bot_hears_of_an_alert_with_marks(
    settings: Any, node: Node, admin: Caller, clock: Clock, http_sink: HttpSink
) -> None:
    settings.TELEGRAM_URL = f"http://127.0.0.1:{http_sink.port}"
    http_sink.answer_body = b'{"ok": true}'
    tell(admin, make(admin, BOT))

    rise_and_fall(node, clock)

    opened, closed = (request.json["text"].splitlines() for request in http_sink.requests)
    assert (opened[0], closed[0]) == (
        "❌ Alert triggered: busy @ metal-fra-01",
        "✅ Alert recovered: busy @ metal-fra-01",
    )
    assert opened[-1] == "🕒 Triggered at: 2026-03-02 10:00:00 UTC"
    assert closed[-1] == "🕒 Recovered at: 2026-03-02 10:00:03 UTC"


def test_a_mail_hears_of_an_alert_in_plain_text(node: Node, admin: Caller, clock: Clock, smtp_sink: SmtpSink) -> None:
    tell(admin, make(admin, mail(smtp_sink)))

    rise_and_fall(node, clock)

    opened, closed = smtp_sink.to("ops@acme.example")
    assert (opened["Subject"], closed["Subject"]) == (
        "Alert triggered: busy @ metal-fra-01",
        "Alert recovered: busy @ metal-fra-01",
    )
    assert (opened["From"], opened.get_content_type(), opened.is_multipart()) == (
        "dash@acme.example",
        "text/plain",
        False,
    )
    assert opened.get_content().splitlines()[0] == "Status: opened"


@pytest.mark.parametrize("how", ["settings off", "channel off", "channel gone"])
def test_nobody_is_told_who_is_not_to_be_told(
    node: Node, admin: Caller, clock: Clock, http_sink: HttpSink, how: str
) -> None:
    number = make(admin, HOOK, url=http_sink.url)
    tell(admin, number, enabled=how != "settings off")
    if how == "channel off":
        admin("PUT", f"{CHANNELS}/{number}/enabled", {"enabled": False})
    if how == "channel gone":
        admin("DELETE", f"{CHANNELS}/{number}")

    rise_and_fall(node, clock)

    assert http_sink.requests == []
