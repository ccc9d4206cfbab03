"""Reports as CSV (RFC 4180): the columns of contract Dashmon 11, and a longer form with everything."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence

from apps.reports.presenters.spelling import cut_percent, verdict_word
from apps.reports.sla import spell_target
from apps.reports.types import Figures, MonitorLine, ProjectLine, Report

# A spreadsheet takes a cell that begins like this for a formula and runs it.
FORMULA = ("=", "+", "-", "@", "\t", "\r")
SHORT = (
    "project_id",
    "project_name",
    "device_id",
    "device_name",
    "type",
    "ip",
    "url",
    "samples",
    "uptime_pct",
    "avg_response_ms",
)
LONG = (
    *SHORT,
    "uptime_time_pct",
    "availability_pct",
    "up_seconds",
    "down_seconds",
    "maintenance_seconds",
    "unknown_seconds",
    "incidents",
    "mttr_seconds",
    "mtbf_seconds",
    "p50_ms",
    "p95_ms",
    "p99_ms",
    "sla_target_pct",
    "sla",
    "error_budget_seconds",
    "error_budget_left_seconds",
)


def short_csv(report: Report) -> str:
    """One line per monitor, the ten columns of the contract."""
    return _written(SHORT, report, _short)


def long_csv(report: Report) -> str:
    """The same lines with times, percentiles and the agreement behind them."""
    target = report.target
    return _written(LONG, report, lambda project, line: [*_short(project, line), *_long(line.figures, target)])


def plain(text: str) -> str:
    """A cell that no spreadsheet runs."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _written(heading: Sequence[str], report: Report, cells: Callable[[ProjectLine, MonitorLine], Iterable[str]]) -> str:
    sheet = io.StringIO()
    writer = csv.writer(sheet)
    writer.writerow(heading)
    writer.writerows(list(cells(project, line)) for project in report.projects for line in project.monitors)
    return sheet.getvalue()


def _short(project: ProjectLine, line: MonitorLine) -> list[str]:
    words = (project.key, project.name, str(line.device_id), line.name, line.kind, line.host, line.url)
    figures = line.figures
    average = figures.totals.latency_avg_us
    return [
        *map(plain, words),
        str(figures.counts.samples),
        _percent(figures.sampled, 2),
        "" if average is None else f"{average / 1000:.2f}",
    ]


def _long(figures: Figures, target: int) -> list[str]:
    times, verdict = figures.times, figures.against(target)
    spans = (times.up_ms, times.down_ms, times.maintenance_ms, times.unknown_ms)
    return [
        _percent(times.fraction, 3),
        _percent(figures.availability, 3),
        *map(_seconds, spans),
        str(figures.incidents),
        _seconds(figures.mttr_ms),
        _seconds(figures.mtbf_ms),
        *(_millis(figures.percentile_us(percent)) for percent in (50, 95, 99)),
        spell_target(target),
        verdict_word(verdict).lower(),
        _seconds(verdict.budget_ms),
        _seconds(verdict.left_ms),
    ]


def _percent(fraction: tuple[int, int] | None, decimals: int) -> str:
    return "" if fraction is None else cut_percent(*fraction, decimals)


def _seconds(ms: float | None) -> str:
    return "" if ms is None else f"{ms / 1000:.3f}".rstrip("0").rstrip(".")


def _millis(us: float | None) -> str:
    return "" if us is None else f"{us / 1000:.2f}"
