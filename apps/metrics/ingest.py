"""Results enter: one row of the inbox each, a repeat without effect."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from apps.common.clock import epoch_ms
from apps.common.values import Observation
from apps.metrics import statements
from apps.metrics.columns import DETAIL, STANDARD, is_storable, write_detail, write_row
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
    limits = {row.workspace_id: _oldest(row.workspace_id, now_ms, retention or {}) for row in rows}
    timed = [(epoch_ms(row.at), row) for row in rows]
    accepted = [
        (ts, row)
        for ts, row in timed
        if limits[row.workspace_id] <= ts <= now_ms + FUTURE_MS and all(map(_is_fit, row.values.values()))
    ]
    if not accepted:
        return Appended(refused=len(rows))
    batch, duplicates, conflicts = _batch(accepted)
    # One order for every writer, so two transactions never wait for each other.
    ordered = [(*key, batch[key]) for key in sorted(batch)]
    stored = statements.insert_head(ordered)
    if stored < len(ordered):
        # What is there now is either what was just written or what came first.
        known = statements.stored_head([row[:3] for row in ordered])
        differing = sum(known.get(row[:3]) != row[3] for row in ordered)
        conflicts += differing
        duplicates += len(ordered) - stored - differing
    return Appended(stored, duplicates, conflicts, refused=len(rows) - len(accepted))


def _oldest(workspace_id: int, now_ms: int, retention: Mapping[int, Retention]) -> int:
    return max(0, retention.get(workspace_id, DEFAULT_RETENTION).limit_ms(RAW, now_ms) or 0)


def _is_fit(value: int | float | None) -> bool:
    return value is None or is_storable(value)


def _batch(accepted: Sequence[tuple[int, Observation]]) -> tuple[dict[statements.RowKey, bytes], int, int]:
    """Payloads by key, the first of an instant; how many repeated one, and how many contradicted one."""
    keys = [source_key(row.workspace_id, row.source) for _, row in accepted]
    sources = known_sources(_wanted(accepted, keys))
    batch: dict[statements.RowKey, bytes] = {}
    duplicates = conflicts = 0
    for (ts, row), key in zip(accepted, keys, strict=True):
        source = sources[key]
        payload = _payload(row, source)
        first = batch.setdefault((row.workspace_id, source.id, ts), payload)
        duplicates += first is not payload and first == payload
        conflicts += first != payload
    return batch, duplicates, conflicts


def _wanted(
    accepted: Sequence[tuple[int, Observation]], keys: Sequence[SourceKey]
) -> dict[SourceKey, tuple[int, set[str]]]:
    """Of every source its oldest row's time and the columns of its own that its rows use."""
    wanted: dict[SourceKey, tuple[int, set[str]]] = {}
    for (ts, row), key in zip(accepted, keys, strict=True):
        first, names = wanted.get(key) or (ts, set())
        if not row.values.keys() <= STANDARD.keys():
            names.update(name for name, value in row.values.items() if value is not None and name not in STANDARD)
        wanted[key] = (min(first, ts), names)
    return wanted


def _payload(row: Observation, source: KnownSource) -> bytes:
    cells: dict[int, Any] = {}
    for name, value in row.values.items():
        if value is not None and (key := source.key_of(name)) is not None:
            cells[key] = value
    if row.detail:
        cells[DETAIL] = write_detail(row.detail)
    return write_row(cells)
