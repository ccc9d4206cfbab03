"""Slack, and whatever takes Slack's incoming webhooks: Mattermost, Rocket.Chat."""

from collections.abc import Mapping
from typing import Any

from apps.notifications.channels.answers import accepted, document_of, post_json, refused
from apps.notifications.channels.hooks import clean, recipients, redact, shown
from apps.notifications.channels.texts import cut, facts_of, fitted, size
from apps.notifications.types import Envelope, Receipt

COLORS: Mapping[str, str] = {
    "down": "#c2222d",
    "warning": "#946200",
    "up": "#167a3c",
    "info": "#3b4cca",
    "test": "#626a76",
}
# Of Block Kit's 3000 for the text of a section.
LONGEST_TEXT, LONGEST_TITLE = 2900, 500

__all__ = ["body", "clean", "recipients", "redact", "send", "shown"]


def send(envelope: Envelope) -> Receipt:
    """POST the message to the incoming webhook. Slack's other addresses answer 200 and say inside that it is none."""
    answer = post_json(envelope.recipient, body(envelope.payload))
    said = document_of(answer)
    if said.get("ok") is False:
        raise refused(answer, words=f"Slack refused it: {str(said.get('error', ''))[:200]}")
    return accepted(answer)


def body(payload: Mapping[str, Any]) -> dict[str, Any]:
    """`{"text", "attachments": [{"color", "blocks"}]}` (contract Dashmon 9.1, format slack)."""
    title = cut(payload["title"], LONGEST_TITLE, escape)
    url = payload.get("url")
    link = f"<{escape(url)}|Open in Dashmon>" if url else ""
    rest = fitted([payload["text"], *facts_of(payload)], link, longest=LONGEST_TEXT - size(title) - 3, escape=escape)
    text = f"*{title}*\n{rest}"
    block = {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
    return {
        "text": title,
        "attachments": [{"color": COLORS.get(payload["tone"], COLORS["info"]), "blocks": [block]}],
    }


def escape(text: str) -> str:
    """Text that Slack shows as it is: no link, no mention (`<!channel>`) can be made of it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
