"""Facts and figures of one interface, wherever they are: stored blocks, the open bucket, rows still in the inbox."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from apps.common.clock import epoch_ms
from apps.metrics.columns import read_row
from apps.metrics.models import HeadRow, Source
from apps.metrics.tiers import DEFAULT_RETENTION, REPORTS, Retention
from apps.traffic.blocks import stored_facts
from apps.traffic.counters import samples_in, wiring_of
from apps.traffic.cycles import Cycle
from apps.traffic.facts import COLUMNS, FIGURES, TOTALS, Fact, Facts, Meter, read_through
from apps.traffic.figures import Figures, figures_of
from apps.traffic.ledger import interfaces_of
from apps.traffic.lite import LiteTotals, lite_totals
from apps.traffic.models import CycleRecord, Interface
from apps.traffic.records import figures_in, totals_in
from apps.traffic.stats import Scope, is_complete, scope_of, status_of


@dataclass(frozen=True, slots=True)
class Reckoned:
    """A cycle in exact figures or in running totals, and the stretch that they are about."""

    content: Figures | LiteTotals
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

    def facts(self, cycle: Cycle, names: Sequence[str] = COLUMNS) -> Facts:
        """Its facts of a stretch, the last one as far as it goes; with `names` only those columns."""
        start_ms, end_ms = epoch_ms(cycle.start), epoch_ms(cycle.end)
        found = Facts.of([], names)
        if self.sealed is not None:
            found = stored_facts(self.sealed, start_ms, end_ms, names)
        fresh = [fact for fact in self.fresh if fact.exists and start_ms <= fact.bucket_ms < end_ms]
        found.extend(Facts.of(fresh, names))
        return found


def lines_of(source: Source) -> dict[str, Line]:
    """The interfaces of a source by name, rows of the inbox included."""
    sealed = interfaces_of(source)
    lines = {name: Line(source, row, (row.open_fact,)) for name, row in sealed.items()}
    newest = max((row.last_ms for row in sealed.values()), default=-1)
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
    line: Line,
    cycle: Cycle,
    *,
    lite: bool,
    now: datetime,
    created_ms: int | None = None,
    retention: Retention = DEFAULT_RETENTION,
) -> Reckoned | None:
    """A cycle of an interface: its row where that is final, else from facts; None when nothing is known of it."""
    record = _record(line, cycle)
    found = None
    if record is None or not record.final:
        found = from_facts(line, line.facts(cycle, TOTALS if lite else FIGURES), cycle, now=now, created_ms=created_ms)
    if found is None and record is not None:
        content = totals_in(record) if lite else figures_in(record)
        found = Reckoned(content, Scope(record.since, record.until, complete=now >= cycle.end))
    return None if found is None else settled(found, cycle, now=now, retention=retention)


def from_facts(
    line: Line, facts: Facts, cycle: Cycle, *, now: datetime, created_ms: int | None = None
) -> Reckoned | None:
    """A cycle from all its facts, in what their columns are for; None when there are none."""
    if not len(facts):
        return None
    scope = scope_of(cycle, now=now, since=(created_ms, line.first_ms))
    if "covered_ms" in facts.columns:
        return Reckoned(figures_of(facts.between(scope.start_ms, scope.end_ms)), scope)
    # Running totals know no window: whatever came in counts.
    return Reckoned(lite_totals(facts, epoch_ms(cycle.start)), scope)


def settled(found: Reckoned, cycle: Cycle, *, now: datetime, retention: Retention) -> Reckoned:
    """The same, with how final it is."""
    raw_since = retention.limit_ms(REPORTS, epoch_ms(now))
    complete = is_complete(found.content, found.scope)
    status = status_of(cycle, now=now, data_complete=complete, raw_since_ms=raw_since)
    return replace(found, scope=replace(found.scope, status=status))


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
