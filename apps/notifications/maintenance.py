"""Maintenance windows, as far as notices have to wait for their end."""

from datetime import UTC, datetime

from apps.devices.models import Device
from apps.projects.windows import windows_between

FOREVER = datetime.max.replace(tzinfo=UTC)
# Windows that follow each other closely are one wait; a longer chain is looked at again later.
LONGEST_CHAIN = 10


def held_until(device: Device | None, at: datetime) -> datetime | None:
    """The end of the windows that cover an instant and those that join them; None outside of any.

    FOREVER while a window has no end. Both ends of a window are inside (contract Dashmon 8).
    """
    until: datetime | None = None
    for _ in range(LONGEST_CHAIN):
        end = _end_of_cover(device, until or at) if device is not None else None
        if end is None or end == until:
            return until
        until = end
    return until


def _end_of_cover(device: Device, at: datetime) -> datetime | None:
    if at == FOREVER:
        return None
    windows = windows_between(
        workspace_id=device.workspace_id, kind="device", subjects={device.pk: device.project_id}, start=at, end=at
    )[device.pk]
    return max((window.ends_at or FOREVER for window in windows if window.covers(at)), default=None)
