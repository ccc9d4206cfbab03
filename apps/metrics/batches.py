"""Rows on their way into the inbox: those of an acceptable age, their sources, and the first one of each instant."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from apps.common.clock import epoch_ms
from apps.common.values import Observation
from apps.metrics.sources import KnownSource, SourceKey, known_sources, source_key
from apps.metrics.statements import RowKey, StoredRow
from apps.metrics.tiers import DEFAULT_RETENTION, MINUTE, RAW, Retention
from apps.metrics.types import PlainResult

FUTURE_MS = 5 * MINUTE

# A row and its instant in milliseconds.
Timed = tuple[int, Observation]


@dataclass(frozen=True, slots=True)
class Batch:
    """Payloads by key, the first of an instant; how many repeated one, and how many contradicted one."""

    payloads: Mapping[RowKey, bytes]
    duplicates: int
    conflicts: int

    @property
    def ordered(self) -> list[StoredRow]:
        """The rows in the one order of every writer, so that two transactions never wait for each other."""
        return [(*key, self.payloads[key]) for key in sorted(self.payloads)]


def timely(rows: Sequence[Observation], *, tier: int, now_ms: int, retention: Mapping[int, Retention]) -> list[Timed]:
    """Rows that are neither too far in the future nor older than their workspace keeps the tier."""
    workspaces = {row.workspace_id for row in rows}
    limits = {workspace_id: _oldest(workspace_id, tier, now_ms, retention) for workspace_id in workspaces}
    timed = [(epoch_ms(row.at), row) for row in rows]
    return [(ts, row) for ts, row in timed if limits[row.workspace_id] <= ts <= now_ms + FUTURE_MS]


def timely_plain(rows: Sequence[PlainResult], *, now_ms: int, retention: Mapping[int, Retention]) -> list[PlainResult]:
    """The same of plain results."""
    limits = {row.workspace_id: _oldest(row.workspace_id, RAW, now_ms, retention) for row in _one_each(rows)}
    newest = now_ms + FUTURE_MS
    return [row for row in rows if limits[row.workspace_id] <= row.at_ms <= newest]


def _one_each(rows: Sequence[PlainResult]) -> Collection[PlainResult]:
    """Of each workspace one row."""
    return {row.workspace_id: row for row in rows}.values()


def sources_of_rows(accepted: Sequence[Timed], names_of: Callable[[Observation], Collection[str]]) -> list[KnownSource]:
    """The source of each row; they are made, or given columns of these names, where needed."""
    keys = [source_key(row.workspace_id, row.source) for _, row in accepted]
    sources = known_sources(_wanted(accepted, keys, names_of))
    return [sources[key] for key in keys]


def batch_of(
    accepted: Sequence[Timed],
    sources: Sequence[KnownSource],
    payloads: Sequence[bytes],
    written: Mapping[RowKey, bytes] | None = None,
) -> Batch:
    """The batch of these rows, each with its source and its payload; `written` are payloads that are in it already."""
    kept: dict[RowKey, bytes] = dict(written or {})
    duplicates = conflicts = 0
    for (ts, row), source, payload in zip(accepted, sources, payloads, strict=True):
        first = kept.setdefault((row.workspace_id, source.id, ts), payload)
        duplicates += first is not payload and first == payload
        conflicts += first != payload
    return Batch(kept, duplicates, conflicts)


def _oldest(workspace_id: int, tier: int, now_ms: int, retention: Mapping[int, Retention]) -> int:
    return max(0, retention.get(workspace_id, DEFAULT_RETENTION).limit_ms(tier, now_ms) or 0)


def _wanted(
    accepted: Sequence[Timed], keys: Sequence[SourceKey], names_of: Callable[[Observation], Collection[str]]
) -> dict[SourceKey, tuple[int, Collection[str]]]:
    """Of every source its oldest row's time and the names of the columns that its rows use."""
    wanted: dict[SourceKey, tuple[int, Collection[str]]] = {}
    for (ts, row), key in zip(accepted, keys, strict=True):
        names, known = names_of(row), wanted.get(key)
        wanted[key] = (ts, names) if known is None else (min(known[0], ts), {*known[1], *names})
    return wanted
