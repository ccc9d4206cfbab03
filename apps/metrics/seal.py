"""Sealing: inbox rows become column blocks. On time, late and replayed rows take the same way."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import transaction

from apps.common.clock import epoch_ms
from apps.metrics.codec import BlockError, Table, decode, encode
from apps.metrics.columns import INTERVAL, read_row
from apps.metrics.dirty import mark_windows
from apps.metrics.models import Block, HeadRow, Source
from apps.metrics.raw import Cells
from apps.metrics.relations import RAW_RELATIONS
from apps.metrics.rows import union
from apps.metrics.statements import upsert_latest
from apps.metrics.tiers import DAY, FIVE_MINUTES, HOUR, MINUTE, RAW, days_between, floor_to, window_of
from apps.metrics.uptime import HOLD_INTERVALS

HEAD_LIMIT = 720  # rows after which a source is sealed before its hour is over
ROWS_A_PASS = 20_000
LEASE_MS = 10 * MINUTE
ATTEMPTS = 5

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Sealed:
    """Sources looked at, inbox rows that went into blocks, blocks written."""

    sources: int = 0
    rows: int = 0
    blocks: int = 0

    def __add__(self, other: "Sealed") -> "Sealed":
        return Sealed(self.sources + other.sources, self.rows + other.rows, self.blocks + other.blocks)


class OvertakenError(Exception):
    """Somebody else wrote what this was worked out from between reading and writing it."""


# Works out, outside the transaction, what inbox rows mean for something kept beside the blocks; what it returns writes
# that inside, with the source locked, or raises OvertakenError.
Follower = Callable[[Source, Mapping[int, Cells]], Callable[[], None]]
_FOLLOWERS: list[Follower] = []


def follow_sealing(follower: Follower) -> None:
    """Have every inbox row pass by an app above, exactly once, in the transaction that seals it."""
    if follower not in _FOLLOWERS:
        _FOLLOWERS.append(follower)


@dataclass(frozen=True, slots=True)
class _Merge:
    """A raw block to be: what was stored when it was read, and what it becomes."""

    t0: int
    before: bytes | None
    after: bytes
    rows: int


def seal_due(*, now: datetime, limit: int = 200) -> Sealed:
    """Seal at most `limit` sources whose time has come; safe beside any number of others doing the same."""
    now_ms = epoch_ms(now)
    total = Sealed()
    due = Source.objects.filter(due_ms__lte=now_ms).order_by("due_ms")[:limit]
    for source in due:
        # Whoever moves the date on has the source; after a crash it is due again once the lease has run out.
        claim = Source.objects.of(source.workspace_id).filter(pk=source.pk, due_ms=source.due_ms)
        if claim.update(due_ms=now_ms + LEASE_MS):
            total += _seal_or_report(source, now)
    return total


def _seal_or_report(source: Source, now: datetime) -> Sealed:
    try:
        return seal(source=source, now=now)
    except BlockError:
        # One damaged block must not hold up everybody else; its rows stay in the inbox until somebody has looked.
        logger.exception("metrics.block_unreadable", workspace_id=source.workspace_id, source=source.pk)
        return Sealed(sources=1)


def seal(*, source: Source, now: datetime) -> Sealed:
    """Move a source's inbox rows into its blocks and mark what must be computed again.

    Encoding happens outside the transaction; inside, the block must still be the one that was read, else it is read
    again. A stored instant wins over a later row of the same instant, so sealing twice changes nothing.
    """
    now_ms = epoch_ms(now)
    for attempt in range(ATTEMPTS):
        try:
            return _seal_once(source, now_ms)
        except OvertakenError:
            if attempt == ATTEMPTS - 1:
                raise
    raise AssertionError("the loop returns or raises")


def _seal_once(source: Source, now_ms: int) -> Sealed:
    head = list(
        HeadRow.objects.of(source.workspace_id)
        .filter(source_id=source.pk, ts__lt=now_ms)
        .order_by("ts")
        .values_list("pk", "ts", "payload")[:ROWS_A_PASS]
    )
    rows = {ts: read_row(payload) for _, ts, payload in head}
    merges = _merges(source, rows)
    touched = _touched_days(source, rows)
    writes = [follower(source, rows) for follower in _FOLLOWERS] if rows else []
    with transaction.atomic():
        locked = Source.objects.of(source.workspace_id).select_for_update().filter(pk=source.pk).first()
        if locked is None:
            # Forgotten meanwhile: whatever is left in the inbox belongs to nobody.
            HeadRow.objects.of(source.workspace_id).filter(source_id=source.pk).delete()
            return Sealed(sources=1)
        for merge in merges:
            _write_block(source, merge)
        for write in writes:
            write()
        mark_windows(workspace_id=source.workspace_id, source_id=source.pk, tier=FIVE_MINUTES, starts=touched)
        _delete_head(source, [pk for pk, _, _ in head])
        # The newest report is kept exactly, and was when it came in.
        if head and not source.reports:
            _, ts, payload = head[-1]
            upsert_latest([(source.workspace_id, source.pk, ts, bytes(payload))])
        _note(locked, rows, now_ms, more=len(head) == ROWS_A_PASS)
    return Sealed(sources=1, rows=len(head), blocks=len(merges))


def _merges(source: Source, rows: Mapping[int, Cells]) -> list[_Merge]:
    windows: dict[int, dict[int, Cells]] = {}
    for ts, cells in rows.items():
        windows.setdefault(window_of(ts, source.raw_tier), {})[ts] = cells
    stored = _stored(source, list(windows))
    merges = []
    for t0, fresh in sorted(windows.items()):
        before = stored.get(t0)
        table = union(Table() if before is None else decode(before), fresh)
        after = encode(table, RAW_RELATIONS)
        if after != before:
            merges.append(_Merge(t0, before, after, len(table.ts)))
    return merges


def _stored(source: Source, starts: list[int]) -> dict[int, bytes]:
    blocks = Block.objects.of(source.workspace_id).filter(source_id=source.pk, tier=source.raw_tier, t0__in=starts)
    return {t0: bytes(payload) for t0, payload in blocks.values_list("t0", "payload")}


def _write_block(source: Source, merge: _Merge) -> None:
    if _stored(source, [merge.t0]).get(merge.t0) != merge.before:
        raise OvertakenError
    Block.objects.update_or_create(
        workspace_id=source.workspace_id,
        source_id=source.pk,
        tier=source.raw_tier,
        t0=merge.t0,
        defaults={"n": merge.rows, "payload": merge.after},
    )


def _touched_days(source: Source, rows: Mapping[int, Cells]) -> set[int]:
    """Days whose figures the rows can change: from each row to the end of what it, or the one before it, says.

    A state that holds until it is replaced says something about every day up to the next row. A report speaks of its
    own instant only.
    """
    if source.reports:
        return {floor_to(ts, DAY) for ts in rows}
    touched: set[int] = set()
    ordered = sorted(rows)
    for index, ts in enumerate(ordered):
        if index == 0 or ts - ordered[index - 1] > DAY:
            touched.update(days_between(_held_since(source, ts), ts))
        interval = rows[ts].get(INTERVAL)
        if interval:
            until = ts + HOLD_INTERVALS * interval
        else:
            until = ordered[index + 1] if index + 1 < len(ordered) else _next_sealed_day(source, ts)
        touched.update(days_between(ts, max(until, ts + 1)))
    return touched


def _held_since(source: Source, ts: int) -> int:
    """The newest row of the days before, when it holds until it is replaced; else the time itself."""
    block = (
        Block.objects.of(source.workspace_id)
        .filter(source_id=source.pk, tier=RAW, t0__lt=window_of(ts, RAW))
        .order_by("-t0")
        .first()
    )
    if block is None:
        return ts
    table = decode(block.payload, {INTERVAL})
    return ts if table.column(INTERVAL)[-1] else table.ts[-1]


def _next_sealed_day(source: Source, ts: int) -> int:
    """The end of the first sealed day after a time; the time itself when there is none."""
    t0: int | None = (
        Block.objects.of(source.workspace_id)
        .filter(source_id=source.pk, tier=RAW, t0__gt=window_of(ts, RAW))
        .order_by("t0")
        .values_list("t0", flat=True)
        .first()
    )
    return ts if t0 is None else t0 + DAY


def _delete_head(source: Source, pks: list[int]) -> None:
    for first in range(0, len(pks), 1000):
        HeadRow.objects.of(source.workspace_id).filter(pk__in=pks[first : first + 1000]).delete()


def _note(locked: Source, rows: Mapping[int, Cells], now_ms: int, *, more: bool) -> None:
    """Remember the interval in force, the oldest row, and when to look again."""
    if rows:
        interval = rows[max(rows)].get(INTERVAL)
        locked.interval_ms = locked.interval_ms if interval is None else interval
        locked.first_ms = min(locked.first_ms, *rows)
    soon = now_ms + HEAD_LIMIT * locked.interval_ms if locked.interval_ms else now_ms + HOUR
    # A minute of the hour by source, so that not everything is sealed in the same second.
    spread = locked.pk % 50 * MINUTE + MINUTE
    hourly = floor_to(now_ms - spread, HOUR) + HOUR + spread
    locked.due_ms = now_ms if more else min(soon, hourly)
    locked.save(update_fields=["interval_ms", "first_ms", "due_ms"])
