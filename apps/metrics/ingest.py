"""Results enter: one row of the inbox each, the newest of every source noted, a repeat without effect."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from apps.common.clock import epoch_ms
from apps.common.values import Observation
from apps.metrics import statements
from apps.metrics.columns import DETAIL, is_storable, write_detail, write_row
from apps.metrics.report_rows import latest_payload, report_payload
from apps.metrics.sources import KnownSource, SourceKey, known_sources, source_key
from apps.metrics.tiers import DEFAULT_RETENTION, MINUTE, RAW, REPORTS, Retention
from apps.metrics.types import Appended

MAX_ROWS = 500
FUTURE_MS = 5 * MINUTE


def append(*, rows: Sequence[Observation], now: datetime, retention: Mapping[int, Retention] | None = None) -> Appended:
    """Store results of any sources and workspaces; runs inside the caller's transaction, commits with it.

    At most 500 rows a call. The first row of a source and instant wins: an exact repeat is counted and changes nothing,
    a contradicting one likewise. Rows more than 5 minutes in the future, older than their workspace's raw retention, or
    with a value no block can hold (NaN, infinity, beyond 64 bits) are refused and counted.

    Columns and units of a device: `state` (0 unknown, 1 up, 2 warning, 3 down), `latency_us`, `dns_us`, `connect_us`,
    `tls_us`, `ttfb_us`, `total_us`, `http.status`, `cert.days`, `domain.days`, `dns.ttl_s`, `run_ms`, `interval_ms`
    (0: holds until the next row) and `missed` (the row stands for that many slots that were never run). Any other name
    becomes a column of the source. Reports of nodes, containers and instances have the columns of `reported`; a value
    of theirs that no block can hold is left out, and their `detail` is kept of the newest one only.
    """
    if len(rows) > MAX_ROWS:
        raise ValueError(f"at most {MAX_ROWS} rows a batch")
    now_ms = epoch_ms(now)
    accepted = [row for row in rows if _is_acceptable(row, now_ms, retention or {})]
    if not accepted:
        return Appended(refused=len(rows))
    sources = known_sources(_wanted(accepted))
    batch = _Batch()
    for row in accepted:
        batch.add(row, sources[source_key(row.workspace_id, row.source)])
    # One order for every writer, so two transactions never wait for each other.
    ordered = [(*key, batch.payloads[key]) for key in sorted(batch.payloads)]
    inserted = statements.insert_head(ordered)
    repeated = [row[:3] for row in ordered if row[:3] not in inserted]
    stored = statements.stored_head(repeated)
    same = sum(stored.get(key) == batch.payloads[key] for key in repeated)
    candidates = _newest([row for row in ordered if row[:3] in inserted])
    newest = statements.upsert_latest([_as_latest(row, batch.told[row[:3]], sources) for row in candidates])
    return Appended(
        fresh=tuple(batch.told[row[:3]] for row in ordered if row[:3] in inserted),
        newest=tuple(batch.told[row[:3]] for row in candidates if row[:2] in newest),
        stored=len(inserted),
        duplicates=batch.duplicates + same,
        conflicts=batch.conflicts + len(repeated) - same,
        refused=len(rows) - len(accepted),
    )


@dataclass(slots=True)
class _Batch:
    """The rows of one call by source and instant: the first of each counts."""

    payloads: dict[statements.RowKey, bytes] = field(default_factory=dict)
    told: dict[statements.RowKey, Observation] = field(default_factory=dict)
    duplicates: int = 0
    conflicts: int = 0

    def add(self, row: Observation, source: KnownSource) -> None:
        key, payload = (row.workspace_id, source.id, epoch_ms(row.at)), _payload(row, source)
        first = self.payloads.setdefault(key, payload)
        self.told.setdefault(key, row)
        self.duplicates += first is not payload and first == payload
        self.conflicts += first != payload


def _is_acceptable(row: Observation, now_ms: int, retention: Mapping[int, Retention]) -> bool:
    ts = epoch_ms(row.at)
    tier = RAW if _is_probed(row) else REPORTS
    oldest = retention.get(row.workspace_id, DEFAULT_RETENTION).limit_ms(tier, now_ms)
    if ts > now_ms + FUTURE_MS or ts < max(0, oldest or 0):
        return False
    return tier == REPORTS or all(value is None or is_storable(value) for value in row.values.values())


def _wanted(rows: Sequence[Observation]) -> dict[SourceKey, tuple[int, set[str]]]:
    wanted: dict[SourceKey, tuple[int, set[str]]] = {}
    for row in rows:
        key, ts = source_key(row.workspace_id, row.source), epoch_ms(row.at)
        first, names = wanted.get(key, (ts, set()))
        # What a report names is a column of its source, even when it has no value yet.
        names.update(row.values if not _is_probed(row) else _answered(row))
        wanted[key] = (min(first, ts), names)
    return wanted


def _is_probed(row: Observation) -> bool:
    return row.source.subject.kind == "device"


def _answered(row: Observation) -> list[str]:
    return [name for name, value in row.values.items() if value is not None]


def _payload(row: Observation, source: KnownSource) -> bytes:
    if not _is_probed(row):
        return report_payload(row, source)
    cells: dict[int, Any] = {}
    for name, value in row.values.items():
        key = source.key_of(name)
        if value is not None and key is not None:
            cells[key] = value
    detail = write_detail(row.detail)
    if detail is not None:
        cells[DETAIL] = detail
    return write_row(cells)


def _as_latest(
    row: statements.StoredRow, told: Observation, sources: Mapping[SourceKey, KnownSource]
) -> statements.StoredRow:
    """The row as the newest of its source: of a report the exact values and what came with them."""
    if _is_probed(told):
        return row
    source = sources[source_key(told.workspace_id, told.source)]
    return (*row[:3], latest_payload(told, source))


def _newest(rows: Sequence[statements.StoredRow]) -> list[statements.StoredRow]:
    """One row a source: ascending keys leave the newest last."""
    return list({row[:2]: row for row in rows}.values())
