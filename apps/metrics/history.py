"""Single results: the log of a device, and the newest row of many."""

from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from apps.common.values import Ref
from apps.metrics import columns
from apps.metrics.codec import Table
from apps.metrics.columns import read_detail, read_row
from apps.metrics.maintenance import windows_of
from apps.metrics.models import Block, LatestRow, Source
from apps.metrics.raw import head_rows, raw_blocks
from apps.metrics.rows import cut, rows_of, union
from apps.metrics.sources import own_columns, source_of, sources_of
from apps.metrics.statements import newest_head
from apps.metrics.tiers import DAY, RAW, floor_to
from apps.metrics.types import STATE_NAMES, ResultRow
from apps.metrics.uptime import Span, is_inside

MAX_ROWS = 10_000
NOT_MEASURED: Mapping[str, Any] = {"reason": "not_measured"}
_DAYS_A_READ = 4
# In the order of ResultRow.
_NUMBERS = (
    columns.LATENCY,
    columns.DNS,
    columns.CONNECT,
    columns.TLS,
    columns.TTFB,
    columns.TOTAL,
    columns.HTTP_STATUS,
)
_SPOKEN_FOR = {
    columns.STATE,
    columns.INTERVAL,
    columns.LATENCY,
    *columns.PHASES.values(),
    columns.HTTP_STATUS,
    columns.MISSED,
    columns.DETAIL,
}


def results(*, workspace_id: int, ref: Ref, start_ms: int, end_ms: int, newest: int | None = None) -> list[ResultRow]:
    """Results of [start, end), oldest first; with `newest` only that many of the latest, at most 10,000 in any case.

    A slot that was never run appears as unknown with the detail `{"reason": "not_measured"}` (contract Dashmon 6). An
    unknown subject, or one of another workspace, has no results.
    """
    source = source_of(workspace_id, ref)
    wanted = min(MAX_ROWS if newest is None else newest, MAX_ROWS)
    if source is None or wanted <= 0 or start_ms >= end_ms:
        return []
    windows = windows_of(workspace_id=workspace_id, sources=[source], start_ms=start_ms, end_ms=end_ms)
    spell = _Speller(source, windows.get(source.pk, []))
    found: list[ResultRow] = []
    following = end_ms
    for table in _newest_first(source, start_ms, end_ms):
        found += _newest_of(table, spell, start_ms, following, wanted - len(found))
        following = table.ts[0]
        if following < start_ms or len(found) >= wanted:
            break
    return found[::-1]


def newest(*, workspace_id: int, refs: Collection[Ref]) -> dict[int, ResultRow]:
    """The newest result of each subject by its primary key; three statements however many."""
    sources = sources_of(workspace_id, refs)
    latest = newest_rows(workspace_id, [source.pk for source in sources.values()])
    return {
        ref.id: _Speller(source, []).row(latest[source.pk][0], read_row(latest[source.pk][1]))
        for ref, source in sources.items()
        if source.pk in latest
    }


def newest_rows(workspace_id: int, source_ids: Sequence[int]) -> dict[int, tuple[int, bytes]]:
    """Time and payload of each source's newest row: of the inbox, or the one that was sealed last."""
    rows = LatestRow.objects.of(workspace_id).filter(source_id__in=source_ids)
    sealed = {
        source_id: (ts, bytes(payload)) for source_id, ts, payload in rows.values_list("source_id", "ts", "payload")
    }
    for source_id, row in newest_head(workspace_id, source_ids).items():
        if source_id not in sealed or row[0] > sealed[source_id][0]:
            sealed[source_id] = row
    return sealed


def interval_in_force(source: Source) -> int:
    """Milliseconds between the results of a source as its newest row says; 0 when it holds until replaced."""
    row = newest_rows(source.workspace_id, [source.pk]).get(source.pk)
    cells = {} if row is None else read_row(row[1])
    return int(cells.get(columns.INTERVAL) or 0)


class _Speller:
    """Stored cells as a result, with the names this source gives its own columns."""

    def __init__(self, source: Source, windows: Sequence[Span]) -> None:
        named = {**columns.STANDARD, **own_columns(source)}
        self._names = {key: name for name, key in named.items() if key not in _SPOKEN_FOR}
        self._windows = windows

    def rows(self, table: Table, first: int, past: int) -> list[ResultRow]:
        """These rows of a table, none of which was missed: column by column, for there are thousands."""
        if first >= past:
            return []
        times = table.ts[first:past]
        named = {name: table.columns[key][first:past] for key, name in self._names.items() if key in table.columns}

        def column(key: int) -> Sequence[Any]:
            return table.column(key)[first:past]

        return list(
            map(
                ResultRow,
                times,
                map(STATE_NAMES.__getitem__, table.numbers(columns.STATE)[first:past]),
                table.numbers(columns.INTERVAL)[first:past],
                *(column(key) for key in _NUMBERS),
                map(read_detail, column(columns.DETAIL)),
                _dicts(named, len(times)),
                map(self._is_inside, times),
            )
        )

    def _is_inside(self, ts: int) -> bool:
        return bool(self._windows) and is_inside(ts, self._windows)

    def row(self, ts: int, cells: Mapping[int, Any]) -> ResultRow:
        missed = cells.get(columns.MISSED)
        detail = read_detail(cells.get(columns.DETAIL))
        return ResultRow(
            ts_ms=ts,
            state="unknown" if missed else STATE_NAMES[cells.get(columns.STATE, 0)],
            interval_ms=cells.get(columns.INTERVAL, 0),
            latency_us=cells.get(columns.LATENCY),
            dns_us=cells.get(columns.DNS),
            connect_us=cells.get(columns.CONNECT),
            tls_us=cells.get(columns.TLS),
            ttfb_us=cells.get(columns.TTFB),
            total_us=cells.get(columns.TOTAL),
            status_code=cells.get(columns.HTTP_STATUS),
            detail={**NOT_MEASURED, **detail} if missed else detail,
            others={name: cells[key] for key, name in self._names.items() if key in cells},
            in_maintenance=self._is_inside(ts),
        )


def _dicts(named: Mapping[str, Sequence[Any]], rows: int) -> Iterator[dict[str, Any]]:
    """Columns as a dictionary each row, without the missing values."""
    if not named:
        return ({} for _ in range(rows))
    lines = zip(*named.values(), strict=True)
    if any(None in values for values in named.values()):
        return ({name: cell for name, cell in zip(named, line, strict=True) if cell is not None} for line in lines)
    return (dict(zip(named, line, strict=True)) for line in lines)


def _newest_of(table: Table, spell: _Speller, start_ms: int, following_ms: int, wanted: int) -> list[ResultRow]:
    """At most so many results of a table, newest first; those after it begin at `following_ms`.

    Nearly all rows are one result each and are spelled together; one that stands for slots never run is looked at.
    """
    first, past = bisect_left(table.ts, start_ms), len(table.ts)
    found: list[ResultRow] = []
    for place in [place for place, missed in enumerate(table.columns.get(columns.MISSED, ())) if missed][::-1]:
        found += spell.rows(table, max(first, place + 1, past - wanted + len(found)), past)[::-1]
        if len(found) >= wanted or place + 1 < first:
            return found
        ts, cells = rows_of(cut(table, table.ts[place], table.ts[place] + 1))[0]
        following = table.ts[place + 1] if place + 1 < len(table.ts) else following_ms
        slots = _slots(ts, cells, start_ms, following)
        found += [spell.row(slot, cells) for slot in slots[: wanted - len(found)]]
        past = place
    return found + spell.rows(table, max(first, past - wanted + len(found)), past)[::-1]


def _slots(ts: int, cells: Mapping[int, Any], start_ms: int, following_ms: int) -> range:
    """The instants a row stands for, newest first: its own, or every slot never run before the next row."""
    missed, interval = cells.get(columns.MISSED) or 0, cells.get(columns.INTERVAL) or 0
    if missed <= 0 or interval <= 0:
        return range(ts, ts - 1, -1) if ts >= start_ms else range(0)
    last = min(missed - 1, (following_ms - 1 - ts) // interval)
    first = max(0, -((ts - start_ms) // interval)) if ts < start_ms else 0
    return range(ts + last * interval, ts + first * interval - 1, -interval)


def _newest_first(source: Source, start_ms: int, end_ms: int) -> Iterator[Table]:
    """The rows before the end, newest day first, a few days a read, down to the first row before the start."""
    heads = head_rows(source.workspace_id, [source.pk], 0, end_ms).get(source.pk, {})
    days = {*_sealed_days(source, end_ms), *(floor_to(ts, DAY) for ts in heads)}
    ordered = sorted(days, reverse=True)
    # The newest day alone, since it often holds all that is wanted.
    older = (ordered[first : first + _DAYS_A_READ] for first in range(1, len(ordered), _DAYS_A_READ))
    for chosen in chain([ordered[:1]] if ordered else [], older):
        blocks = raw_blocks(source.workspace_id, [source.pk], chosen).get(source.pk, {})
        for day in chosen:
            fresh = {ts: cells for ts, cells in heads.items() if floor_to(ts, DAY) == day}
            table = union(blocks.get(day, Table()), fresh)
            table = cut(table, table.ts[0], end_ms) if table.ts else table
            if table.ts:
                yield table
        if chosen[-1] + DAY <= start_ms:
            return


def _sealed_days(source: Source, end_ms: int) -> list[int]:
    blocks = Block.objects.of(source.workspace_id).filter(source_id=source.pk, tier=RAW, t0__lt=end_ms)
    return list(blocks.values_list("t0", flat=True))
