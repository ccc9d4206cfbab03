"""What a public board shows of many subjects at once: the days that were not simply up, and the last 24 hours."""

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, QuerySet

from apps.common.clock import epoch_ms
from apps.common.values import Ref
from apps.metrics.buckets import spoken_latencies
from apps.metrics.codec import Table
from apps.metrics.columns import INTERVAL, LATENCY, STATE
from apps.metrics.days import day_readers, head_days
from apps.metrics.dirty import dirty_starts
from apps.metrics.maintenance import windows_of
from apps.metrics.models import DayTotals, Source
from apps.metrics.raw import load_runs
from apps.metrics.rows import cut, held_of
from apps.metrics.sources import sources_of
from apps.metrics.tiers import DAY, FIVE_MINUTES, floor_to
from apps.metrics.uptime import FOREVER, Span, StateTimes, as_state_times, bucket_times

WHOLE = StateTimes(up_ms=DAY)
NOTHING = StateTimes(unknown_ms=DAY)
TIMES = ("up_ms", "warning_ms", "down_ms", "maintenance_ms", "unknown_ms")


@dataclass(frozen=True, slots=True)
class Board:
    """UTC days by their start, oldest first, the last one ending now; whatever is not in `odd` was up throughout.

    `last_day` are the 24 hours before now to the millisecond, `latency_us` their average answer: where asked for.
    """

    days: range
    odd: Mapping[int, StateTimes]
    last_day: StateTimes = field(default_factory=StateTimes)
    latency_us: float | None = None

    def times_of(self, day_ms: int) -> StateTimes:
        """Milliseconds per state of one of the days."""
        return self.odd.get(day_ms, WHOLE)

    def total(self, count: int) -> StateTimes:
        """Milliseconds per state of the newest `count` days."""
        days = self.days[-count:]
        odd = [times for day, times in self.odd.items() if day >= days[0]]
        return sum(odd, StateTimes(up_ms=(len(days) - len(odd)) * DAY))


def boards(
    *, workspace_id: int, refs: Collection[Ref], days: int, now: datetime, last_day: bool = False
) -> dict[int, Board]:
    """The boards of subjects by primary key; a fixed number of statements, however many subjects.

    A day that was up from end to end is never read, so ninety days cost little more than the bad ones among them. A
    day without any result is unknown. Today is read from raw results; so is what the background has yet to rebuild.
    """
    now_ms = epoch_ms(now)
    today = floor_to(now_ms, DAY)
    span = range(today - (days - 1) * DAY, today + DAY, DAY)
    sources = sources_of(workspace_id, refs)
    past = _Past.of(workspace_id, list(sources.values()), span)
    recent = _Recent.of(workspace_id, list(sources.values()), now_ms, last_day=last_day)
    silent = Board(span, dict.fromkeys(span, NOTHING), StateTimes(unknown_ms=DAY))
    return {ref.id: recent.board(sources[ref], past, span) if ref in sources else silent for ref in refs}


@dataclass(frozen=True, slots=True)
class _Recent:
    """Raw results since midnight, with yesterday's when the last 24 hours are wanted."""

    now_ms: int
    last_day: bool
    tables: Mapping[int, Table]
    windows: Mapping[int, Sequence[Span]]

    @classmethod
    def of(cls, workspace_id: int, sources: Collection[Source], now_ms: int, *, last_day: bool) -> "_Recent":
        start = now_ms - DAY if last_day else floor_to(now_ms, DAY)
        keys = {STATE, INTERVAL, LATENCY} if last_day else {STATE, INTERVAL}
        runs = {source.pk: [(start, now_ms + 1)] for source in sources}
        tables = load_runs(workspace_id=workspace_id, runs=runs, keys=keys)
        windows = windows_of(workspace_id=workspace_id, sources=sources, start_ms=start, end_ms=now_ms)
        return cls(now_ms, last_day, tables, windows)

    def board(self, source: Source, past: "_Past", span: range) -> Board:
        today = floor_to(self.now_ms, DAY)
        odd = {**past.odd[source.pk], today: self._times(source, today)}
        if not self.last_day:
            return Board(span, odd)
        rows = cut(self.tables.get(source.pk, Table()), self.now_ms - DAY, self.now_ms)
        spoken = spoken_latencies(rows, self.windows.get(source.pk, ()))
        latency = sum(spoken) / len(spoken) if spoken else None
        return Board(span, odd, self._times(source, self.now_ms - DAY), latency)

    def _times(self, source: Source, start_ms: int) -> StateTimes:
        table, windows = self.tables.get(source.pk, Table()), self.windows.get(source.pk, ())
        before = bisect_left(table.ts, start_ms)
        # The last result before the stretch carries in.
        rows = cut(table, table.ts[before - 1] if before else start_ms, self.now_ms)
        spent = bucket_times(held_of(rows), windows=windows, start_ms=start_ms, end_ms=self.now_ms, step_ms=FOREVER)
        return as_state_times(spent.get(0, [0] * 6), self.now_ms - start_ms)


@dataclass(frozen=True, slots=True)
class _Past:
    """Closed days of sources that were not simply up."""

    odd: Mapping[int, dict[int, StateTimes]]

    @classmethod
    def of(cls, workspace_id: int, sources: Collection[Source], span: range) -> "_Past":
        ids = [source.pk for source in sources]
        rows = DayTotals.objects.of(workspace_id).filter(
            source_id__in=ids, day__gte=span[0] // DAY, day__lt=span[-1] // DAY
        )
        odd: dict[int, dict[int, StateTimes]] = {source_id: {} for source_id in ids}
        for source_id, day, *times in rows.exclude(up_ms=DAY, warning_ms=0).values_list("source_id", "day", *TIMES):
            odd[source_id][day * DAY] = StateTimes(*times)
        for source_id, found in _days_with_gaps(rows, ids, len(span) - 1).items():
            odd[source_id] |= {day: NOTHING for day in span[:-1] if day not in found}
        for source_id, current in _anew(workspace_id, sources, span).items():
            odd[source_id] |= current
        return cls(odd)


def _days_with_gaps(rows: QuerySet[DayTotals], ids: Collection[int], expected: int) -> dict[int, set[int]]:
    """The days that are stored, of each source that lacks some."""
    counts = dict(rows.order_by().values_list("source_id").annotate(Count("day")))
    known: dict[int, set[int]] = {source_id: set() for source_id in ids if counts.get(source_id, 0) < expected}
    for source_id, day in rows.filter(source_id__in=list(known)).values_list("source_id", "day"):
        known[source_id].add(day * DAY)
    return known


def _anew(workspace_id: int, sources: Collection[Source], span: range) -> dict[int, dict[int, StateTimes]]:
    """Closed days whose stored figures are not current: with late results, or under a window that was changed."""
    ids, first, today = [source.pk for source in sources], span[0], span[-1]
    stale = dirty_starts(workspace_id, ids, FIVE_MINUTES, first, today)
    for source_id, day in head_days(workspace_id, ids, first, today):
        stale.setdefault(source_id, set()).add(day * DAY)
    chosen = [source for source in sources if source.pk in stale]
    if not chosen:
        return {}
    readers = day_readers(
        workspace_id=workspace_id,
        sources=chosen,
        start_ms=min(day for days in stale.values() for day in days),
        end_ms=today,
        keys={STATE, INTERVAL},
    )
    return {
        source_id: {day: readers[source_id].totals(day, day, day + DAY).times for day in days}
        for source_id, days in stale.items()
    }
