"""Letting go: tiers whose time is over, subjects and workspaces that are gone. Everything in short slices."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from apps.common.clock import epoch_ms
from apps.common.values import Ref
from apps.metrics.models import (
    Block,
    DayTotals,
    DirtyWindow,
    HeadRow,
    HeartbeatPing,
    LatestRow,
    Source,
)
from apps.metrics.sources import all_sources_of, forget_remembered
from apps.metrics.tiers import DAY, DEFAULT_RETENTION, FACTS, FIVE_MINUTES, HOURS, RAW, REPORTS, SPAN, Retention

SLICE = 1000
_OF_SOURCE: tuple[Any, ...] = (HeadRow, Block, DirtyWindow, DayTotals, LatestRow)


@dataclass(frozen=True, slots=True)
class Expired:
    """Blocks deleted per tier, facts of traffic, and inbox rows of sources that no longer exist."""

    raw: int = 0
    reports: int = 0
    five_minutes: int = 0
    hours: int = 0
    facts: int = 0
    orphans: int = 0


def expire(*, now: datetime, limit: int = 20_000, retention: Mapping[int, Retention] | None = None) -> Expired:
    """Delete at most `limit` blocks of each tier that have had their time, 1,000 a transaction.

    `retention` gives workspaces that differ from the default (raw and 5 minutes 90 days, hours 730, raw reports of
    nodes and the like 7). A raw block stays while a roll-up or traffic on the work list still needs it, and the newest
    one of a source stays for good: the state it ends with may still hold.
    """
    now_ms = epoch_ms(now)
    special = dict(retention or {})
    raw, reports, five_minutes, hours, facts = (
        _expire_tier(tier, now_ms=now_ms, limit=limit, special=special)
        for tier in (RAW, REPORTS, FIVE_MINUTES, HOURS, FACTS)
    )
    known = Source.objects.filter(workspace_id=OuterRef("workspace_id"), pk=OuterRef("source_id"))
    orphans = _delete_in_slices(HeadRow.objects.filter(~Exists(known)), limit)
    return Expired(raw=raw, reports=reports, five_minutes=five_minutes, hours=hours, facts=facts, orphans=orphans)


def forget(*, workspace_id: int, ref: Ref) -> int:
    """Delete everything stored about a subject, by whomever it was seen; the number of rows. Safe to run again."""
    deleted = 0
    for source in all_sources_of(workspace_id, ref):
        for model in _OF_SOURCE:
            deleted += _delete_in_slices(model.objects.of(workspace_id).filter(source_id=source.pk))
        deleted += _drop_source(source)
    if ref.kind == "device":
        deleted += _delete_in_slices(HeartbeatPing.objects.of(workspace_id).filter(device_id=ref.id))
    return deleted


def forget_workspace(*, workspace_id: int, limit: int | None = None) -> int:
    """Delete all series of a workspace, at most `limit` rows a call; the number of rows, 0 once none is left."""
    deleted = 0
    for model in (*_OF_SOURCE, HeartbeatPing, Source):
        # In no order: the keys that begin with the workspace find its rows, and everybody else's are not read.
        rows = model.objects.of(workspace_id)
        gone = _delete_in_slices(rows, None if limit is None else limit - deleted, order=())
        if model is Source and gone:
            forget_remembered()
        deleted += gone
    return deleted


@transaction.atomic
def _drop_source(source: Source) -> int:
    """The source itself, and what came in while the rest was being deleted."""
    Source.objects.of(source.workspace_id).select_for_update().filter(pk=source.pk).first()
    deleted = 0
    for model in _OF_SOURCE:
        deleted += model.objects.of(source.workspace_id).filter(source_id=source.pk).delete()[0]
    deleted += Source.objects.of(source.workspace_id).filter(pk=source.pk).delete()[0]
    forget_remembered([(source.workspace_id, source.kind, source.ref)])
    return deleted


def _expire_tier(tier: int, *, now_ms: int, limit: int, special: Mapping[int, Retention]) -> int:
    deleted = 0
    usual = DEFAULT_RETENTION.limit_ms(tier, now_ms)
    if usual is not None:
        blocks = _expired(tier, usual).exclude(workspace_id__in=list(special))
        deleted += _delete_in_slices(blocks, limit)
    for workspace_id, kept in special.items():
        own = kept.limit_ms(tier, now_ms)
        if own is not None:
            deleted += _delete_in_slices(_expired(tier, own).filter(workspace_id=workspace_id), limit - deleted)
    return deleted


def _expired(tier: int, limit_ms: int) -> "QuerySet[Block]":
    blocks = Block.objects.filter(tier=tier, t0__lte=limit_ms - SPAN[tier])
    if tier == FACTS:
        return blocks
    if tier != RAW:
        return _unneeded(blocks, tier)
    newer = Block.objects.filter(
        workspace_id=OuterRef("workspace_id"), source_id=OuterRef("source_id"), tier=RAW, t0__gt=OuterRef("t0")
    )
    return _unneeded(blocks, tier).filter(Exists(newer))


def _unneeded(blocks: "QuerySet[Block]", tier: int) -> "QuerySet[Block]":
    """Blocks that no window on the work list is still to be computed from: roll-ups, and traffic of raw reports."""
    # The last row of a raw day carries into the day after it; a finer block lies inside its coarser window.
    after = Q(t0__gte=OuterRef("t0"), t0__lte=OuterRef("t0") + DAY)
    if tier == RAW:
        return _without_windows(blocks, after, FIVE_MINUTES)
    coarser = FIVE_MINUTES if tier == REPORTS else tier + 1
    around = Q(t0__lte=OuterRef("t0"), t0__gt=OuterRef("t0") - SPAN[coarser])
    if tier == REPORTS:
        blocks = _without_windows(blocks, around | after, FACTS)
    return _without_windows(blocks, around, coarser)


def _without_windows(blocks: "QuerySet[Block]", reach: Q, tier: int) -> "QuerySet[Block]":
    waiting = DirtyWindow.objects.filter(
        reach, workspace_id=OuterRef("workspace_id"), source_id=OuterRef("source_id"), tier=tier
    )
    return blocks.filter(~Exists(waiting))


def _delete_in_slices(rows: "QuerySet[Any]", limit: int | None = None, *, order: tuple[str, ...] = ("pk",)) -> int:
    deleted = 0
    while limit is None or deleted < limit:
        size = SLICE if limit is None else min(SLICE, limit - deleted)
        pks = list(rows.order_by(*order).values_list("pk", flat=True)[:size])
        if not pks:
            break
        deleted += rows.model.objects.filter(pk__in=pks).delete()[0]
    return deleted
