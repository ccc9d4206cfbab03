"""Discord: an embed through a channel's webhook; nobody is mentioned, whatever things are called."""

from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from apps.notifications.channels.answers import accepted, post_json
from apps.notifications.channels.hooks import clean, recipients, redact, shown
from apps.notifications.types import Envelope, Receipt

COLORS: Mapping[str, int] = {"down": 0xC2222D, "warning": 0x946200, "up": 0x167A3C, "info": 0x3B4CCA, "test": 0x626A76}
MARKS = "\\`*_{}[]()#+-.!|>~<@:"

__all__ = ["body", "clean", "recipients", "redact", "send", "shown"]


def send(envelope: Envelope) -> Receipt:
    """POST the embed to the webhook."""
    return accepted(post_json(envelope.recipient, body(envelope.payload)))


def body(payload: Mapping[str, Any]) -> dict[str, Any]:
    """One embed within Discord's limits."""
    embed: dict[str, Any] = {
        "title": escape(payload["title"], 256),
        "description": escape(payload["text"], 2000),
        "color": COLORS.get(payload["tone"], COLORS["info"]),
        "fields": [
            {"name": escape(label, 256), "value": escape(value, 1024) or "-", "inline": False}
            for label, value in payload.get("facts", ())
        ][:25],
    }
    if url := payload.get("url"):
        embed["url"] = url
    return {"embeds": [embed], "allowed_mentions": {"parse": []}}


def escape(text: str, longest: int) -> str:
    """Text that is shown as it is, its end left off where it would be longer; no escape is cut in two."""
    escaped = [f"\\{character}" if character in MARKS else character for character in text[:longest]]
    ends = accumulate(map(len, escaped))
    return "".join(part for part, end in zip(escaped, ends, strict=True) if end <= longest)
