"""Webhooks: the body and headers of contract Dashmon 9.1."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from apps.common.clock import epoch_ms
from apps.common.ids import new_secret
from apps.devices.documents import Document
from apps.notifications import custom
from apps.notifications.channels import dash_webhook, slack, teams
from apps.notifications.channels.answers import TIMEOUT_S, accepted, posted
from apps.notifications.channels.errors import ChannelError
from apps.notifications.channels.hooks import read_url, recipients, shown
from apps.notifications.types import Envelope, Receipt

FORMATS = ("dashmon", "slack", "teams", "custom")
# The envelope of contract Dash 10.2, for channels that were made there; it is signed only where there is a secret.
DASH = "dash"

__all__ = ["clean", "recipients", "redact", "send", "shown"]


def send(envelope: Envelope) -> Receipt:
    """POST one event. Any 2xx is success; a redirect is a failure, for nobody signed for its target."""
    if envelope.config.get("format") == DASH:
        body, headers = dash_webhook.request_of(envelope)
        return accepted(posted(envelope.recipient, body, headers, timeout_s=TIMEOUT_S))
    unsigned = envelope.payload.get("unsigned") is True
    if envelope.secret is None and not unsigned:
        raise ChannelError("The webhook was removed.", final=True)
    body = body_of(envelope)
    headers = {
        "Content-Type": _content_type(envelope.config),
        "User-Agent": "Dashmon",
        "X-Dashmon-Event": event_of(envelope.payload).get("event") or envelope.event_name,
        "X-Dashmon-Delivery": envelope.id,
    }
    if envelope.secret:
        headers["X-Dashmon-Signature"] = signature(envelope.secret, body, envelope.at)
    return accepted(posted(envelope.recipient, body, headers, timeout_s=TIMEOUT_S))


def clean(document: Mapping[str, Any]) -> dict[str, Any]:
    """`url`, `secret` (made where there is none), `format`, and `template` of the custom format."""
    root = Document(document)
    if document.get("format") == DASH:
        return _clean_for_dash(root)
    config = {
        "url": read_url(root),
        "secret": root.text("secret", default=None, longest=200) or new_secret("whsec_"),
        "format": root.choice("format", FORMATS, default="dashmon") or "dashmon",
    }
    template = root.text("template", default=None, longest=custom.LONGEST)
    if config["format"] == "custom":
        if fault := "The custom format needs a template." if not template else custom.fault_of(template):
            root.fault("template", fault)
        config["template"] = template
    elif template:
        root.fault("template", "Only the custom format has a template.")
    root.finish()
    return config


def _clean_for_dash(root: Document) -> dict[str, Any]:
    config = {"url": read_url(root), "format": root.raw("format")}
    if secret := root.text("secret", default=None, longest=200):
        config["secret"] = secret
    root.finish()
    return config


def redact(config: Mapping[str, Any]) -> dict[str, Any]:
    """An address often is the secret, and so may be a template."""
    hidden = {"url": None, "format": config.get("format", "dashmon")}
    return hidden | ({"template": None} if "template" in config else {})


def body_of(envelope: Envelope) -> bytes:
    """The bytes as they are signed and sent, the same for every attempt."""
    payload, kind = envelope.payload, envelope.config.get("format", "dashmon")
    if kind == "custom":
        return custom.render(envelope.config.get("template") or "", {**payload, **event_of(payload)}).encode()
    if kind in {"slack", "teams"}:
        return encode((slack if kind == "slack" else teams).body(payload))
    return encode(event_of(payload))


def _content_type(config: Mapping[str, Any]) -> str:
    template = config.get("template") or ""
    is_text = config.get("format") == "custom" and not custom.is_json(template)
    return "text/plain; charset=utf-8" if is_text else "application/json"


def event_of(payload: Mapping[str, Any]) -> Mapping[str, Any]:
    """The body of contract 9.1 in a message; a message planned before channels had formats is that body itself."""
    event = payload.get("event")
    return event if isinstance(event, Mapping) else payload


def encode(payload: Mapping[str, Any]) -> bytes:
    """A document as compact JSON."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def signature(secret: str, body: bytes, at: datetime) -> str:
    """`t=1771240980,v1=<hex>`: HMAC-SHA256 of the seconds, a dot and the body, under the webhook's secret.

    The time is of the attempt, so that a receiver can refuse what is old.
    """
    seconds = str(epoch_ms(at) // 1000)
    mac = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={mac.hexdigest()}"
