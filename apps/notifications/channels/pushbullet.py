"""Pushbullet: a note to all devices of one account."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from apps.devices.documents import Document
from apps.notifications.channels.answers import PERMANENT, document_of, is_success, post_json, refused
from apps.notifications.channels.texts import plain
from apps.notifications.types import Envelope, Receipt


def send(envelope: Envelope) -> Receipt:
    """Hand one note to the service."""
    payload = envelope.payload
    note = {"type": "note", "title": payload["title"], "body": plain({**payload, "title": ""})}
    headers = {"Access-Token": envelope.config["accessToken"]}
    answer = post_json(f"{settings.PUSHBULLET_URL}/v2/pushes", note, headers=headers)
    if not is_success(answer) or "error" in document_of(answer):
        raise refused(answer, final=answer.status in PERMANENT)
    return Receipt("Accepted by Pushbullet.", answer.status)


def clean(document: Mapping[str, Any]) -> dict[str, Any]:
    """`accessToken` of the account."""
    root = Document(document)
    token = root.text("accessToken", default="", longest=200) or ""
    if not token.isascii() or not token.isprintable() or len(token) < 10:
        root.fault("accessToken", "The access token of an account.")
    root.finish()
    return {"accessToken": token}


def redact(config: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001  # every kind has the same functions
    return {"accessToken": None}


def recipients(config: Mapping[str, Any]) -> list[str]:
    """The one account, which its token names."""
    return ["account"] if config.get("accessToken") else []


def shown(recipient: str) -> str:
    return recipient
