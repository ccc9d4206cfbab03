"""What lists show of many devices at once: a bar of days, and a spark of the last 24 hours."""

from collections.abc import Collection
from datetime import datetime

from apps.common.clock import epoch_ms
from apps.common.values import Ref
from apps.metrics.columns import INTERVAL, LATENCY, STATE
from apps.metrics.days import DayReader, day_readers
from apps.metrics.gauge import runs
from apps.metrics.percentiles import nearest_rank
from apps.metrics.raw import load_runs
from apps.metrics.rows import cut
from apps.metrics.sources import sources_of
from apps.metrics.tiers import DAY, MINUTE, floor_to
from apps.metrics.types import DayBar
from apps.metrics.uptime import StateTimes

SPARKS = 48
SPARK_MS = 30 * MINUTE


def day_bars(*, workspace_id: int, refs: Collection[Ref], days: int, now: datetime) -> dict[int, list[DayBar]]:
    """The last `days` UTC days of each subject by its primary key, oldest first; the last bar ends now.

    A subject without any results has a bar of unknown days. A fixed number of statements, however many subjects.
    """
    now_ms = epoch_ms(now)
    first = floor_to(now_ms, DAY) - (days - 1) * DAY
    sources = sources_of(workspace_id, refs)
    end = max(now_ms, first + 1)
    readers = day_readers(
        workspace_id=workspace_id,
        sources=list(sources.values()),
        start_ms=first,
        end_ms=end,
        keys={STATE, INTERVAL},
    )
    starts = range(first, first + days * DAY, DAY)
    return {
        ref.id: [_bar(readers[sources[ref].pk] if ref in sources else None, day, end) for day in starts] for ref in refs
    }


def sparklines(*, workspace_id: int, refs: Collection[Ref], now: datetime) -> dict[int, list[int | None]]:
    """Median latency in microseconds of each half hour of the last day, oldest first; None for no measurement."""
    now_ms = epoch_ms(now)
    start = floor_to(now_ms, SPARK_MS) - (SPARKS - 1) * SPARK_MS
    sources = sources_of(workspace_id, refs)
    tables = load_runs(
        workspace_id=workspace_id,
        runs={source.pk: [(start, now_ms + 1)] for source in sources.values()},
        keys={LATENCY},
        carry=False,
    )
    sparks: dict[int, list[int | None]] = {ref.id: [None] * SPARKS for ref in refs}
    for ref, source in sources.items():
        table = cut(tables[source.pk], start, now_ms + 1)
        latency = table.column(LATENCY)
        for bucket, first, past in runs(table.ts, SPARK_MS):
            median = nearest_rank(sorted([value for value in latency[first:past] if value is not None]), 50)
            sparks[ref.id][(bucket - start) // SPARK_MS] = None if median is None else int(median)
    return sparks


def _bar(reader: DayReader | None, day: int, end_ms: int) -> DayBar:
    length = max(0, min(DAY, end_ms - day))
    if reader is None or not length or reader.is_silent(day):
        return DayBar(day, StateTimes(unknown_ms=length), 0, 0)
    stored = reader.whole(day)
    if stored is not None:
        times = StateTimes(stored.up_ms, stored.warning_ms, stored.down_ms, stored.maintenance_ms, stored.unknown_ms)
        return DayBar(day, times, stored.checks, stored.fails)
    totals = reader.totals(day, day, day + length)
    return DayBar(day, totals.times, totals.checks, totals.fails)
