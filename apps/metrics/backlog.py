"""What waits in the store, counted up to a bound: for /metrics and the operator's page."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Min

from apps.common.clock import epoch_ms
from apps.metrics.models import DirtyWindow, Source

# Beyond this the exact number says nothing more, and counting on would cost.
MOST_COUNTED = 10_000


@dataclass(frozen=True, slots=True)
class StoreBacklog:
    """Sources whose inbox is due and roll-up windows to compute, each at most MOST_COUNTED; lag in milliseconds."""

    sources_due: int
    seal_lag_ms: int
    dirty_windows: int


def store_backlog(now: datetime) -> StoreBacklog:
    """Three statements along the indexes of the work lists."""
    now_ms = epoch_ms(now)
    due = Source.objects.filter(due_ms__lte=now_ms)
    oldest = due.aggregate(oldest=Min("due_ms"))["oldest"]
    return StoreBacklog(
        sources_due=due[:MOST_COUNTED].count(),
        seal_lag_ms=0 if oldest is None else now_ms - oldest,
        dirty_windows=DirtyWindow.objects.all()[:MOST_COUNTED].count(),
    )
