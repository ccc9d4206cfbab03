"""The end of flapping: half an hour without a change, then people hear how things stand."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from apps.common.looks import Look
from apps.devices.models import DeviceState
from apps.pipeline.states import HEAVY, announce, save_states, settled_change, snapshot_of
from apps.workspaces.selectors import closed_workspaces


def sweep_flapping(*, now: datetime, limit: int = 200) -> int:
    """Settle devices that have stopped flapping, dated to the end of their half hour; answers how many.

    Each is settled once, by whichever worker or change of state comes first.
    """
    return _settle(_calm(now), now=now, limit=limit) if _calm.finds_any(now) else 0


@Look
def _calm(now: datetime) -> QuerySet[DeviceState]:
    return DeviceState.objects.filter(settles_at__lte=now).exclude(workspace__in=closed_workspaces())


@transaction.atomic
def _settle(calm: QuerySet[DeviceState], *, now: datetime, limit: int) -> int:
    locked = calm.select_for_update(skip_locked=True, of=("self",)).select_related("device").defer(*HEAVY)
    rows = list(locked.order_by("settles_at", "pk")[:limit])
    changes = [change for row in rows if (change := settled_change(row, snapshot_of(row).settled, now=now)) is not None]
    if rows:
        save_states(rows)
    announce(changes, now=now)
    return len(rows)
