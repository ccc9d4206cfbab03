"""Pushover: a push to somebody's telephone; what is down comes through at night as they have set it."""

import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from apps.devices.documents import Document
from apps.notifications.channels.answers import PERMANENT, document_of, is_success, post_json, refused
from apps.notifications.channels.texts import plain
from apps.notifications.types import Envelope, Receipt

KEY = re.compile(r"[A-Za-z0-9]{30}")
LONGEST_URL = 512
PRIORITIES = {"down": 1, "warning": 0, "up": 0, "info": -1, "test": 0}


def send(envelope: Envelope) -> Receipt:
    """Hand one message to the service."""
    payload = envelope.payload
    message = {
        "token": envelope.config["token"],
        "user": envelope.recipient,
        "title": payload["title"][:250],
        "message": plain({**payload, "title": "", "url": ""}, longest=1024) or payload["title"],
        "priority": PRIORITIES.get(payload["tone"], 0),
    }
    url = payload.get("url", "")
    if 0 < len(url) <= LONGEST_URL:
        message |= {"url": url, "url_title": "Open in Dashmon"}
    answer = post_json(f"{settings.PUSHOVER_URL}/1/messages.json", message)
    if not is_success(answer) or document_of(answer).get("status", 1) != 1:
        raise refused(answer, final=answer.status in PERMANENT)
    return Receipt("Accepted by Pushover.", answer.status)


def clean(document: Mapping[str, Any]) -> dict[str, Any]:
    """`token` of the application and `user` (or group) key."""
    root = Document(document)
    config = {}
    for name in ("token", "user"):
        value = root.raw(name)
        config[name] = value.strip() if isinstance(value, str) else ""
        if not KEY.fullmatch(config[name]):
            root.fault(name, "A key of 30 letters and digits.")
    root.finish()
    return config


def redact(config: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001  # every kind has the same functions
    return {"token": None, "user": None}


def recipients(config: Mapping[str, Any]) -> list[str]:
    """The one user or group."""
    return [config["user"]]


def shown(recipient: str) -> str:
    return f"key {recipient[:4]}..."
