"""Reads of reports: one report of a period, gathered in chunks, and the schedules people made."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from apps.common.clock import EPOCH
from apps.common.errors import NotFoundError
from apps.devices.models import Device
from apps.incidents.selectors import outages_by_device
from apps.metrics.selectors import SubjectDays, fleet_days
from apps.metrics.types import UptimeTotals
from apps.metrics.uptime import StateTimes
from apps.projects.models import Project
from apps.reports.models import ReportSchedule
from apps.reports.periods import Period
from apps.reports.sla import DEFAULT_TARGET
from apps.reports.types import Figures, MonitorLine, ProjectLine, Report, summed
from apps.workspaces.models import Workspace
from apps.workspaces.usage import limits_in_force

CHUNK = 200
UNLIMITED_DAYS = 3650
# Every monitor has a value for each day of it.
LONGEST = timedelta(days=400)


def readable_since(workspace: Workspace, *, now: datetime) -> datetime:
    """How far back the plan lets anybody read: ten years where it sets no limit."""
    days = limits_in_force(workspace, now=now)["historyDays"]
    return now - timedelta(days=UNLIMITED_DAYS if days is None else days)


def report_of(
    workspace: Workspace,
    *,
    period: Period,
    now: datetime,
    projects: Collection[int] | None = None,
    target: int = DEFAULT_TARGET,
    percentiles: bool = True,
) -> Report:
    """The report of a period, cut to what the plan lets anybody read, to what has passed by now, and to 400 days.

    `projects` limits it to some projects' primary keys. Whole days come from the day rows; a fixed number of
    statements for every 200 monitors. Without `percentiles` no histogram is read.
    """
    period = period.until(now)
    period = period.since(max(readable_since(workspace, now=now), max(period.end, EPOCH + LONGEST) - LONGEST))
    rows = Project.objects.of(workspace).order_by("created_at", "id")
    wanted = list(rows if projects is None else rows.filter(pk__in=projects))
    lines: dict[int, list[MonitorLine]] = {project.pk: [] for project in wanted}
    days: dict[int, StateTimes] = {}
    for chunk in _chunks(workspace, wanted):
        found = fleet_days(
            workspace_id=workspace.pk,
            refs=[device.ref for device in chunk],
            start=period.start,
            end=period.end,
            histograms=percentiles,
        )
        outages = outages_by_device(
            workspace, devices=[device.pk for device in chunk], since=period.start, until=period.end
        )
        for device in chunk:
            lines[device.project_id].append(_line(device, found[device.pk], outages, start=period.start))
            _add_days(days, found[device.pk])
    parts = [_project_line(project, lines[project.pk]) for project in wanted]
    figures = summed(part.figures for part in parts)
    return Report(workspace.name, period, now, target, parts, days, figures)


def _chunks(workspace: Workspace, projects: Sequence[Project]) -> Iterator[list[Device]]:
    keys = [project.pk for project in projects]
    devices = Device.objects.of(workspace).filter(project__in=keys).order_by("number")
    chunk: list[Device] = []
    for device in devices.iterator(chunk_size=CHUNK):
        chunk.append(device)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _line(device: Device, found: SubjectDays, outages: Mapping[int, int], *, start: datetime) -> MonitorLine:
    totals = sum(found.days.values(), UptimeTotals())
    unborn = max(0, (device.created_at - start) // timedelta(milliseconds=1))
    figures = Figures(totals, found.sketch, outages.get(device.pk, 0), min(unborn, totals.times.unknown_ms))
    return MonitorLine(device.public_id, device.name, device.label, device.host, device.url, figures)


def _add_days(days: dict[int, StateTimes], found: SubjectDays) -> None:
    for day, totals in found.days.items():
        days[day] = days.get(day, StateTimes()) + totals.times


def _project_line(project: Project, lines: Sequence[MonitorLine]) -> ProjectLine:
    return ProjectLine(project.key, project.name, lines, summed(line.figures for line in lines))


def report_for(schedule: ReportSchedule, *, due: datetime, now: datetime) -> Report:
    """What a schedule that is due at this instant tells about."""
    projects = None
    if not schedule.all_projects:
        projects = frozenset(schedule.projects.values_list("pk", flat=True))
    return report_of(
        schedule.workspace,
        period=schedule.rhythm.period_of(due),
        now=now,
        projects=projects,
        target=schedule.target,
    )


def schedules_of(workspace: Workspace) -> Sequence[ReportSchedule]:
    """Every schedule by name."""
    rows = ReportSchedule.objects.of(workspace).prefetch_related("projects")
    return list(rows.order_by("name", "id"))


def schedule_by_public_id(workspace: Workspace, public_id: UUID | None) -> ReportSchedule:
    """One schedule; NotFoundError when it is unknown or of another workspace."""
    found = ReportSchedule.objects.of(workspace).filter(public_id=public_id).first() if public_id else None
    if found is None:
        raise NotFoundError("There is no such report.")
    return found
