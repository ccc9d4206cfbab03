"""Channels of a whole workspace: the routes of surfaces tell them. Those of a project are in its alert-settings."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.audit import services as audit
from apps.common.errors import InvalidInputError, PlanLimitError, PremiumRequiredError
from apps.notifications import channels
from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Channel
from apps.workspaces.models import Workspace
from apps.workspaces.services import next_number
from apps.workspaces.usage import plan_of

MOST_CHANNELS = 200
LONGEST_NAME = 120
# All but what one person has.
KINDS = frozenset(ChannelKind) - {ChannelKind.WEB_PUSH}


@transaction.atomic
def create_channel(
    *,
    workspace: Workspace,
    kind: ChannelKind,
    name: str,
    config: Mapping[str, Any],
    actor: str,
    now: datetime,
    enabled: bool = True,
) -> Channel:
    """A new place that messages can go to. InvalidInputError lists every fault of its configuration by path.

    PlanLimitError when there are too many, PremiumRequiredError for SMS on the Free plan.
    """
    # The lock queues creators, so that two requests cannot both take the last place.
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    if Channel.objects.of(workspace).filter(project=None, seat=None).count() >= MOST_CHANNELS:
        raise PlanLimitError(f"A workspace has at most {MOST_CHANNELS} channels.")
    number = next_number(workspace_id=workspace.pk, kind="channel")
    channel = Channel(workspace=workspace, number=number, key=f"ch_{number}", created_at=now)
    return _save(channel, kind, name, config, enabled=enabled, actor=actor, verb="channel.create", now=now)


@transaction.atomic
def update_channel(
    *,
    channel: Channel,
    kind: ChannelKind,
    name: str,
    config: Mapping[str, Any],
    enabled: bool,
    actor: str,
    now: datetime,
) -> Channel:
    """Say a channel anew; one that stays of its kind keeps the secret that is left out. Errors as in create."""
    return _save(channel, kind, name, config, enabled=enabled, actor=actor, verb="channel.update", now=now)


@transaction.atomic
def switch_channel(*, channel: Channel, enabled: bool, actor: str, now: datetime) -> Channel:
    """Switch a channel on or off; its configuration stays as it is."""
    channel.enabled, channel.updated_at = enabled, now
    channel.save(update_fields=["enabled", "updated_at"])
    _audit(channel, actor=actor, verb="channel.enable" if enabled else "channel.disable", at=now)
    return channel


@transaction.atomic
def delete_channel(*, channel: Channel, actor: str, now: datetime) -> None:
    """Remove a channel; the log keeps what was sent through it."""
    _audit(channel, actor=actor, verb="channel.delete", at=now)
    channel.delete()


def _save(
    channel: Channel,
    kind: ChannelKind,
    name: str,
    config: Mapping[str, Any],
    *,
    enabled: bool,
    actor: str,
    verb: str,
    now: datetime,
) -> Channel:
    title = " ".join(name.split())
    if not 1 <= len(title) <= LONGEST_NAME:
        raise InvalidInputError(fields={"name": f"1 to {LONGEST_NAME} characters."})
    if kind not in KINDS:
        raise InvalidInputError(fields={"kind": "A channel of this kind belongs to a person."})
    if kind == ChannelKind.SMS and plan_of(channel.workspace, now=now) == "free":
        raise PremiumRequiredError("SMS needs the Premium plan.")
    kept = (channel.config or {}) if channel.kind == kind else {}
    channel.config = channels.clean(kind, config, kept=kept)
    channel.kind, channel.name, channel.enabled, channel.updated_at = kind, title, enabled, now
    channel.save()
    _audit(channel, actor=actor, verb=verb, at=now)
    return channel


def _audit(channel: Channel, *, actor: str, verb: str, at: datetime) -> None:
    audit.record(
        workspace=channel.workspace_id,
        actor=actor,
        verb=verb,
        subject=f"channel {channel.name}",
        changes={"kind": channel.kind, "enabled": channel.enabled},
        at=at,
    )
