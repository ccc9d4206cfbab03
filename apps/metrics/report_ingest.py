"""Reports enter: beside the inbox the newest of every source is kept exactly, and the caller is told what was new."""

from collections.abc import Collection, Mapping, Sequence

from apps.common.values import Observation
from apps.metrics import statements
from apps.metrics.batches import batch_of, timely
from apps.metrics.report_rows import latest_payload, report_payload
from apps.metrics.sources import KnownSource, SourceKey, source_key
from apps.metrics.tiers import REPORTS, Retention
from apps.metrics.types import Appended


def append_reports(rows: Sequence[Observation], *, now_ms: int, retention: Mapping[int, Retention]) -> Appended:
    """Store reports of nodes and the like; runs inside the caller's transaction."""
    accepted = timely(rows, tier=REPORTS, now_ms=now_ms, retention=retention)
    if not accepted:
        return Appended(refused=len(rows))
    batch = batch_of(accepted, report_payload, _names)
    ordered = batch.ordered
    inserted = statements.insert_new(ordered)
    repeated = [row[:3] for row in ordered if row[:3] not in inserted]
    stored = statements.stored_head(repeated)
    same = sum(stored.get(key) == batch.payloads[key] for key in repeated)
    told = {
        (row.workspace_id, batch.sources[source_key(row.workspace_id, row.source)].id, ts): row
        for ts, row in reversed(accepted)  # of one instant the first counts
    }
    fresh = {row[:3]: told[row[:3]] for row in ordered if row[:3] in inserted}
    newest = _note_newest(fresh, batch.sources)
    return Appended(
        fresh=tuple(fresh.values()),
        newest=tuple(newest),
        stored=len(inserted),
        duplicates=batch.duplicates + same,
        conflicts=batch.conflicts + len(repeated) - same,
        refused=len(rows) - len(accepted),
    )


def _names(row: Observation) -> Collection[str]:
    # What a report names is a column of its source, even when it has no value yet.
    return row.values


def _note_newest(
    fresh: Mapping[statements.RowKey, Observation], sources: Mapping[SourceKey, KnownSource]
) -> list[Observation]:
    """Keep the exact values and the detail of reports that are now the newest of their sources; answers those."""
    # Ascending keys leave the newest of a source last.
    last = {key[:2]: (key, row) for key, row in fresh.items()}
    became = statements.upsert_latest(
        [(*key, latest_payload(row, sources[source_key(row.workspace_id, row.source)])) for key, row in last.values()]
    )
    return [row for key, row in last.values() if key[:2] in became]
