"""One message, ready to leave by any kind of channel that speaks HTTP."""

from typing import Any

from apps.notifications.kinds import ChannelKind
from apps.notifications.messages import document
from apps.notifications.types import Envelope, Message
from tests.apps.incidents.scene import T0
from tests.sinks.http import HttpSink

NASTY = '<!channel> *bold* [x](http://evil) @everyone `code` "quoted" \\ {{x}}'
KEY = "a" * 30
BOT = "123456:" + "A" * 35
# Of the example of RFC 8291.
BROWSER = {
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg",
}


def payload(**fields: Any) -> dict[str, Any]:
    event = {"event": "incident.opened", "incident": {"cause": {"message": 'he said "no"'}, "title": "x"}, "step": 0}
    message = {
        "title": f"Down: {NASTY}",
        "text": f"{NASTY} is down.",
        "tone": "down",
        "url": "https://watch.example/app/incidents/inc_1",
        "facts": (("Cause", NASTY), ("Since", "2026-03-01 10:00:00 UTC")),
        "event": event,
    } | fields
    return document(Message(**message))


def envelope(recipient: str, *, secret: str | None = None, **config: Any) -> Envelope:
    return Envelope(
        id="dlv_0000000000000000000001",
        event_name="incident.opened",
        recipient=recipient,
        payload=payload(),
        secret=secret,
        at=T0,
        config=config,
    )


def sent_through(kind: str, sink: HttpSink) -> Envelope:
    """An envelope that the kind can send to the sink."""
    urls = {ChannelKind.SLACK, ChannelKind.TEAMS, ChannelKind.DISCORD, ChannelKind.WEBHOOK}
    if kind in urls:
        return envelope(sink.url, secret="s3cret" if kind == ChannelKind.WEBHOOK else None)
    return {
        ChannelKind.TELEGRAM: envelope("-100123", botToken=BOT),
        ChannelKind.PUSHOVER: envelope(KEY, token="b" * 30),
        ChannelKind.PUSHBULLET: envelope("account", accessToken="o.token-of-somebody"),
        ChannelKind.REQUEST: envelope(sink.url, url=sink.url, method="POST", bodyType="json", body='{"t":"#NEZHA#"}'),
        ChannelKind.SMS: envelope("+61400111222"),
        ChannelKind.WEB_PUSH: envelope(sink.url, **BROWSER),
        ChannelKind.APPRISE: envelope(f"gotify://127.0.0.1:{sink.port}/{KEY}"),
    }[ChannelKind(kind)]


HTTP_KINDS = [
    "slack",
    "teams",
    "discord",
    "webhook",
    "telegram",
    "pushover",
    "pushbullet",
    "request",
]
SECRETS = (BOT, "b" * 30, "o.token-of-somebody", "s3cret", KEY)
