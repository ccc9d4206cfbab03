"""What is too old to keep: closed incidents with their events, and changes that no incident holds."""

from datetime import datetime

from django.db import transaction

from apps.incidents.models import Incident, IncidentEvent
from apps.workspaces.models import Workspace


@transaction.atomic
def prune_incidents(*, workspace: Workspace, before: datetime, limit: int) -> int:
    """Delete up to `limit` incidents that closed before an instant, and as many stray events; how many rows in all.

    What is open stays, however old, and so does an event that nobody has planned yet.
    """
    closed = Incident.objects.of(workspace).filter(opened_at__lt=before, closed_at__lt=before)
    keys = list(closed.order_by("opened_at", "pk").values_list("pk", flat=True)[:limit])
    Incident.objects.of(workspace).filter(pk__in=keys).delete()
    stray = IncidentEvent.objects.of(workspace).filter(
        incident__isnull=True, written_at__lt=before, fanned_out_at__isnull=False
    )
    events = list(stray.order_by("written_at", "pk").values_list("pk", flat=True)[:limit])
    IncidentEvent.objects.of(workspace).filter(pk__in=events).delete()
    return len(keys) + len(events)
