"""Microsoft Teams: an adaptive card in a message envelope, as its workflows take it."""

from collections.abc import Mapping
from typing import Any

from apps.notifications.channels.answers import accepted, post_json
from apps.notifications.channels.hooks import clean, recipients, redact, shown
from apps.notifications.types import Envelope, Receipt

COLORS: Mapping[str, str] = {
    "down": "attention",
    "warning": "warning",
    "up": "good",
    "info": "accent",
    "test": "default",
}
CARD = "application/vnd.microsoft.card.adaptive"
# What has a meaning in the subset of Markdown that text blocks know.
MARKS = "\\`*_{}[]()#+-.!|>~"

__all__ = ["body", "clean", "recipients", "redact", "send", "shown"]


def send(envelope: Envelope) -> Receipt:
    """POST the card to the webhook of a workflow."""
    return accepted(post_json(envelope.recipient, body(envelope.payload)))


def body(payload: Mapping[str, Any]) -> dict[str, Any]:
    """An adaptive card in a `message` envelope (contract Dashmon 9.1, format teams)."""
    title = {
        "type": "TextBlock",
        "size": "Large",
        "weight": "Bolder",
        "wrap": True,
        "color": COLORS.get(payload["tone"], "default"),
        "text": escape(payload["title"]),
    }
    facts = [{"title": escape(label), "value": escape(value)} for label, value in payload.get("facts", ())]
    content: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [title, {"type": "TextBlock", "wrap": True, "text": escape(payload["text"])}],
    }
    if facts:
        content["body"].append({"type": "FactSet", "facts": facts})
    if url := payload.get("url"):
        content["actions"] = [{"type": "Action.OpenUrl", "title": "Open in Dashmon", "url": url}]
    return {"type": "message", "attachments": [{"contentType": CARD, "contentUrl": None, "content": content}]}


def escape(text: str) -> str:
    """Text that is shown as it is, whatever it would mean in Markdown."""
    return "".join(f"\\{character}" if character in MARKS else character for character in text)
