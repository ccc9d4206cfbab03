"""Reports: the overview with its files, and the reports that are sent by e-mail."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from apps.common.errors import DomainError
from apps.common.ids import decode_uuid
from apps.devices.selectors import devices_of
from apps.metrics.selectors import down_hours
from apps.reports import services
from apps.reports.models import ReportSchedule
from apps.reports.presenters.pdf import report_pdf
from apps.reports.presenters.sheet import long_csv
from apps.reports.selectors import readable_since, report_of, schedule_by_public_id, schedules_of
from apps.reports.types import Report
from apps.web.access import WorkspacePage, zone_of
from apps.web.forms.faults import blame
from apps.web.forms.reports import ScheduleForm, initial_of
from apps.web.presenters.reports import report_view
from apps.web.report_query import USUAL, Asked, read_asked
from apps.web.views.projects import visible_projects
from apps.workspaces.selectors import members_of
from apps.workspaces.usage import plan_of

# Failed checks by hour are drawn of this much of a period, its newest part.
HOURS_SHOWN = timedelta(days=7)
KINDS = {"csv": "text/csv; charset=utf-8", "pdf": "application/pdf"}


class ReportsPage(WorkspacePage):
    """What every page about reports begins with: the plan."""

    section = "reports"
    permission = "reports"

    def premium(self) -> bool:
        return plan_of(self.workspace, now=self.now) == "premium"

    def asked(self) -> Asked:
        return read_asked(self.request.GET, zone=zone_of(self.user, self.workspace), now=self.now)

    def reach(self, asked: Asked) -> Collection[int] | None:
        """The projects the report is about: those within reach, or the one that was asked for among them."""
        if not asked.project:
            return self.actor.projects
        return [project.pk for project in visible_projects(self) if project.key == asked.project]

    def report(self, asked: Asked) -> Report:
        return report_of(
            self.workspace, period=asked.period, now=self.now, projects=self.reach(asked), target=asked.target
        )

    def without_premium(self) -> HttpResponse:
        return self.render("web/reports_premium.html", status=403)


class Reports(ReportsPage):
    """How much was up, and whether that was enough."""

    def get(self, *_: Any) -> HttpResponse:
        if not self.premium():
            return self.without_premium()
        asked = self.asked()
        report = self.report(asked)
        hours_from = max(report.period.start, report.period.end - HOURS_SHOWN)
        context = {
            "asked": asked,
            "usual": USUAL,
            "projects": visible_projects(self),
            "report": report,
            "view": report_view(report, self._hours(asked, report, hours_from), hours_from=hours_from),
        }
        return self.render("web/reports.html", context)

    def _hours(self, asked: Asked, report: Report, start: datetime) -> dict[int, int]:
        devices = devices_of(self.workspace, projects=self.reach(asked)).prefetch_related(None)
        return down_hours(
            workspace_id=self.workspace.pk,
            refs=[device.ref for device in devices],
            start=max(start, readable_since(self.workspace, now=self.now)),
            end=report.period.end,
        )


class ReportFile(ReportsPage):
    """The same report as a file."""

    kind: ClassVar[str] = "csv"

    def get(self, *_: Any) -> HttpResponse:
        if not self.premium():
            return self.without_premium()
        report = self.report(self.asked())
        content: str | bytes = long_csv(report) if self.kind == "csv" else report_pdf(report)
        response = HttpResponse(content, content_type=KINDS[self.kind])
        name = f"uptime-{report.period.first_day}-{report.period.last_day}.{self.kind}"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        response["Cache-Control"] = "private, no-store"
        return response


class SchedulesPage(ReportsPage):
    """Pages about what is sent: for those who decide who hears from the workspace."""

    permission = "alerts.write"

    def form(self, data: Any = None, **initial: Any) -> ScheduleForm:
        projects = visible_projects(self)
        return ScheduleForm(data, projects=projects, members=self.addresses(), initial=initial or None)

    def addresses(self) -> list[str]:
        """Where the people of the workspace get their mail; stored recipients are in lower case too."""
        return [seat.user.email.lower() for seat in members_of(self.workspace) if seat.user is not None]

    def schedule(self, name: str) -> ReportSchedule:
        return schedule_by_public_id(self.workspace, decode_uuid("rep", name))

    def page(self, form: ScheduleForm, schedule: ReportSchedule | None = None, *, status: int = 200) -> HttpResponse:
        return self.render("web/report_form.html", {"form": form, "schedule": schedule}, status=status)


class Schedules(SchedulesPage):
    """Every report that is sent."""

    def get(self, *_: Any) -> HttpResponse:
        if not self.premium():
            return self.without_premium()
        return self.render("web/report_schedules.html", {"schedules": schedules_of(self.workspace)})


class NewSchedule(SchedulesPage):
    """One more report."""

    def get(self, *_: Any) -> HttpResponse:
        if not self.premium():
            return self.without_premium()
        zone = timezone.get_current_timezone_name()
        return self.page(self.form(timezone=zone, members=[self.user.email.lower()], name="Uptime, last week"))

    @transaction.atomic
    def post(self, *_: Any) -> HttpResponse:
        form = self.form(self.request.POST)
        if not form.is_valid():
            return self.page(form, status=400)
        try:
            schedule = services.create_schedule(
                workspace=self.workspace, wish=form.wish(), actor=self.actor.label, now=self.now
            )
        except DomainError as error:
            blame(form, error)
            return self.page(form, status=400)
        return self.done(f"{schedule.name} is planned.", self.address("report-schedules"))


class EditSchedule(SchedulesPage):
    """One report that is sent."""

    def get(self, _: Any, schedule: str) -> HttpResponse:
        row = self.schedule(schedule)
        return self.page(self.form(**initial_of(row, members=self.addresses())), row)

    @transaction.atomic
    def post(self, _: Any, schedule: str) -> HttpResponse:
        row, form = self.schedule(schedule), self.form(self.request.POST)
        if not form.is_valid():
            return self.page(form, row, status=400)
        try:
            services.update_schedule(schedule=row, wish=form.wish(), actor=self.actor.label, now=self.now)
        except DomainError as error:
            blame(form, error)
            return self.page(form, row, status=400)
        return self.done(f"{form.cleaned_data['name']} is saved.", self.address("report-schedules"))


class ScheduleAct(SchedulesPage):
    """Send now, delete."""

    act = ""

    def waits(self) -> bool:
        return self.act != "delete"

    @transaction.atomic
    def post(self, _: Any, schedule: str) -> HttpResponse:
        row = self.schedule(schedule)
        try:
            sentence = getattr(self, f"_{self.act}")(row)
        except DomainError as error:
            messages.error(self.request, error.message)
            return redirect(self.address("report-schedules"))
        return self.done(sentence, self.address("report-schedules"))

    def _send(self, row: ReportSchedule) -> str:
        count = services.send_now(schedule=row, actor=self.actor.label, now=self.now)
        return f"{row.name} is on its way to {count} recipient{'' if count == 1 else 's'}."

    def _delete(self, row: ReportSchedule) -> str:
        services.delete_schedule(schedule=row, actor=self.actor.label, now=self.now)
        return f"{row.name} is sent no more."
