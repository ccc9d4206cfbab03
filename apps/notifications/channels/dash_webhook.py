"""Webhooks as Dash sends them (contract Dash 10.2)."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from apps.common.clock import iso_s
from apps.notifications.types import Envelope


def request_of(envelope: Envelope) -> tuple[bytes, dict[str, str]]:
    """Body and headers of one try. A test speaks of no event and has none of an event's headers."""
    alert: Mapping[str, Any] = envelope.payload.get("alert") or {}
    meta = {name: str(value) for name, value in alert.items()}
    headers = {"Content-Type": "application/json", "User-Agent": "Dashmon"}
    if meta:
        number = envelope.payload.get("channel")
        meta["dedupe_key"] = f"alert:{meta['event_id']}:{meta['transition']}:{number}"
        headers |= {
            "X-Alert-Dedupe-Key": meta["dedupe_key"],
            "X-Alert-Event-ID": meta["event_id"],
            "X-Alert-Transition": meta["transition"],
        }
    said = {
        "title": envelope.payload["title"],
        "message": envelope.payload["text"],
        "sent_at": iso_s(envelope.at),
        "meta": meta,
    }
    body = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
    if envelope.secret:
        headers["X-Webhook-Signature"] = signature(envelope.secret, body)
    return body, headers


def signature(secret: str, body: bytes) -> str:
    """`sha256=<hex>`: HMAC-SHA256 of the exact body under the channel's secret."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
