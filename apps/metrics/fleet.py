"""Many subjects over the same stretch of time: totals by day, latency histograms, and when checks failed.

The day rows answer for whole days; only days that the stretch cuts, or that are not settled yet, are read from raw
rows. A fixed number of statements, however many subjects and days.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from apps.common.clock import epoch_ms
from apps.common.values import Ref
from apps.metrics.codec import Table
from apps.metrics.columns import STATE
from apps.metrics.days import LATENCY_KEYS, DayPlan, DayReader, day_readers, day_totals, plan_days
from apps.metrics.figures import SampleCounts, summed
from apps.metrics.maintenance import windows_of
from apps.metrics.models import DayTotals
from apps.metrics.raw import load_runs
from apps.metrics.rows import cut
from apps.metrics.sketch import Sketch, from_bytes, sketch_of
from apps.metrics.sources import sources_of
from apps.metrics.tiers import DAY, HOUR, days_between, floor_to, runs_of_days
from apps.metrics.types import UptimeTotals
from apps.metrics.uptime import FAILED, Span, StateTimes, is_inside


@dataclass(frozen=True, slots=True)
class SubjectDays:
    """One subject: totals of each UTC day, the first and the last perhaps cut, and all its latencies as a histogram."""

    days: Mapping[int, UptimeTotals] = field(default_factory=dict)
    sketch: Sketch = field(default_factory=Sketch)


def fleet_days(
    *, workspace_id: int, refs: Collection[Ref], start: datetime, end: datetime, histograms: bool = True
) -> dict[int, SubjectDays]:
    """Totals by day and latency histogram of [start, end) of each subject, by its primary key.

    Totals are exact; a percentile of the histogram is within 1 % of the nearest rank. A subject without results is
    unknown throughout. Without `histograms` they stay empty, which saves reading them.
    """
    start_ms, end_ms = epoch_ms(start), epoch_ms(end)
    days = days_between(start_ms, end_ms)
    spans = {day: (max(day, start_ms), min(day + DAY, end_ms)) for day in days}
    sources = sources_of(workspace_id, refs)
    readers = day_readers(
        workspace_id=workspace_id, sources=list(sources.values()), start_ms=start_ms, end_ms=end_ms, keys=LATENCY_KEYS
    )
    sketches = _histograms(workspace_id, readers, days) if histograms else {}
    unknown = {day: UptimeTotals(times=StateTimes(unknown_ms=last - first)) for day, (first, last) in spans.items()}
    found = {ref.id: SubjectDays(unknown) for ref in refs}
    for ref, source in sources.items():
        totals = {day: readers[source.pk].totals(day, *span) for day, span in spans.items()}
        found[ref.id] = SubjectDays(totals, sketches.get(source.pk, Sketch()))
        if histograms:
            measured = [us for day, span in spans.items() for us in readers[source.pk].latencies(day, *span)]
            found[ref.id] = SubjectDays(totals, sketch_of(measured) + found[ref.id].sketch)
    return found


def fleet_counts(*, workspace_id: int, refs: Collection[Ref], start: datetime, end: datetime) -> SampleCounts:
    """Results of [start, end) of all the subjects together that count, and how many of them were available."""
    totals = day_totals(
        workspace_id=workspace_id,
        sources=list(sources_of(workspace_id, refs).values()),
        start_ms=epoch_ms(start),
        end_ms=epoch_ms(end),
    )
    return summed(day.counts for days in totals.values() for day in days.values())


def down_hours(*, workspace_id: int, refs: Collection[Ref], start: datetime, end: datetime) -> dict[int, int]:
    """Failed results outside maintenance of [start, end) by the start of their UTC hour, ascending; no empty hours.

    Days whose stored row says that nothing failed are not read. No further back than raw results are kept.
    """
    start_ms, end_ms = epoch_ms(start), epoch_ms(end)
    sources = list(sources_of(workspace_id, refs).values())
    plans = plan_days(workspace_id=workspace_id, sources=sources, start_ms=start_ms, end_ms=end_ms)
    runs = {source_id: runs_of_days(_troubled(plan)) for source_id, plan in plans.items()}
    tables = load_runs(workspace_id=workspace_id, runs=runs, keys={STATE}, carry=False)
    windows = windows_of(workspace_id=workspace_id, sources=sources, start_ms=start_ms, end_ms=end_ms)
    hours: Counter[int] = Counter()
    for source_id, table in tables.items():
        hours.update(_failed_hours(cut(table, start_ms, end_ms), windows.get(source_id, [])))
    return dict(sorted(hours.items()))


def _troubled(plan: DayPlan) -> set[int]:
    return set(plan.raw) | {day for day, row in plan.stored.items() if row.samples > row.available}


def _failed_hours(rows: Table, windows: Collection[Span]) -> list[int]:
    spans = list(windows)
    return [
        floor_to(ts, HOUR)
        for ts, state in zip(rows.ts, rows.numbers(STATE), strict=True)
        if state in FAILED and not is_inside(ts, spans)
    ]


def _histograms(workspace_id: int, readers: Mapping[int, DayReader], days: Collection[int]) -> dict[int, Sketch]:
    """The histograms of the whole days that are current, merged by source."""
    if not days or not readers:
        return {}
    rows = DayTotals.objects.of(workspace_id).filter(
        source_id__in=list(readers), day__gte=min(days) // DAY, day__lte=max(days) // DAY, latency_count__gt=0
    )
    bins: dict[int, Counter[int]] = {}
    zeros: Counter[int] = Counter()
    for source_id, day, payload in rows.values_list("source_id", "day", "sketch").iterator(chunk_size=1000):
        if readers[source_id].whole(day * DAY) is not None:
            sketch = from_bytes(payload)
            bins.setdefault(source_id, Counter()).update(sketch.bins)
            zeros[source_id] += sketch.zeros
    return {source_id: Sketch(counts, zeros[source_id]) for source_id, counts in bins.items()}
