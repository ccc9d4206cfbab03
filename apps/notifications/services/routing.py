"""A project's alert-settings: its channels as rows, the rest as one document (contract Dashmon 9.1)."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.audit import services as audit
from apps.common.errors import InvalidInputError, PremiumRequiredError
from apps.devices.documents import Document
from apps.notifications import channels
from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Channel, Route
from apps.notifications.people import members
from apps.notifications.routing import Policy
from apps.notifications.routing.document import ID, normalise, policy_of
from apps.projects.models import Project
from apps.workspaces.plans import ensure_room
from apps.workspaces.services import next_number
from apps.workspaces.usage import limits_in_force, plan_of

MOST_CHANNELS = 20
LONGEST_NAME = 120
# Kinds that people reach by their own doing and not by a project's document.
PERSONAL = frozenset({ChannelKind.WEB_PUSH.value})


def routing_of(project: Project) -> Route | None:
    """The project's route, if anybody has ever saved its settings."""
    route: Route | None = Route.objects.of(project.workspace_id).filter(project=project).first()
    return route


def channels_of(project: Project) -> Sequence[Channel]:
    """The channels of a project's routing, in their order."""
    rows = Channel.objects.of(project.workspace_id).filter(project=project)
    return list(rows.order_by("position", "pk"))


def alert_settings(project: Project, *, reveal: bool) -> dict[str, Any]:
    """The settings as the contract spells them; the defaults where nobody has set any.

    Without `reveal` everything that may be secret (addresses, URLs, tokens) is null. What is write-only is never
    there: `hasSecret` tells whether there is one.
    """
    route = routing_of(project)
    document = dict(route.policy) if route is not None else defaults(project)
    shown = [_shown(channel, reveal=reveal) for channel in channels_of(project)]
    ordered = {"enabled": route.enabled if route is not None else document["enabled"]} | document
    return ordered | {"channels": shown} | ({} if reveal else {"redacted": True})


def defaults(project: Project) -> dict[str, Any]:
    """What applies before anything was saved."""
    return normalise(Document({}), channels=(), members=(), timezone=project.workspace.timezone)


@transaction.atomic
def set_alert_settings(*, project: Project, document: Mapping[str, Any], actor: str, now: datetime) -> dict[str, Any]:
    """Replace the settings; absent keys take their defaults, a channel that keeps its id keeps its secret.

    InvalidInputError lists every fault by path (`quietHours.windows[0].start`, `channels[1].url`); PlanLimitError
    and PremiumRequiredError when the plan allows less. What is under way follows the new settings from its next step.
    """
    known = {channel.key: channel for channel in channels_of(project)}
    read, policy = _read(document, known, members=_nameable(project), timezone=project.workspace.timezone)
    _ensure_plan(project, read, policy, now=now)
    Route.objects.of(project.workspace_id).update_or_create(
        project=project,
        scope=Route.Scope.PROJECT,
        defaults={
            "workspace_id": project.workspace_id,
            "enabled": policy["enabled"],
            "policy": policy,
            "updated_at": now,
        },
    )
    _save_channels(project, read, known, now=now)
    _audit(project, read, policy, actor=actor, at=now)
    return alert_settings(project, reveal=True)


def check_alert_settings(document: Any) -> None:
    """Refuse what is wrong whichever project it is for: types, spellings, ranges, targets that are not there."""
    _read(document, {}, members=_Anybody(), timezone="UTC")


def policy_of_draft(*, project: Project, document: Mapping[str, Any]) -> Policy:
    """The rules a document would set, saving nothing; InvalidInputError lists every fault by path, as saving would."""
    known = {channel.key: channel for channel in channels_of(project)}
    read, policy = _read(document, known, members=_nameable(project), timezone=project.workspace.timezone)
    return policy_of(policy, channels=[channel.key for channel in read if channel.enabled])


class _Anybody(frozenset[str]):
    """Everybody is in it."""

    def __contains__(self, _: object) -> bool:
        return True


def _read(
    document: Any, known: Mapping[str, Channel], *, members: Collection[str], timezone: str
) -> tuple[list[Channel], dict[str, Any]]:
    """The channels, unsaved, and the rest of a document; InvalidInputError with every fault."""
    root = Document(document)
    # What a reader without `secrets.read` was shown may come back.
    root.raw("redacted")
    read = _read_channels(root, known)
    keys = {channel.key for channel in read}
    policy = normalise(root, channels=keys, members=members, timezone=timezone)
    root.finish()
    return read, policy


def _read_channels(root: Document, known: Mapping[str, Channel]) -> list[Channel]:
    found: list[Channel] = []
    for index, item in enumerate(root.items("channels", most=MOST_CHANNELS)):
        path = f"channels[{index}]"
        channel = _read_channel(Document(item, path=path, faults=root.faults), known, index)
        if channel is None:
            continue
        if channel.key in {other.key for other in found}:
            root.faults.setdefault(f"{path}.id", "Two channels have this id.")
        found.append(channel)
    return found


def _read_channel(part: Document, known: Mapping[str, Channel], index: int) -> Channel | None:
    """One channel, unsaved; None where its kind is wrong. Its faults are noted under its own path."""
    kind = part.choice("type", [kind for kind in channels.KINDS if kind not in PERSONAL], default=None)
    if kind is None:
        part.fault("type", "Every channel needs a type.")
        return None
    key = part.text("id", default=None, longest=64) or f"ch_{kind}_{index + 1}"
    if not ID.fullmatch(key):
        part.fault("id", "Up to 64 letters, digits, dots, colons, dashes or underscores.")
    channel = Channel(key=key, kind=kind, position=index)
    channel.name = part.text("name", default="", longest=LONGEST_NAME) or ""
    channel.enabled = part.flag("enabled", default=True)
    before = known.get(key)
    kept = (before.config or {}) if before is not None and before.kind == kind else {}
    try:
        channel.config = channels.clean(kind, _own_fields(part), kept=kept)
    except InvalidInputError as error:
        for name, sentence in error.fields.items():
            part.fault(name, sentence)
    return channel


def _own_fields(part: Document) -> dict[str, Any]:
    """What only the channel's kind understands."""
    return {name: part.raw(name) for name in part.names() if name not in {"id", "type", "name", "enabled", "hasSecret"}}


def _nameable(project: Project) -> set[str]:
    """Who may be named: everybody with a seat, and whoever was named before and has left since."""
    route = routing_of(project)
    named = _people_in(route.policy) if route is not None else set()
    return {*members(project.workspace_id), *named}


def _people_in(policy: Mapping[str, Any]) -> set[str]:
    rotations = policy.get("onCall", ())
    targets = [target for step in policy.get("escalation", {}).get("steps", ()) for target in step["targets"]]
    return {
        *(member for rotation in rotations for member in rotation["members"]),
        *(override["userId"] for rotation in rotations for override in rotation["overrides"]),
        *(target["id"] for target in targets if target["type"] == "user"),
    }


def _ensure_plan(project: Project, read: Sequence[Channel], policy: Mapping[str, Any], *, now: datetime) -> None:
    limits = limits_in_force(project.workspace, now=now)
    ensure_room("escalationSteps", used=0, more=len(policy["escalation"]["steps"]), limits=limits)
    ensure_room("onCallSchedules", used=0, more=len(policy["onCall"]), limits=limits)
    if plan_of(project.workspace, now=now) == "free" and any(channel.kind == ChannelKind.SMS for channel in read):
        raise PremiumRequiredError("SMS needs the Premium plan.")


def _save_channels(project: Project, read: Sequence[Channel], known: Mapping[str, Channel], *, now: datetime) -> None:
    rows = Channel.objects.of(project.workspace_id).filter(project=project)
    rows.exclude(key__in=[channel.key for channel in read]).delete()
    for channel in read:
        before = known.get(channel.key)
        channel.workspace_id, channel.project = project.workspace_id, project
        channel.created_at = before.created_at if before is not None else now
        if before is None:
            channel.number = next_number(workspace_id=project.workspace_id, kind="channel")
        else:
            channel.pk, channel.public_id, channel.number = before.pk, before.public_id, before.number
            if before.config == channel.config:
                channel.last_ok_at, channel.failing_since = before.last_ok_at, before.failing_since
                channel.last_error = before.last_error
        channel.save()


def _shown(channel: Channel, *, reveal: bool) -> dict[str, Any]:
    shown = {"id": channel.key, "type": channel.kind, "name": channel.name, "enabled": channel.enabled}
    # A kind's own setting of one of these names does not hide what the channel is.
    return shown | {
        name: value
        for name, value in channels.shown(channel.kind, channel.config or {}, reveal=reveal).items()
        if name not in shown
    }


def _audit(project: Project, read: Sequence[Channel], policy: Mapping[str, Any], *, actor: str, at: datetime) -> None:
    audit.record(
        workspace=project.workspace_id,
        actor=actor,
        verb="alertSettings.update",
        subject=f"project {project.key}",
        changes={
            "enabled": policy["enabled"],
            "channels": [f"{channel.key} ({channel.kind})" for channel in read],
            "steps": len(policy["escalation"]["steps"]),
            "onCall": len(policy["onCall"]),
            "quietHours": policy["quietHours"]["enabled"],
        },
        at=at,
    )
