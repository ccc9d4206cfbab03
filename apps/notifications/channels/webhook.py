"""Webhooks: the body and headers of contract Dashmon 9.1."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from apps.common.clock import epoch_ms
from apps.common.ids import new_secret
from apps.common.outbound import OutboundError, post
from apps.devices.documents import Document, url_fault
from apps.notifications.channels.answers import accepted, unreachable
from apps.notifications.channels.errors import ChannelError
from apps.notifications.types import Envelope, Receipt

FORMATS = ("dashmon",)
TIMEOUT_S = 10.0


def send(envelope: Envelope) -> Receipt:
    """POST one event. Any 2xx is success; a redirect is a failure, for nobody signed for its target."""
    if envelope.secret is None:
        raise ChannelError("The webhook was removed.")
    body = encode(envelope.payload["event"])
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Dashmon",
        "X-Dashmon-Event": envelope.event_name,
        "X-Dashmon-Delivery": envelope.id,
        "X-Dashmon-Signature": signature(envelope.secret, body, envelope.at),
    }
    try:
        answer = post(envelope.recipient, body, headers, TIMEOUT_S)
    except OutboundError as error:
        raise unreachable(error, timeout_s=TIMEOUT_S) from error
    return accepted(answer)


def clean(document: Mapping[str, Any]) -> dict[str, Any]:
    """`url`, `secret` (made where there is none) and `format`."""
    root = Document(document)
    url = root.text("url", default="", longest=2048) or ""
    if fault := url_fault(url):
        root.fault("url", fault)
    secret = root.text("secret", default=None, longest=200) or new_secret("whsec_")
    config = {"url": url, "secret": secret, "format": root.choice("format", FORMATS, default="dashmon") or "dashmon"}
    root.finish()
    return config


def redact(config: Mapping[str, Any]) -> dict[str, Any]:
    """An address often is the secret."""
    return {"url": None, "format": config.get("format", "dashmon")}


def recipients(config: Mapping[str, Any]) -> list[str]:
    """The one address."""
    return [config["url"]]


def shown(recipient: str) -> str:
    """Scheme and host: the path of a webhook often is its secret."""
    parts = urlsplit(recipient)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def encode(payload: Mapping[str, Any]) -> bytes:
    """The body as it is signed and sent: the same bytes for every attempt."""
    return json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()


def signature(secret: str, body: bytes, at: datetime) -> str:
    """`t=1771240980,v1=<hex>`: HMAC-SHA256 of the seconds, a dot and the body, under the webhook's secret.

    The time is of the attempt, so that a receiver can refuse what is old.
    """
    seconds = str(epoch_ms(at) // 1000)
    mac = hmac.new(secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256)
    return f"t={seconds},v1={mac.hexdigest()}"
