"""Reports on pages: facts, bars of projects, columns of days and hours, monitors worst first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.utils import timezone

from apps.common.clock import from_epoch_ms
from apps.metrics.uptime import StateTimes
from apps.reports.presenters import spelling
from apps.reports.sla import Verdict
from apps.reports.types import Figures, MonitorLine, ProjectLine, Report
from apps.web.presenters import words
from apps.web.presenters.columns import ColumnChart, column_chart
from apps.web.presenters.monitor import Fact, split_unit
from apps.web.presenters.status import Shape

HOUR_MS, MINUTE_MS = 3_600_000, 60_000
MOST_ROWS = 50
# Where the bars of projects may begin, in percent: the nearest below the worst of them.
FLOORS = (99.9, 99.0, 90.0, 0.0)
VERDICT_SHAPES: dict[bool | None, Shape] = {True: "up", False: "down", None: "unknown"}


@dataclass(frozen=True, slots=True)
class Mark:
    """The agreement in one cell."""

    shape: Shape
    word: str
    left: str


@dataclass(frozen=True, slots=True)
class ProjectBar:
    """One project: how full its bar is in percent of the drawing, and its numbers."""

    key: str
    name: str
    monitors: int
    width: float
    uptime: str
    down: str
    percentiles: Sequence[tuple[str, str]]
    mark: Mark


@dataclass(frozen=True, slots=True)
class MonitorRow:
    """One monitor of the table."""

    id: UUID
    name: str
    project: str
    uptime: str
    sampled: str
    down: str
    incidents: int
    mttr: str
    p95: str
    mark: Mark


@dataclass(frozen=True, slots=True)
class ReportView:
    """Everything the report's page shows."""

    facts: Sequence[Fact]
    projects: Sequence[ProjectBar]
    floor: str
    days: ColumnChart
    hours: ColumnChart
    monitors: Sequence[MonitorRow]
    left_out: int
    period: str


def report_view(report: Report, hours: Mapping[int, int], *, hours_from: datetime) -> ReportView:
    """`hours` are failed results by start of their hour since `hours_from`."""
    floor = _floor(report.projects)
    lines = sorted(
        ((project, line) for project in report.projects for line in project.monitors), key=lambda pair: _worst(pair[1])
    )
    return ReportView(
        facts=facts(report),
        projects=[_bar(project, floor, report.target) for project in report.projects],
        floor=f"{floor:g} %",
        days=_days(report.days),
        hours=_hours(hours, hours_from, report.period.end),
        monitors=[_monitor(project, line, report.target) for project, line in lines[:MOST_ROWS]],
        left_out=max(0, len(lines) - MOST_ROWS),
        period=spelling.period_words(report.period),
    )


def facts(report: Report) -> list[Fact]:
    """The row under the heading."""
    figures = report.figures
    met, measured = report.judged
    verdict = figures.against(report.target)
    return [
        _fact("Uptime by time", words.share(figures.times.fraction), "warning counts as up"),
        _fact("Uptime by checks", words.share(figures.sampled), words.plural(figures.counts.samples, "check")),
        _fact("Availability", words.share(figures.availability), "unmeasured time counts against it"),
        _fact("Time down", words.duration(figures.times.down_ms / 1000), _beside(figures.times)),
        _fact("Incidents", words.grouped(figures.incidents), _means(figures)),
        _fact(f"SLA {spelling.target(report.target)}", f"{met} of {measured}", "monitors met it"),
        _fact("Error budget left", spelling.budget_left(verdict), _used(verdict)),
        Fact("p95", *split_unit(words.millis(figures.percentile_us(95))), "of all answers"),
    ]


def _fact(label: str, text: str, note: str) -> Fact:
    value, unit = split_unit(text) if text.endswith("%") else (text, "")
    return Fact(label, value, unit, note)


def _beside(times: StateTimes) -> str:
    if not times.maintenance_ms:
        return "no maintenance"
    return f"{words.duration(times.maintenance_ms / 1000)} in maintenance"


def _means(figures: Figures) -> str:
    if figures.mttr_ms is None or figures.mtbf_ms is None:
        return "none began"
    return f"{words.duration(figures.mttr_ms / 1000)} to recover, {words.duration(figures.mtbf_ms / 1000)} between"


def _used(verdict: Verdict) -> str:
    if verdict.met is None:
        return "nothing measured"
    return f"{words.duration(verdict.used_ms / 1000)} of {words.duration(verdict.budget_ms / 1000)} used"


def _mark(figures: Figures, target: int) -> Mark:
    verdict = figures.against(target)
    return Mark(VERDICT_SHAPES[verdict.met], spelling.verdict_word(verdict), spelling.budget_left(verdict))


def _floor(projects: Sequence[ProjectLine]) -> float:
    known = [percent for project in projects if (percent := project.figures.times.percent) is not None]
    worst = min(known, default=100.0)
    return next(floor for floor in FLOORS if floor < worst or floor == 0)


def _bar(project: ProjectLine, floor: float, target: int) -> ProjectBar:
    figures, percent = project.figures, project.figures.times.percent
    return ProjectBar(
        key=project.key,
        name=project.name,
        monitors=len(project.monitors),
        width=0.0 if percent is None else round(100 * (percent - floor) / (100 - floor), 2),
        uptime=words.share(figures.times.fraction),
        down=words.duration(figures.times.down_ms / 1000),
        percentiles=[(f"p{each}", words.millis(figures.percentile_us(each))) for each in (50, 95, 99)],
        mark=_mark(figures, target),
    )


def _worst(line: MonitorLine) -> tuple[float, int, str]:
    percent = line.figures.times.percent
    return (101.0 if percent is None else percent, -line.figures.times.down_ms, line.name)


def _monitor(project: ProjectLine, line: MonitorLine, target: int) -> MonitorRow:
    figures = line.figures
    mttr = figures.mttr_ms
    return MonitorRow(
        id=line.device_id,
        name=line.name,
        project=project.name,
        uptime=words.share(figures.times.fraction),
        sampled=words.share(figures.sampled),
        down=words.duration(figures.times.down_ms / 1000),
        incidents=figures.incidents,
        mttr=words.NOTHING if mttr is None else words.duration(mttr / 1000),
        p95=words.millis(figures.percentile_us(95)),
        mark=_mark(figures, target),
    )


def _days(days: Mapping[int, StateTimes]) -> ColumnChart:
    spent = [(from_epoch_ms(day).astimezone(UTC), times.down_ms) for day, times in sorted(days.items())]
    worst = max((ms for _, ms in spent), default=0)
    return column_chart(
        [(day, ms / MINUTE_MS) for day, ms in spent],
        texts=[words.duration(ms / 1000) for _, ms in spent],
        unit="min",
        form="%-d %b",
        summary=f"Time down by day: {words.duration(worst / 1000)} on the worst day"
        if worst
        else "Time down by day: none",
    )


def _hours(hours: Mapping[int, int], start: datetime, end: datetime) -> ColumnChart:
    first = int(start.timestamp() * 1000) // HOUR_MS * HOUR_MS
    starts = range(first, max(first, int(end.timestamp() * 1000)), HOUR_MS)
    counts = [hours.get(hour, 0) for hour in starts]
    return column_chart(
        [(timezone.localtime(from_epoch_ms(hour)), float(count)) for hour, count in zip(starts, counts, strict=True)],
        texts=[words.plural(count, "failed check") for count in counts],
        unit="",
        form="%-d %b %H:%M",
        summary=f"Failed checks by hour: {words.grouped(sum(counts))} in all",
    )
