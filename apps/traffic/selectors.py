"""Every read of traffic: cycles and days of one interface, the bytes of many nodes; ready to be spelled."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from apps.common.clock import epoch_ms, from_epoch_ms
from apps.common.errors import ConflictError
from apps.common.values import Ref
from apps.metrics.sources import source_of, sources_of
from apps.metrics.tiers import DEFAULT_RETENTION, Retention
from apps.traffic.blocks import stored_bytes
from apps.traffic.choices import NodeChoice, Terms, terms_of
from apps.traffic.cycles import Cycle, before, cycle_at, cycles_back, local_days
from apps.traffic.facts import FIGURES, Facts, bucket_of
from apps.traffic.figures import figures_of
from apps.traffic.ledger import interfaces_of
from apps.traffic.lite import LiteTotals
from apps.traffic.models import Interface
from apps.traffic.reckoning import Line, Reckoned, from_facts, lines_of, reckon, settled
from apps.traffic.stats import Scope, TrafficStats, billing_stats, lite_stats, no_stats, scope_of, status_of
from apps.workspaces.models import Workspace

MOST_MONTHS = 24

Period = Literal["current", "previous"]


@dataclass(frozen=True, slots=True)
class CycleSummary:
    """One cycle of one interface. `known`: whether there is any data at all; `stats` are said either way."""

    terms: Terms
    cycle: Cycle
    stats: TrafficStats
    known: bool


@dataclass(frozen=True, slots=True)
class DaySummary:
    """One local day, cut to the effective part of its cycle."""

    start: datetime
    end: datetime
    stats: TrafficStats


def ifaces(*, workspace_id: int, ref: Ref) -> list[str]:
    """Names of every interface a node ever reported, ascending."""
    source = source_of(workspace_id, ref)
    return [] if source is None else sorted(lines_of(source))


def summary(
    *,
    workspace: Workspace,
    ref: Ref,
    choice: NodeChoice,
    iface: str,
    now: datetime,
    period: Period = "current",
    retention: Retention = DEFAULT_RETENTION,
) -> CycleSummary:
    """The cycle that holds now, or the one before it."""
    terms = terms_of(workspace, choice)
    line = _line(workspace.pk, ref, iface)
    return _summary(terms, line, _cycle(terms, now, period), now=now, retention=retention)


def monthly(
    *,
    workspace: Workspace,
    ref: Ref,
    choice: NodeChoice,
    iface: str,
    now: datetime,
    months: int = 6,
    period: Period = "current",
    retention: Retention = DEFAULT_RETENTION,
) -> list[CycleSummary]:
    """Cycles newest first, at most 24, from the one that holds now or the one before; without those of no data."""
    terms = terms_of(workspace, choice)
    line = _line(workspace.pk, ref, iface)
    if line is None:
        return []
    newest = _cycle(terms, now, period)
    cycles = [newest, *cycles_back(terms.plan, newest.start, min(months, MOST_MONTHS) + 1)[1:]]
    found = (_summary(terms, line, cycle, now=now, retention=retention) for cycle in cycles[: min(months, MOST_MONTHS)])
    return [summary for summary in found if summary.known]


def daily(
    *,
    workspace: Workspace,
    ref: Ref,
    choice: NodeChoice,
    iface: str,
    now: datetime,
    period: Period = "current",
    retention: Retention = DEFAULT_RETENTION,
) -> list[DaySummary]:
    """Local days of the cycle's zone, ascending, from the first sample on; none when there is no data.

    ConflictError (`traffic_daily_requires_billing`) in lite mode, which knows nothing finer than a cycle.
    """
    terms = terms_of(workspace, choice)
    if terms.lite:
        raise ConflictError("Days are only known in billing mode.", code="traffic_daily_requires_billing")
    line = _line(workspace.pk, ref, iface)
    cycle = _cycle(terms, now, period)
    facts = Facts() if line is None else line.facts(cycle, FIGURES)
    found = None if line is None else from_facts(line, facts, cycle, now=now, created_ms=terms.created_ms)
    if found is None:
        return []
    return list(_days(terms, cycle, facts, settled(found, cycle, now=now, retention=retention).scope))


def bytes_since(
    *,
    workspace_id: int,
    refs: Collection[Ref],
    start: datetime,
    iface: str | None = None,
    counters: Mapping[Ref, Mapping[str, tuple[int, int]]] | None = None,
) -> dict[Ref, tuple[int, int]]:
    """Bytes received and sent since an instant, by node, over one interface or all: what quotas are measured by.

    To the five minutes that hold the start, and as of when rows were last sealed, so that many nodes cost little.
    `counters` are a node's newest readings by interface: what they gained since then is counted too.
    """
    start_ms = bucket_of(epoch_ms(start))
    found = {}
    for ref, source in sources_of(workspace_id, refs).items():
        rows = [row for name, row in interfaces_of(source).items() if iface in {None, name}]
        end_ms = max((row.last_ms for row in rows), default=0) + 1
        received, sent = stored_bytes(workspace_id, source.pk, [row.number for row in rows], start_ms, end_ms)
        opened = [row.open_fact for row in rows if row.open_fact.bucket_ms >= start_ms]
        gained = [_gained(row, newest) for row in rows if (newest := (counters or {}).get(ref, {}).get(row.name))]
        found[ref] = (
            received + sum(fact.in_bytes for fact in opened) + sum(gain[0] for gain in gained),
            sent + sum(fact.out_bytes for fact in opened) + sum(gain[1] for gain in gained),
        )
    return found


def _gained(row: Interface, newest: tuple[int, int]) -> tuple[int, int]:
    """What an interface moved since its newest sealed sample; counters that began again say nothing of it."""
    received, sent = newest[0] - row.received, newest[1] - row.sent
    return (received, sent) if received >= 0 and sent >= 0 else (0, 0)


def _line(workspace_id: int, ref: Ref, iface: str) -> Line | None:
    source = source_of(workspace_id, ref)
    return None if source is None else lines_of(source).get(iface)


def _cycle(terms: Terms, now: datetime, period: Period) -> Cycle:
    current = cycle_at(terms.plan, now)
    return current if period == "current" else before(terms.plan, current)


def _summary(terms: Terms, line: Line | None, cycle: Cycle, *, now: datetime, retention: Retention) -> CycleSummary:
    found = None
    if line is not None:
        found = reckon(line, cycle, lite=terms.lite, now=now, created_ms=terms.created_ms, retention=retention)
    stats = _nothing(terms, cycle, now) if found is None else _stats(terms, cycle, found)
    return CycleSummary(terms, cycle, stats, known=found is not None)


def _stats(terms: Terms, cycle: Cycle, found: Reckoned) -> TrafficStats:
    if isinstance(found.content, LiteTotals):
        scope = replace(found.scope, start_ms=epoch_ms(cycle.start))
        return lite_stats(found.content, scope, direction=terms.direction)
    return billing_stats(found.content, found.scope, direction=terms.direction, p95_enabled=terms.p95)


def _nothing(terms: Terms, cycle: Cycle, now: datetime) -> TrafficStats:
    scope = scope_of(cycle, now=now, since=() if terms.lite else (terms.created_ms,))
    status = status_of(cycle, now=now, data_complete=False, raw_since_ms=None)
    return no_stats(replace(scope, status=status), p95_enabled=terms.p95, lite=terms.lite)


def _days(terms: Terms, cycle: Cycle, facts: Facts, whole: Scope) -> Iterator[DaySummary]:
    for day in local_days(cycle, terms.plan.zone):
        start, end = max(epoch_ms(day.start), whole.start_ms), min(epoch_ms(day.end), whole.end_ms)
        if start < end:
            complete = whole.complete or epoch_ms(day.end) <= whole.end_ms
            scope = Scope(start, end, complete=complete, status=whole.status)
            figures = figures_of(facts.between(start, end))
            stats = billing_stats(figures, scope, direction=terms.direction, p95_enabled=terms.p95)
            yield DaySummary(from_epoch_ms(start), from_epoch_ms(end), stats)
