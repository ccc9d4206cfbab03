"""Facts and figures of one interface, wherever they are: stored blocks, the open bucket, rows still in the inbox."""

from dataclasses import dataclass, replace
from datetime import datetime

from apps.common.clock import epoch_ms
from apps.metrics.columns import read_row
from apps.metrics.models import HeadRow, Source
from apps.metrics.tiers import DEFAULT_RETENTION, RAW, Retention
from apps.traffic.blocks import stored_facts
from apps.traffic.counters import samples_in, wiring_of
from apps.traffic.cycles import Cycle
from apps.traffic.facts import Fact, Facts, Meter, read_through
from apps.traffic.figures import Figures, figures_of
from apps.traffic.ledger import interfaces_of
from apps.traffic.lite import LiteTotals, lite_totals
from apps.traffic.models import CycleRecord, Interface
from apps.traffic.records import figures_in, totals_in
from apps.traffic.stats import Scope, is_complete, scope_of, status_of


@dataclass(frozen=True, slots=True)
class Reckoned:
    """A cycle in figures: exact ones, running totals, and the stretch that both are about."""

    figures: Figures
    totals: LiteTotals
    scope: Scope


@dataclass(frozen=True, slots=True)
class Line:
    """One interface of one source: what was sealed of it, and what has come in since."""

    source: Source
    sealed: Interface | None
    fresh: tuple[Fact, ...] = ()

    @property
    def first_ms(self) -> int | None:
        """When it was first seen."""
        if self.sealed is not None:
            return self.sealed.first_ms
        return self.fresh[0].bucket_ms if self.fresh else None

    def facts(self, start_ms: int, end_ms: int) -> Facts:
        """Its facts of [start, end), the last one as far as it goes."""
        found = Facts()
        if self.sealed is not None:
            source = self.source
            found = stored_facts(source.workspace_id, source.pk, self.sealed.number, start_ms, end_ms)
        return found + Facts.of([fact for fact in self.fresh if fact.exists]).between(start_ms, end_ms)


def lines_of(source: Source, *, inbox: bool = True) -> dict[str, Line]:
    """The interfaces of a source by name; without the `inbox` as of when its rows were last sealed."""
    sealed = interfaces_of(source)
    lines = {name: Line(source, row, (row.open_fact,)) for name, row in sealed.items()}
    newest = max((row.last_ms for row in sealed.values()), default=-1)
    if not inbox:
        return lines
    head = HeadRow.objects.of(source.workspace_id).filter(source_id=source.pk, ts__gt=newest)
    rows = {ts: read_row(payload) for ts, payload in head.values_list("ts", "payload")}
    for name, columns in wiring_of(source).items() if rows else ():
        row = sealed.get(name)
        meter = Meter() if row is None else Meter(row.last, row.open_fact)
        closed = read_through(meter, samples_in(rows, columns))
        if meter.last is not None:
            lines[name] = Line(source, row, (*closed, replace(meter.open)))
    return lines


def reckon(
    line: Line, cycle: Cycle, *, now: datetime, created_ms: int | None = None, retention: Retention = DEFAULT_RETENTION
) -> Reckoned | None:
    """A cycle of an interface: its row where that is final, else from facts; None when nothing is known of it."""
    record = _record(line, cycle)
    if record is not None and record.final:
        return recorded(record, cycle, now=now, retention=retention)
    facts = line.facts(epoch_ms(cycle.start), epoch_ms(cycle.end))
    if len(facts):
        return of_facts(line, facts, cycle, now=now, created_ms=created_ms, retention=retention)
    return None if record is None else recorded(record, cycle, now=now, retention=retention)


def of_facts(
    line: Line, facts: Facts, cycle: Cycle, *, now: datetime, created_ms: int | None, retention: Retention
) -> Reckoned:
    """A cycle from all its facts."""
    scope = scope_of(cycle, now=now, since=(created_ms, line.first_ms))
    figures = figures_of(facts.between(scope.start_ms, scope.end_ms))
    # Running totals know no window: whatever came in counts.
    totals = lite_totals(facts, epoch_ms(cycle.start))
    return Reckoned(figures, totals, _settled(scope, figures, cycle, now=now, retention=retention))


def recorded(record: CycleRecord, cycle: Cycle, *, now: datetime, retention: Retention) -> Reckoned:
    """A cycle from its row."""
    figures = figures_in(record)
    scope = Scope(record.since, record.until, complete=now >= cycle.end)
    return Reckoned(figures, totals_in(record), _settled(scope, figures, cycle, now=now, retention=retention))


def _settled(scope: Scope, figures: Figures, cycle: Cycle, *, now: datetime, retention: Retention) -> Scope:
    raw_since = retention.limit_ms(RAW, epoch_ms(now))
    complete = is_complete(figures, scope)
    return replace(scope, status=status_of(cycle, now=now, data_complete=complete, raw_since_ms=raw_since))


def _record(line: Line, cycle: Cycle) -> CycleRecord | None:
    if line.sealed is None:
        return None
    found: CycleRecord | None = (
        CycleRecord.objects.of(line.source.workspace_id)
        .filter(
            source_id=line.source.pk,
            iface=line.sealed.name,
            cycle_start=epoch_ms(cycle.start),
            cycle_end=epoch_ms(cycle.end),
        )
        .first()
    )
    return found
