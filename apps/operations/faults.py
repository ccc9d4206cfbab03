"""What went wrong lately in any workspace, for the operator: without recipients, addresses and texts of messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from apps.incidents.models import IncidentEvent
from apps.notifications.models import Channel, Delivery

LOOKED_BACK = timedelta(days=1)
# An event that has waited for this long is not merely next in a queue.
STUCK = timedelta(minutes=2)
LIMIT = 20

FaultKind = Literal["event", "delivery", "channel"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing to look into: since when, in which workspace, of which kind, and what was said about it."""

    kind: FaultKind
    at: datetime
    workspace: str
    subject: str
    said: str


def recent_faults(now: datetime, *, limit: int = LIMIT) -> Sequence[Fault]:
    """Events nobody plans, deliveries given up in 24 h and channels that fail, newest first; `limit` of each."""
    found = [*_events(now, limit), *_deliveries(now, limit), *_channels(limit)]
    return sorted(found, key=lambda fault: fault.at, reverse=True)


def _events(now: datetime, limit: int) -> list[Fault]:
    waiting = IncidentEvent.objects.filter(fanned_out_at__isnull=True).select_related("workspace").order_by("id")
    return [
        Fault("event", row.written_at, row.workspace.slug, f"{row.kind} of {row.subject_kind} {row.subject_id}", "")
        for row in waiting[:limit]
        if row.written_at < now - STUCK
    ]


def _deliveries(now: datetime, limit: int) -> list[Fault]:
    failed = Delivery.objects.filter(status=Delivery.Status.FAILED, created_at__gte=now - LOOKED_BACK)
    rows = failed.select_related("workspace").order_by("-created_at")[:limit]
    return [
        Fault("delivery", row.created_at, row.workspace.slug, f"{row.event_name} by {row.kind}", row.result)
        for row in rows
    ]


def _channels(limit: int) -> list[Fault]:
    failing = Channel.objects.filter(failing_since__isnull=False, enabled=True).select_related("workspace")
    return [
        Fault("channel", row.failing_since, row.workspace.slug, f"{row} ({row.kind})", row.last_error)
        for row in failing.order_by("-failing_since")[:limit]
        if row.failing_since is not None
    ]
