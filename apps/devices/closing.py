"""A workspace is closed or opened again: what its monitors need to stand still, and to run as before."""

from django.db import transaction

from apps.devices.models import Device, DeviceState
from apps.devices.services import fit_schedule
from apps.workspaces.models import Workspace


@transaction.atomic
def stand_still(*, workspace: Workspace) -> None:
    """Take every monitor out of the schedule, and the deadlines of jobs with them; nothing else of them changes."""
    waiting = DeviceState.objects.of(workspace).filter(due_at__isnull=False)
    # In the one order of every writer, states before devices.
    list(DeviceState.objects.of(workspace).select_for_update().order_by("pk").values_list("pk", flat=True))
    Device.objects.of(workspace).filter(enabled=True).update(enabled=False)
    waiting.update(due_at=None)


@transaction.atomic
def move_again(*, workspace: Workspace) -> None:
    """Put the monitors that are not paused into the schedule again; their states are the pipeline's to begin anew."""
    devices = list(Device.objects.of(workspace).filter(paused=False).select_for_update().order_by("pk"))
    for device in devices:
        fit_schedule(device)
    Device.objects.bulk_update(devices, ["enabled"], batch_size=500)
