"""Devices by the thousand, made straight in the tables: one workspace, phases and shards spread as the product does."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from apps.devices.models import SHARDS, Device, DeviceState
from apps.projects.models import Project

BATCH = 2_000
SPREAD = 2_654_435_761  # Knuth's multiplier: neighbours land far apart


def project(*, now: datetime) -> Project:
    """A workspace of its own with its built-in rules, and a project in it."""
    from tests import factories

    return factories.make_project(factories.make_workspace(now=now), now=now)


def fill(
    home: Project, count: int, *, interval_s: int, now: datetime, describe: Callable[[int], dict[str, Any]]
) -> list[int]:
    """So many devices that are up for all we know; `describe` says what each of them watches. Their keys."""
    from apps.workspaces.services import next_number

    first = next_number(workspace_id=home.workspace_id, kind="device")
    keys: list[int] = []
    for start in range(0, count, BATCH):
        numbers = range(start, min(start + BATCH, count))
        rows = [_device(home, first, number, interval_s=interval_s, now=now, **describe(number)) for number in numbers]
        made = Device.objects.bulk_create(rows)
        states = [DeviceState(workspace_id=home.workspace_id, device=device, since=now) for device in made]
        DeviceState.objects.bulk_create(states)
        keys += [device.pk for device in made]
    return keys


def _device(home: Project, first: int, index: int, *, interval_s: int, now: datetime, **description: Any) -> Device:
    return Device(
        workspace_id=home.workspace_id,
        project=home,
        number=first + index,
        name=f"Till {index}",
        kind="http",
        label="http",
        interval_s=interval_s,
        phase_ms=index * SPREAD % (interval_s * 1000),
        shard=index % SHARDS,
        created_at=now,
        updated_at=now,
        **description,
    )
