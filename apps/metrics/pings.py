"""The log of received heartbeat signals."""

from collections.abc import Sequence

from django.db.models import Count, QuerySet

from apps.common.clock import epoch_ms
from apps.metrics.models import HeartbeatPing
from apps.metrics.statements import PingRow, insert_pings
from apps.metrics.types import NewPing, Ping, PingKind

KEPT = 1000
KEPT_BODIES = 20
MAX_BODY = 100_000
MAX_PAGE = 1000

KINDS: dict[PingKind, HeartbeatPing.Kind] = {
    "ping": HeartbeatPing.Kind.PING,
    "start": HeartbeatPing.Kind.START,
    "success": HeartbeatPing.Kind.SUCCESS,
    "fail": HeartbeatPing.Kind.FAIL,
    "exit": HeartbeatPing.Kind.EXIT,
    "log": HeartbeatPing.Kind.LOG,
}
_CODES = {name: int(kind) for name, kind in KINDS.items()}
_NAMES = {int(kind): name for name, kind in KINDS.items()}


def record_pings(*, pings: Sequence[NewPing]) -> None:
    """Log received signals in the caller's transaction, in their order. Of a body the first 100 kB are kept."""
    insert_pings([_row(ping) for ping in pings])


def _row(ping: NewPing) -> PingRow:
    return (
        ping.workspace_id,
        ping.device_id,
        epoch_ms(ping.received_at),
        _CODES[ping.kind],
        ping.rid,
        ping.exit_code,
        ping.duration_ms,
        ping.method[:8],
        ping.body[:MAX_BODY] if ping.body else None,
    )


def prune_pings(*, limit: int = 1000) -> int:
    """Keep the newest 1,000 signals and the newest 20 bodies of each device; at most `limit` devices a call.

    The number of signals deleted and bodies dropped.
    """
    changed = 0
    with_bodies = HeartbeatPing.objects.filter(body__isnull=False)
    for workspace_id, device_id in _crowded(with_bodies, KEPT_BODIES, limit):
        rows = HeartbeatPing.objects.of(workspace_id).filter(device_id=device_id)
        old = _older_than(rows, KEPT_BODIES)
        changed += rows.filter(pk__lte=old, body__isnull=False).update(body=None) if old else 0
    for workspace_id, device_id in _crowded(HeartbeatPing.objects.all(), KEPT, limit):
        rows = HeartbeatPing.objects.of(workspace_id).filter(device_id=device_id)
        old = _older_than(rows, KEPT)
        changed += rows.filter(pk__lte=old).delete()[0] if old else 0
    return changed


def pings(*, workspace_id: int, device_id: int, limit: int = 100, before_id: int | None = None) -> list[Ping]:
    """Signals of a device, newest first; `before_id` continues after the last one of the page before."""
    rows = HeartbeatPing.objects.of(workspace_id).filter(device_id=device_id)
    oldest_body = _older_than(rows, KEPT_BODIES) or 0
    page = rows if before_id is None else rows.filter(pk__lt=before_id)
    return [_ping(row, with_body=row.pk > oldest_body) for row in page.order_by("-pk")[: min(limit, MAX_PAGE)]]


def count_pings(*, workspace_id: int, device_id: int) -> int:
    """How many signals of a device are kept."""
    return int(HeartbeatPing.objects.of(workspace_id).filter(device_id=device_id).count())


def _ping(row: HeartbeatPing, *, with_body: bool) -> Ping:
    return Ping(
        id=row.pk,
        received_ms=row.received_at,
        kind=_NAMES[row.kind],
        rid=row.rid,
        exit_code=row.exit_code,
        duration_ms=row.duration_ms,
        method=row.method,
        body=bytes(row.body) if with_body and row.body is not None else None,
    )


def _crowded(rows: "QuerySet[HeartbeatPing]", kept: int, limit: int) -> list[tuple[int, int]]:
    groups = rows.values_list("workspace_id", "device_id").order_by().annotate(count=Count("pk"))
    return [(workspace_id, device_id) for workspace_id, device_id, _ in groups.filter(count__gt=kept)[:limit]]


def _older_than(rows: "QuerySet[HeartbeatPing]", kept: int) -> int | None:
    """The id of the newest signal that is not among the newest `kept`."""
    return rows.order_by("-pk").values_list("pk", flat=True)[kept : kept + 1].first()
