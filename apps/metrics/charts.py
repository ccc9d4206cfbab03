"""Charts: buckets of the ladder's width from the tier that fits the range."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.common.clock import epoch_ms
from apps.common.values import Ref
from apps.metrics import columns
from apps.metrics.buckets import bucket_keys, device_buckets, joined, merge_buckets, spent_times
from apps.metrics.codec import Table, decode
from apps.metrics.days import DayPlan, plan_days
from apps.metrics.dirty import waiting_windows
from apps.metrics.gauge import Part
from apps.metrics.history import interval_in_force
from apps.metrics.ladder import LADDER_S, MAX_POINTS, step_for, tier_for
from apps.metrics.maintenance import windows_of
from apps.metrics.models import Block, Source
from apps.metrics.raw import load_runs
from apps.metrics.rows import cut
from apps.metrics.sources import source_of
from apps.metrics.tiers import (
    DAY,
    DAYS,
    RAW,
    ROLL_UPS,
    SECOND,
    STEP,
    days_between,
    floor_to,
    runs_of_days,
    window_of,
)
from apps.metrics.types import Chart, ChartPoint
from apps.metrics.uptime import Span, StateTimes


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the chart covers and how: gauges, tier, width of its buckets, width of a point."""

    source: Source
    gauges: Collection[int]
    start_ms: int
    end_ms: int
    tier: int
    step_ms: int

    @property
    def base_ms(self) -> int:
        return self.step_ms if self.tier == RAW else STEP[self.tier]

    @property
    def raw_keys(self) -> set[int]:
        return {columns.STATE, columns.INTERVAL, *self.gauges}

    @property
    def bucket_keys(self) -> set[int]:
        return bucket_keys(self.gauges)


def chart(
    *,
    workspace_id: int,
    ref: Ref,
    columns: Collection[str] = (),
    start: datetime,
    end: datetime,
    max_points: int = MAX_POINTS,
) -> Chart:
    """Latency, phases and states of [start, end) in at most `max_points` buckets of one width.

    `columns` names the phases wanted (`dns_us`, `connect_us`, `tls_us`, `ttfb_us`, `total_us`); latency and states
    always come along. The width is the ladder's, but no finer than the device's interval; where the tier that fits has
    expired, the next coarser one answers and the width grows with it. The first bucket begins at or before `start`.
    """
    start_ms, end_ms = epoch_ms(start), epoch_ms(end)
    source = source_of(workspace_id, ref)
    at_least_s = 0 if source is None else min(interval_in_force(source), DAY) // SECOND
    step_ms = SECOND * step_for(start_ms // SECOND, -(-end_ms // SECOND), max_points=max_points, at_least_s=at_least_s)
    if source is None:
        return Chart(step_ms, ROLL_UPS[RAW], _points(Table(), start_ms, end_ms, step_ms, columns))
    table, step_ms, tier = _buckets(source, _gauges(columns), start_ms, end_ms, step_ms)
    return Chart(step_ms, ROLL_UPS[tier], _points(table, start_ms, end_ms, step_ms, columns))


def _gauges(names: Collection[str]) -> list[int]:
    return [columns.LATENCY, *(columns.PHASES[name] for name in names if name in columns.PHASES)]


def _buckets(
    source: Source, gauges: Collection[int], start_ms: int, end_ms: int, step_ms: int
) -> tuple[Table, int, int]:
    """Buckets of the finest tier that still holds the range, their width and the coarsest tier read."""
    first = floor_to(start_ms, step_ms)
    plan = plan_days(workspace_id=source.workspace_id, sources=[source], start_ms=first, end_ms=end_ms)[source.pk]
    stock = _Stock.of(source, first, end_ms)
    wanted = tier_for(end_ms - start_ms)
    while wanted != RAW and step_ms % STEP[wanted]:
        wanted -= 1
    for tier in range(wanted, DAYS + 1):
        step_ms = _widened(step_ms, tier)
        shape = _Shape(source, gauges, floor_to(start_ms, step_ms), end_ms, tier, step_ms)
        places = stock.places(shape, plan)
        if places is not None:
            break
    table = _assembled(shape, places or {}, stock)
    return merge_buckets(table, step_ms), step_ms, max((places or {}).values(), default=RAW)


def _widened(step_ms: int, tier: int) -> int:
    """The step, or the narrowest of the ladder that whole buckets of the tier fill."""
    if tier == RAW or step_ms % STEP[tier] == 0:
        return step_ms
    return next(step * SECOND for step in LADDER_S if step * SECOND % STEP[tier] == 0)


@dataclass(frozen=True, slots=True)
class _Stock:
    """Which blocks exist around a range, and which of them wait to be computed again."""

    blocks: Mapping[tuple[int, int], int]
    waiting: Collection[tuple[int, int]]

    @classmethod
    def of(cls, source: Source, start_ms: int, end_ms: int) -> "_Stock":
        earliest = window_of(start_ms, DAYS)
        rows = Block.objects.of(source.workspace_id).filter(source_id=source.pk, t0__gte=earliest, t0__lt=end_ms)
        waiting = waiting_windows(source.workspace_id, source.pk, earliest, end_ms)
        return cls({(tier, t0): pk for tier, t0, pk in rows.values_list("tier", "t0", "pk")}, waiting)

    def places(self, shape: _Shape, plan: DayPlan) -> dict[int, int] | None:
        """The tier to read each day from, none for a day that holds nothing; None when one has expired."""
        chosen: dict[int, int] = {}
        for day in days_between(shape.start_ms, shape.end_ms):
            if day in plan.raw:
                chosen[day] = RAW
            elif day in plan.stored:
                tier = self._tier_of(day, shape.tier)
                if tier is not None:
                    chosen[day] = tier
                elif shape.tier != DAYS:
                    return None
        return chosen

    def _tier_of(self, day: int, coarsest: int) -> int | None:
        stored = [tier for tier in range(coarsest, RAW, -1) if (tier, window_of(day, tier)) in self.blocks]
        current = [tier for tier in stored if (tier, window_of(day, tier)) not in self.waiting]
        if not current and (RAW, day) in self.blocks:
            return RAW
        # With the raw rows gone, a block that waits to be computed again is still the best there is.
        return next(iter(current or stored), None)


def _assembled(shape: _Shape, places: Mapping[int, int], stock: _Stock) -> Table:
    """Buckets of the shape's base width, ascending, each day from its place."""
    days = days_between(shape.start_ms, shape.end_ms)
    parts = _stored_parts(shape, places, stock)
    windows = windows_of(
        workspace_id=shape.source.workspace_id,
        sources=[shape.source],
        start_ms=shape.start_ms,
        end_ms=shape.end_ms,
    ).get(shape.source.pk, [])
    raw = runs_of_days(day for day, tier in places.items() if tier == RAW)
    rows = load_runs(workspace_id=shape.source.workspace_id, runs={shape.source.pk: raw}, keys=shape.raw_keys).get(
        shape.source.pk, Table()
    )
    parts.update(_computed_parts(shape, raw, rows, windows))
    empty = runs_of_days(day for day in days if day not in places)
    parts.update(_computed_parts(shape, empty, Table(), windows))
    return _ascending([parts[key] for key in sorted(parts)])


def _computed_parts(shape: _Shape, runs: Sequence[Span], rows: Table, windows: Sequence[Span]) -> dict[int, Table]:
    return {
        first: device_buckets(
            rows,
            windows=windows,
            start_ms=max(first, shape.start_ms),
            end_ms=min(last, shape.end_ms),
            step_ms=shape.base_ms,
        )
        for first, last in runs
    }


def _stored_parts(shape: _Shape, places: Mapping[int, int], stock: _Stock) -> dict[int, Table]:
    """Buckets of the days that are read from stored tiers, by day."""
    wanted = {day: (tier, window_of(day, tier)) for day, tier in places.items() if tier != RAW}
    pks = {stock.blocks[window]: window for window in wanted.values()}
    # By their keys alone SQLite would look through the whole workspace.
    mine = Block.objects.of(shape.source.workspace_id).filter(source_id=shape.source.pk)
    rows = mine.filter(pk__in=list(pks)).values_list("pk", "payload")
    tables = {pks[pk]: _widened_to(shape, pks[pk][0], decode(payload, shape.bucket_keys)) for pk, payload in rows}
    # Outside the chart's own range only the start matters: a bucket that the end cuts is shown whole.
    return {
        day: cut(tables[window], max(day, shape.start_ms), min(day + DAY, shape.end_ms))
        for day, window in wanted.items()
    }


def _widened_to(shape: _Shape, tier: int, table: Table) -> Table:
    return table if STEP[tier] == shape.base_ms else merge_buckets(table, shape.base_ms)


def _ascending(parts: Sequence[Table]) -> Table:
    return joined([part for part in parts if part.ts])


def _points(table: Table, start_ms: int, end_ms: int, step_ms: int, names: Collection[str]) -> tuple[ChartPoint, ...]:
    """Every bucket of the range as a point, those without data unknown throughout."""
    rows = {bucket: index for index, bucket in enumerate(table.ts)}
    drawn = _Columns.of(table, names)
    points = []
    for bucket in range(floor_to(start_ms, step_ms), end_ms, step_ms):
        length = min(bucket + step_ms, end_ms) - bucket
        index = rows.get(bucket)
        points.append(drawn.empty(bucket, length) if index is None else drawn.point(index, length))
    return tuple(points)


@dataclass(frozen=True, slots=True)
class _Columns:
    """The columns of buckets that a chart shows."""

    ts: Sequence[int]
    spent: tuple[Sequence[int], ...]
    checks: Sequence[int]
    fails: Sequence[int]
    lows: Sequence[int | None]
    highs: Sequence[int | None]
    means: Sequence[float | None]
    phases: Mapping[str, Sequence[float | None]]

    @classmethod
    def of(cls, table: Table, names: Collection[str]) -> "_Columns":
        return cls(
            table.ts,
            tuple(map(table.numbers, (columns.UP_MS, columns.WARNING_MS, columns.DOWN_MS, columns.MAINTENANCE_MS))),
            table.numbers(columns.CHECKS),
            table.numbers(columns.FAILS),
            table.column(columns.gauge_key(columns.LATENCY, Part.MIN)),
            table.column(columns.gauge_key(columns.LATENCY, Part.MAX)),
            _means(table, columns.LATENCY),
            {name: _means(table, columns.PHASES[name]) for name in names if name in columns.PHASES},
        )

    def point(self, index: int, length_ms: int) -> ChartPoint:
        return ChartPoint(
            self.ts[index],
            spent_times([spent[index] for spent in self.spent], length_ms),
            self.checks[index],
            self.fails[index],
            self.lows[index],
            self.means[index],
            self.highs[index],
            {name: means[index] for name, means in self.phases.items()},
        )

    def empty(self, bucket: int, length_ms: int) -> ChartPoint:
        unknown = StateTimes(unknown_ms=length_ms)
        return ChartPoint(bucket, unknown, 0, 0, None, None, None, dict.fromkeys(self.phases))


def _means(table: Table, column: int) -> list[float | None]:
    counts = table.numbers(columns.gauge_key(column, Part.COUNT))
    sums = table.column(columns.gauge_key(column, Part.SUM))
    return [total / count if count and total is not None else None for count, total in zip(counts, sums, strict=True)]
