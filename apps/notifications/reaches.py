"""From a target of routing to the recipients it means now: a channel's addresses, a person's e-mail and browsers."""

from collections.abc import Iterator
from dataclasses import dataclass

from apps.notifications import channels
from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Channel
from apps.notifications.people import member
from apps.projects.models import Project


@dataclass(frozen=True, slots=True)
class Reach:
    """One recipient of one kind; `target` is whom the routing meant, `channel` holds what the sender needs."""

    kind: str
    recipient: str
    target: str
    channel: Channel | None = None


def reaches(project: Project, target: str) -> list[Reach]:
    """Everything a target (`channel:ch_mail`, `user:...`) means now; nothing when it is gone or switched off."""
    kind, _, name = target.partition(":")
    if kind == "channel":
        rows = Channel.objects.of(project.workspace_id).filter(project=project, key=name, enabled=True)
        return [reach for channel in rows for reach in of_channel(channel)]
    return _of_member(project, name, target)


def of_channel(channel: Channel, target: str = "") -> Iterator[Reach]:
    """Every recipient of a channel; `target` is whom the routing meant, without one the channel itself."""
    for recipient in channels.recipients(channel.kind, channel.config or {}):
        yield Reach(channel.kind, recipient, target or channel.target, channel)


def _of_member(project: Project, user_id: str, target: str) -> list[Reach]:
    seat = member(project.workspace_id, user_id)
    if seat is None or seat.user is None or not seat.user.is_active:
        return []
    found = [Reach(ChannelKind.EMAIL, seat.user.email, target)] if seat.user.email else []
    browsers = Channel.objects.of(project.workspace_id).filter(seat=seat, enabled=True).order_by("pk")
    return found + [reach for browser in browsers for reach in of_channel(browser, target)]
