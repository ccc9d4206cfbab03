"""Writes about devices: create, describe, pause, tag, configure, delete is the pipeline's (it spans apps)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count

from apps.accounts.verification import ensure_verified
from apps.common.errors import InvalidInputError, NotFoundError, PremiumRequiredError, UnsupportedError
from apps.devices import dns_config, heartbeat_config, synthetic
from apps.devices.models import SHARDS, Device, DeviceState
from apps.devices.targets import NOT_PROBED, PREMIUM_KINDS, Description
from apps.projects.models import Project, Tag
from apps.projects.tags import drop_unused, ensure_tags
from apps.tokens.models import AgentKey
from apps.tokens.services import drop_agent_key, renew_agent_key
from apps.workspaces.models import Membership, Workspace
from apps.workspaces.plans import Limit, ensure_room, interval_in_force
from apps.workspaces.selectors import owner_of
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

    Raises ForbiddenError while the workspace's owner has an address to confirm, PremiumRequiredError (dns and
    heartbeat on Free), InvalidInputError, PlanLimitError, in that order.
    """
    options = options or Options()
    # The lock queues creators, so two requests cannot both take the last place.
    workspace = Workspace.objects.select_for_update().get(pk=project.workspace_id)
    ensure_verified(owner_of(workspace))
    limits = limits_in_force(workspace, now=now)
    if description.kind in PREMIUM_KINDS and plan_of(workspace, now=now) == "free":
        raise PremiumRequiredError("This type of monitor needs the Premium plan.")
    if faults := options.faults():
        raise InvalidInputError(fields=faults)
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
    _apply_options(device, options, premium=True)
    _place(device, limits=limits)
    device.save()
    DeviceState.objects.create(workspace=workspace, device=device, since=now)
    _apply_links(device, options, now=now)
    if device.kind == Device.Kind.HEARTBEAT:
        renew_heartbeat_token(device=device, now=now)
    return device


@transaction.atomic
def update_device(*, device: Device, description: Description, options: Options, now: datetime) -> Device:
    """Replace the described target; options only where given.

    Raises InvalidInputError, NotFoundError when the device is gone, PlanLimitError for tags, and PremiumRequiredError
    when a Free workspace makes it, or resumes it as, something that needs Premium.
    """
    if faults := options.faults():
        raise InvalidInputError(fields=faults)
    workspace = Workspace.objects.select_for_update().get(pk=device.workspace_id)
    _lock(device)
    premium = plan_of(workspace, now=now) == "premium"
    was = device.kind
    if description.kind in PREMIUM_KINDS and was != description.kind:
        ensure_premium(workspace, now=now)
    _apply_description(device, description)
    _apply_options(device, options, premium=premium)
    _fit_pause(device, premium=premium)
    _place(device, limits=limits_in_force(workspace, now=now))
    device.updated_at = now
    device.save()
    _apply_links(device, options, now=now)
    _fit_key(device, was=was, now=now)
    return device


def _lock(device: Device) -> None:
    """Lock the row and read it again: what a plan change or a pause wrote meanwhile must not be undone."""
    try:
        device.refresh_from_db(from_queryset=Device.objects.of(device.workspace_id).select_for_update())
    except Device.DoesNotExist:
        raise NotFoundError("Device not found") from None


def _fit_key(device: Device, *, was: str, now: datetime) -> None:
    """Only a heartbeat has a token: it comes with the kind and goes with it."""
    if device.kind == was:
        return
    if device.kind == Device.Kind.HEARTBEAT:
        renew_heartbeat_token(device=device, now=now)
    elif was == Device.Kind.HEARTBEAT:
        drop_agent_key(workspace=device.workspace_id, subject=AgentKey.Subject.DEVICE, subject_id=device.pk)


def ensure_premium(workspace: Workspace, *, now: datetime) -> None:
    """Raise PremiumRequiredError on a Free workspace."""
    if plan_of(workspace, now=now) == "free":
        raise PremiumRequiredError("This feature needs the Premium plan.")


def _needs_premium(device: Device) -> bool:
    """Whether Free would pause it: its kind, or assertions that are switched on (contract Dashmon 2)."""
    asserts = device.synthetic is not None and device.synthetic.get("enabled", True)
    return device.kind in PREMIUM_KINDS or bool(asserts)


def _apply_description(device: Device, description: Description) -> None:
    device.name, device.kind, device.label = description.name, description.kind, description.label
    device.host, device.port, device.url = description.host, description.port, description.url
    device.notes = description.notes


def _apply_options(device: Device, options: Options, *, premium: bool) -> None:
    for name in ("retries", "retry_interval_s", "severity"):
        if (value := getattr(options, name)) is not None:
            setattr(device, name, value)
    if options.interval_s is not None:
        device.asked_interval_s = options.interval_s
    if options.paused is not None:
        _pause(device, paused=options.paused, premium=premium)


def _pause(device: Device, *, paused: bool, premium: bool) -> None:
    # A pause that is there keeps its reason: a client that sends back what it read has not paused anything.
    if paused == device.paused:
        return
    if not paused and not premium and _needs_premium(device):
        raise PremiumRequiredError("This monitor needs the Premium plan to run.")
    device.paused = paused
    device.pause_reason = Device.PauseReason.MANUAL if paused else Device.PauseReason.NONE


def _fit_pause(device: Device, *, premium: bool) -> None:
    """Pause what the plan no longer allows, resume what only the plan had paused."""
    allowed = premium or not _needs_premium(device)
    if allowed and device.pause_reason == Device.PauseReason.PREMIUM:
        device.paused, device.pause_reason = False, Device.PauseReason.NONE
    elif not allowed and not device.paused:
        device.paused, device.pause_reason = True, Device.PauseReason.PREMIUM


def _place(device: Device, *, limits: Mapping[Limit, int | None]) -> None:
    """Spread devices evenly over their interval, by a number that never changes."""
    device.interval_s = interval_in_force(device.asked_interval_s, limits)
    device.phase_ms = device.public_id.int % (device.interval_s * 1000)
    device.shard = device.public_id.int % SHARDS
    fit_schedule(device)


def fit_schedule(device: Device) -> None:
    """Whether it is to be probed follows from what it is."""
    # A DNS monitor without a name asks nothing: it stays unknown until it is configured.
    named = device.kind != Device.Kind.DNS or bool(device.dns or device.host)
    device.enabled = not device.paused and device.kind not in NOT_PROBED and named


def _apply_links(device: Device, options: Options, *, now: datetime) -> None:
    if options.tags is not None:
        _write_tags(device.workspace, [device], {device.pk: set(options.tags)}, now=now)
    if options.parents is not None:
        _ensure_above(device, options.parents)
        device.parents.set(options.parents)


def _ensure_above(device: Device, parents: Collection[Device]) -> None:
    """Refuse parents that stand below the device: two that excuse each other would both stay silent."""
    if any(parent.workspace_id != device.workspace_id for parent in parents):
        raise InvalidInputError(fields={"parentDeviceIds": "Every entry must be the id of a device."})
    seen: set[int] = set()
    level = {parent.pk for parent in parents}
    while level:
        if device.pk in level:
            raise InvalidInputError(fields={"parentDeviceIds": "A device cannot be its own parent."})
        seen |= level
        above = Device.objects.of(device.workspace_id).filter(children__in=level)
        level = set(above.values_list("pk", flat=True)) - seen


@transaction.atomic
def set_tags(*, device: Device, tags: Sequence[str], now: datetime) -> bool:
    """Replace the tags of a device (already in canonical form); answers whether anything changed."""
    return retag(devices=[device], mode="replace", tags=tags, now=now)[0] == 1


@transaction.atomic
def retag(*, devices: Sequence[Device], mode: str, tags: Sequence[str], now: datetime) -> tuple[int, int]:
    """Add, remove or replace tags of many devices of one workspace, in as many statements as for one.

    Answers how many changed and how many already fitted. PlanLimitError changes none of them.
    """
    if mode not in {"add", "remove", "replace"}:
        raise InvalidInputError(fields={"mode": "One of add, remove, replace."})
    if not devices:
        return 0, 0
    # The lock queues writers of tags: none forgets an unused tag that another is about to use.
    workspace = Workspace.objects.select_for_update().get(pk=devices[0].workspace_id)
    given = set(tags)
    wanted = {device.pk: given for device in devices}
    if mode != "replace":
        present = _present_tags(workspace, wanted)
        wanted = {pk: texts | given if mode == "add" else texts - given for pk, texts in present.items()}
    updated = _write_tags(workspace, devices, wanted, now=now)
    return updated, len(wanted) - updated


def _present_tags(workspace: Workspace, keys: Iterable[int]) -> dict[int, set[str]]:
    present: dict[int, set[str]] = {pk: set() for pk in keys}
    links = Device.objects.of(workspace).filter(pk__in=present, tags__isnull=False)
    for pk, text in links.values_list("pk", "tags__text"):
        present[pk].add(text)
    return present


def _write_tags(
    workspace: Workspace, devices: Sequence[Device], wanted: Mapping[int, set[str]], *, now: datetime
) -> int:
    """Give each device (by primary key) its tags; answers how many changed. The caller holds the workspace's lock."""
    present = _present_tags(workspace, wanted)
    changed = {pk: texts for pk, texts in wanted.items() if texts != present[pk]}
    if not changed:
        return 0
    limits = limits_in_force(workspace, now=now)
    for pk, texts in changed.items():
        if texts - present[pk]:
            ensure_room("tagsPerDevice", used=len(present[pk]), limits=limits, more=len(texts) - len(present[pk]))
    drop_unused(workspace=workspace)
    before = Tag.objects.of(workspace).count()
    rows = {tag.text: tag for tag in ensure_tags(workspace=workspace, texts=set().union(*changed.values()))}
    links = Device.tags.through.objects
    links.filter(device__in=changed).delete()
    links.bulk_create(
        [Device.tags.through(device_id=pk, tag=rows[text]) for pk, texts in changed.items() for text in texts]
    )
    drop_unused(workspace=workspace)
    if (more := Tag.objects.of(workspace).count() - before) > 0:
        ensure_room("tags", used=before, limits=limits, more=more)
    for device in devices:
        # The prefetched answer of the device in hand is stale now.
        getattr(device, "_prefetched_objects_cache", {}).pop("tags", None)
    return len(changed)


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
    device.dns = dns_config.normalise(document, hostname=device.host)
    fit_schedule(device)
    device.updated_at = now
    device.save(update_fields=["dns", "enabled", "updated_at"])
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
    """Pause or resume by hand. PremiumRequiredError when a Free workspace resumes what needs Premium."""
    _lock(device)
    _pause(device, paused=paused, premium=plan_of(device.workspace, now=now) == "premium")
    fit_schedule(device)
    device.updated_at = now
    device.save(update_fields=["paused", "pause_reason", "enabled", "updated_at"])
    return device


@dataclass(frozen=True, slots=True)
class Fit:
    """What following a plan did to the devices of a workspace."""

    changed: int = 0
    paused: tuple[Device, ...] = ()
    resumed: tuple[Device, ...] = ()


@transaction.atomic
def fit_to_plan(*, workspace: Workspace, now: datetime) -> Fit:
    """Let intervals and Premium pauses follow the plan in force (contract Dashmon 2).

    An interval is what was asked for, raised to the plan's minimum: a lapse slows checks down, and the next Premium
    term brings them back. Nothing is deleted on a lapse. Safe to run twice; the states of paused and resumed devices
    are the pipeline's.
    """
    limits = limits_in_force(workspace, now=now)
    premium = plan_of(workspace, now=now) == "premium"
    changed: list[Device] = []
    flipped: list[Device] = []
    for device in Device.objects.of(workspace).select_for_update().order_by("pk"):
        before = (device.interval_s, device.paused)
        _fit_pause(device, premium=premium)
        _place(device, limits=limits)
        if before != (device.interval_s, device.paused):
            changed.append(device)
        if before[1] != device.paused:
            flipped.append(device)
    Device.objects.bulk_update(
        changed, ["interval_s", "phase_ms", "shard", "paused", "pause_reason", "enabled"], batch_size=100
    )
    return Fit(
        len(changed),
        paused=tuple(device for device in flipped if device.paused),
        resumed=tuple(device for device in flipped if not device.paused),
    )


def most_in_a_project(workspace_id: int) -> int:
    """Devices in the workspace's fullest project."""
    counts = Device.objects.of(workspace_id).values("project").annotate(devices=Count("id"))
    return max((row["devices"] for row in counts), default=0)


register_counter("devicesMaxInProject", most_in_a_project)
