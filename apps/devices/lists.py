"""Lists of devices for people: filtered, counted and paged by how each one looks right now."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.db.models import Case, Count, IntegerField, Q, Value, When

from apps.devices.models import Device
from apps.devices.querysets import DeviceQuerySet
from apps.devices.selectors import devices_of
from apps.projects.models import MaintenanceWindow
from apps.workspaces.models import Workspace

Look = Literal["down", "warning", "unknown", "maintenance", "up", "paused"]
Order = Literal["state", "name", "-name"]
LOOKS: tuple[Look, ...] = ("down", "warning", "unknown", "maintenance", "up", "paused")
# What people must see first; paused covers maintenance covers the state.
RANK: dict[Look, int] = {"down": 5, "warning": 4, "unknown": 3, "maintenance": 2, "up": 1, "paused": 0}


@dataclass(frozen=True, slots=True)
class DeviceFilter:
    """What a list is narrowed to; empty values narrow nothing. `text` is looked for in name, target, kind and tags."""

    text: str = ""
    look: Look | None = None
    kind: str = ""
    project_key: str = ""
    tag: str = ""

    def __bool__(self) -> bool:
        return bool(self.text or self.look or self.kind or self.project_key or self.tag)


@dataclass(frozen=True, slots=True)
class DevicePage:
    """One page of a list and where the next one begins (None: this was the last)."""

    devices: Sequence[Device]
    next: tuple[Any, ...] | None


def looking(workspace: Workspace, *, projects: Collection[int] | None, now: datetime) -> DeviceQuerySet:
    """Devices within reach, each with its `look_rank` (RANK) at this instant."""
    silenced = _silenced(workspace, now=now)
    rank = Case(
        When(paused=True, then=Value(RANK["paused"])),
        When(silenced, then=Value(RANK["maintenance"])),
        When(state__state="down", then=Value(RANK["down"])),
        When(state__state="warning", then=Value(RANK["warning"])),
        When(state__state="up", then=Value(RANK["up"])),
        default=Value(RANK["unknown"]),
        output_field=IntegerField(),
    )
    return devices_of(workspace, projects=projects).annotate(look_rank=rank)


def narrowed(devices: DeviceQuerySet, chosen: DeviceFilter) -> DeviceQuerySet:
    """Only what the filter lets through, whatever it looks like (see `list_devices` for `look`)."""
    if chosen.text:
        words = Q(name__icontains=chosen.text) | Q(host__icontains=chosen.text) | Q(url__icontains=chosen.text)
        words |= Q(kind__icontains=chosen.text) | Q(label__icontains=chosen.text)
        # A join on tags would repeat a device once per tag.
        words |= Q(pk__in=Device.tags.through.objects.filter(tag__text__icontains=chosen.text).values("device_id"))
        devices = devices.filter(words)
    if chosen.kind:
        devices = devices.filter(kind=chosen.kind)
    if chosen.project_key:
        devices = devices.filter(project__key=chosen.project_key)
    if chosen.tag:
        devices = devices.filter(tags__text=chosen.tag)
    return devices


def count_by_look(devices: DeviceQuerySet) -> dict[Look, int]:
    """How many devices look how, in one statement."""
    counts = devices.order_by().aggregate(**{look: Count("pk", filter=Q(look_rank=RANK[look])) for look in LOOKS})
    return {look: int(counts[look]) for look in LOOKS}


def list_devices(
    devices: DeviceQuerySet,
    chosen: DeviceFilter,
    *,
    order: Order = "state",
    after: Sequence[Any] | None = None,
    limit: int = 50,
) -> DevicePage:
    """One page; `after` is the `next` of the page before. State order: worst first, then longest, then by name."""
    if chosen.look is not None:
        devices = devices.filter(Q(look_rank=RANK[chosen.look]))
    columns = {"state": ("-look_rank", "state__since", "name", "id")}.get(order, (order, "id"))
    if after is not None and len(after) == len(columns):
        devices = devices.filter(_beyond(columns, after))
    found = list(devices.order_by(*columns)[: limit + 1])
    page = found[:limit]
    end = _place(page[-1], columns) if len(found) > limit else None
    return DevicePage(page, end)


def _beyond(columns: Sequence[str], place: Sequence[Any]) -> Q:
    """Rows after `place` in an order of several columns: equal in the first ones, beyond in the next."""
    beyond, same = Q(pk__in=[]), Q()
    for column, value in zip(columns, place, strict=True):
        name = column.removeprefix("-")
        beyond |= same & Q(**{f"{name}__{'lt' if column.startswith('-') else 'gt'}": value})
        same &= Q(**{name: value})
    return beyond


def _place(device: Device, columns: Sequence[str]) -> tuple[Any, ...]:
    values: dict[str, Any] = {
        "look_rank": getattr(device, "look_rank", 0),
        "state__since": device.state.since.isoformat(),
        "name": device.name,
        "id": device.pk,
    }
    return tuple(values[column.removeprefix("-")] for column in columns)


def _silenced(workspace: Workspace, *, now: datetime) -> Q:
    """Devices inside a window at this instant; both ends of a window are inside."""
    running = MaintenanceWindow.objects.of(workspace).filter(
        Q(ends_at__isnull=True) | Q(ends_at__gte=now), starts_at__lte=now
    )
    own = running.filter(subject_kind="device").values("subject_id")
    return Q(pk__in=own) | Q(project__in=running.filter(project__isnull=False).values("project_id"))
