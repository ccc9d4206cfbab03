"""The message that every channel but e-mail makes its own envelope of."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Literal

from apps.notifications.links import base_url
from apps.notifications.messages.news import News
from apps.notifications.messages.webhooks import body_for_test, event_body
from apps.notifications.messages.words import Word, local_time, word_of, words_of
from apps.notifications.types import Message
from apps.workspaces.models import Workspace

Tone = Literal["down", "warning", "up", "info", "test"]
TONES: dict[Word, Tone] = {
    "down": "down",
    "warning": "warning",
    "up": "up",
    "flapping": "warning",
    "acknowledged": "info",
}
# The words of the workspace's rules under the names of the contract.
EVENT_OF: dict[str, str] = {"down": "incident.opened", "up": "incident.resolved", "flapping": "incident.flapping"}


def message(news: News, *, event_name: str, step: int = 0, loop: int = 0) -> dict[str, Any]:
    """What one event has to say, as the document a delivery keeps."""
    word = word_of(news, event_name)
    words = words_of(news, word, still_open=bool(step or loop))
    name = EVENT_OF.get(event_name, event_name)
    body = event_body(news, event_name=name) | {"step": step, "loop": loop} if news.incident is not None else {}
    return document(
        Message(
            title=words.title,
            text=words.headline,
            tone=TONES[word],
            url=words.url,
            facts=words.facts,
            event=body,
            zone=news.workspace.timezone,
        )
    )


def message_for_test(*, workspace: Workspace, delivery_id: str, at: datetime) -> dict[str, Any]:
    """A message that says it is a test."""
    return document(
        Message(
            title="Test message",
            text="This is a test message: notices reach this place.",
            tone="test",
            url=f"{base_url()}/app/",
            facts=(("At", local_time(at, workspace.timezone)), ("Workspace", workspace.name)),
            event=body_for_test(workspace=workspace, delivery_id=delivery_id, at=at),
            zone=workspace.timezone,
        )
    )


def document(value: Message) -> dict[str, Any]:
    """A message as a delivery's payload."""
    return asdict(value)
