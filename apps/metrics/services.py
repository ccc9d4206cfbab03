"""Every write of the store: results in, blocks sealed, roll-ups computed, old rows let go."""

from apps.metrics.dirty import mark_dirty
from apps.metrics.ingest import append
from apps.metrics.pings import prune_pings, record_pings
from apps.metrics.rebuild import rebuild_dirty
from apps.metrics.retention import expire, forget, forget_workspace
from apps.metrics.seal import seal, seal_due

__all__ = [
    "append",
    "expire",
    "forget",
    "forget_workspace",
    "mark_dirty",
    "prune_pings",
    "rebuild_dirty",
    "record_pings",
    "seal",
    "seal_due",
]
