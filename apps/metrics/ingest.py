"""Results enter: one row of the inbox each, the newest of every source noted, a repeat without effect."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from apps.common.clock import epoch_ms
from apps.common.values import Observation
from apps.metrics import statements
from apps.metrics.columns import DETAIL, is_storable, write_detail, write_row
from apps.metrics.sources import KnownSource, SourceKey, known_sources, source_key
from apps.metrics.tiers import DEFAULT_RETENTION, MINUTE, RAW, Retention
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
    becomes a column of the source.
    """
    if len(rows) > MAX_ROWS:
        raise ValueError(f"at most {MAX_ROWS} rows a batch")
    now_ms = epoch_ms(now)
    accepted = [row for row in rows if _is_acceptable(row, now_ms, retention or {})]
    if not accepted:
        return Appended(refused=len(rows))
    sources = known_sources(_wanted(accepted))
    batch: dict[statements.RowKey, bytes] = {}
    duplicates = conflicts = 0
    for row in accepted:
        source = sources[source_key(row.workspace_id, row.source)]
        key, payload = (row.workspace_id, source.id, epoch_ms(row.at)), _payload(row, source)
        first = batch.setdefault(key, payload)
        duplicates += first is not payload and first == payload
        conflicts += first != payload
    # One order for every writer, so two transactions never wait for each other.
    ordered = [(*key, batch[key]) for key in sorted(batch)]
    inserted = statements.insert_head(ordered)
    repeated = [key for key in sorted(batch) if key not in inserted]
    stored = statements.stored_head(repeated)
    same = sum(stored.get(key) == batch[key] for key in repeated)
    statements.upsert_latest(_newest([row for row in ordered if row[:3] in inserted]))
    return Appended(
        stored=len(inserted),
        duplicates=duplicates + same,
        conflicts=conflicts + len(repeated) - same,
        refused=len(rows) - len(accepted),
    )


def _is_acceptable(row: Observation, now_ms: int, retention: Mapping[int, Retention]) -> bool:
    ts = epoch_ms(row.at)
    oldest = retention.get(row.workspace_id, DEFAULT_RETENTION).limit_ms(RAW, now_ms)
    if ts > now_ms + FUTURE_MS or ts < max(0, oldest or 0):
        return False
    return all(value is None or is_storable(value) for value in row.values.values())


def _wanted(rows: Sequence[Observation]) -> dict[SourceKey, tuple[int, set[str]]]:
    wanted: dict[SourceKey, tuple[int, set[str]]] = {}
    for row in rows:
        key, ts = source_key(row.workspace_id, row.source), epoch_ms(row.at)
        first, names = wanted.get(key, (ts, set()))
        names.update(name for name, value in row.values.items() if value is not None)
        wanted[key] = (min(first, ts), names)
    return wanted


def _payload(row: Observation, source: KnownSource) -> bytes:
    cells: dict[int, Any] = {}
    for name, value in row.values.items():
        key = source.key_of(name)
        if value is not None and key is not None:
            cells[key] = value
    detail = write_detail(row.detail)
    if detail is not None:
        cells[DETAIL] = detail
    return write_row(cells)


def _newest(rows: Sequence[statements.StoredRow]) -> list[statements.StoredRow]:
    """One row a source: ascending keys leave the newest last."""
    return list({row[:2]: row for row in rows}.values())
