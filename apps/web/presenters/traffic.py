"""Traffic of one interface: a cycle in figures, its days as columns, the cycles before it, and lines of a file."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from apps.common.clock import iso_ms
from apps.traffic.cycles import cycle_at, cycles_back
from apps.traffic.plans import CyclePlan
from apps.traffic.rebuilds import RebuildState
from apps.traffic.selectors import CycleSummary, DaySummary
from apps.web.presenters import drawing, sizes, words
from apps.web.presenters.charts import Tick
from apps.web.presenters.drawing import HEIGHT, WIDTH
from apps.web.presenters.exports import Echo
from apps.web.presenters.monitor import Fact, split_unit

GAP = 0.25
LABELS = 5
COUNTED = {"in": "received", "out": "sent", "total": "received and sent together", "": "nothing yet"}
STATUSES = {
    "provisional": "Runs",
    "grace": "Ended, late reports still count",
    "sealed": "Final",
    "stale": "Incomplete for good",
}
NO_P95 = {
    "disabled": "Not switched on for this node",
    "lite_mode": "Not known in lite mode",
    "insufficient_samples": "Too few samples so far",
    "snapshot_without_p95": "Not kept for this cycle",
}
HEADING = (
    "day",
    "from",
    "until",
    "received_bytes",
    "sent_bytes",
    "counted_bytes",
    "p95_bytes_per_s",
    "samples",
    "expected",
)


@dataclass(frozen=True, slots=True)
class DayColumn:
    """One day: two parts of a column, and the words for both."""

    at: datetime
    x: float
    width: float
    in_y: float
    in_height: float
    out_y: float
    out_height: float
    received: str
    sent: str
    p95: str
    coverage: str


@dataclass(frozen=True, slots=True)
class DayChart:
    """Days oldest first; `limit` is a labelled line across, where there is one."""

    columns: Sequence[DayColumn]
    ticks: Sequence[Tick]
    times: Sequence[str]
    summary: str
    limit: tuple[str, float, float] | None = None


@dataclass(frozen=True, slots=True)
class CycleRow:
    """One cycle of the past."""

    start: datetime
    end: datetime
    received: str
    sent: str
    counted: str
    p95: str
    coverage: str
    status: str


def facts(cycle: CycleSummary) -> list[Fact]:
    """The figures of a cycle as cards."""
    stats = cycle.stats
    counted = COUNTED[stats.bytes.direction or ""]
    return [
        Fact("Used", *split_unit(sizes.volume(stats.bytes.selected)), f"counted: {counted}"),
        Fact("Received", *split_unit(sizes.volume(stats.bytes.received)), f"peak {sizes.bits(stats.peak.received)}"),
        Fact("Sent", *split_unit(sizes.volume(stats.bytes.sent)), f"peak {sizes.bits(stats.peak.sent)}"),
        _p95_fact(cycle),
        Fact("Coverage", *split_unit(_covered(cycle)), _gaps(cycle)),
    ]


def _p95_fact(cycle: CycleSummary) -> Fact:
    p95 = cycle.stats.p95
    if p95.selected is None:
        return Fact("95th percentile", words.NOTHING, "", NO_P95.get(cycle.stats.p95_status, ""))
    both = f"in {sizes.bits(p95.received)}, out {sizes.bits(p95.sent)}"
    return Fact("95th percentile", *split_unit(sizes.bits(p95.selected)), both)


def _covered(cycle: CycleSummary) -> str:
    if cycle.terms.lite:
        return "100 %" if cycle.stats.coverage.complete else words.NOTHING
    return words.percent(cycle.stats.coverage.ratio * 100)


def _gaps(cycle: CycleSummary) -> str:
    coverage = cycle.stats.coverage
    parts = [words.plural(coverage.gaps, "gap")] if coverage.gaps else []
    parts += [words.plural(coverage.resets, "counter reset")] if coverage.resets else []
    return ", ".join(parts) or "no gap"


@dataclass(frozen=True, slots=True)
class CycleSpan:
    """One cycle by its borders, both of them midnights of its zone; `days` as a calendar counts them."""

    label: str
    start: datetime
    end: datetime
    days: int


def spans(plan: CyclePlan, *, now: datetime) -> list[CycleSpan]:
    """The cycle before, the one that runs, and the next; the plan must name its zone."""
    zone, (runs, before) = ZoneInfo(plan.zone), cycles_back(plan, now, 2)
    found = (("Before", before), ("Now", runs), ("Next", cycle_at(plan, runs.end)))
    return [_span(label, cycle.start.astimezone(zone), cycle.end.astimezone(zone)) for label, cycle in found]


def _span(label: str, start: datetime, end: datetime) -> CycleSpan:
    # Where the clock leaps over midnight a border is an hour off it: by calendar days that makes no difference.
    return CycleSpan(
        label, start, end, round((end.replace(tzinfo=None) - start.replace(tzinfo=None)).total_seconds() / 86400)
    )


def rows(cycles: Sequence[CycleSummary]) -> list[CycleRow]:
    """Cycles newest first, in words."""
    return [
        CycleRow(
            cycle.cycle.start.astimezone(ZoneInfo(cycle.terms.plan.zone)),
            cycle.cycle.end.astimezone(ZoneInfo(cycle.terms.plan.zone)),
            sizes.volume(cycle.stats.bytes.received),
            sizes.volume(cycle.stats.bytes.sent),
            sizes.volume(cycle.stats.bytes.selected),
            sizes.bits(cycle.stats.p95.selected),
            _covered(cycle),
            STATUSES[cycle.stats.status],
        )
        for cycle in cycles
    ]


def day_chart(days: Sequence[DaySummary], *, zone: str) -> DayChart:
    """What was received stands on what was sent."""
    top = _ceiling(max((_total(day) for day in days), default=0))
    columns = [_column(day, at, len(days), top, ZoneInfo(zone)) for at, day in enumerate(days)]
    whole = sum(_total(day) for day in days)
    summary = f"Traffic by day: {words.plural(len(days), 'day')}, {sizes.volume(whole)} in all"
    ticks = [Tick(sizes.volume(top * part / 4), HEIGHT - HEIGHT * part / 4) for part in range(5)]
    return DayChart(columns, ticks, _times(columns), summary)


def rate_chart(days: Sequence[DaySummary], cycle: CycleSummary) -> DayChart | None:
    """Each day's own 95th percentile, and that of the whole cycle as a line; None where the cycle has none."""
    limit = cycle.stats.p95.selected
    if limit is None:
        return None
    rates = [day.stats.p95.selected for day in days]
    top = _ceiling(max(limit, *(rate or 0 for rate in rates)) * 8) / 8
    zone, columns = ZoneInfo(cycle.terms.plan.zone), []
    for at, (day, rate) in enumerate(zip(days, rates, strict=True)):
        plain = _column(day, at, len(days), 1, zone)
        y, height = drawing.height_of(rate or 0, top), round(HEIGHT * (rate or 0) / top, 1)
        columns.append(
            DayColumn(
                plain.at, plain.x, plain.width, y, height, y, 0.0, plain.received, plain.sent, plain.p95, plain.coverage
            )
        )
    ticks = [Tick(sizes.bits(top * part / 4), HEIGHT - HEIGHT * part / 4) for part in range(5)]
    y = drawing.height_of(limit, top)
    told = f"95th percentile of the cycle {sizes.bits(limit)}"
    return DayChart(columns, ticks, _times(columns), told, (told, y, round(100 * y / HEIGHT, 1)))


def _total(day: DaySummary) -> int:
    return day.stats.bytes.received + day.stats.bytes.sent


def _ceiling(value: float) -> float:
    """The next round number of a decimal unit at or above."""
    size = 1.0
    while size * 10 < value:
        size *= 10
    return next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= value)


def _column(day: DaySummary, at: int, count: int, top: float, zone: ZoneInfo) -> DayColumn:
    step = WIDTH / count
    sent, whole = day.stats.bytes.sent, _total(day)
    out_y, in_y = drawing.height_of(sent, top), drawing.height_of(whole, top)
    coverage = day.stats.coverage
    return DayColumn(
        day.start.astimezone(zone),
        round(at * step + step * GAP / 2, 1),
        round(step * (1 - GAP), 1),
        in_y,
        round(out_y - in_y, 1),
        out_y,
        round(HEIGHT - out_y, 1),
        sizes.volume(day.stats.bytes.received),
        sizes.volume(sent),
        sizes.bits(day.stats.p95.selected),
        words.percent(coverage.ratio * 100),
    )


def _times(columns: Sequence[DayColumn]) -> list[str]:
    if not columns:
        return []
    places = sorted({part * (len(columns) - 1) // (LABELS - 1) for part in range(LABELS)})
    return [f"{columns[place].at:%-d %b}" for place in places]


def rebuild_words(state: RebuildState, *, node_id: int) -> tuple[str, bool]:
    """A sentence about the newest rebuild, and whether it runs; empty when this node never had one."""
    if state.state == "running":
        whose = "" if state.node_id == node_id else " of another node"
        return f"A rebuild{whose} runs: {state.percent} % done.", True
    if state.node_id != node_id or state.finished_at is None:
        return "", False
    if state.state == "completed":
        return "The last rebuild went through.", False
    reason = {"timeout": "it took too long", "canceled": "the node was deleted"}.get(
        state.reason, "stored data is damaged"
    )
    return f"The last rebuild failed: {reason}.", False


def csv_lines(days: Sequence[DaySummary], *, zone: str) -> Iterator[str]:
    """The heading, then one line a day, oldest first; bytes as they were counted, instants in UTC."""
    writer: Any = csv.writer(Echo())
    yield writer.writerow(HEADING)
    for day in days:
        stats = day.stats
        p95 = stats.p95.selected
        yield writer.writerow(
            [
                f"{day.start.astimezone(ZoneInfo(zone)):%Y-%m-%d}",
                iso_ms(day.start),
                iso_ms(day.end),
                stats.bytes.received,
                stats.bytes.sent,
                stats.bytes.selected,
                "" if p95 is None else f"{p95:.2f}",
                stats.coverage.samples,
                stats.coverage.expected,
            ]
        )
