"""Maintenance and what follows from it: nothing opens inside a window, trouble that outlasts it opens at its end."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from apps.common.clock import epoch_ms
from apps.common.looks import Look
from apps.common.values import Ref
from apps.devices.models import Device, DeviceState
from apps.devices.types import Change
from apps.metrics import services as metrics
from apps.pipeline.states import HEAVY, announce, snapshot_of, windows_of
from apps.projects import windows as projects
from apps.projects.models import MaintenanceWindow
from apps.projects.windows import Target
from apps.workspaces.selectors import closed_workspaces

TROUBLE = (DeviceState.State.WARNING, DeviceState.State.DOWN)


@transaction.atomic
def set_maintenance(
    *, target: Target, starts_at: datetime, ends_at: datetime | None, reason: str = "", now: datetime
) -> MaintenanceWindow:
    """Set the manual window of a project or a device (contract Dashmon 8).

    A window that begins in the past changes what history counts, so what was reckoned since is done again.
    """
    window = projects.set_window(target=target, starts_at=starts_at, ends_at=ends_at, reason=reason, now=now)
    if starts_at < now:
        _reckon_again(target, start=starts_at, end=min(ends_at or now, now))
    return window


@transaction.atomic
def clear_maintenance(*, target: Target, now: datetime) -> MaintenanceWindow | None:
    """End the manual window of a target now; the window that was there, or None."""
    return projects.clear_window(target=target, now=now)


def sweep_windows(*, now: datetime, limit: int = 100) -> int:
    """Look at windows that have ended: devices in trouble then get their incident, dated to the window's end.

    Each window is looked at once, by whichever worker comes first; answers how many. A window whose end lies in
    another window says nothing: the last one to end does.
    """
    return _settle(_ended(now), now=now, limit=limit) if _ended.finds_any(now) else 0


@Look
def _ended(now: datetime) -> QuerySet[MaintenanceWindow]:
    ended = MaintenanceWindow.objects.filter(settled_at__isnull=True, ends_at__lt=now)
    return ended.exclude(workspace__in=closed_workspaces())


@transaction.atomic
def _settle(ended: QuerySet[MaintenanceWindow], *, now: datetime, limit: int) -> int:
    windows = list(ended.select_for_update(skip_locked=True).order_by("ends_at", "pk")[:limit])
    for window in windows:
        announce(_still_in_trouble(window), now=now)
    MaintenanceWindow.objects.filter(pk__in=[window.pk for window in windows]).update(settled_at=now)
    return len(windows)


def _still_in_trouble(window: MaintenanceWindow) -> list[Change]:
    assert window.ends_at is not None
    rows = list(_covered(window).filter(state__in=TROUBLE, since__lte=window.ends_at))
    others = windows_of(rows, [window.ends_at])
    return [
        change
        for row in rows
        if not _is_silenced(others[row.pk], window) and (change := _restated(row, at=window.ends_at)).after in TROUBLE
    ]


def _covered(window: MaintenanceWindow) -> "QuerySet[DeviceState]":
    of_window = Q(device__project=window.project_id) if window.project_id else Q(pk=window.subject_id)
    if not window.project_id and window.subject_kind != "device":
        return DeviceState.objects.none()
    rows = DeviceState.objects.of(window.workspace_id).filter(of_window, device__paused=False)
    return rows.select_for_update(of=("self",)).select_related("device").defer(*HEAVY).order_by("pk")


def _is_silenced(windows: Iterable[MaintenanceWindow], ended: MaintenanceWindow) -> bool:
    assert ended.ends_at is not None
    return any(other.pk != ended.pk and other.covers(ended.ends_at) for other in windows)


def _restated(row: DeviceState, *, at: datetime) -> Change:
    """The known state told again: before and after are the same, so it is news only to who has not heard it."""
    settled = snapshot_of(row).settled
    return Change(
        workspace_id=row.workspace_id,
        device_id=row.pk,
        at=at,
        before=settled,
        after=settled,
        cause=row.cause,
        cause_text=row.cause_text,
        severity=row.severity,
        in_maintenance=False,
    )


def _reckon_again(target: Target, *, start: datetime, end: datetime) -> None:
    for ref in _refs(target):
        metrics.mark_dirty(workspace_id=target.workspace_id, ref=ref, start_ms=epoch_ms(start), end_ms=epoch_ms(end))


def _refs(target: Target) -> list[Ref]:
    if target.project is None:
        return [target.ref] if target.ref is not None else []
    devices = Device.objects.of(target.workspace_id).filter(project=target.project)
    return [Ref("device", pk) for pk in devices.values_list("pk", flat=True)]
