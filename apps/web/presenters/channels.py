"""Channels as a list shows them: where they lead and how they fare."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.notifications import channels
from apps.notifications.models import Channel
from apps.web.presenters.routing import channel_word
from apps.web.presenters.status import Shape

MOST_SHOWN = 3


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """One channel."""

    channel: Channel
    name: str
    kind: str
    leads_to: str
    shape: Shape
    health: str


def rows(found: Sequence[Channel], *, reveal: bool) -> list[ChannelRow]:
    """Channels in the order given; without `reveal` nobody learns where they lead."""
    return [
        ChannelRow(
            channel=channel,
            name=channel.name or channel_word(channel.kind),
            kind=channel_word(channel.kind),
            leads_to=leads_to(channel) if reveal else "",
            shape=_shape(channel),
            health=_health(channel),
        )
        for channel in found
    ]


def leads_to(channel: Channel) -> str:
    """Its recipients without what may be secret: the first few, and how many more."""
    found = channels.recipients(channel.kind, channel.config or {}) if channel.kind in channels.KINDS else []
    shown = [channels.shown_recipient(channel.kind, recipient) for recipient in found[:MOST_SHOWN]]
    more = len(found) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _shape(channel: Channel) -> Shape:
    if not channel.enabled:
        return "paused"
    if channel.failing_since is not None:
        return "down"
    return "up" if channel.last_ok_at is not None else "unknown"


def _health(channel: Channel) -> str:
    if not channel.enabled:
        return "Off"
    if channel.failing_since is not None:
        return "Failing"
    return "Works" if channel.last_ok_at is not None else "Not used yet"
