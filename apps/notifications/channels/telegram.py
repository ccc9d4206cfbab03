"""Telegram by its Bot API; plain text, so that nothing in a name can become markup."""

import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from apps.devices.documents import Document
from apps.notifications.channels.answers import PERMANENT, document_of, is_success, post_json, refused
from apps.notifications.channels.errors import ChannelError
from apps.notifications.channels.texts import plain
from apps.notifications.retries import LONGEST_WAIT_S
from apps.notifications.types import Envelope, Receipt

TOKEN = re.compile(r"[0-9]{1,20}:[A-Za-z0-9_-]{20,100}")
CHAT = re.compile(r"-?[0-9]{1,20}|@[A-Za-z0-9_]{4,64}")
# As Dash takes them: nothing that could leave its place in an address.
ANY_TOKEN = re.compile(r"[A-Za-z0-9:_-]{1,200}")
ANY_CHAT = re.compile(r"[A-Za-z0-9@_+-]{1,64}")
# A person's own account, which Dash can use and we cannot: kept, and refused when something is to be sent.
OWN_ACCOUNT = "mtproto"
# As Telegram counts a message.
LONGEST = 4096


def send(envelope: Envelope) -> Receipt:
    """`sendMessage` to one chat. The token stands in the address, so nothing of the address is ever told."""
    if envelope.config.get("mode") == OWN_ACCOUNT:
        raise ChannelError("Messages of a person's own Telegram account cannot be sent from here.", final=True)
    url = f"{settings.TELEGRAM_URL}/bot{envelope.config['botToken']}/sendMessage"
    message = {
        "chat_id": envelope.recipient,
        "text": plain(envelope.payload, longest=LONGEST),
        "disable_web_page_preview": True,
    }
    answer = post_json(url, message)
    said = document_of(answer)
    if is_success(answer) and said.get("ok", True):
        return Receipt("Accepted by Telegram.", answer.status)
    description = said.get("description")
    words = f"Telegram refused it: {description[:200]}" if isinstance(description, str) else ""
    error = refused(answer, words=words, final=answer.status in PERMANENT)
    parameters = said.get("parameters")
    wait = parameters.get("retry_after") if isinstance(parameters, dict) else None
    if isinstance(wait, int) and answer.status == 429:
        # An integer may be too long for a float.
        error.retry_after_s = float(max(0, min(wait, LONGEST_WAIT_S)))
    raise error


def clean(document: Mapping[str, Any]) -> dict[str, Any]:
    """`botToken` and `chatId`; with `mode` as Dash takes them: `bot`, or `mtproto` with what such an account needs."""
    if document.get("mode") == OWN_ACCOUNT:
        return _own_account(document)
    root = Document(document)
    lenient = root.choice("mode", ("bot",), default=None) is not None
    tokens, chats = (ANY_TOKEN, ANY_CHAT) if lenient else (TOKEN, CHAT)
    token, chat = root.raw("botToken"), root.raw("chatId")
    if not (isinstance(token, str) and tokens.fullmatch(token.strip())):
        root.fault("botToken", "The token of a bot, like 123456:ABC-DEF...")
    if isinstance(chat, int) and not isinstance(chat, bool):
        chat = str(chat)
    if not (isinstance(chat, str) and chats.fullmatch(chat.strip())):
        root.fault("chatId", "The number of a chat, or the @name of a channel.")
    root.finish()
    mode = {"mode": "bot"} if lenient else {}
    return {**mode, "botToken": str(token).strip(), "chatId": str(chat).strip()}


def _own_account(document: Mapping[str, Any]) -> dict[str, Any]:
    root = Document(document)
    config: dict[str, Any] = {"mode": root.raw("mode"), "apiId": root.raw("apiId")}
    if not isinstance(config["apiId"], int) or isinstance(config["apiId"], bool) or not 0 < config["apiId"] < 2**31:
        root.fault("apiId", "A whole number above 0.")
    for name in ("apiHash", "phone", "chatId"):
        config[name] = root.text(name, default="", longest=200) or ""
        if not config[name].strip():
            root.fault(name, "Required.")
    for name in ("session", "username"):
        if kept := root.text(name, default=None, longest=20_000):
            config[name] = kept
    root.finish()
    return config


def redact(config: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001  # every kind has the same functions
    return {"botToken": None, "chatId": None}


def recipients(config: Mapping[str, Any]) -> list[str]:
    """The one chat."""
    return [config["chatId"]]


def shown(recipient: str) -> str:
    return f"chat {recipient}"
