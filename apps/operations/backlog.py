"""What waits in the whole installation, queue by queue, and from when on that means trouble."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q

from apps.metrics.backlog import MOST_COUNTED, store_backlog
from apps.notifications.selectors import backlog
from apps.operations.models import Erasure
from apps.reports.models import ReportSchedule
from apps.statuspages.models import StatusUpdate

# Behind by more than this, a queue does not keep up; every step looks at least this often in both modes.
USUAL_PATIENCE = timedelta(seconds=60)
# Sealing and roll-ups only make reading cheaper: nothing is lost and nobody waits while they lag.
PATIENCE = {"inbox": timedelta(minutes=15), "reports": timedelta(minutes=10), "erasures": timedelta(hours=1)}


# The way from a fact to somebody's telephone, in its order.
MESSAGES = ("events", "escalations", "deliveries")


@dataclass(frozen=True, slots=True)
class Queue:
    """One kind of work: how much waits (at most MOST_COUNTED is counted), is held under a lease, has lost its holder.

    `lag` is how long the oldest of it could have been done; None where that is not known or nothing waits.
    """

    name: str
    waiting: int
    lag: timedelta | None = None
    held: int = 0
    expired: int = 0

    @property
    def is_behind(self) -> bool:
        return self.lag is not None and self.lag > PATIENCE.get(self.name, USUAL_PATIENCE)

    @property
    def is_capped(self) -> bool:
        return self.waiting >= MOST_COUNTED


def since(at: datetime | None, now: datetime) -> timedelta | None:
    """How long ago, never less than nothing."""
    return None if at is None else max(timedelta(), now - at)


def message_queues(now: datetime) -> Sequence[Queue]:
    """Events, steps and deliveries: the way from a fact to somebody's telephone."""
    waits = backlog(now)
    return (
        Queue("events", waits.events, since(waits.oldest_event_at, now)),
        Queue("escalations", waits.escalations, since(waits.oldest_escalation_at, now)),
        Queue("deliveries", waits.due, since(waits.oldest_due_at, now), waits.leased, waits.leases_expired),
        Queue("planned", waits.planned),
    )


def store_queues(now: datetime) -> Sequence[Queue]:
    """Results on their way into blocks and roll-ups."""
    waits = store_backlog(now)
    lag = timedelta(milliseconds=waits.seal_lag_ms) if waits.sources_due else None
    return Queue("inbox", waits.sources_due, lag), Queue("rollups", waits.dirty_windows)


def other_queues(now: datetime) -> Sequence[Queue]:
    """Reports that are due, posts that subscribers have not been told of, and closed workspaces to erase."""
    reports = ReportSchedule.objects.filter(enabled=True, next_at__lte=now).aggregate(n=Count("pk"), at=Min("next_at"))
    posts = StatusUpdate.objects.filter(notify=True, notified_at__isnull=True).aggregate(
        n=Count("pk"), at=Min("published_at")
    )
    return (
        Queue("reports", reports["n"], since(reports["at"], now)),
        Queue("posts", posts["n"], since(posts["at"], now)),
        _erasures(now),
    )


def _erasures(now: datetime) -> Queue:
    """Closed workspaces whose grace is over; one that is being erased is held, however long it takes."""
    held, lost = Q(lease_until__gt=now), Q(lease_until__lte=now)
    due = Erasure.objects.filter(due_at__lte=now).aggregate(
        n=Count("pk", filter=~held | Q(lease_until__isnull=True)),
        at=Min("due_at", filter=Q(begun_at__isnull=True)),
        held=Count("pk", filter=held),
        expired=Count("pk", filter=lost),
    )
    return Queue("erasures", due["n"], since(due["at"], now), due["held"], due["expired"])
