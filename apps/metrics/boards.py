"""What a public board shows of many subjects at once: the days that were not simply up, and the last 24 hours."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Count

from apps.common.clock import epoch_ms
from apps.common.values import Ref
from apps.metrics.columns import INTERVAL, LATENCY, STATE
from apps.metrics.days import DayReader, day_readers, head_days
from apps.metrics.dirty import dirty_starts
from apps.metrics.models import DayTotals, Source
from apps.metrics.sources import sources_of
from apps.metrics.tiers import DAY, FIVE_MINUTES, floor_to
from apps.metrics.types import UptimeTotals
from apps.metrics.uptime import StateTimes

WHOLE = StateTimes(up_ms=DAY)
NOTHING = StateTimes(unknown_ms=DAY)
TIMES = ("up_ms", "warning_ms", "down_ms", "maintenance_ms", "unknown_ms")


@dataclass(frozen=True, slots=True)
class Board:
    """UTC days by their start, oldest first, the last one ending now; whatever is not in `odd` was up throughout.

    `last_day` are the 24 hours before now to the millisecond, where they were asked for.
    """

    days: range
    odd: Mapping[int, StateTimes]
    last_day: UptimeTotals | None = None

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
    past = _Past.of(workspace_id, {source.pk for source in sources.values()}, span)
    readers = day_readers(
        workspace_id=workspace_id,
        sources=list(sources.values()),
        start_ms=min(past.oldest_stale, today - DAY if last_day else today),
        end_ms=max(now_ms, today + 1),
        keys={STATE, INTERVAL, LATENCY} if last_day else {STATE, INTERVAL},
        also_raw={today - DAY} if last_day else (),
    )
    silent = Board(span, {day: NOTHING for day in span}, UptimeTotals(times=StateTimes(unknown_ms=DAY)))
    return {
        ref.id: _board(sources[ref], readers, past, span, now_ms, last_day=last_day) if ref in sources else silent
        for ref in refs
    }


@dataclass(frozen=True, slots=True)
class _Past:
    """Closed days of sources: the odd ones, and those whose stored figures are not current."""

    odd: Mapping[int, dict[int, StateTimes]]
    stale: Mapping[int, Collection[int]]
    oldest_stale: int

    @classmethod
    def of(cls, workspace_id: int, ids: Collection[int], span: range) -> "_Past":
        today = span[-1]
        stale = {source_id: set(starts) for source_id, starts in _stale(workspace_id, ids, span).items()}
        rows = DayTotals.objects.of(workspace_id).filter(
            source_id__in=ids, day__gte=span[0] // DAY, day__lt=today // DAY
        )
        odd: dict[int, dict[int, StateTimes]] = {source_id: {} for source_id in ids}
        for source_id, day, *times in rows.exclude(up_ms=DAY, warning_ms=0).values_list("source_id", "day", *TIMES):
            odd[source_id][day * DAY] = StateTimes(*times)
        counts = dict(rows.order_by().values_list("source_id").annotate(Count("day")))
        gaps = [source_id for source_id in ids if counts.get(source_id, 0) < len(span) - 1]
        known: dict[int, set[int]] = {source_id: set() for source_id in gaps}
        for source_id, day in rows.filter(source_id__in=gaps).values_list("source_id", "day"):
            known[source_id].add(day * DAY)
        for source_id, found in known.items():
            odd[source_id] |= {day: NOTHING for day in span[:-1] if day not in found}
        return cls(odd, stale, min((day for days in stale.values() for day in days), default=today))


def _stale(workspace_id: int, ids: Collection[int], span: range) -> dict[int, set[int]]:
    end = span[-1] + DAY
    stale = {source_id: set(days) for source_id, days in dirty_starts(workspace_id, ids, FIVE_MINUTES, span[0], end).items()}
    for source_id, day in head_days(workspace_id, ids, span[0], end):
        stale.setdefault(source_id, set()).add(day * DAY)
    return stale


def _board(
    source: Source,
    readers: Mapping[int, DayReader],
    past: _Past,
    span: range,
    now_ms: int,
    *,
    last_day: bool,
) -> Board:
    reader, today = readers[source.pk], span[-1]
    odd = dict(past.odd[source.pk])
    for day in past.stale.get(source.pk, ()):
        if day != today:
            odd[day] = reader.totals(day, day, day + DAY).times
    current = reader.totals(today, today, max(now_ms, today + 1))
    odd[today] = current.times
    if not last_day:
        return Board(span, odd)
    # Yesterday is whole for its bar, and cut for the 24 hours.
    cut = replace(reader, edges={today - DAY})
    return Board(span, odd, cut.totals(today - DAY, now_ms - DAY, today) + current)
