"""What a public board shows of many subjects at once: the days that were not simply up, and the last 24 hours."""

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from apps.common.clock import epoch_ms
from apps.common.values import Ref
from apps.metrics.buckets import spoken_latencies
from apps.metrics.codec import Table
from apps.metrics.columns import INTERVAL, LATENCY, STATE
from apps.metrics.days import head_days
from apps.metrics.dirty import dirty_starts
from apps.metrics.maintenance import windows_of
from apps.metrics.models import DayTotals, Source
from apps.metrics.raw import load_runs
from apps.metrics.rows import cut, held_of
from apps.metrics.sources import sources_of
from apps.metrics.tiers import DAY, FIVE_MINUTES, floor_to, runs_of_days
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
    ids = [source.pk for source in sources.values()]
    stale = _stale_days(workspace_id, ids, span)
    stored = _stored_odd(workspace_id, ids, span, stale)
    raw = _Raw.of(workspace_id, list(sources.values()), stale, now_ms, last_day=last_day)
    silent = Board(span, dict.fromkeys(span, NOTHING), StateTimes(unknown_ms=DAY))
    return {ref.id: raw.board(sources[ref], stored, span) if ref in sources else silent for ref in refs}


@dataclass(frozen=True, slots=True)
class _Raw:
    """What is read from raw results: today, the last 24 hours where wanted, and `stale` days whose figures are old."""

    now_ms: int
    last_day: bool
    stale: Mapping[int, Collection[int]]
    tables: Mapping[int, Table]
    windows: Mapping[int, Sequence[Span]]

    @classmethod
    def of(
        cls,
        workspace_id: int,
        sources: Collection[Source],
        stale: Mapping[int, Collection[int]],
        now_ms: int,
        *,
        last_day: bool,
    ) -> "_Raw":
        recent = now_ms - DAY if last_day else floor_to(now_ms, DAY)
        keys = {STATE, INTERVAL, LATENCY} if last_day else {STATE, INTERVAL}
        runs = {source.pk: [*runs_of_days(stale.get(source.pk, ())), (recent, now_ms + 1)] for source in sources}
        tables = load_runs(workspace_id=workspace_id, runs=runs, keys=keys)
        start = min([recent, *(day for days in stale.values() for day in days)])
        windows = windows_of(workspace_id=workspace_id, sources=sources, start_ms=start, end_ms=now_ms)
        return cls(now_ms, last_day, stale, tables, windows)

    def board(self, source: Source, stored: Mapping[int, Mapping[int, StateTimes]], span: range) -> Board:
        days = (*self.stale.get(source.pk, ()), span[-1])
        anew = {day: self._times(source, day, min(day + DAY, self.now_ms)) for day in days}
        odd = {**stored[source.pk], **anew}
        if not self.last_day:
            return Board(span, odd)
        start = self.now_ms - DAY
        spoken = spoken_latencies(self._rows(source, start, self.now_ms), self.windows.get(source.pk, ()))
        latency = sum(spoken) / len(spoken) if spoken else None
        return Board(span, odd, self._times(source, start, self.now_ms), latency)

    def _rows(self, source: Source, start_ms: int, end_ms: int) -> Table:
        return cut(self.tables.get(source.pk, Table()), start_ms, end_ms)

    def _times(self, source: Source, start_ms: int, end_ms: int) -> StateTimes:
        times = self.tables.get(source.pk, Table()).ts
        before = bisect_left(times, start_ms)
        # The last result before the stretch carries in.
        rows = self._rows(source, times[before - 1] if before else start_ms, end_ms)
        windows = self.windows.get(source.pk, ())
        spent = bucket_times(held_of(rows), windows=windows, start_ms=start_ms, end_ms=end_ms, step_ms=FOREVER)
        return as_state_times(spent.get(0, [0] * 6), end_ms - start_ms)


def _stored_odd(
    workspace_id: int, ids: Collection[int], span: range, stale: Mapping[int, Collection[int]]
) -> dict[int, dict[int, StateTimes]]:
    """Closed days of sources that were not simply up, as they are stored; `stale` ones may be missing."""
    rows = DayTotals.objects.of(workspace_id).filter(
        source_id__in=ids, day__gte=span[0] // DAY, day__lt=span[-1] // DAY
    )
    gaps = _gaps(rows, ids, span[:-1], {day for days in stale.values() for day in days})
    odd = {source_id: dict.fromkeys(gaps[source_id], NOTHING) for source_id in ids}
    for source_id, day, *times in rows.exclude(up_ms=DAY, warning_ms=0).values_list("source_id", "day", *TIMES):
        odd[source_id][day * DAY] = StateTimes(*times)
    return odd


def _gaps(
    rows: QuerySet[DayTotals], ids: Collection[int], closed: range, apart: Collection[int]
) -> dict[int, set[int]]:
    """The closed days of each source that have no row; most have all, so rows are counted before any is read.

    Days `apart` are read at once: after midnight everybody lacks yesterday's.
    """
    numbers = [day // DAY for day in apart]
    counts = dict(rows.exclude(day__in=numbers).order_by().values_list("source_id").annotate(Count("day")))
    few = [source_id for source_id in ids if counts.get(source_id, 0) < len(closed) - len(apart)]
    gaps = {source_id: set(apart) for source_id in ids} | {source_id: set(closed) for source_id in few}
    stored = rows.filter(Q(source_id__in=few) | Q(day__in=numbers))
    for source_id, day in stored.values_list("source_id", "day"):
        gaps[source_id].discard(day * DAY)
    return gaps


def _stale_days(workspace_id: int, ids: Collection[int], span: range) -> dict[int, set[int]]:
    """Closed days whose stored figures are not current: with late results, or under a window that was changed."""
    stale = dirty_starts(workspace_id, ids, FIVE_MINUTES, span[0], span[-1])
    for source_id, day in head_days(workspace_id, ids, span[0], span[-1]):
        stale.setdefault(source_id, set()).add(day * DAY)
    return stale
