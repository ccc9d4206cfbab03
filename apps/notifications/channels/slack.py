"""Slack, and whatever takes Slack's incoming webhooks: Mattermost, Rocket.Chat."""

from collections.abc import Mapping
from typing import Any

from apps.notifications.channels.answers import accepted, post_json
from apps.notifications.channels.hooks import clean, recipients, redact, shown
from apps.notifications.channels.texts import fitted
from apps.notifications.types import Envelope, Receipt

COLORS: Mapping[str, str] = {
    "down": "#c2222d",
    "warning": "#946200",
    "up": "#167a3c",
    "info": "#3b4cca",
    "test": "#626a76",
}
# Block Kit's own limits: a text object and a header of a section.
LONGEST_TEXT = 2900

__all__ = ["body", "clean", "recipients", "redact", "send", "shown"]


def send(envelope: Envelope) -> Receipt:
    """POST the message to the incoming webhook."""
    return accepted(post_json(envelope.recipient, body(envelope.payload)))


def body(payload: Mapping[str, Any]) -> dict[str, Any]:
    """`{"text", "attachments": [{"color", "blocks"}]}` (contract Dashmon 9.1, format slack)."""
    lines = [f"*{escape(payload['title'])}*", escape(payload["text"])]
    lines += [f"{escape(label)}: {escape(value)}" for label, value in payload.get("facts", ())]
    url = payload.get("url")
    link = f"<{escape(url)}|Open in Dashmon>" if url else ""
    text = fitted(lines, link, longest=LONGEST_TEXT)
    block = {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
    return {
        "text": escape(payload["title"]),
        "attachments": [{"color": COLORS.get(payload["tone"], COLORS["info"]), "blocks": [block]}],
    }


def escape(text: str) -> str:
    """Text that Slack shows as it is: no link, no mention (`<!channel>`) can be made of it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
