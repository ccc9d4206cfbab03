"""The work list of the roll-ups: windows whose finer rows changed."""

import secrets
from collections.abc import Collection

from django.db import transaction

from apps.common.values import Ref
from apps.metrics.models import DirtyWindow
from apps.metrics.sources import all_sources_of
from apps.metrics.tiers import FIVE_MINUTES, TIERS, days_between

MARK_BITS = 62
MAX_DAYS = 400


def mark_windows(*, workspace_id: int, source_id: int, tier: int, starts: Collection[int]) -> None:
    """Put windows on the work list, or mark them anew so that a rebuild under way does not clear them."""
    rows = [
        DirtyWindow(workspace_id=workspace_id, source_id=source_id, tier=tier, t0=t0, mark=secrets.randbits(MARK_BITS))
        for t0 in sorted(starts)
    ]
    DirtyWindow.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["workspace_id", "source_id", "tier", "t0"],
        update_fields=["mark"],
    )


@transaction.atomic
def mark_dirty(*, workspace_id: int, ref: Ref, start_ms: int, end_ms: int) -> int:
    """Have the figures of [start, end] computed again, both ends included; the number of days marked.

    For a maintenance window that was set, moved or cleared afterwards: pass the stretch in which old and new differ.
    Days before a source's first row are left out: nothing is stored about them.
    """
    marked = 0
    for source in all_sources_of(workspace_id, ref):
        days = days_between(max(start_ms, source.first_ms), end_ms + 1)
        # The newest days are the ones whose raw rows still exist.
        chosen = days[-MAX_DAYS:]
        mark_windows(workspace_id=workspace_id, source_id=source.pk, tier=FIVE_MINUTES, starts=chosen)
        marked += len(chosen)
    return marked


def waiting_windows(workspace_id: int, source_id: int, start_ms: int, end_ms: int) -> set[tuple[int, int]]:
    """Tier and start of one source's windows of buckets on the work list that begin in [start, end)."""
    rows = DirtyWindow.objects.of(workspace_id).filter(
        source_id=source_id, tier__in=TIERS, t0__gte=start_ms, t0__lt=end_ms
    )
    return set(rows.values_list("tier", "t0"))


def dirty_starts(
    workspace_id: int, source_ids: Collection[int], tier: int, start_ms: int, end_ms: int
) -> dict[int, set[int]]:
    """Windows on the work list that begin in [start, end), by source."""
    rows = (
        DirtyWindow.objects.of(workspace_id)
        .filter(source_id__in=source_ids, tier=tier, t0__gte=start_ms, t0__lt=end_ms)
        .values_list("source_id", "t0")
    )
    found: dict[int, set[int]] = {}
    for source_id, t0 in rows:
        found.setdefault(source_id, set()).add(t0)
    return found
