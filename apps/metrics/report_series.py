"""Series of reporting subjects: aligned buckets of any columns, from the tier that fits the range."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from django.db.models import Max, Min

from apps.common.clock import epoch_ms
from apps.common.values import Ref
from apps.metrics.buckets import joined, merge_buckets
from apps.metrics.codec import Table, decode
from apps.metrics.columns import gauge_key
from apps.metrics.dirty import waiting_windows
from apps.metrics.gauge import Part
from apps.metrics.ladder import LADDER_S, MAX_POINTS, step_for
from apps.metrics.models import Block, HeadRow, Source
from apps.metrics.report_buckets import REPORT_COUNT, decimals_of, report_buckets
from apps.metrics.report_rows import column_names, hours_of
from apps.metrics.reported import kept
from apps.metrics.rows import cut
from apps.metrics.sources import source_of
from apps.metrics.tiers import (
    DAY,
    DAYS,
    FIVE_MINUTES,
    HOUR,
    RAW,
    REPORTS,
    ROLL_UPS,
    SECOND,
    STEP,
    TIERS,
    RollUp,
    days_between,
    floor_to,
    runs_of_days,
    window_of,
)

# The most that is drawn by the step a surface names itself.
MOST_BUCKETS = 2000
ALL_PARTS = frozenset(Part)
AVERAGES = frozenset({Part.SUM, Part.LAST, Part.COUNT})


class Point(NamedTuple):
    """One column in one bucket. Of a counter only the last value says anything; the others are None."""

    last: float
    average: float | None = None
    minimum: float | None = None
    maximum: float | None = None
    samples: int | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """Aligned buckets of `step_ms` that hold a report, oldest first: starts, numbers of reports, points by column.

    A column has None where no report of the bucket knew it. `rollup` names the coarsest tier that was read.
    """

    step_ms: int
    rollup: RollUp = "raw"
    starts_ms: Sequence[int] = ()
    reports: Sequence[int] = ()
    points: Mapping[str, Sequence[Point | None]] = field(default_factory=dict)


def report_chart(
    *,
    workspace_id: int,
    ref: Ref,
    columns: Collection[str],
    start: datetime,
    end: datetime,
    max_points: int = MAX_POINTS,
    extremes: bool = True,
) -> Series:
    """The columns over [start, end) in at most `max_points` buckets of one width of the ladder.

    The width is no finer than the subject's interval; where the tier that fits has expired, the next coarser one
    answers and the width grows with it. A subject that is not known has no buckets. Without `extremes` the least and
    the greatest values stay None, which saves reading them.
    """
    start_ms, end_ms = epoch_ms(start), epoch_ms(end)
    source = source_of(workspace_id, ref)
    at_least_s = 0 if source is None else min(source.interval_ms, DAY) // SECOND
    step_ms = SECOND * step_for(start_ms // SECOND, -(-end_ms // SECOND), max_points=max_points, at_least_s=at_least_s)
    parts = ALL_PARTS if extremes else AVERAGES
    return _series(source, columns, start_ms, end_ms, step_ms, may_widen=True, parts=parts)


def report_series(
    *, workspace_id: int, ref: Ref, columns: Collection[str], start: datetime, end: datetime, step_s: int
) -> Series:
    """The columns over [start, end) in buckets of the step that is asked for: a part of an hour, or whole five minutes.

    A stretch whose tier has expired has no buckets. ValueError for any other step, and for more than 2,000 buckets.
    """
    start_ms, end_ms, step_ms = epoch_ms(start), epoch_ms(end), step_s * SECOND
    if step_ms <= 0 or (HOUR % step_ms and step_ms % STEP[FIVE_MINUTES]):
        raise ValueError("a step is a part of an hour or whole five minutes")
    if (end_ms - start_ms) // step_ms > MOST_BUCKETS:
        raise ValueError(f"at most {MOST_BUCKETS} buckets")
    return _series(source_of(workspace_id, ref), columns, start_ms, end_ms, step_ms, may_widen=False)


def _series(
    source: Source | None,
    columns: Collection[str],
    start_ms: int,
    end_ms: int,
    step_ms: int,
    *,
    may_widen: bool,
    parts: Collection[Part] = ALL_PARTS,
) -> Series:
    if source is None or start_ms >= end_ms:
        return Series(step_ms)
    keys = {key: name for key, name in column_names(source).items() if name in set(columns)}
    stock = _Stock.of(source, floor_to(start_ms, step_ms), end_ms)
    # However short the range: wider buckets are narrower ones merged exactly, and far fewer to read.
    wanted = _coarsest(step_ms)
    places = stock.places(floor_to(start_ms, step_ms), end_ms, wanted)
    while may_widen and None in places.values() and wanted < DAYS:
        wanted += 1
        step_ms = _widened(step_ms, wanted)
        places = stock.places(floor_to(start_ms, step_ms), end_ms, wanted)
    known = {day: tier for day, tier in places.items() if tier is not None}
    shape = _Shape(source, keys, floor_to(start_ms, step_ms), end_ms, wanted, step_ms, parts)
    table = _merged(_assembled(shape, known, stock), shape.base_ms, step_ms)
    points = {name: _points(table, key, name) for key, name in keys.items()}
    rollup = ROLL_UPS[max(known.values(), default=RAW)]
    return Series(step_ms, rollup, table.ts, table.numbers(REPORT_COUNT), points)


def _coarsest(step_ms: int) -> int:
    """The coarsest tier whose buckets fill whole steps."""
    return next((each for each in reversed(TIERS) if step_ms % STEP[each] == 0), RAW)


def _widened(step_ms: int, tier: int) -> int:
    """The step, or the narrowest of the ladder that whole buckets of the tier fill."""
    if step_ms % STEP[tier] == 0:
        return step_ms
    wide = next(step for step in LADDER_S if step * SECOND % STEP[tier] == 0)
    return wide * SECOND


@dataclass(frozen=True, slots=True)
class _Shape:
    """What is drawn and how: columns by number, the stretch, the tier, the width of a point."""

    source: Source
    keys: Mapping[int, str]
    start_ms: int
    end_ms: int
    tier: int
    step_ms: int
    parts: Collection[Part]

    @property
    def base_ms(self) -> int:
        """The width in which everything is gathered before it is merged to steps."""
        return STEP[self.tier] if self.tier != RAW else min(self.step_ms, STEP[FIVE_MINUTES])

    @property
    def raw_ms(self) -> int:
        """The width of buckets of raw reports, which are read an hour at a time."""
        if HOUR % self.step_ms == 0:
            return self.step_ms
        return min(self.base_ms, HOUR)

    @property
    def bucket_keys(self) -> set[int]:
        wanted = (
            gauge_key(key, part) for key, name in self.keys.items() for part in kept(name).parts if part in self.parts
        )
        return {REPORT_COUNT, *wanted}


@dataclass(frozen=True, slots=True)
class _Stock:
    """What is stored around a range: buckets by tier and window, days with raw reports, and what waits for its turn."""

    blocks: Mapping[tuple[int, int], int]
    raw_days: Collection[int]
    waiting: Collection[tuple[int, int]]
    # Where the oldest block of each tier begins.
    oldest: Mapping[int, int]

    @classmethod
    def of(cls, source: Source, start_ms: int, end_ms: int) -> "_Stock":
        earliest = window_of(start_ms, DAYS)
        mine = Block.objects.of(source.workspace_id).filter(source_id=source.pk, t0__lt=end_ms)
        rows = mine.filter(tier__in=TIERS, t0__gte=earliest).values_list("tier", "t0", "pk")
        hours = mine.filter(tier=REPORTS, t0__gte=floor_to(start_ms, DAY)).values_list("t0", flat=True)
        inbox = _inbox_days(source)
        dirty = waiting_windows(source.workspace_id, source.pk, earliest, end_ms)
        # What is in the inbox has dirtied nothing yet.
        dirty |= {(FIVE_MINUTES, day) for day in inbox}
        raw = {floor_to(t0, DAY) for t0 in hours} | set(inbox)
        oldest = mine.filter(tier__in=TIERS).values_list("tier").order_by("tier").annotate(low=Min("t0"))
        return cls({(tier, t0): pk for tier, t0, pk in rows}, raw, dirty, dict(oldest))

    def places(self, start_ms: int, end_ms: int, wanted: int) -> dict[int, int | None]:
        """The tier to read each day from; None where only a coarser one still holds it, no entry for an empty day."""
        chosen: dict[int, int | None] = {}
        for day in days_between(start_ms, end_ms):
            place = self._place(day, wanted)
            if place is not None:
                chosen[day] = place
            elif self._has_expired(day, wanted):
                chosen[day] = None
        return chosen

    def _has_expired(self, day: int, wanted: int) -> bool:
        """Whether only coarser tiers still hold the day. A tier that holds older days would hold this one too."""
        if wanted == RAW and (FIVE_MINUTES, day) in self.blocks:
            return True
        finest = max(wanted, FIVE_MINUTES)
        if any(self.oldest.get(tier, day + 1) <= day for tier in range(FIVE_MINUTES, finest + 1)):
            return False
        return any((tier, window_of(day, tier)) in self.blocks for tier in range(finest + 1, DAYS + 1))

    def _place(self, day: int, wanted: int) -> int | None:
        if day in self.raw_days and (wanted == RAW or (FIVE_MINUTES, day) in self.waiting):
            return RAW
        stored = [tier for tier in range(wanted, RAW, -1) if (tier, window_of(day, tier)) in self.blocks]
        current = [tier for tier in stored if (tier, window_of(day, tier)) not in self.waiting]
        if not current and day in self.raw_days:
            return RAW
        # With the raw reports gone, a block that waits to be computed again is still the best there is.
        return next(iter(current or stored), None)


def _inbox_days(source: Source) -> list[int]:
    """The days that the inbox touches, from its oldest row to its newest."""
    ends = HeadRow.objects.of(source.workspace_id).filter(source_id=source.pk).aggregate(low=Min("ts"), high=Max("ts"))
    return [] if ends["low"] is None else days_between(ends["low"], ends["high"] + 1)


def _assembled(shape: _Shape, places: Mapping[int, int], stock: _Stock) -> Table:
    """Buckets of the shape's base width, ascending, each day from its place."""
    parts = _stored_parts(shape, places, stock)
    for first, last in runs_of_days(day for day, tier in places.items() if tier == RAW):
        start_ms, end_ms, decimals = max(first, shape.start_ms), min(last, shape.end_ms), decimals_of(shape.keys)
        hours = hours_of(shape.source, start_ms, end_ms, set(shape.keys), decimals=decimals)
        parts[first] = _merged(
            report_buckets(hours, shape.keys, shape.raw_ms, shape.parts), shape.raw_ms, shape.base_ms
        )
    return joined([parts[day] for day in sorted(parts) if parts[day].ts])


def _stored_parts(shape: _Shape, places: Mapping[int, int], stock: _Stock) -> dict[int, Table]:
    wanted = {day: (tier, window_of(day, tier)) for day, tier in places.items() if tier != RAW}
    pks = {stock.blocks[window]: window for window in wanted.values()}
    # By their keys alone SQLite would look through the whole workspace.
    mine = Block.objects.of(shape.source.workspace_id).filter(source_id=shape.source.pk)
    rows = mine.filter(pk__in=list(pks)).values_list("pk", "payload")
    tables = {
        pks[pk]: _merged(decode(payload, shape.bucket_keys), STEP[pks[pk][0]], shape.base_ms) for pk, payload in rows
    }
    # Outside the range only the start matters: a bucket that the end cuts is shown whole.
    return {
        day: cut(tables[window], max(day, shape.start_ms), min(day + DAY, shape.end_ms))
        for day, window in wanted.items()
    }


def _merged(table: Table, width_ms: int, wider_ms: int) -> Table:
    return table if width_ms >= wider_ms else merge_buckets(table, wider_ms)


def _points(table: Table, key: int, name: str) -> list[Point | None]:
    scale = kept(name).scale
    parts = {part: table.column(gauge_key(key, part)) for part in Part}
    counts = parts[Part.COUNT]
    last, total, least, most = (_unscaled(parts[part], scale) for part in (Part.LAST, Part.SUM, Part.MIN, Part.MAX))
    averages = [None if each is None or not count else each / count for each, count in zip(total, counts, strict=True)]
    rows = zip(last, averages, least, most, counts, strict=True)
    return [None if row[0] is None else Point._make(row) for row in rows]


def _unscaled(values: Sequence[int | float | None], scale: int) -> list[float | None]:
    return [None if value is None else value / scale for value in values]
