"""The delivery log, as far back as incidents go."""

from datetime import datetime

from django.db import transaction

from apps.notifications.models import Delivery
from apps.workspaces.models import Workspace


@transaction.atomic
def prune_deliveries(*, workspace: Workspace, before: datetime, limit: int) -> int:
    """Delete up to `limit` deliveries that were planned before an instant and have ended; how many."""
    old = Delivery.objects.of(workspace).filter(created_at__lt=before).exclude(status=Delivery.Status.PLANNED)
    keys = list(old.order_by("created_at", "pk").values_list("pk", flat=True)[:limit])
    Delivery.objects.of(workspace).filter(pk__in=keys).delete()
    return len(keys)
