"""Webhooks: the body and headers of contract Dashmon 9.1."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from apps.common.clock import epoch_ms
from apps.common.outbound import OutboundError, post
from apps.notifications.channels.errors import ChannelError
from apps.notifications.types import Envelope, Receipt

TIMEOUT_S = 10.0
REASONS = {
    "blocked": "The address may not be reached from here.",
    "dns": "The host name could not be resolved.",
    "connect": "The connection was refused or reset.",
    "tls": "The secure connection could not be made.",
    "timeout": f"No answer within {TIMEOUT_S:.0f} s.",
    "protocol": "The answer was not valid HTTP.",
}


def send(envelope: Envelope) -> Receipt:
    """POST one event. Any 2xx is success; a redirect is a failure, for nobody signed for its target."""
    if envelope.secret is None:
        raise ChannelError("The webhook was removed.")
    body = encode(envelope.payload)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Dashmon",
        "X-Dashmon-Event": envelope.event_name,
        "X-Dashmon-Delivery": envelope.id,
    }
    if envelope.secret:
        headers["X-Dashmon-Signature"] = signature(envelope.secret, body, envelope.at)
    try:
        answer = post(envelope.recipient, body, headers, TIMEOUT_S)
    except OutboundError as error:
        raise ChannelError(REASONS.get(error.reason, "The request failed.")) from error
    if 200 <= answer.status < 300:
        return Receipt(f"Answered {answer.status}.", answer.status)
    if 300 <= answer.status < 400:
        raise ChannelError(f"Answered {answer.status}: redirects are not followed.", http_status=answer.status)
    raise ChannelError(f"Answered {answer.status}.", http_status=answer.status)


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
