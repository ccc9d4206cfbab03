"""Reports enter: beside the inbox the newest of every source is kept exactly, and the caller is told what was new."""

from collections.abc import Collection, Mapping, Sequence

from apps.common.values import Observation
from apps.metrics import statements
from apps.metrics.batches import batch_of, sources_of_rows, timely
from apps.metrics.layouts import Cells
from apps.metrics.report_rows import cells_of, latest_payload
from apps.metrics.tiers import REPORTS, Retention
from apps.metrics.types import Appended

# A report and what is kept of it.
Told = tuple[Observation, Cells]


def append_reports(rows: Sequence[Observation], *, now_ms: int, retention: Mapping[int, Retention]) -> Appended:
    """Store reports of nodes and the like; runs inside the caller's transaction."""
    accepted = timely(rows, tier=REPORTS, now_ms=now_ms, retention=retention)
    if not accepted:
        return Appended(refused=len(rows))
    sources = sources_of_rows(accepted, _names)
    cells = [cells_of(row, source) for (_, row), source in zip(accepted, sources, strict=True)]
    batch = batch_of(accepted, sources, [each.spelled() for each in cells])
    ordered = batch.ordered
    inserted = statements.insert_new(ordered)
    repeated = [row[:3] for row in ordered if row[:3] not in inserted]
    stored = statements.stored_head(repeated)
    same = sum(stored.get(key) == batch.payloads[key] for key in repeated)
    told: dict[statements.RowKey, Told] = {}
    for (ts, row), source, said in zip(accepted, sources, cells, strict=True):
        told.setdefault((row.workspace_id, source.id, ts), (row, said))
    fresh = {row[:3]: told[row[:3]] for row in ordered if row[:3] in inserted}
    return Appended(
        fresh=tuple(row for row, _ in fresh.values()),
        newest=tuple(_note_newest(fresh)),
        stored=len(inserted),
        duplicates=batch.duplicates + same,
        conflicts=batch.conflicts + len(repeated) - same,
        refused=len(rows) - len(accepted),
    )


def _names(row: Observation) -> Collection[str]:
    # What a report names is a column of its source, even when it has no value yet.
    return row.values


def _note_newest(fresh: Mapping[statements.RowKey, Told]) -> list[Observation]:
    """Keep the exact values and the detail of reports that are now the newest of their sources; answers those."""
    # Ascending keys leave the newest of a source last.
    last = {key[:2]: (key, told) for key, told in fresh.items()}
    became = statements.upsert_latest(
        [(*key, latest_payload(cells, row.detail)) for key, (row, cells) in last.values()]
    )
    return [row for key, (row, _) in last.values() if key[:2] in became]
