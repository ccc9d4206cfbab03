"""Small changes to a project's routing that need not send all of it: a channel's switch, a stand-in on call."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.audit import services as audit
from apps.common.clock import iso_ms
from apps.common.errors import ConflictError, InvalidInputError, NotFoundError
from apps.notifications.models import Channel, Route
from apps.notifications.people import members
from apps.notifications.routing.document import MOST_OVERRIDES
from apps.projects.models import Project


@transaction.atomic
def set_channel_enabled(*, channel: Channel, enabled: bool, actor: str, now: datetime) -> None:
    """Switch a channel on or off; nothing else about it changes, and nothing is sent through one that is off."""
    Channel.objects.of(channel.workspace_id).filter(pk=channel.pk).update(enabled=enabled)
    channel.enabled = enabled
    _audit(channel.workspace_id, channel.project, {"channel": channel.key, "enabled": enabled}, actor=actor, at=now)


@transaction.atomic
def add_override(
    *, project: Project, rotation_id: str, member: str, start: datetime, end: datetime, actor: str, now: datetime
) -> None:
    """Let one member stand in on call for [start, end).

    NotFoundError for an unknown rotation; InvalidInputError for a span that ends before it starts, or is over, and
    for somebody without a seat; ConflictError when there are as many as there may be.
    """
    faults = {}
    if end <= start:
        faults["end"] = "Must be after the start."
    elif end <= now:
        faults["end"] = "This is over already."
    if member not in members(project.workspace_id):
        faults["userId"] = "There is no such member in this workspace."
    if faults:
        raise InvalidInputError(fields=faults)
    route, rotation = _locked(project, rotation_id)
    if len(rotation["overrides"]) >= MOST_OVERRIDES:
        raise ConflictError(f"A schedule holds at most {MOST_OVERRIDES} stand-ins; remove some that are over.")
    added = _override(member, start, end)
    _replace(route, rotation, [*rotation["overrides"], added], now=now)
    _audit(project.workspace_id, project, {"onCall": rotation_id, "added": added}, actor=actor, at=now)


@transaction.atomic
def remove_override(
    *, project: Project, rotation_id: str, member: str, start: datetime, end: datetime, actor: str, now: datetime
) -> None:
    """Take a stand-in back, named by all it consists of; NotFoundError when there is no such one any more."""
    route, rotation = _locked(project, rotation_id)
    kept = list(rotation["overrides"])
    override = _override(member, start, end)
    if override not in kept:
        raise NotFoundError("There is no such stand-in.")
    kept.remove(override)
    _replace(route, rotation, kept, now=now)
    _audit(project.workspace_id, project, {"onCall": rotation_id, "removed": override}, actor=actor, at=now)


def _override(member: str, start: datetime, end: datetime) -> dict[str, str]:
    """As a document spells it (contract Dashmon 9.1)."""
    return {"start": iso_ms(start), "end": iso_ms(end), "userId": member}


def _locked(project: Project, rotation_id: str) -> tuple[Route, dict[str, Any]]:
    """The route, held until the end of the transaction, and one rotation of its policy."""
    rows = Route.objects.of(project.workspace_id).filter(project=project, scope=Route.Scope.PROJECT)
    route: Route | None = rows.select_for_update().first()
    rotations = route.policy.get("onCall", ()) if route is not None else ()
    rotation = next((item for item in rotations if item["id"] == rotation_id), None)
    if route is None or rotation is None:
        raise NotFoundError("There is no such schedule.")
    return route, rotation


def _replace(route: Route, rotation: dict[str, Any], overrides: Sequence[Mapping[str, str]], *, now: datetime) -> None:
    rotation["overrides"] = list(overrides)
    route.updated_at = now
    route.save(update_fields=["policy", "updated_at"])


def _audit(workspace_id: int, project: Project | None, changes: dict[str, Any], *, actor: str, at: datetime) -> None:
    subject = f"project {project.key}" if project is not None else "workspace"
    audit.record(
        workspace=workspace_id, actor=actor, verb="alertSettings.update", subject=subject, changes=changes, at=at
    )
