"""Every write of traffic: facts from sealed rows, late ones reckoned anew, ended cycles kept, rebuilds, settings."""

from typing import Any

from django.db import transaction

from apps.common.values import Ref
from apps.metrics.models import Source
from apps.metrics.sources import all_sources_of
from apps.traffic.choices import change_settings
from apps.traffic.models import CycleRecord, Interface, Rebuild, Settings
from apps.traffic.rebuilds import run_rebuilds, start_rebuild
from apps.traffic.rewrite import rewrite_late
from apps.traffic.snapshots import record_ended

__all__ = [
    "change_settings",
    "forget",
    "forget_workspace",
    "record_ended",
    "rewrite_late",
    "run_rebuilds",
    "start_rebuild",
]


@transaction.atomic
def forget(*, workspace_id: int, ref: Ref) -> int:
    """Delete what is kept of a node beside the metrics store's blocks; before that store forgets it.

    In one transaction with that: whoever seals rows of the node waits for it to end, and then finds no node.
    """
    deleted = 0
    for source in all_sources_of(workspace_id, ref):
        Source.objects.of(workspace_id).select_for_update().filter(pk=source.pk).first()
        for model in (Interface, CycleRecord):
            deleted += model.objects.of(workspace_id).filter(source_id=source.pk).delete()[0]
    return deleted


@transaction.atomic
def forget_workspace(*, workspace_id: int, limit: int) -> int:
    """Delete a workspace's traffic beside the metrics store's blocks, at most `limit` rows; 0 once none is left."""
    # A rebuild that is under way finds its row gone first, and writes nothing more.
    models: tuple[Any, ...] = (Rebuild, Interface, CycleRecord, Settings)
    deleted = 0
    for model in models:
        rows = model.objects.of(workspace_id)
        keys = list(rows.order_by("pk").values_list("pk", flat=True)[: limit - deleted])
        deleted += rows.filter(pk__in=keys).delete()[0] if keys else 0
    return deleted
