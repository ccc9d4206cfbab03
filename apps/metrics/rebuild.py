"""Roll-ups: every window of a tier is computed anew from the finer one and replaced, never added to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q

from apps.common.clock import epoch_ms
from apps.metrics.buckets import (
    RAW_KEYS,
    bucket_keys,
    device_buckets,
    joined,
    merge_buckets,
    spoken_latencies,
    totals_of,
)
from apps.metrics.codec import BlockError, Relation, Table, decode, encode
from apps.metrics.dirty import mark_windows
from apps.metrics.maintenance import windows_of
from apps.metrics.models import Block, DayTotals, DirtyWindow, Source
from apps.metrics.raw import load_raw
from apps.metrics.relations import BUCKET_RELATIONS
from apps.metrics.report_buckets import decimals_of, relations_of, report_buckets, storable
from apps.metrics.report_rows import column_names, hours_of
from apps.metrics.rows import cut
from apps.metrics.sketch import sketch_of
from apps.metrics.tiers import (
    DAY,
    DEFAULT_RETENTION,
    FIVE_MINUTES,
    HOUR,
    MINUTE,
    SPAN,
    STEP,
    TIERS,
    Retention,
    window_of,
)
from apps.metrics.uptime import Span

# A day is computed once the last hour of its rows has been sealed.
SETTLE_MS = HOUR + 55 * MINUTE

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """Windows written, given up because their raw rows are gone, and left for later because they changed meanwhile."""

    written: int = 0
    dropped: int = 0
    overtaken: int = 0

    def __add__(self, other: "Rebuilt") -> "Rebuilt":
        return Rebuilt(self.written + other.written, self.dropped + other.dropped, self.overtaken + other.overtaken)


@dataclass(frozen=True, slots=True)
class _Day:
    """The row of ts_day that goes with a day's 5-minute buckets."""

    number: int
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Result:
    """What a window becomes; `buckets` without rows removes what is stored."""

    buckets: Table
    day: _Day | None = None
    relations: Mapping[int, Relation] = field(default_factory=lambda: BUCKET_RELATIONS)


class _OvertakenError(Exception):
    """The window changed while it was being computed; the work list still holds it."""


def rebuild_dirty(*, now: datetime, limit: int = 200, retention: Mapping[int, Retention] | None = None) -> Rebuilt:
    """Compute at most `limit` windows of the work list: closed days first, then hours, then days of the year.

    Safe beside others and at any point of failure: a window is replaced and taken off the list in one transaction, and
    only if nothing changed since the computation began.
    """
    now_ms = epoch_ms(now)
    total = Rebuilt()
    for tier in TIERS:
        closed = Q(t0__lte=now_ms - SPAN[FIVE_MINUTES] - SETTLE_MS) if tier == FIVE_MINUTES else Q()
        windows = DirtyWindow.objects.filter(closed, tier=tier).order_by("t0")[: limit - total.written]
        for window in windows:
            kept = (retention or {}).get(window.workspace_id, DEFAULT_RETENTION)
            total += _rebuild_or_report(window, kept, now_ms)
    return total


def rebuild(*, window: DirtyWindow, retention: Retention, now_ms: int) -> Rebuilt:
    """Replace one window by what its finer tier says now."""
    source = Source.objects.of(window.workspace_id).filter(pk=window.source_id).first()
    if source is None or _is_beyond_reach(source, window, retention, now_ms):
        DirtyWindow.objects.of(window.workspace_id).filter(pk=window.pk, mark=window.mark).delete()
        return Rebuilt(dropped=1)
    result = _finest_result(source, window.t0) if window.tier == FIVE_MINUTES else _merged_result(source, window)
    try:
        _replace(window, result)
    except _OvertakenError:
        return Rebuilt(overtaken=1)
    return Rebuilt(written=1)


def _rebuild_or_report(window: DirtyWindow, retention: Retention, now_ms: int) -> Rebuilt:
    try:
        return rebuild(window=window, retention=retention, now_ms=now_ms)
    except BlockError:
        # The window stays on the list; everybody else's go on.
        logger.exception("metrics.block_unreadable", workspace_id=window.workspace_id, source=window.source_id)
        return Rebuilt()


@transaction.atomic
def _replace(window: DirtyWindow, result: _Result) -> None:
    mine = DirtyWindow.objects.of(window.workspace_id).filter(pk=window.pk, mark=window.mark)
    if not mine.delete()[0]:
        raise _OvertakenError
    if result.buckets.ts:
        Block.objects.update_or_create(
            workspace_id=window.workspace_id,
            source_id=window.source_id,
            tier=window.tier,
            t0=window.t0,
            defaults={"n": len(result.buckets.ts), "payload": encode(result.buckets, result.relations)},
        )
    else:
        Block.objects.of(window.workspace_id).filter(
            source_id=window.source_id, tier=window.tier, t0=window.t0
        ).delete()
    if result.day is not None:
        _replace_day(window, result.day, empty=not result.buckets.ts)
    if window.tier != TIERS[-1]:
        coarser = window.tier + 1
        mark_windows(
            workspace_id=window.workspace_id,
            source_id=window.source_id,
            tier=coarser,
            starts=[window_of(window.t0, coarser)],
        )


def _replace_day(window: DirtyWindow, day: _Day, *, empty: bool) -> None:
    if empty:
        DayTotals.objects.of(window.workspace_id).filter(source_id=window.source_id, day=day.number).delete()
    else:
        DayTotals.objects.update_or_create(
            workspace_id=window.workspace_id,
            source_id=window.source_id,
            day=day.number,
            defaults=dict(day.values),
        )


def _is_beyond_reach(source: Source, window: DirtyWindow, retention: Retention, now_ms: int) -> bool:
    """Whether a day can no longer be computed in full, so that what is stored stands.

    Of results the day before is needed too: its last one carries in. A day that was never computed is, from whatever
    is left.
    """
    if window.tier != FIVE_MINUTES:
        return False
    raw, carried = source.raw_tier, 0 if source.reports else DAY
    limit = retention.limit_ms(raw, now_ms)
    if limit is None or window.t0 - carried + SPAN[raw] > limit:
        return False
    day = Q(t0__gte=window.t0, t0__lt=window.t0 + DAY)
    blocks = Block.objects.of(window.workspace_id).filter(day, source_id=window.source_id)
    tiers = set(blocks.filter(tier__in=[raw, FIVE_MINUTES]).values_list("tier", flat=True))
    return raw not in tiers or FIVE_MINUTES in tiers


def _finest_result(source: Source, t0: int) -> _Result:
    if not source.reports:
        return _day_result(source, t0)
    names = column_names(source)
    hours = hours_of(source, t0, t0 + DAY, sealed_only=True, decimals=decimals_of(names))
    buckets = report_buckets(hours, names, STEP[FIVE_MINUTES])
    return _of_reports(buckets)


def _of_reports(buckets: Table) -> _Result:
    return _Result(storable(buckets), relations=relations_of(buckets))


def _day_result(source: Source, t0: int) -> _Result:
    """Five-minute buckets and the day row, from sealed raw rows and the maintenance windows in force now."""
    end = t0 + DAY
    rows = load_raw(
        workspace_id=source.workspace_id,
        source_ids=[source.pk],
        start_ms=t0,
        end_ms=end,
        keys=RAW_KEYS,
        sealed_only=True,
    )[source.pk]
    windows = windows_of(workspace_id=source.workspace_id, sources=[source], start_ms=t0, end_ms=end)
    return day_result(rows, windows=windows.get(source.pk, []), t0=t0)


def day_result(rows: Table, *, windows: Sequence[Span], t0: int) -> _Result:
    """The pure rule behind tier 1 and the day row: raw rows (the one carried in first) and windows of one UTC day."""
    end = t0 + DAY
    buckets = device_buckets(rows, windows=windows, start_ms=t0, end_ms=end, step_ms=STEP[FIVE_MINUTES])
    totals = totals_of(buckets, DAY)
    values = {
        "up_ms": totals.times.up_ms,
        "warning_ms": totals.times.warning_ms,
        "down_ms": totals.times.down_ms,
        "maintenance_ms": totals.times.maintenance_ms,
        "unknown_ms": totals.times.unknown_ms,
        "checks": totals.checks,
        "fails": totals.fails,
        "samples": totals.counts.samples,
        "available": totals.counts.available,
        "latency_count": totals.latency_count,
        "lat_sum_us": totals.latency_sum_us,
        "lat_min_us": totals.latency_min_us,
        "lat_max_us": totals.latency_max_us,
        "sketch": sketch_of(spoken_latencies(cut(rows, t0, end), windows)).to_bytes(),
    }
    return _Result(buckets, _Day(t0 // DAY, values))


def _merged_result(source: Source, window: DirtyWindow) -> _Result:
    """A coarser window from the finer blocks in it. Where those have expired, what is stored stands.

    Columns that buckets of results had in earlier releases are left behind.
    """
    keys = None if source.reports else bucket_keys()
    finer = window.tier - 1
    end = window.t0 + SPAN[window.tier]
    blocks = Block.objects.of(window.workspace_id).filter(source_id=window.source_id)
    rows = blocks.filter(tier=finer, t0__gte=window.t0, t0__lt=end).order_by("t0").values_list("t0", "payload")
    step = STEP[window.tier]
    parts = {t0: merge_buckets(decode(payload, keys), step) for t0, payload in rows}
    stored = blocks.filter(tier=window.tier, t0=window.t0).values_list("payload", flat=True).first()
    older = Table() if stored is None else decode(stored, keys)
    for t0 in range(window.t0, end, SPAN[finer]):
        if t0 not in parts:
            parts[t0] = cut(older, t0, t0 + SPAN[finer])
    merged = joined([parts[t0] for t0 in sorted(parts) if parts[t0].ts])
    return _of_reports(merged) if source.reports else _Result(merged)
