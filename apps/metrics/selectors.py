"""Every read of the store: one subject's results, totals, percentiles and chart; lists of many; sizes."""

from datetime import datetime

from apps.common.clock import epoch_ms
from apps.common.values import Ref
from apps.metrics.bars import day_bars, sparklines
from apps.metrics.boards import boards
from apps.metrics.charts import chart
from apps.metrics.codec import Table
from apps.metrics.columns import INTERVAL, LATENCY, STATE
from apps.metrics.days import day_totals
from apps.metrics.figures import WindowFigures
from apps.metrics.figures import window_figures as figures_of
from apps.metrics.fleet import SubjectDays, down_hours, fleet_counts, fleet_days
from apps.metrics.history import newest, results
from apps.metrics.latencies import latency_percentiles
from apps.metrics.maintenance import windows_of
from apps.metrics.pings import count_pings, pings
from apps.metrics.raw import load_raw
from apps.metrics.report_rows import StoredReport, latest_reports, newest_details, newest_instants
from apps.metrics.report_series import Series, report_chart, report_series
from apps.metrics.rows import samples_of
from apps.metrics.sizes import storage_sizes
from apps.metrics.sources import source_of
from apps.metrics.types import UptimeTotals
from apps.metrics.uptime import StateTimes

__all__ = [
    "Series",
    "StoredReport",
    "SubjectDays",
    "boards",
    "chart",
    "count_pings",
    "day_bars",
    "down_hours",
    "fleet_counts",
    "fleet_days",
    "latency_percentiles",
    "latest_reports",
    "newest",
    "newest_details",
    "newest_instants",
    "pings",
    "report_chart",
    "report_series",
    "results",
    "sparklines",
    "storage_sizes",
    "uptime_percent",
    "window_figures",
    "window_totals",
]


def window_totals(*, workspace_id: int, ref: Ref, start: datetime, end: datetime) -> UptimeTotals:
    """Milliseconds per state and counts of [start, end), exact: closed days from their rows, the rest from raw results.

    An unknown subject, or one of another workspace, is unknown throughout.
    """
    start_ms, end_ms = epoch_ms(start), epoch_ms(end)
    source = source_of(workspace_id, ref)
    if source is None or start_ms >= end_ms:
        return UptimeTotals(times=StateTimes(unknown_ms=max(0, end_ms - start_ms)))
    days = day_totals(workspace_id=workspace_id, sources=[source], start_ms=start_ms, end_ms=end_ms)
    return sum(days[source.pk].values(), UptimeTotals())


def uptime_percent(*, workspace_id: int, ref: Ref, start: datetime, end: datetime) -> float | None:
    """Uptime by time in percent, unrounded, warning counted as up; None when neither up nor down was seen.

    Display rounds down: `window_totals(...).times.percent_floor3`.
    """
    return window_totals(workspace_id=workspace_id, ref=ref, start=start, end=end).times.percent


def window_figures(*, workspace_id: int, ref: Ref, start: datetime, end: datetime) -> WindowFigures:
    """The analytics of contract Dashmon 11 for [start, end) from raw results: no further back than those are kept."""
    start_ms, end_ms = epoch_ms(start), epoch_ms(end)
    source = source_of(workspace_id, ref)
    if source is None or start_ms >= end_ms:
        return figures_of([], windows=[], start_ms=start_ms, end_ms=max(start_ms, end_ms))
    keys = {STATE, INTERVAL, LATENCY}
    rows = load_raw(workspace_id=workspace_id, source_ids=[source.pk], start_ms=start_ms, end_ms=end_ms, keys=keys)
    windows = windows_of(workspace_id=workspace_id, sources=[source], start_ms=start_ms, end_ms=end_ms)
    return figures_of(
        samples_of(rows.get(source.pk, Table())),
        windows=windows.get(source.pk, []),
        start_ms=start_ms,
        end_ms=end_ms,
    )
