"""Reads about devices: found by public id inside a workspace, and how they look to people at an instant."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast
from uuid import UUID

from apps.common.errors import NotFoundError
from apps.devices.models import Device
from apps.devices.querysets import DeviceQuerySet
from apps.projects.models import MaintenanceWindow
from apps.projects.windows import windows_between
from apps.workspaces.models import Workspace

Shown = Literal["unknown", "up", "warning", "down", "maintenance", "paused"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a device looks now: paused covers maintenance covers its state (domain: overlays, never states)."""

    status: Shown
    windows: tuple[MaintenanceWindow, ...]

    @property
    def in_maintenance(self) -> bool:
        return bool(self.windows)


def devices_of(workspace: Workspace | int, *, projects: Collection[int] | None = None) -> DeviceQuerySet:
    """Devices of a workspace with their project, state and tags, limited to a scope when there is one."""
    devices = Device.objects.of(workspace).with_parts()
    return devices if projects is None else devices.filter(project__in=projects)


def device_by_public_id(
    *, workspace: Workspace | int, public_id: UUID | None, projects: Collection[int] | None = None
) -> Device:
    """One device; NotFoundError when unknown, foreign or outside the scope."""
    found = devices_of(workspace, projects=projects).filter(public_id=public_id).first() if public_id else None
    if found is None:
        raise NotFoundError("Device not found")
    return found


def parents_of(device_ids: Collection[int]) -> dict[int, tuple[int, ...]]:
    """The devices that each of these depends on, by primary keys; without an entry where there are none."""
    links = Device.parents.through.objects.filter(from_device_id__in=device_ids).order_by("to_device_id")
    found: dict[int, tuple[int, ...]] = {}
    for child, parent in links.values_list("from_device_id", "to_device_id"):
        found[child] = (*found.get(child, ()), parent)
    return found


def standings(devices: Iterable[Device], *, workspace_id: int, now: datetime) -> dict[int, Standing]:
    """What each device shows at this instant, by primary key, in one statement for any number of devices."""
    rows: Sequence[Device] = list(devices)
    windows = windows_between(
        workspace_id=workspace_id,
        kind="device",
        subjects={device.pk: device.project_id for device in rows},
        start=now,
        end=now,
    )
    return {device.pk: _standing(device, windows[device.pk], now=now) for device in rows}


def _standing(device: Device, windows: Iterable[MaintenanceWindow], *, now: datetime) -> Standing:
    active = tuple(window for window in windows if window.covers(now))
    if device.paused:
        return Standing("paused", active)
    if active:
        return Standing("maintenance", active)
    return Standing(cast("Shown", device.state.state), active)


def roll_up(statuses: Iterable[str]) -> str:
    """A project's status: contract Dashmon 5. Devices in maintenance count only as maintenance."""
    seen = [status for status in statuses if status != "paused"]
    for status in ("down", "warning"):
        if status in seen:
            return status
    silenced = seen.count("maintenance")
    if silenced:
        return "maintenance" if silenced == len(seen) else "partial_maintenance"
    return "up"
