"""Telegram by its Bot API; plain text, so that nothing in a name can become markup."""

import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from apps.devices.documents import Document
from apps.notifications.channels.answers import document_of, post_json, refused
from apps.notifications.channels.texts import plain
from apps.notifications.retries import LONGEST_WAIT_S
from apps.notifications.types import Envelope, Receipt

TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{20,100}")
CHAT = re.compile(r"-?[0-9]{1,20}|@[A-Za-z0-9_]{4,64}")
# As Telegram counts a message.
LONGEST = 4096


def send(envelope: Envelope) -> Receipt:
    """`sendMessage` to one chat. The token stands in the address, so nothing of the address is ever told."""
    url = f"{settings.TELEGRAM_URL}/bot{envelope.config['botToken']}/sendMessage"
    message = {
        "chat_id": envelope.recipient,
        "text": plain(envelope.payload, longest=LONGEST),
        "disable_web_page_preview": True,
    }
    answer = post_json(url, message)
    said = document_of(answer)
    if 200 <= answer.status < 300 and said.get("ok", True):
        return Receipt("Accepted by Telegram.", answer.status)
    description = said.get("description")
    words = f"Telegram refused it: {description[:200]}" if isinstance(description, str) else ""
    # The token is revoked, the chat is gone, or the bot was put out of it.
    error = refused(answer, words=words, final=answer.status in {400, 401, 403, 404})
    wait = (said.get("parameters") or {}).get("retry_after") if isinstance(said.get("parameters"), dict) else None
    if isinstance(wait, int) and answer.status == 429:
        error.retry_after_s = float(min(wait, LONGEST_WAIT_S))
    raise error


def clean(document: Mapping[str, Any]) -> dict[str, Any]:
    """`botToken` and `chatId`."""
    root = Document(document)
    token, chat = root.raw("botToken"), root.raw("chatId")
    if not (isinstance(token, str) and TOKEN.fullmatch(token.strip())):
        root.fault("botToken", "The token of a bot, like 123456:ABC-DEF...")
    if isinstance(chat, int) and not isinstance(chat, bool):
        chat = str(chat)
    if not (isinstance(chat, str) and CHAT.fullmatch(chat.strip())):
        root.fault("chatId", "The number of a chat, or the @name of a channel.")
    root.finish()
    return {"botToken": str(token).strip(), "chatId": str(chat).strip()}


def redact(config: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001  # every kind has the same functions
    return {"botToken": None, "chatId": None}


def recipients(config: Mapping[str, Any]) -> list[str]:
    """The one chat."""
    return [config["chatId"]]


def shown(recipient: str) -> str:
    return f"chat {recipient}"
