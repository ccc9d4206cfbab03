"""Totals day by day: the stored day row where it is current, raw rows everywhere else."""

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db.models import F

from apps.metrics.buckets import device_buckets, spoken_latencies, totals_of
from apps.metrics.codec import Table, decode
from apps.metrics.columns import INTERVAL, LATENCY, STATE
from apps.metrics.dirty import dirty_starts
from apps.metrics.figures import SampleCounts
from apps.metrics.maintenance import windows_of
from apps.metrics.models import Block, DayTotals, HeadRow, Source
from apps.metrics.raw import load_runs
from apps.metrics.rows import cut
from apps.metrics.tiers import DAY, FIVE_MINUTES, HOURS, STEP, days_between, floor_to, runs_of_days, window_of
from apps.metrics.types import UptimeTotals
from apps.metrics.uptime import FOREVER, Span, StateTimes

LATENCY_KEYS = frozenset({STATE, INTERVAL, LATENCY})
_BLOCK = ("source_id", "tier", "t0", "payload")


class StoredDay(NamedTuple):
    """A row of ts_day without its histogram; names as there."""

    source_id: int
    day: int
    up_ms: int
    warning_ms: int
    down_ms: int
    maintenance_ms: int
    unknown_ms: int
    checks: int
    fails: int
    samples: int
    available: int
    latency_count: int
    lat_sum_us: int
    lat_min_us: int | None
    lat_max_us: int | None


@dataclass(frozen=True, slots=True)
class DayPlan:
    """Where the figures of one source's days come from: `stored` rows, or `raw` rows; anything else holds nothing."""

    stored: Mapping[int, StoredDay] = field(default_factory=dict)
    raw: frozenset[int] = frozenset()

    @property
    def runs(self) -> list[Span]:
        """The raw days as half-open stretches."""
        return runs_of_days(self.raw)


def plan_days(*, workspace_id: int, sources: Collection[Source], start_ms: int, end_ms: int) -> dict[int, DayPlan]:
    """For each source and UTC day that [start, end) touches, whether the stored figures are current. Three statements.

    Days on the work list, with rows in the inbox or after the newest stored one are read from raw rows. A day
    between stored ones that has no row of its own held nothing: every day a result speaks about is put on the list.
    """
    ids = [source.pk for source in sources]
    days = days_between(start_ms, end_ms)
    if not days:
        return {source_id: DayPlan() for source_id in ids}
    stale = dirty_starts(workspace_id, ids, FIVE_MINUTES, days[0], end_ms)
    for source_id, day in head_days(workspace_id, ids, days[0], end_ms):
        stale.setdefault(source_id, set()).add(day * DAY)
    stored: dict[int, dict[int, StoredDay]] = {}
    rows = DayTotals.objects.of(workspace_id).filter(
        source_id__in=ids, day__gte=days[0] // DAY, day__lte=days[-1] // DAY
    )
    for row in map(StoredDay._make, rows.values_list(*StoredDay._fields)):
        stored.setdefault(row.source_id, {})[row.day * DAY] = row
    return {
        source.pk: _plan(source, days, stored.get(source.pk, {}), stale.get(source.pk, set())) for source in sources
    }


def day_totals(
    *,
    workspace_id: int,
    sources: Collection[Source],
    start_ms: int,
    end_ms: int,
) -> dict[int, dict[int, UptimeTotals]]:
    """Totals of each source and UTC day within [start, end); the first and the last day may be cut.

    Where a cut day is older than its raw rows, its whole 5-minute or hourly buckets within the range are used and the
    rest of the day counts as unknown.
    """
    readers = day_readers(
        workspace_id=workspace_id, sources=sources, start_ms=start_ms, end_ms=end_ms, keys=LATENCY_KEYS
    )
    days = days_between(start_ms, end_ms)
    return {
        source_id: {day: reader.totals(day, max(day, start_ms), min(day + DAY, end_ms)) for day in days}
        for source_id, reader in readers.items()
    }


def day_readers(
    *, workspace_id: int, sources: Collection[Source], start_ms: int, end_ms: int, keys: Collection[int]
) -> dict[int, "DayReader"]:
    """What it takes to read the days of [start, end), by source; a fixed number of statements.

    `keys` are the columns wanted of raw rows: a gauge left out is not measured there.
    """
    plans = plan_days(workspace_id=workspace_id, sources=sources, start_ms=start_ms, end_ms=end_ms)
    edges = {
        day for day in (floor_to(start_ms, DAY), floor_to(end_ms - 1, DAY)) if day < start_ms or day + DAY > end_ms
    }
    runs = {source_id: runs_of_days(plan.raw | (edges & set(plan.stored))) for source_id, plan in plans.items()}
    tables = load_runs(workspace_id=workspace_id, runs=runs, keys=keys)
    windows = windows_of(workspace_id=workspace_id, sources=sources, start_ms=start_ms, end_ms=end_ms)
    kept = _kept_buckets(workspace_id, _lost_days(plans, tables, edges))
    return {
        source.pk: DayReader(
            plans[source.pk],
            tables.get(source.pk, Table()),
            windows.get(source.pk, []),
            edges,
            kept.get(source.pk, {}),
        )
        for source in sources
    }


@dataclass(frozen=True, slots=True)
class DayReader:
    """One source's days, each from the place its plan names.

    `kept` holds what is left of cut days whose raw rows have had their time, with the width of its buckets.
    """

    plan: DayPlan
    rows: Table
    windows: Sequence[Span]
    edges: Collection[int]
    kept: Mapping[int, tuple[int, Table]]

    def whole(self, day: int) -> StoredDay | None:
        """The stored row of a day, None when it is not current or the range cuts it."""
        return None if day in self.edges else self.plan.stored.get(day)

    def is_silent(self, day: int) -> bool:
        """Whether nothing is known of a day, not even maintenance."""
        return not self.windows and day not in self.plan.stored and day not in self.plan.raw

    def totals(self, day: int, start_ms: int, end_ms: int) -> UptimeTotals:
        """Totals of a stretch within one day."""
        whole, stored = self.whole(day), self.plan.stored.get(day)
        if whole is not None:
            return stored_totals(whole)
        if stored is not None and stored.checks and not _has_rows(self.rows, day):
            step, table = self.kept.get(day, (0, Table()))
            return totals_of(cut(table, start_ms, end_ms - step + 1), end_ms - start_ms)
        if self.is_silent(day):
            return UptimeTotals(times=StateTimes(unknown_ms=end_ms - start_ms))
        speaks = stored is not None or day in self.plan.raw
        rows = cut(self.rows, self._carry(start_ms), end_ms) if speaks else Table()
        buckets = device_buckets(rows, windows=self.windows, start_ms=start_ms, end_ms=end_ms, step_ms=FOREVER)
        return totals_of(buckets, end_ms - start_ms)

    def latencies(self, day: int, start_ms: int, end_ms: int) -> list[int]:
        """The latencies that count of a stretch within one day that is read from raw rows."""
        if self.whole(day) is not None or not _has_rows(self.rows, day):
            return []
        return spoken_latencies(cut(self.rows, start_ms, end_ms), self.windows)

    def _carry(self, start_ms: int) -> int:
        """When the last row before an instant was; the instant itself without one."""
        before = bisect_left(self.rows.ts, start_ms)
        return self.rows.ts[before - 1] if before else start_ms


def stored_totals(row: StoredDay) -> UptimeTotals:
    """A stored day as totals."""
    return UptimeTotals(
        times=StateTimes(row.up_ms, row.warning_ms, row.down_ms, row.maintenance_ms, row.unknown_ms),
        checks=row.checks,
        fails=row.fails,
        counts=SampleCounts(row.samples, row.available),
        latency_count=row.latency_count,
        latency_sum_us=row.lat_sum_us,
        latency_min_us=row.lat_min_us,
        latency_max_us=row.lat_max_us,
    )


def _has_rows(rows: Table, day: int) -> bool:
    return bisect_left(rows.ts, day) < bisect_left(rows.ts, day + DAY)


def _lost_days(
    plans: Mapping[int, DayPlan], tables: Mapping[int, Table], edges: Collection[int]
) -> set[tuple[int, int]]:
    """Source and start of every cut day that had results and has no raw rows any more."""
    return {
        (source_id, day)
        for source_id, plan in plans.items()
        for day in edges
        if day in plan.stored and plan.stored[day].checks and not _has_rows(tables.get(source_id, Table()), day)
    }


def _kept_buckets(workspace_id: int, lost: Collection[tuple[int, int]]) -> dict[int, dict[int, tuple[int, Table]]]:
    """The finest stored buckets of each lost day and their width, by source; one statement, none without such days."""
    if not lost:
        return {}
    tiers = (FIVE_MINUTES, HOURS)
    rows = Block.objects.of(workspace_id).filter(
        source_id__in={source_id for source_id, _ in lost},
        tier__in=tiers,
        t0__in={window_of(day, tier) for _, day in lost for tier in tiers},
    )
    blocks = {(source_id, tier, t0): payload for source_id, tier, t0, payload in rows.values_list(*_BLOCK)}
    found: dict[int, dict[int, tuple[int, Table]]] = {}
    for source_id, day in lost:
        for tier in tiers:
            payload = blocks.get((source_id, tier, window_of(day, tier)))
            if payload is not None:
                found.setdefault(source_id, {})[day] = (STEP[tier], decode(payload))
                break
    return found


def _plan(source: Source, days: Sequence[int], stored: Mapping[int, StoredDay], stale: Collection[int]) -> DayPlan:
    current = {day: row for day, row in stored.items() if day not in stale}
    newest = max(current, default=floor_to(source.first_ms, DAY) - DAY)
    raw = frozenset(day for day in days if day in stale or day > newest)
    return DayPlan(current, raw)


def head_days(workspace_id: int, source_ids: Collection[int], start_ms: int, end_ms: int) -> list[tuple[int, int]]:
    """Source and day number of every day with rows in the inbox."""
    rows = HeadRow.objects.of(workspace_id).filter(source_id__in=source_ids, ts__gte=start_ms, ts__lt=end_ms)
    # Integer division on both databases: times are positive.
    return list(rows.annotate(day=F("ts") / DAY).order_by().values_list("source_id", "day").distinct())
