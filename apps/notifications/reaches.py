"""From a target of routing to the recipients it means now: a channel's addresses, a person's e-mail and browsers."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import QuerySet

from apps.notifications import channels
from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Channel, Route
from apps.notifications.people import member


@dataclass(frozen=True, slots=True)
class Reach:
    """One recipient of one kind; `target` is whom the routing meant, `channel` holds what the sender needs."""

    kind: str
    recipient: str
    target: str
    channel: Channel | None = None


def channels_of(route: Route) -> QuerySet[Channel]:
    """The channels that a project's routing or a surface's route may tell and that are on, in their order."""
    rows = Channel.objects.of(route.workspace_id).filter(enabled=True).order_by("position", "pk")
    return rows.filter(project=route.project_id) if route.project_id is not None else rows.filter(routes=route)


def reaches(route: Route, target: str) -> list[Reach]:
    """Everything a target (`channel:ch_mail`, `user:...`) means now; nothing when it is gone or switched off."""
    kind, _, name = target.partition(":")
    if kind == "channel":
        return [reach for channel in channels_of(route).filter(key=name) for reach in of_channel(channel)]
    return _of_member(route.workspace_id, name, target)


def of_channel(channel: Channel, target: str = "") -> Iterator[Reach]:
    """Every recipient of a channel; `target` is whom the routing meant, without one the channel itself."""
    for recipient in channels.recipients(channel.kind, channel.config or {}):
        yield Reach(channel.kind, recipient, target or channel.target, channel)


def _of_member(workspace_id: int, user_id: str, target: str) -> list[Reach]:
    seat = member(workspace_id, user_id)
    if seat is None or seat.user is None or not seat.user.is_active:
        return []
    found = [Reach(ChannelKind.EMAIL, seat.user.email, target)] if seat.user.email else []
    browsers = Channel.objects.of(workspace_id).filter(seat=seat, enabled=True).order_by("pk")
    return found + [reach for browser in browsers for reach in of_channel(browser, target)]
