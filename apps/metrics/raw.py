"""Raw rows of sources: sealed blocks and the inbox, joined."""

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.db.models import Max

from apps.metrics.codec import Table, decode
from apps.metrics.columns import read_row
from apps.metrics.models import Block, HeadRow
from apps.metrics.rows import cut, union
from apps.metrics.tiers import DAY, RAW, floor_to
from apps.metrics.uptime import Span

Cells = dict[int, Any]


def head_rows(
    workspace_id: int, source_ids: Collection[int], start_ms: int, end_ms: int
) -> dict[int, dict[int, Cells]]:
    """Inbox rows of [start, end) by source and time."""
    rows = (
        HeadRow.objects.of(workspace_id)
        .filter(source_id__in=source_ids, ts__gte=start_ms, ts__lt=end_ms)
        .values_list("source_id", "ts", "payload")
    )
    found: dict[int, dict[int, Cells]] = {}
    for source_id, ts, payload in rows:
        found.setdefault(source_id, {})[ts] = read_row(payload)
    return found


def raw_blocks(
    workspace_id: int, source_ids: Collection[int], days: Collection[int], keys: Collection[int] | None = None
) -> dict[int, dict[int, Table]]:
    """Sealed raw days by source and day start."""
    rows = (
        Block.objects.of(workspace_id)
        .filter(source_id__in=source_ids, tier=RAW, t0__in=days)
        .order_by("t0")
        .values_list("source_id", "t0", "payload")
    )
    found: dict[int, dict[int, Table]] = {}
    for source_id, t0, payload in rows:
        found.setdefault(source_id, {})[t0] = decode(payload, keys)
    return found


def days_before(workspace_id: int, source_ids: Collection[int], day_ms: int) -> dict[int, int]:
    """Each source's newest sealed raw day before the given one."""
    rows = (
        Block.objects.of(workspace_id)
        .filter(source_id__in=source_ids, tier=RAW, t0__lt=day_ms)
        .values_list("source_id")
        .annotate(newest=Max("t0"))
    )
    return dict(rows.order_by())


def load_raw(
    *,
    workspace_id: int,
    source_ids: Collection[int],
    start_ms: int,
    end_ms: int,
    keys: Collection[int] | None = None,
    sealed_only: bool = False,
) -> dict[int, Table]:
    """Raw rows of [start, end) of each source, and in front the last row before them, which carries in.

    With `keys` only those columns; `sealed_only` leaves the inbox out, so the answer is a function of blocks alone.
    """
    first_day = floor_to(start_ms, DAY)
    carrying = days_before(workspace_id, source_ids, first_day)
    days = {*range(first_day, end_ms, DAY), *carrying.values()}
    blocks = raw_blocks(workspace_id, source_ids, days, keys)
    heads: dict[int, dict[int, Cells]] = {}
    if not sealed_only:
        # From the beginning: what carries in may not have been sealed yet.
        heads = head_rows(workspace_id, source_ids, 0, end_ms)
    return {
        source_id: _with_carry(
            _joined(blocks.get(source_id, {}), chosen_cells(heads.get(source_id, {}), keys)), start_ms, end_ms
        )
        for source_id in source_ids
    }


def load_runs(
    *, workspace_id: int, runs: Mapping[int, Sequence[Span]], keys: Collection[int], carry: bool = True
) -> dict[int, Table]:
    """The wanted columns of the days that each source's runs touch, with `carry` of the newest sealed day before too.

    Runs are half-open stretches of milliseconds. Four statements, however many sources and runs; rows between runs are
    left out, so look at one run at a time: the last row before it is the one that carries in.
    """
    wanted = {source_id: stretches for source_id, stretches in runs.items() if stretches}
    if not wanted:
        return {}
    start = floor_to(min(first for stretches in wanted.values() for first, _ in stretches), DAY)
    end = max(last for stretches in wanted.values() for _, last in stretches)
    blocks: dict[int, dict[int, Table]] = {}
    for source_id, t0, payload in _payloads(workspace_id, _chosen_days(workspace_id, wanted, start, end, carry=carry)):
        # Of the days before the first run only what carries in.
        table = _last_row(payload, tuple(sorted(keys))) if t0 + DAY <= start else decode(payload, keys)
        blocks.setdefault(source_id, {})[t0] = table
    heads = head_rows(workspace_id, list(wanted), 0 if carry else start, end)
    return {
        source_id: _joined(blocks.get(source_id, {}), chosen_cells(heads.get(source_id, {}), keys))
        for source_id in wanted
    }


@lru_cache(maxsize=1024)
def _last_row(payload: bytes, keys: tuple[int, ...]) -> Table:
    """The last row of a sealed day. Such a day hardly ever changes, and its end is asked for all day long."""
    table = decode(payload, keys)
    return cut(table, table.ts[-1], table.ts[-1] + 1) if table.ts else table


def _chosen_days(
    workspace_id: int, wanted: Mapping[int, Sequence[Span]], start_ms: int, end_ms: int, *, carry: bool
) -> set[tuple[int, int]]:
    """Source and day of every sealed block that the runs need."""
    sealed: dict[int, list[int]] = {}
    if carry:
        sealed = {source_id: [t0] for source_id, t0 in days_before(workspace_id, list(wanted), start_ms).items()}
    inside = Block.objects.of(workspace_id).filter(
        source_id__in=list(wanted), tier=RAW, t0__gte=start_ms, t0__lt=end_ms
    )
    for source_id, t0 in inside.order_by("t0").values_list("source_id", "t0"):
        sealed.setdefault(source_id, []).append(t0)
    chosen: set[tuple[int, int]] = set()
    for source_id, stretches in wanted.items():
        days = sealed.get(source_id, [])
        for first, last in stretches:
            touching = bisect_left(days, floor_to(first, DAY))
            chosen.update((source_id, t0) for t0 in days[max(0, touching - carry) :] if t0 < last)
    return chosen


def _payloads(workspace_id: int, chosen: Collection[tuple[int, int]]) -> list[tuple[int, int, bytes]]:
    if not chosen:
        return []
    rows = (
        Block.objects.of(workspace_id)
        .filter(source_id__in={source for source, _ in chosen}, tier=RAW, t0__in={t0 for _, t0 in chosen})
        .order_by("source_id", "t0")
        .values_list("source_id", "t0", "payload")
    )
    return [(source_id, t0, bytes(payload)) for source_id, t0, payload in rows if (source_id, t0) in chosen]


def chosen_cells(rows: Mapping[int, Cells], keys: Collection[int] | None) -> Mapping[int, Cells]:
    if keys is None:
        return rows
    return {ts: {key: cells[key] for key in keys if key in cells} for ts, cells in rows.items()}


def _joined(blocks: Mapping[int, Table], head: Mapping[int, Cells]) -> Table:
    """Blocks in order of their days, then whatever of the inbox they do not hold yet."""
    table = Table()
    keys = {key for block in blocks.values() for key in block.columns}
    for block in blocks.values():
        for key in keys:
            table.columns.setdefault(key, []).extend(block.column(key))
        table.ts.extend(block.ts)
    return union(table, head) if head else table


def _with_carry(table: Table, start_ms: int, end_ms: int) -> Table:
    first = bisect_left(table.ts, start_ms)
    return cut(table, table.ts[first - 1] if first else start_ms, end_ms)
