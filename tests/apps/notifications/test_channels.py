"""Every channel over a real socket: what arrives, what becomes of answers, and that nothing secret is told."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.errors import InvalidInputError
from apps.notifications import channels, custom
from apps.notifications.channels import ChannelError, discord, slack, texts, webhook
from tests.apps.incidents.scene import T0
from tests.apps.notifications.envelopes import BOT, HTTP_KINDS, KEY, NASTY, SECRETS, envelope, payload, sent_through
from tests.sinks.http import HttpSink

pytestmark = pytest.mark.usefixtures("providers")


@pytest.mark.parametrize("kind", [*HTTP_KINDS, "apprise"])
def test_a_message_arrives(kind: str, http_sink: HttpSink) -> None:
    receipt = channels.send(kind, sent_through(kind, http_sink))

    assert receipt.result
    assert len(http_sink.requests) == 1
    assert b"is down" in http_sink.requests[0].body or kind == "webhook"


@pytest.mark.parametrize("kind", [*HTTP_KINDS, "apprise"])
@pytest.mark.parametrize("answer", [301, 400, 403, 404, 410, 429, 500, 503, "drop", "garbage", "redirect"])
def test_whatever_else_is_answered_is_a_failure_that_tells_no_secret(
    kind: str, answer: int | str, http_sink: HttpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    http_sink.answers, http_sink.status = [answer], 400
    http_sink.answer_body = json.dumps({"ok": False, "description": "no"}).encode()

    with pytest.raises(ChannelError) as caught:
        channels.send(kind, sent_through(kind, http_sink))

    # A request of one's own says what Nezha would: contract Nezha 2.6, `404@404 Not Found`.
    in_words = caught.value.reason.endswith(".") or "refused it" in caught.value.reason
    assert in_words or (kind == "request" and f"@{caught.value.http_status} " in caught.value.reason)
    assert not any(secret in caught.value.reason for secret in SECRETS)
    if answer == 410 and kind != "apprise":
        assert caught.value.final
    if answer in {500, 503, "drop"}:
        assert not caught.value.final


@pytest.mark.parametrize("kind", HTTP_KINDS)
def test_a_service_that_asks_for_patience_gets_it(kind: str, http_sink: HttpSink) -> None:
    http_sink.status, http_sink.answer_headers = 429, {"Retry-After": "120"}

    with pytest.raises(ChannelError) as caught:
        channels.send(kind, sent_through(kind, http_sink))

    assert (caught.value.retry_after_s, caught.value.final) == (120.0, False)


@pytest.mark.parametrize("kind", ["telegram", "pushover", "pushbullet", "request", "web_push"])
def test_what_a_removed_channel_knew_cannot_be_sent_without(kind: str, http_sink: HttpSink) -> None:
    with pytest.raises(ChannelError) as caught:
        channels.send(kind, replace(sent_through(kind, http_sink), config={}))

    assert (caught.value.reason, caught.value.final) == ("The channel was removed.", True)
    assert http_sink.requests == []


def test_slack_shows_names_as_they_are(http_sink: HttpSink) -> None:
    channels.send("slack", sent_through("slack", http_sink))

    body = http_sink.requests[0].json
    assert set(body) == {"text", "attachments"}
    assert body["text"].startswith("Down: &lt;!channel&gt;")
    block = body["attachments"][0]["blocks"][0]
    assert "<!channel>" not in block["text"]["text"]
    assert block["text"]["verbatim"] is True
    assert "<https://watch.example/app/incidents/inc_1|Open in Dashmon>" in block["text"]["text"]
    assert slack.escape("a<b>&c") == "a&lt;b&gt;&amp;c"


def test_teams_gets_a_card_in_an_envelope(http_sink: HttpSink) -> None:
    channels.send("teams", sent_through("teams", http_sink))

    body = http_sink.requests[0].json
    assert body["type"] == "message"
    card = body["attachments"][0]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert card["content"]["body"][0]["color"] == "attention"
    assert "\\*bold\\*" in card["content"]["body"][0]["text"]
    assert card["content"]["actions"][0]["url"] == "https://watch.example/app/incidents/inc_1"


@given(st.text(alphabet="\\*_<@a \U0001f525", max_size=60), st.integers(0, 40))
def test_no_escape_is_cut_in_two(text: str, longest: int) -> None:
    escaped = texts.cut(text, longest, discord.escape)

    assert texts.size(escaped) <= longest
    shown, marks = "", iter(escaped)
    for mark in marks:
        shown += next(marks) if mark == "\\" else mark
    assert text.startswith(shown)


@given(
    st.text(alphabet="\\*`<>&@a\U0001f525", min_size=1, max_size=3000),
    st.text(alphabet="*<&a", min_size=1, max_size=3000),
)
def test_no_message_is_longer_than_its_service_takes(title: str, text: str) -> None:
    said = payload(title=title, text=text, facts=(("Cause", text), ("Since", text)))

    embed = discord.body(said)["embeds"][0]
    assert len(embed["title"]) <= 256
    assert len(embed["description"]) <= 2000
    assert all(len(field["value"]) <= 1024 for field in embed["fields"])
    section = slack.body(said)["attachments"][0]["blocks"][0]["text"]["text"]
    assert len(section) <= 3000
    assert section.endswith("|Open in Dashmon>")

    assert "&" not in section.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert texts.size(texts.plain(said, longest=1024)) <= 1024


@given(st.lists(st.text(max_size=30), max_size=5), st.integers(60, 100))
def test_a_line_that_does_not_fit_is_cut_and_the_link_stays(lines: list[str], longest: int) -> None:
    link = "<https://watch.example/app/incidents/inc_1|Open>"
    text = texts.fitted(lines, link, longest=longest)

    assert texts.size(text) <= longest
    assert text.endswith(link)
    assert "\n".join(filter(None, lines)).startswith(text.removesuffix(link).removesuffix("\n"))


def test_a_long_sentence_is_told_as_far_as_it_fits() -> None:
    said = texts.plain(payload(text="x" * 9000), longest=4096)

    assert len(said) == 4096
    assert "x" * 3000 in said


def test_discord_mentions_nobody(http_sink: HttpSink) -> None:
    channels.send("discord", sent_through("discord", http_sink))

    body = http_sink.requests[0].json
    assert body["allowed_mentions"] == {"parse": []}
    assert "@everyone" not in body["embeds"][0]["title"].replace("\\@", "")


def test_telegram_gets_plain_text(http_sink: HttpSink) -> None:
    channels.send("telegram", sent_through("telegram", http_sink))

    got = http_sink.requests[0]
    assert got.path == f"/bot{BOT}/sendMessage"
    assert got.json["chat_id"] == "-100123"
    assert "parse_mode" not in got.json
    assert NASTY in got.json["text"]


def test_a_revoked_bot_is_not_tried_again(http_sink: HttpSink) -> None:
    http_sink.status, http_sink.answer_body = 401, b'{"ok":false,"description":"Unauthorized"}'

    with pytest.raises(ChannelError) as caught:
        channels.send("telegram", sent_through("telegram", http_sink))

    assert (caught.value.reason, caught.value.final) == ("Telegram refused it: Unauthorized", True)


@pytest.mark.parametrize("style", ["slack", "teams"])
def test_a_webhook_may_speak_like_another_service(style: str, http_sink: HttpSink) -> None:
    channels.send("webhook", envelope(http_sink.url, secret="s3cret", format=style))

    got = http_sink.requests[0]
    assert ("attachments" in got.json) is True
    assert got.headers["X-Dashmon-Signature"] == webhook.signature("s3cret", got.body, T0)


def test_a_template_of_ones_own_keeps_its_json_whole(http_sink: HttpSink) -> None:
    template = '{"summary": "{{title}}", "why": "{{incident.cause.message}}", "none": "{{no.such.thing}}"}'
    channels.send("webhook", envelope(http_sink.url, secret="s3cret", format="custom", template=template))

    body = http_sink.requests[0].json
    assert body == {"summary": f"Down: {NASTY}", "why": 'he said "no"', "none": ""}


@pytest.mark.parametrize(
    "template",
    ["{{incident.__class__}}x{{", "{{7*7}}", "{% for x in y %}{{ x }}{% endfor %}}}", '{"a": {{title}}}', ""],
)
def test_a_poisoned_template_is_refused(template: str) -> None:
    given = {"url": "https://ops.example.com/in", "format": "custom", "template": template}

    with pytest.raises(InvalidInputError) as caught:
        channels.clean("webhook", given, kept={})

    assert "template" in caught.value.fields


def test_a_webhook_that_was_planned_before_an_upgrade_says_what_it_would_have_said(http_sink: HttpSink) -> None:
    old = {"event": "incident.opened", "incident": {"id": "inc_1"}}
    channels.send("webhook", replace(envelope(http_sink.url, secret="s3cret"), payload=old))

    got = http_sink.requests[0]
    assert (got.json, got.headers["X-Dashmon-Event"]) == (old, "incident.opened")


def test_a_webhook_keeps_its_secret_when_it_is_left_out() -> None:
    first = channels.clean("webhook", {"url": "https://ops.example.com/in"}, kept={})
    again = channels.clean("webhook", {"url": "https://ops.example.com/in2", "secret": None}, kept=first)

    assert first["secret"].startswith("whsec_")
    assert again["secret"] == first["secret"]


GOOD: dict[str, dict[str, Any]] = {
    "email": {"to": ["ops@example.com"]},
    "sms": {"to": ["+61400111222"]},
    "webhook": {"url": "https://ops.example.com/T0KEN"},
    "slack": {"url": "https://hooks.example.com/T0KEN"},
    "teams": {"url": "https://hooks.example.com/T0KEN"},
    "discord": {"url": "https://hooks.example.com/T0KEN"},
    "telegram": {"botToken": BOT, "chatId": -100123},
    "pushover": {"token": KEY, "user": "b" * 30},
    "pushbullet": {"accessToken": "o.T0KEN-of-somebody"},
    "request": {"url": "https://ops.example.com/T0KEN", "headers": {"X-T0KEN": "T0KEN"}, "body": "T0KEN"},
    "apprise": {"url": "ntfys://T0KENtopic"},
}


@pytest.mark.parametrize("kind", sorted(GOOD))
def test_a_configuration_is_stored_shown_and_hidden(kind: str) -> None:
    config = channels.clean(kind, GOOD[kind], kept={})

    assert channels.clean(kind, config, kept={}) == config
    assert len(channels.recipients(kind, config)) == 1
    hidden = channels.shown(kind, config, reveal=False)
    for told in (json.dumps(hidden), channels.shown_recipient(kind, channels.recipients(kind, config)[0])):
        assert "T0KEN" not in told
        assert BOT not in told


@pytest.mark.parametrize("kind", sorted({*GOOD, "web_push"}))
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"url": 5, "to": 5, "botToken": [], "chatId": {}, "token": 1, "user": None, "accessToken": 7},
        {"url": "javascript:alert(1)", "to": ["x"], "botToken": "x", "chatId": "x y", "token": "?", "accessToken": "x"},
        {"url": "http://169.254.169.254/latest", "to": [], "headers": [1]},
        {"unknown": 1, "url": "https://ops.example.com/"},
    ],
)
def test_nonsense_is_refused_with_the_name_of_the_field(kind: str, given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        channels.clean(kind, given, kept={})

    assert caught.value.fields


def test_a_request_of_ones_own_is_made_as_it_was_written(http_sink: HttpSink) -> None:
    config = {
        "url": f"{http_sink.url}?t=#NEZHA#",
        "method": "POST",
        "bodyType": "form",
        "headers": {"X-Token": "abc", "X-N": 5},
        "body": '{"text":"#NEZHA#","a":1}',
    }
    channels.send("request", envelope(config["url"], **config))

    got = http_sink.requests[0]
    assert got.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert (got.headers["X-Token"], got.headers["X-N"]) == ("abc", "5")
    assert got.body.startswith(b"a=1&text=Down")
    assert "t=Down%3A+%3C%21channel%3E" in got.path


def test_a_request_may_be_a_get_without_a_body(http_sink: HttpSink) -> None:
    channels.send("request", envelope(http_sink.url, url=http_sink.url, method="GET", body="ignored"))

    assert (http_sink.requests[0].method, http_sink.requests[0].body) == ("GET", b"")


@pytest.mark.parametrize(
    "template",
    ['{"incident":{"title":"{{title}}"}}', "{{title}} is down", '["{{title}}"]', "plain words", '"{{title}}"'],
)
def test_a_template_may_be_nested_json_or_plain_text(template: str) -> None:
    assert custom.fault_of(template) is None


def test_a_plain_template_is_sent_as_plain_text(http_sink: HttpSink) -> None:
    channels.send("webhook", envelope(http_sink.url, secret="s3cret", format="custom", template="{{title}}!"))

    got = http_sink.requests[0]
    assert (got.headers["Content-Type"], got.body.decode()) == ("text/plain; charset=utf-8", f"Down: {NASTY}!")


@pytest.mark.parametrize("headers", [{"X-Team": "Zürich"}, {"X\r\nY": "1"}, {"X": "a\r\nb"}, {"": "1"}, {"X Y": "1"}])
def test_a_header_that_cannot_be_sent_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(InvalidInputError) as caught:
        channels.clean("request", {"url": "https://ops.example.com/", "headers": headers}, kept={})

    assert "headers" in caught.value.fields


def test_telegram_says_in_its_answer_how_long_to_wait(http_sink: HttpSink) -> None:
    http_sink.status = 429
    http_sink.answer_body = json.dumps({"ok": False, "parameters": {"retry_after": 35}}).encode()

    with pytest.raises(ChannelError) as caught:
        channels.send("telegram", sent_through("telegram", http_sink))

    assert (caught.value.retry_after_s, caught.value.final) == (35.0, False)
