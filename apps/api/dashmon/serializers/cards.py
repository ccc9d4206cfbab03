"""Devices and projects with everything a row of the contract's lists shows, gathered in a fixed number of queries."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from apps.common.clock import from_epoch_ms
from apps.devices.models import Device
from apps.devices.selectors import Standing, roll_up, standings
from apps.metrics.selectors import newest
from apps.metrics.types import ResultRow
from apps.projects.models import MaintenanceWindow, Project
from apps.projects.windows import manual_windows
from apps.workspaces.models import Workspace

LOSS = {"up": 0, "warning": 0, "down": 100}


@dataclass(frozen=True, slots=True)
class DeviceCard:
    """One device as lists show it."""

    device: Device
    owner_id: str
    standing: Standing
    window: MaintenanceWindow | None
    newest: ResultRow | None

    @property
    def tags(self) -> list[str]:
        return sorted(tag.text for tag in self.device.tags.all())

    @property
    def last_check(self) -> datetime | None:
        return None if self.newest is None else from_epoch_ms(self.newest.ts_ms)

    @property
    def packet_loss(self) -> int | None:
        return None if self.newest is None else LOSS.get(self.newest.state)

    @property
    def paused_reason(self) -> str | None:
        return self.device.pause_reason or None

    @property
    def parent_ids(self) -> list[str]:
        return sorted(str(parent.public_id) for parent in self.device.parents.all())


@dataclass(frozen=True, slots=True)
class ProjectCard:
    """One project with its devices and the roll-up of contract 5."""

    project: Project
    window: MaintenanceWindow | None
    now: datetime
    devices: Sequence[DeviceCard] = field(default=())

    @property
    def in_maintenance(self) -> bool:
        return self.window is not None and self.window.covers(self.now)

    @property
    def statuses(self) -> list[str]:
        return [card.standing.status for card in self.devices]

    @property
    def status(self) -> str:
        return roll_up(self.statuses)

    @property
    def total(self) -> int:
        return len(self.devices)

    @property
    def up(self) -> int:
        return self.statuses.count("up")

    @property
    def down(self) -> int:
        return self.statuses.count("down")

    @property
    def warning(self) -> int:
        return self.statuses.count("warning")

    @property
    def silenced(self) -> int:
        return self.statuses.count("maintenance")


def device_cards(devices: Iterable[Device], *, workspace: Workspace, now: datetime) -> list[DeviceCard]:
    """Cards in the given order."""
    rows = list(devices)
    keys = [device.pk for device in rows]
    windows, _ = manual_windows(workspace_id=workspace.pk, kind="device", subjects=keys, projects=[])
    stands = standings(rows, workspace_id=workspace.pk, now=now)
    last = newest(workspace_id=workspace.pk, refs=[device.ref for device in rows])
    owner = str(workspace.public_id)
    return [
        DeviceCard(device, owner, stands[device.pk], windows.get(device.pk), last.get(device.pk)) for device in rows
    ]


def device_card(device: Device, *, workspace: Workspace, now: datetime) -> DeviceCard:
    """The card of one device."""
    return device_cards([device], workspace=workspace, now=now)[0]


def project_cards(projects: Iterable[Project], *, workspace: Workspace, now: datetime) -> list[ProjectCard]:
    """Cards in the given order, each with its devices oldest first."""
    rows = list(projects)
    keys = [project.pk for project in rows]
    _, windows = manual_windows(workspace_id=workspace.pk, kind="device", subjects=[], projects=keys)
    devices = Device.objects.of(workspace).with_parts().filter(project__in=keys).order_by("number")
    by_project: dict[int, list[DeviceCard]] = {key: [] for key in keys}
    for card in device_cards(devices, workspace=workspace, now=now):
        by_project[card.device.project_id].append(card)
    return [ProjectCard(project, windows.get(project.pk), now, tuple(by_project[project.pk])) for project in rows]
