"""How a message reaches its recipient: one module for each kind, all with the same functions."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from apps.notifications.channels import (
    apprise,
    discord,
    email,
    pushbullet,
    pushover,
    request,
    slack,
    sms,
    teams,
    telegram,
    web_push,
    webhook,
)
from apps.notifications.channels.errors import ChannelError
from apps.notifications.kinds import ChannelKind
from apps.notifications.types import Envelope, Receipt

KINDS: Mapping[str, ModuleType] = {
    ChannelKind.EMAIL.value: email,
    ChannelKind.SMS.value: sms,
    ChannelKind.WEBHOOK.value: webhook,
    ChannelKind.SLACK.value: slack,
    ChannelKind.TEAMS.value: teams,
    ChannelKind.TELEGRAM.value: telegram,
    ChannelKind.DISCORD.value: discord,
    ChannelKind.PUSHOVER.value: pushover,
    ChannelKind.PUSHBULLET.value: pushbullet,
    ChannelKind.REQUEST.value: request,
    ChannelKind.WEB_PUSH.value: web_push,
    ChannelKind.APPRISE.value: apprise,
}
# What these need to send is in the channel alone.
KEPT_IN_CHANNEL = {
    ChannelKind.TELEGRAM,
    ChannelKind.PUSHOVER,
    ChannelKind.PUSHBULLET,
    ChannelKind.REQUEST,
    ChannelKind.WEB_PUSH,
}
REMOVED = "The channel was removed."
# Never shown again once stored; a configuration that leaves it out keeps it.
WRITE_ONLY = "secret"


def send(kind: str, envelope: Envelope) -> Receipt:
    """Send one message now; ChannelError when the other side did not take it, or the channel is gone meanwhile."""
    if kind in KEPT_IN_CHANNEL and not envelope.config:
        raise ChannelError(REMOVED, final=True)
    receipt: Receipt = KINDS[kind].send(envelope)
    return receipt


def clean(kind: str, document: Mapping[str, Any], *, kept: Mapping[str, Any]) -> dict[str, Any]:
    """A channel's configuration as it is stored; `kept` is the one it replaces, for what is write-only.

    InvalidInputError lists every fault by the field's path inside the channel.
    """
    given = dict(document)
    if given.get(WRITE_ONLY) is None and WRITE_ONLY in kept:
        given[WRITE_ONLY] = kept[WRITE_ONLY]
    config: dict[str, Any] = KINDS[kind].clean(given)
    return config


def shown(kind: str, config: Mapping[str, Any], *, reveal: bool) -> dict[str, Any]:
    """A configuration for people's eyes; without `reveal` everything that may be secret is null."""
    visible = dict(config) if reveal else KINDS[kind].redact(config)
    had_secret = WRITE_ONLY in config
    visible.pop(WRITE_ONLY, None)
    return visible | ({"hasSecret": True} if had_secret else {})


def recipients(kind: str, config: Mapping[str, Any]) -> list[str]:
    """Whom a channel reaches: one delivery for each."""
    found: list[str] = KINDS[kind].recipients(config)
    return found


def shown_recipient(kind: str, recipient: str) -> str:
    """A recipient without what may be secret, for logs and pages."""
    text: str = KINDS[kind].shown(recipient)
    return text


__all__ = ["KINDS", "ChannelError", "clean", "recipients", "send", "shown", "shown_recipient"]
