"""Reads of notifications: the delivery log, and what waits."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Min, Q

from apps.common.errors import NotFoundError
from apps.incidents.models import Incident, IncidentEvent
from apps.incidents.types import Cursor, Page
from apps.notifications.models import Delivery, DeliveryAttempt
from apps.notifications.queue import heads
from apps.notifications.types import Backlog
from apps.workspaces.models import Workspace

PAGE = 50
LONGEST_LIST = 200


def list_deliveries(
    workspace: Workspace,
    *,
    status: str | None = None,
    incident: Incident | None = None,
    after: Cursor | None = None,
    limit: int = PAGE,
) -> Page[Delivery]:
    """The delivery log, newest first; `after` is the end of the page before."""
    rows = Delivery.objects.of(workspace).select_related("incident")
    if status is not None:
        rows = rows.filter(status=status)
    if incident is not None:
        rows = rows.filter(incident=incident)
    total = rows.count()
    if after is not None:
        rows = rows.filter(Q(created_at__lt=after.at) | Q(created_at=after.at, pk__lt=after.id))
    size = max(1, min(limit, LONGEST_LIST))
    found = list(rows.order_by("-created_at", "-id")[: size + 1])
    items = found[:size]
    end = Cursor(items[-1].created_at, items[-1].pk) if len(found) > size else None
    return Page(items=items, next=end, total=total)


def delivery_by_public_id(workspace: Workspace, public_id: UUID | None) -> Delivery:
    """One delivery; NotFoundError when it is unknown or of another workspace, both alike."""
    delivery: Delivery | None = None
    if public_id is not None:
        delivery = Delivery.objects.of(workspace).filter(public_id=public_id).first()
    if delivery is None:
        raise NotFoundError("There is no such delivery.")
    return delivery


def tries(delivery: Delivery) -> Sequence[DeliveryAttempt]:
    """Every attempt at one delivery, oldest first."""
    rows = DeliveryAttempt.objects.of(delivery.workspace_id).filter(delivery=delivery)
    return list(rows.order_by("at", "id")[:LONGEST_LIST])


def backlog(now: datetime) -> Backlog:
    """What waits in the whole installation, for health and the operator's page."""
    events = IncidentEvent.objects.filter(fanned_out_at__isnull=True).aggregate(
        count=Count("id"), oldest=Min("written_at")
    )
    planned = Delivery.objects.filter(status=Delivery.Status.PLANNED)
    due = planned.filter(pk__in=heads(), next_at__lte=now).aggregate(count=Count("id"), oldest=Min("next_at"))
    failed = Delivery.objects.filter(status=Delivery.Status.FAILED, created_at__gte=now - timedelta(days=1))
    return Backlog(
        events=events["count"],
        oldest_event_at=events["oldest"],
        planned=planned.count(),
        due=due["count"],
        oldest_due_at=due["oldest"],
        failed_last_day=failed.count(),
    )
