"""Cycles that have ended get their row: soon after their end, when they are final, and after late samples."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from django.db import transaction

from apps.common.clock import epoch_ms
from apps.metrics.models import Source
from apps.metrics.tiers import DEFAULT_RETENTION, Retention
from apps.traffic.choices import NodeChoice, Terms, choices_of, settings_of, terms_under
from apps.traffic.cycles import Cycle, cycles_back
from apps.traffic.figures import Figures
from apps.traffic.ledger import interfaces_of
from apps.traffic.lite import lite_totals
from apps.traffic.models import CycleRecord, Interface
from apps.traffic.reckoning import from_facts, lines_of, settled
from apps.traffic.records import STATUSES, columns_of
from apps.traffic.stats import GRACE
from apps.workspaces.models import Workspace

ENDED = 3  # cycles looked back at: facts reach no further, and samples of all of them may come late
SETTLE = timedelta(hours=1)  # the last rows of a cycle have been sealed by then


def record_ended(*, now: datetime, retention: Mapping[int, Retention] | None = None) -> int:
    """Write the rows of the cycles that ended last, each node's by its own plan, where there are none yet or they
    become final; how many.
    """
    written = 0
    for workspace in Workspace.objects.filter(closed_at__isnull=True).order_by("pk"):
        settings, chosen = settings_of(workspace), choices_of(workspace.pk)
        kept = (retention or {}).get(workspace.pk, DEFAULT_RETENTION)
        for source in _metered(workspace):
            terms = terms_under(settings, chosen.get(int(source.ref), NodeChoice()))
            written += record_source(source, terms, now=now, retention=kept)
    return written


def record_source(source: Source, terms: Terms, *, now: datetime, retention: Retention = DEFAULT_RETENTION) -> int:
    """The same for one source."""
    ended = cycles_back(terms.plan, now, ENDED + 1)[1:]
    due = [cycle for cycle in ended if now >= cycle.end + SETTLE]
    stored = {
        (row.iface, row.cycle_start, row.cycle_end): row.status
        for row in CycleRecord.objects.of(source.workspace_id).filter(
            source_id=source.pk, cycle_start__in=[epoch_ms(cycle.start) for cycle in due]
        )
    }
    wanted = [
        (name, cycle)
        for cycle in due
        for name in interfaces_of(source)
        if _is_wanted(stored.get((name, epoch_ms(cycle.start), epoch_ms(cycle.end))), cycle, now)
    ]
    return sum(_record(source, name, cycle, terms, now=now, retention=retention) for name, cycle in wanted)


def _metered(workspace: Workspace) -> Iterator[Source]:
    """The nodes of a workspace that have interfaces."""
    ids = Interface.objects.of(workspace.pk).values("source_id")
    nodes = Source.objects.of(workspace.pk).filter(pk__in=ids, kind=Source.Kind.NODE)
    yield from nodes.order_by("pk").iterator()


def _is_wanted(status: int | None, cycle: Cycle, now: datetime) -> bool:
    return status is None or (status == CycleRecord.Status.GRACE and now >= cycle.end + GRACE)


@transaction.atomic
def _record(source: Source, name: str, cycle: Cycle, terms: Terms, *, now: datetime, retention: Retention) -> bool:
    # With the source locked, so that facts which come late are either in it or take the row away again.
    if Source.objects.of(source.workspace_id).select_for_update().filter(pk=source.pk).first() is None:
        return False
    line = lines_of(source)[name]
    facts = line.facts(cycle)
    found = from_facts(line, facts, cycle, now=now, created_ms=terms.created_ms)
    if found is None or not isinstance(found.content, Figures):
        return False
    scope = settled(found, cycle, now=now, retention=retention).scope
    CycleRecord.objects.update_or_create(
        workspace_id=source.workspace_id,
        source_id=source.pk,
        iface=name,
        cycle_start=epoch_ms(cycle.start),
        cycle_end=epoch_ms(cycle.end),
        defaults={
            "since": scope.start_ms,
            "until": scope.end_ms,
            "expected": scope.expected,
            "status": STATUSES[scope.status],
            **columns_of(found.content, lite_totals(facts, epoch_ms(cycle.start))),
        },
    )
    return True
