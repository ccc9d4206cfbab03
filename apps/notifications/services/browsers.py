"""A person's own browsers: each is a channel of their seat, told whenever routing names the person."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.audit import services as audit
from apps.common.errors import InvalidInputError, NotFoundError
from apps.common.ids import digest
from apps.notifications import channels
from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Channel
from apps.workspaces.models import Membership
from apps.workspaces.services import next_number

MOST_BROWSERS = 10
LONGEST_NAME = 120


def browsers_of(seat: Membership) -> Sequence[Channel]:
    """The browsers that are told, newest first."""
    return list(Channel.objects.of(seat.workspace_id).filter(seat=seat).order_by("-created_at", "-pk"))


@transaction.atomic
def add_browser(*, seat: Membership, subscription: Mapping[str, Any], name: str, actor: str, now: datetime) -> Channel:
    """Tell this browser from now on; adding it again renews its keys.

    `subscription` is what the browser's push manager gave: `endpoint`, and `keys` with `p256dh` and `auth`.
    InvalidInputError when it is none, leads where nothing may be reached, or is one too many.
    """
    # The seat's lock queues its own browsers, so two at once cannot both be the last that fits.
    Membership.objects.of(seat.workspace_id).select_for_update().get(pk=seat.pk)
    config = channels.clean(ChannelKind.WEB_PUSH, subscription, kept={})
    key = digest(config["url"])[:32]
    known = Channel.objects.of(seat.workspace_id).filter(seat=seat, key=key).first()
    if known is None and len(browsers_of(seat)) >= MOST_BROWSERS:
        raise InvalidInputError(f"At most {MOST_BROWSERS} browsers are told; remove one first.")
    channel = known or Channel(
        workspace_id=seat.workspace_id,
        number=next_number(workspace_id=seat.workspace_id, kind="channel"),
        seat=seat,
        key=key,
        kind=ChannelKind.WEB_PUSH,
        created_at=now,
    )
    channel.name, channel.config = " ".join(name.split())[:LONGEST_NAME], config
    channel.enabled, channel.failing_since, channel.last_error = True, None, ""
    channel.save()
    audit.record(
        workspace=seat.workspace_id, actor=actor, verb="browser.add", subject=channel.name or "browser", at=now
    )
    return channel


@transaction.atomic
def remove_browser(*, seat: Membership, number: int, actor: str, now: datetime) -> None:
    """Tell it no more; NotFoundError for one that is not this person's."""
    channel = browser_by_number(seat, number)
    audit.record(
        workspace=seat.workspace_id, actor=actor, verb="browser.remove", subject=channel.name or "browser", at=now
    )
    channel.delete()


def browser_by_number(seat: Membership, number: int) -> Channel:
    """One of the person's browsers; NotFoundError when it is none of theirs."""
    channel: Channel | None = Channel.objects.of(seat.workspace_id).filter(seat=seat, number=number).first()
    if channel is None:
        raise NotFoundError("There is no such browser.")
    return channel
