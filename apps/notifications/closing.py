"""A workspace is closed: whoever waits for a word from it waits no longer."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from apps.incidents.models import IncidentEvent
from apps.notifications.models import Delivery, Escalation
from apps.workspaces.models import Workspace

CLOSED = "The workspace was closed."


@transaction.atomic
def fall_silent(*, workspace: Workspace, now: datetime) -> None:
    """End everything that would still be said: events are planned no more, steps not taken, deliveries not sent.

    What is on its way at this instant may arrive; it is not tried again.
    """
    IncidentEvent.objects.of(workspace).filter(fanned_out_at__isnull=True).update(fanned_out_at=now)
    Escalation.objects.of(workspace).filter(next_at__isnull=False).update(next_at=None)
    drop_closed(Delivery.objects.of(workspace))


def drop_closed(rows: QuerySet[Delivery]) -> int:
    """Put deliveries that are not sent yet aside, for they are a closed workspace's; how many."""
    waiting = rows.filter(status=Delivery.Status.PLANNED)
    return waiting.update(
        status=Delivery.Status.DROPPED, result=CLOSED, next_at=None, lease_token=None, lease_until=None
    )
