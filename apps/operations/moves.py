"""Moving a monitor into another project: what it was keeps counting as it did, what is open goes with it."""

from collections.abc import Iterable
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from apps.common.clock import epoch_ms
from apps.common.errors import NotFoundError
from apps.devices.models import Device
from apps.incidents.models import Incident
from apps.metrics import services as metrics
from apps.projects.models import MaintenanceWindow, Project
from apps.workspaces.models import Workspace
from apps.workspaces.plans import ensure_room
from apps.workspaces.usage import limits_in_force


@transaction.atomic
def move_monitor(*, device: Device, project: Project, now: datetime) -> Device:
    """Put a device into another project of its workspace; its own project changes nothing.

    Windows of the old project become the device's own history up to now: they excuse what they excused, and trouble
    that only they silenced is told once they are looked at. Windows the new project had count from now on for all its
    devices, so days they touch are reckoned again. Open incidents follow, closed ones stay where they happened.
    Raises NotFoundError for a project of another workspace and PlanLimitError when there is no room.
    """
    if project.workspace_id != device.workspace_id:
        raise NotFoundError("There is no such project.")
    if project.pk == device.project_id:
        return device
    # The lock queues movers and creators, so two requests cannot both take the last place.
    workspace = Workspace.objects.select_for_update().get(pk=project.workspace_id)
    used = Device.objects.of(workspace).filter(project=project).count()
    ensure_room("devicesPerProject", used=used, limits=limits_in_force(workspace, now=now))
    _keep_windows(device, now=now)
    device.project, device.updated_at = project, now
    device.save(update_fields=["project", "updated_at"])
    open_ones = Incident.objects.of(workspace).filter(closed_at__isnull=True)
    open_ones.filter(subject_kind=device.ref.kind, subject_id=device.pk).update(project=project)
    _reckon_again(device, _begun(project, device, now=now), now=now)
    return device


def _begun(project: Project, device: Device, *, now: datetime) -> Iterable[MaintenanceWindow]:
    """Windows of a project that have touched the device's life."""
    since_then = Q(ends_at__isnull=True) | Q(ends_at__gte=device.created_at)
    return MaintenanceWindow.objects.of(project.workspace_id).filter(since_then, project=project, starts_at__lt=now)


def _keep_windows(device: Device, *, now: datetime) -> None:
    MaintenanceWindow.objects.bulk_create(
        [
            MaintenanceWindow(
                workspace_id=device.workspace_id,
                subject_kind=device.ref.kind,
                subject_id=device.pk,
                starts_at=window.starts_at,
                ends_at=now if window.ends_at is None else min(window.ends_at, now),
                reason=window.reason,
                created_at=now,
                # One that still runs ends for this device: the sweep looks whether something is wrong with it.
                settled_at=window.settled_at,
            )
            for window in _begun(device.project, device, now=now)
        ]
    )


def _reckon_again(device: Device, windows: Iterable[MaintenanceWindow], *, now: datetime) -> None:
    for window in windows:
        end = now if window.ends_at is None else min(window.ends_at, now)
        metrics.mark_dirty(
            workspace_id=device.workspace_id,
            ref=device.ref,
            start_ms=epoch_ms(window.starts_at),
            end_ms=epoch_ms(end),
        )
