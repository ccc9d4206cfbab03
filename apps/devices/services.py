"""Writes about devices: create, describe, pause, tag, configure, delete is the pipeline's (it spans apps)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count

from apps.common.errors import InvalidInputError, PlanLimitError, PremiumRequiredError, UnsupportedError
from apps.devices import dns_config, heartbeat_config, synthetic
from apps.devices.models import SHARDS, Device, DeviceState
from apps.devices.targets import NOT_PROBED, PREMIUM_KINDS, Description
from apps.projects.models import Project, Tag
from apps.projects.tags import drop_unused, ensure_tags
from apps.tokens.models import AgentKey
from apps.tokens.services import renew_agent_key
from apps.workspaces.models import Membership, Workspace
from apps.workspaces.plans import ensure_room, interval_in_force
from apps.workspaces.services import next_number
from apps.workspaces.usage import limits_in_force, plan_of, register_counter

HEARTBEAT_PREFIX = "hb_"
MOST_RETRIES = 10
LONGEST_INTERVAL_S = 31_536_000


@dataclass(frozen=True, slots=True)
class Options:
    """What may be said about a device besides its target; None leaves a value as it is."""

    interval_s: int | None = None
    retries: int | None = None
    retry_interval_s: int | None = None
    severity: str | None = None
    paused: bool | None = None
    tags: Sequence[str] | None = None
    parents: Collection[Device] | None = None

    def faults(self) -> dict[str, str]:
        """Bad values by wire name (contract Dashmon 6)."""
        fields = {}
        if self.retries is not None and not 0 <= self.retries <= MOST_RETRIES:
            fields["retries"] = f"A whole number from 0 to {MOST_RETRIES}."
        if self.retry_interval_s is not None and not 1 <= self.retry_interval_s <= 86_400:
            fields["retryIntervalSeconds"] = "A whole number from 1 to 86400."
        if self.severity not in {None, "", "critical", "warning", "info"}:
            fields["severity"] = "One of critical, warning, info."
        if self.interval_s is not None and not 1 <= self.interval_s <= LONGEST_INTERVAL_S:
            fields["ping_interval"] = f"A whole number of seconds from 1 to {LONGEST_INTERVAL_S}."
        return fields


@transaction.atomic
def create_device(
    *,
    project: Project,
    description: Description,
    now: datetime,
    options: Options | None = None,
    owner: Membership | None = None,
) -> Device:
    """Add a device to a project; its state is unknown until the first result.

    Raises PremiumRequiredError (dns and heartbeat on Free), PlanLimitError, InvalidInputError.
    """
    options = options or Options()
    # The lock queues creators, so two requests cannot both take the last place.
    workspace = Workspace.objects.select_for_update().get(pk=project.workspace_id)
    limits = limits_in_force(workspace, now=now)
    if description.kind in PREMIUM_KINDS and plan_of(workspace, now=now) == "free":
        raise PremiumRequiredError("This type of monitor needs the Premium plan.")
    used = Device.objects.of(workspace).filter(project=project).count()
    ensure_room("devicesPerProject", used=used, limits=limits)
    device = Device(
        workspace=workspace,
        project=project,
        owner=owner,
        number=next_number(workspace_id=workspace.pk, kind="device"),
        created_at=now,
        updated_at=now,
    )
    _apply_description(device, description)
    _apply_options(device, options)
    _place(device, interval_s=interval_in_force(options.interval_s, limits))
    device.save()
    DeviceState.objects.create(workspace=workspace, device=device, since=now)
    _apply_links(device, options, now=now)
    if device.kind == Device.Kind.HEARTBEAT:
        renew_heartbeat_token(device=device, now=now)
    return device


@transaction.atomic
def update_device(*, device: Device, description: Description, options: Options, now: datetime) -> Device:
    """Replace the described target; options only where given."""
    workspace = device.workspace
    if description.kind in PREMIUM_KINDS and device.kind != description.kind:
        ensure_premium(workspace, now=now)
    was = device.kind
    _apply_description(device, description)
    _apply_options(device, options)
    if options.interval_s is not None:
        _place(device, interval_s=interval_in_force(options.interval_s, limits_in_force(workspace, now=now)))
    _schedule(device)
    device.updated_at = now
    device.save()
    _apply_links(device, options, now=now)
    if device.kind == Device.Kind.HEARTBEAT and was != Device.Kind.HEARTBEAT:
        renew_heartbeat_token(device=device, now=now)
    return device


def ensure_premium(workspace: Workspace, *, now: datetime) -> None:
    """Raise PremiumRequiredError on a Free workspace."""
    if plan_of(workspace, now=now) == "free":
        raise PremiumRequiredError("This feature needs the Premium plan.")


def _apply_description(device: Device, description: Description) -> None:
    device.name, device.kind, device.label = description.name, description.kind, description.label
    device.host, device.port, device.url = description.host, description.port, description.url
    device.notes = description.notes


def _apply_options(device: Device, options: Options) -> None:
    if faults := options.faults():
        raise InvalidInputError(fields=faults)
    for name in ("retries", "retry_interval_s", "severity"):
        if (value := getattr(options, name)) is not None:
            setattr(device, name, value)
    if options.paused is not None:
        device.paused = options.paused
        device.pause_reason = Device.PauseReason.MANUAL if options.paused else Device.PauseReason.NONE


def _place(device: Device, *, interval_s: int) -> None:
    """Spread devices evenly over their interval, by a number that never changes."""
    device.interval_s = interval_s
    device.phase_ms = device.public_id.int % (interval_s * 1000)
    device.shard = device.public_id.int % SHARDS
    _schedule(device)


def _schedule(device: Device) -> None:
    device.enabled = not device.paused and device.kind not in NOT_PROBED


def _apply_links(device: Device, options: Options, *, now: datetime) -> None:
    if options.tags is not None:
        _set_tags(device, options.tags, workspace=device.workspace, now=now)
    if options.parents is not None:
        if any(parent.pk == device.pk for parent in options.parents):
            raise InvalidInputError(fields={"parentDeviceIds": "A device cannot be its own parent."})
        device.parents.set(options.parents)


@transaction.atomic
def set_tags(*, device: Device, tags: Sequence[str], now: datetime) -> bool:
    """Replace the tags of a device (already in canonical form); answers whether anything changed."""
    Workspace.objects.select_for_update().get(pk=device.workspace_id)
    return _set_tags(device, tags, workspace=device.workspace, now=now)


def _set_tags(device: Device, tags: Sequence[str], *, workspace: Workspace, now: datetime) -> bool:
    before = sorted(device.tags.values_list("text", flat=True))
    after = sorted(set(tags))
    if before == after:
        return False
    limits = limits_in_force(workspace, now=now)
    ensure_room("tagsPerDevice", used=0, limits=limits, more=len(after))
    rows = ensure_tags(workspace=workspace, texts=after)
    device.tags.set(rows)
    drop_unused(workspace=workspace)
    # The prefetched answer of the device in hand is stale now.
    getattr(device, "_prefetched_objects_cache", {}).pop("tags", None)
    most = limits["tags"]
    if most is not None and _distinct_tags(workspace) > most:
        raise PlanLimitError(
            f"Plan limit reached. Your plan allows {most} different tags.",
            details={"limit": "tags", "max": most, "used": _distinct_tags(workspace)},
        )
    return True


def _distinct_tags(workspace: Workspace) -> int:
    return int(Tag.objects.of(workspace).count())


@transaction.atomic
def retag(*, devices: Sequence[Device], mode: str, tags: Sequence[str], now: datetime) -> tuple[int, int]:
    """Add, remove or replace tags of many devices; answers how many changed and how many already fitted."""
    if not devices:
        return 0, 0
    Workspace.objects.select_for_update().get(pk=devices[0].workspace_id)
    updated = 0
    for device in devices:
        present = set(device.tags.values_list("text", flat=True))
        wanted = {"add": present | set(tags), "remove": present - set(tags), "replace": set(tags)}[mode]
        updated += _set_tags(device, sorted(wanted), workspace=device.workspace, now=now)
    return updated, len(devices) - updated


@transaction.atomic
def set_synthetic(*, device: Device, document: Mapping[str, Any] | None, now: datetime) -> dict[str, Any] | None:
    """Store what a check sends and asserts (contract Dashmon 6.1); None goes back to the plain check."""
    if document is None:
        device.synthetic = None
    else:
        device.synthetic = synthetic.normalise(document, kind=device.kind)
    device.updated_at = now
    device.save(update_fields=["synthetic", "updated_at"])
    return device.synthetic


@transaction.atomic
def set_dns_config(*, device: Device, document: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Store what a DNS monitor asks and expects (contract Dashmon 6.2)."""
    if device.kind != Device.Kind.DNS:
        raise UnsupportedError("Only a device of type dns has a DNS configuration.")
    device.dns = dns_config.normalise(document)
    device.updated_at = now
    device.save(update_fields=["dns", "updated_at"])
    return device.dns


@transaction.atomic
def set_heartbeat_config(*, device: Device, document: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Store when a job is expected (contract Dashmon 6.3); absent keys keep their value.

    The caller re-arms the device's deadline through the pipeline, which owns its state.
    """
    if device.kind != Device.Kind.HEARTBEAT:
        raise UnsupportedError("Only a device of type heartbeat has a heartbeat configuration.")
    device.heartbeat = heartbeat_config.normalise({**(device.heartbeat or {}), **document})
    device.updated_at = now
    device.save(update_fields=["heartbeat", "updated_at"])
    return device.heartbeat


def renew_heartbeat_token(*, device: Device, now: datetime) -> str:
    """A fresh token for the receiver; the older one dies at once."""
    return renew_agent_key(
        workspace=device.workspace,
        subject=AgentKey.Subject.DEVICE,
        subject_id=device.pk,
        prefix=HEARTBEAT_PREFIX,
        now=now,
    )


@transaction.atomic
def set_paused(*, device: Device, paused: bool, now: datetime) -> Device:
    """Pause or resume by hand."""
    device.paused = paused
    device.pause_reason = Device.PauseReason.MANUAL if paused else Device.PauseReason.NONE
    _schedule(device)
    device.updated_at = now
    device.save(update_fields=["paused", "pause_reason", "enabled", "updated_at"])
    return device


@transaction.atomic
def fit_to_plan(*, workspace: Workspace, now: datetime) -> int:
    """Raise intervals and pause or resume what the plan in force no longer or again allows (contract 2).

    Nothing is deleted on a lapse; answers how many devices changed. Safe to run twice.
    """
    limits = limits_in_force(workspace, now=now)
    premium = plan_of(workspace, now=now) == "premium"
    changed = 0
    for device in Device.objects.of(workspace).select_for_update().order_by("pk"):
        before = (device.interval_s, device.paused, device.pause_reason)
        _place(device, interval_s=interval_in_force(device.interval_s, limits))
        needs_premium = device.kind in PREMIUM_KINDS or bool(device.synthetic)
        if premium and device.pause_reason == Device.PauseReason.PREMIUM:
            device.paused, device.pause_reason = False, Device.PauseReason.NONE
        elif not premium and needs_premium and not device.paused:
            device.paused, device.pause_reason = True, Device.PauseReason.PREMIUM
        _schedule(device)
        if before != (device.interval_s, device.paused, device.pause_reason):
            device.save(update_fields=["interval_s", "phase_ms", "shard", "paused", "pause_reason", "enabled"])
            changed += 1
    return changed


def most_in_a_project(workspace_id: int) -> int:
    """Devices in the workspace's fullest project."""
    counts = Device.objects.of(workspace_id).values("project").annotate(devices=Count("id"))
    return max((row["devices"] for row in counts), default=0)


register_counter("devicesMaxInProject", most_in_a_project)
