"""Results and reports enter: one row of the inbox each, a repeat without effect."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from apps.common.clock import epoch_ms, from_epoch_ms
from apps.common.values import Observation, Ref, SourceRef
from apps.metrics import statements
from apps.metrics.batches import Timed, batch_of, sources_of_rows, timely, timely_plain
from apps.metrics.columns import DETAIL, STANDARD, are_storable, is_plain, write_detail, write_plain, write_row
from apps.metrics.report_ingest import append_reports
from apps.metrics.sources import KnownSource, remembered_devices
from apps.metrics.statements import RowKey
from apps.metrics.tiers import RAW, Retention
from apps.metrics.types import Appended, PlainResult

MAX_ROWS = 500


def append(
    *,
    rows: Sequence[Observation],
    now: datetime,
    plain: Sequence[PlainResult] = (),
    retention: Mapping[int, Retention] | None = None,
) -> Appended:
    """Store results of any sources and workspaces; runs inside the caller's transaction, commits with it.

    At most 500 rows a call; `plain` are rows as well. The first row of a source and instant wins: an exact repeat is
    counted and changes nothing, a contradicting one likewise. Rows more than 5 minutes in the future, older than their
    workspace's raw retention, or with a value no block can hold (NaN, infinity, beyond 64 bits) are refused
    and counted.

    Columns and units of a device: `state` (0 unknown, 1 up, 2 warning, 3 down), `latency_us`, `dns_us`, `connect_us`,
    `tls_us`, `ttfb_us`, `total_us`, `http.status`, `cert.days`, `domain.days`, `dns.ttl_s`, `run_ms`, `interval_ms`
    (0: holds until the next row) and `missed` (the row stands for that many slots that were never run). `dns_us` to
    `ttfb_us` are kept in steps of 0.1 ms, and rows that are the same then are one told twice. Any other name
    becomes a column of the source. Reports of nodes, containers and instances have the columns of `reported`; a value
    of theirs that no block can hold is left out, and their `detail` is kept of the newest one only.
    """
    if len(rows) + len(plain) > MAX_ROWS:
        raise ValueError(f"at most {MAX_ROWS} rows a batch")
    now_ms, kept = epoch_ms(now), retention or {}
    results = [row for row in rows if row.source.subject.kind == "device"]
    appended = _append_results(results, plain, now_ms=now_ms, retention=kept)
    if len(results) == len(rows):
        return appended
    # Results first, whoever writes: two transactions never wait for each other.
    reports = [row for row in rows if row.source.subject.kind != "device"]
    return appended + append_reports(reports, now_ms=now_ms, retention=kept)


def _append_results(
    rows: Sequence[Observation], plain: Sequence[PlainResult], *, now_ms: int, retention: Mapping[int, Retention]
) -> Appended:
    in_time = timely(rows, tier=RAW, now_ms=now_ms, retention=retention)
    accepted = [(ts, row) for ts, row in in_time if are_storable(row.values.values())]
    plain_in_time = timely_plain(plain, now_ms=now_ms, retention=retention)
    refused = len(rows) + len(plain) - len(accepted) - len(plain_in_time)
    written, others = _written(plain_in_time)
    accepted += others
    if not accepted and not written:
        return Appended(refused=refused)
    sources = sources_of_rows(accepted, _own_names)
    payloads = [_payload(row, source) for (_, row), source in zip(accepted, sources, strict=True)]
    batch = batch_of(accepted, sources, payloads, written)
    ordered = batch.ordered
    duplicates, conflicts = batch.duplicates, batch.conflicts
    stored = statements.insert_head(ordered)
    if stored < len(ordered):
        # What is there now is either what was just written or what came first.
        known = statements.stored_head([row[:3] for row in ordered])
        differing = sum(known.get(row[:3]) != row[3] for row in ordered)
        conflicts += differing
        duplicates += len(ordered) - stored - differing
    return Appended(stored, duplicates, conflicts, refused=refused)


def _written(plain: Sequence[PlainResult]) -> tuple[dict[RowKey, bytes], list[Timed]]:
    """Payloads of plain results, and those that the other way is for: their source is new here, or they came twice."""
    sources = remembered_devices([row[:2] for row in plain])
    written: dict[RowKey, bytes] = {}
    others: list[Timed] = []
    for row in plain:
        workspace_id, device_id, at_ms, values = row
        source_id = sources.get((workspace_id, device_id))
        if source_id is None or (workspace_id, source_id, at_ms) in written:
            others.append((at_ms, _observation(row)))
        else:
            written[workspace_id, source_id, at_ms] = write_plain(values)
    return written, others


def _observation(row: PlainResult) -> Observation:
    source = SourceRef(Ref("device", row.device_id))
    return Observation(row.workspace_id, source, from_epoch_ms(row.at_ms), row.values)


def _own_names(row: Observation) -> Collection[str]:
    """The columns beside the standard ones that a result has a value for; nearly always none."""
    if row.values.keys() <= STANDARD.keys():
        return ()
    return [name for name, value in row.values.items() if value is not None]


def _payload(row: Observation, source: KnownSource) -> bytes:
    if not row.detail and is_plain(row.values):
        return write_plain(row.values)
    cells: dict[int, Any] = {}
    for name, value in row.values.items():
        if value is not None and (key := source.key_of(name)) is not None:
            cells[key] = value
    if row.detail:
        cells[DETAIL] = write_detail(row.detail)
    return write_row(cells)
