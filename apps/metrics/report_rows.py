"""Reports as rows: what the inbox holds of one, what is kept of the newest, and how both are read back."""

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from django.db.models import TextField
from django.db.models.functions import Cast

from apps.common.among import Among
from apps.common.remembered import Remembered
from apps.common.values import Observation, Ref
from apps.metrics.codec import Table, decode
from apps.metrics.columns import DETAIL, read_row
from apps.metrics.layouts import Cells
from apps.metrics.models import Block, LatestRow, Source
from apps.metrics.raw import Cells as RawCells
from apps.metrics.raw import chosen_cells, head_rows
from apps.metrics.reported import FIXED_NAMES
from apps.metrics.rows import cut, union
from apps.metrics.sources import KnownSource, by_kind, layout_of, own_columns
from apps.metrics.statements import newest_latest, read_latest
from apps.metrics.tiers import HOUR, REPORTS, floor_to


@dataclass(frozen=True, slots=True)
class StoredReport:
    """The newest report of a subject: exact values by column, and the detail that came with it."""

    ts_ms: int
    values: Mapping[str, int | float]
    detail: Mapping[str, Any]


def cells_of(row: Observation, source: KnownSource) -> Cells:
    """All that is kept of a report, in the order it was said."""
    return layout_of(tuple(row.values), source).cells(row.values)


def latest_payload(cells: Cells, detail: Mapping[str, Any]) -> bytes:
    """The cells of the newest report, exact, and its detail."""
    exact: dict[int, Any] = dict(zip(cells.keys, cells.numbers, strict=True))
    if detail:
        exact[DETAIL] = detail
    return msgspec.json.encode(exact)


def latest_reports(*, workspace_id: int, refs: Collection[Ref]) -> dict[int, StoredReport]:
    """The newest report of each subject by its primary key, no entry where there is none; a statement a kind.

    One more where a report has columns whose names this process has not met.
    """
    found: dict[int, StoredReport] = {}
    for kind, keys in by_kind(refs).items():
        rows = read_latest([(workspace_id, ref) for ref in keys], kind=kind)
        cells = {source_id: read_row(payload) for source_id, *_, payload in rows}
        details = {source_id: row.pop(DETAIL, None) or {} for source_id, row in cells.items()}
        names = _names_in(cells)
        for source_id, ref, ts, _ in rows:
            known = names[source_id]
            values = {known[key]: value for key, value in cells[source_id].items() if key in known}
            found[keys[ref].id] = StoredReport(ts, values, details[source_id])
    return found


# Of sources, by number; machines that are alike share one map.
_names: Remembered[int, Mapping[int, str]] = Remembered(20_000)


def _names_in(rows: Mapping[int, Mapping[int, Any]]) -> Mapping[int, Mapping[int, str]]:
    """The names of columns by number of each source, all that its row has among them.

    A source only ever gets further columns, so what is remembered holds.
    """
    known = _names.take(rows)
    wanted = [source_id for source_id, row in rows.items() if not row.keys() <= known.get(source_id, {}).keys()]
    if wanted:
        sources = Source.objects.filter(Among("pk", wanted)).annotate(text=Cast("columns", TextField()))
        fresh = {source_id: _every_name(own) for source_id, own in sources.values_list("pk", "text")}
        _names.put(fresh)
        known |= fresh
    return {source_id: known.get(source_id, FIXED_NAMES) for source_id in rows}


@lru_cache(maxsize=2048)
def _every_name(own: str) -> Mapping[int, str]:
    """The names of all columns by number, those of the source's own as its row spells them; many machines are alike."""
    return {**FIXED_NAMES, **{int(key): attributes["name"] for key, attributes in json.loads(own).items()}}


def newest_instants(refs: Mapping[int, Collection[Ref]]) -> dict[tuple[int, Ref], int]:
    """When each node was heard of last (milliseconds), by workspace; one statement for any number of them."""
    keys = {(workspace_id, f"{ref.id}"): ref for workspace_id, some in refs.items() for ref in some}
    newest = newest_latest(keys, kind=Source.Kind.NODE) if keys else []
    return {(workspace, keys[workspace, ref]): ts for workspace, ref, ts in newest}


def newest_details(refs: Mapping[int, Collection[Ref]]) -> dict[tuple[int, Ref], tuple[int, Mapping[str, Any]]]:
    """Instant (milliseconds) and detail of each node's newest report, by workspace; two statements in all."""
    keys = {(workspace_id, f"{ref.id}"): ref for workspace_id, some in refs.items() for ref in some}
    if not keys:
        return {}
    sources = Source.objects.filter(
        workspace_id__in=list(refs), kind=Source.Kind.NODE, ref__in={ref for _, ref in keys}
    ).values_list("pk", "workspace_id", "ref")
    wanted = {pk: (workspace, keys[workspace, ref]) for pk, workspace, ref in sources if (workspace, ref) in keys}
    rows = LatestRow.objects.filter(workspace_id__in=list(refs), source_id__in=list(wanted))
    return {
        wanted[source_id]: (ts, read_row(payload).get(DETAIL) or {})
        for source_id, ts, payload in rows.values_list("source_id", "ts", "payload")
    }


def column_names(source: Source) -> dict[int, str]:
    """Every column a reporting source may have, by number."""
    return {**FIXED_NAMES, **{key: name for name, key in own_columns(source).items()}}


def hours_of(
    source: Source,
    start_ms: int,
    end_ms: int,
    keys: Collection[int] | None = None,
    *,
    sealed_only: bool = False,
    decimals: Mapping[int, int] | None = None,
) -> Iterator[Table]:
    """The raw reports of [start, end), an hour at a time and oldest first; hours without any are left out.

    Columns named by `decimals` come as integers, scaled by so many decimal places.
    """
    first = floor_to(start_ms, HOUR)
    heads = {} if sealed_only else _by_hour(head_rows(source.workspace_id, [source.pk], start_ms, end_ms), source)
    for t0, payload in _hour_payloads(source, first, end_ms, heads):
        table = Table() if payload is None else decode(payload, keys, decimals)
        fresh = chosen_cells(heads.get(t0, {}), keys)
        if decimals:
            fresh = {ts: _scaled(cells, decimals) for ts, cells in fresh.items()}
        yield cut(union(table, fresh) if fresh else table, start_ms, end_ms)


def _scaled(cells: RawCells, decimals: Mapping[int, int]) -> RawCells:
    return {key: round(value * 10 ** decimals[key]) if key in decimals else value for key, value in cells.items()}


def _by_hour(rows: Mapping[int, Mapping[int, RawCells]], source: Source) -> dict[int, dict[int, RawCells]]:
    hours: dict[int, dict[int, RawCells]] = {}
    for ts, cells in rows.get(source.pk, {}).items():
        hours.setdefault(floor_to(ts, HOUR), {})[ts] = cells
    return hours


def _hour_payloads(
    source: Source, start_ms: int, end_ms: int, heads: Mapping[int, Any]
) -> Sequence[tuple[int, bytes | None]]:
    """Sealed hours and those that are in the inbox alone, ascending."""
    blocks = Block.objects.of(source.workspace_id).filter(
        source_id=source.pk, tier=REPORTS, t0__gte=start_ms, t0__lt=end_ms
    )
    stored = {t0: bytes(payload) for t0, payload in blocks.values_list("t0", "payload")}
    return [(t0, stored.get(t0)) for t0 in sorted({*heads, *stored})]
