"""Channels as Dash spells them, to channels of ours and back (contract Dash 10.1). Secrets go in and never out."""

from collections.abc import Mapping, Sequence
from typing import Any

from apps.api.dash.alert_rules import InvalidFieldsError
from apps.notifications.channels.telegram import OWN_ACCOUNT
from apps.notifications.channels.webhook import DASH
from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Channel
from apps.notifications.selectors import workspace_channels
from apps.workspaces.models import Workspace

Document = Mapping[str, Any]
KINDS = {"telegram": ChannelKind.TELEGRAM, "email": ChannelKind.EMAIL, "webhook": ChannelKind.WEBHOOK}
TELEGRAM = {"bot_token": "botToken", "chat_id": "chatId"}
ACCOUNT = {
    "api_id": "apiId",
    "api_hash": "apiHash",
    "phone": "phone",
    "chat_id": "chatId",
    "session": "session",
    "username": "username",
}
SERVER = {"smtp_host": "host", "smtp_port": "port", "username": "username", "from": "from", "use_tls": "tls"}
# What reads leave out.
HIDDEN = frozenset({"bot_token", "api_hash", "session"})


def channels_of(workspace: Workspace) -> Sequence[Channel]:
    """The channels of the workspace that Dash can say, newest first."""
    return [channel for channel in workspace_channels(workspace) if sayable(channel)]


def sayable(channel: Channel) -> bool:
    """Whether a channel was made in Dash's terms: a bot or account, a server of its own, Dash's envelope."""
    config = channel.config or {}
    if channel.kind == ChannelKind.TELEGRAM:
        return "mode" in config
    if channel.kind == ChannelKind.EMAIL:
        return "server" in config
    return channel.kind == ChannelKind.WEBHOOK and config.get("format") == DASH


def shown(channel: Channel) -> dict[str, Any]:
    """A channel's configuration without what is secret."""
    config = channel.config or {}
    if channel.kind == ChannelKind.WEBHOOK:
        return {"url": config["url"]}
    if channel.kind == ChannelKind.EMAIL:
        server = {theirs: config["server"][ours] for theirs, ours in SERVER.items()}
        return {**server, "to": config["to"]}
    return {"mode": config["mode"], **_spelled(config, ACCOUNT if is_account(config) else TELEGRAM)}


def is_account(config: Document) -> bool:
    """Whether a Telegram channel is a person's own account."""
    return config.get("mode") == OWN_ACCOUNT


def config_of(kind: str, said: Document, kept: Document) -> dict[str, Any]:
    """A channel's configuration from what was written; `kept` is the one it replaces, for secrets that are left out.

    InvalidFieldsError for what is missing or of the wrong type; the rest is the domain's to judge.
    """
    if kind == "webhook":
        return {"url": said.get("url"), "format": DASH, **_kept_unless_said(_secret(said, "secret"))}
    if kind == "email":
        return _mail(said, kept)
    mode = str(said.get("mode") or "bot").strip().lower()
    if mode == OWN_ACCOUNT:
        return _account(said, kept)
    if mode != "bot":
        raise InvalidFieldsError("mode must be bot or mtproto.")
    token = _secret(said, "bot_token") or ("" if is_account(kept) else kept.get("botToken", ""))
    return {"mode": "bot", "botToken": token, "chatId": said.get("chat_id")}


def _mail(said: Document, kept: Document) -> dict[str, Any]:
    needed = (*SERVER, "to") if "server" in kept else (*SERVER, "password", "to")
    if missing := [name for name in needed if said.get(name) is None]:
        raise InvalidFieldsError(f"{missing[0]} is required.")
    to = said["to"]
    server = {ours: said[theirs] for theirs, ours in SERVER.items()}
    secret = _kept_unless_said(_secret(said, "password"))
    return {"to": [to] if isinstance(to, str) else to, "server": server, **secret}


def _account(said: Document, kept: Document) -> dict[str, Any]:
    before = kept if is_account(kept) else {}
    chat = said.get("chat_id")
    config = {
        "mode": OWN_ACCOUNT,
        "apiId": said.get("api_id"),
        "apiHash": _secret(said, "api_hash") or before.get("apiHash", ""),
        "phone": said.get("phone"),
        "chatId": str(chat) if isinstance(chat, int) and not isinstance(chat, bool) else chat,
    }
    same = all(config[name] == before.get(name) for name in ("apiId", "apiHash", "phone"))
    for name in ("session", "username"):
        value = said.get(name) or (before.get(name) if same else None)
        if value is not None:
            config[name] = value
    return config


def _kept_unless_said(secret: str) -> dict[str, str]:
    """The domain keeps a secret that is left out."""
    return {"secret": secret} if secret else {}


def _secret(said: Document, name: str) -> str:
    value = said.get(name)
    if value is not None and not isinstance(value, str):
        raise InvalidFieldsError(f"{name} must be a text.")
    return (value or "").strip()


def _spelled(config: Document, names: Mapping[str, str]) -> dict[str, Any]:
    return {theirs: config[ours] for theirs, ours in names.items() if ours in config and theirs not in HIDDEN}
