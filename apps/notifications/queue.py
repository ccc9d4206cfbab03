"""One queue for each recipient: what was planned first leaves first."""

from typing import Any

from django.db.models import Min, QuerySet

from apps.notifications.models import Delivery


def heads() -> QuerySet[Delivery, Any]:
    """The primary keys of the deliveries that are first in their recipient's queue, for use in a subquery.

    One walk along the index of planned rows: in a mass outage thousands wait for a handful of recipients, and
    asking each of them for an older one would cost the square of that.
    """
    planned = Delivery.objects.filter(status=Delivery.Status.PLANNED).order_by()
    return planned.values("workspace_id", "recipient_key").annotate(head=Min("pk")).values("head")
