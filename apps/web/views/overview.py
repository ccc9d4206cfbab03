"""What is wrong now, then the day, then the projects; and the short addresses messages use."""

from collections import Counter
from datetime import timedelta
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from apps.accounts.models import User
from apps.common.ids import decode_uuid
from apps.devices.lists import count_by_look, looking
from apps.devices.models import Device
from apps.devices.selectors import devices_of, standings
from apps.incidents.models import Incident
from apps.incidents.selectors import list_incidents, open_worst_first
from apps.metrics import selectors as metrics
from apps.metrics.uptime import StateTimes
from apps.projects.models import MaintenanceWindow
from apps.web.access import WorkspacePage
from apps.web.presenters import incidents, overview
from apps.web.presenters import projects as project_rows
from apps.web.views.projects import visible_projects
from apps.workspaces.selectors import seats_of

DAY = timedelta(days=1)
RECENT = 10
# More devices than this are summed up without their bars: the overview stays quick.
MOST_BARS = 500


class Overview(WorkspacePage):
    """The first page after sign-in."""

    section = "overview"
    permission = "devices.read"

    def get(self, *_: Any) -> HttpResponse:
        looks = count_by_look(looking(self.workspace, projects=self.actor.projects, now=self.now))
        wrong = open_worst_first(self.workspace, projects=self.actor.projects, limit=20)
        context: dict[str, Any] = {
            "looks": looks,
            "watched": sum(looks.values()),
            "wrong": incidents.rows(wrong, self.now),
        }
        if self.request.headers.get("HX-Request"):
            return self._fragment(context)
        devices = list(devices_of(self.workspace, projects=self.actor.projects)[:MOST_BARS])
        recent = list_incidents(self.workspace, projects=self.actor.projects, limit=RECENT)
        context |= self._projects(devices) | {
            "stats": self._stats(looks),
            "recent": incidents.rows(recent.items, self.now),
            "coming": self._coming(devices),
        }
        return self.render("web/overview.html", context)

    def _fragment(self, context: dict[str, Any]) -> HttpResponse:
        shared = {
            "workspace": self.workspace,
            "section": self.section,
            "permissions": {name.replace(".", "_"): True for name in self.actor.permissions},
            "now": self.now,
        }
        response = render(self.request, "web/overview_wrong.html", context | shared)
        response["Cache-Control"] = "no-store"
        return response

    def _stats(self, looks: dict[Any, int]) -> list[Any]:
        opened = [
            list_incidents(self.workspace, projects=self.actor.projects, since=since, until=since + DAY, limit=1).total
            for since in (self.now - DAY, self.now - 2 * DAY)
        ]
        return overview.counts(looks, *opened)

    def _projects(self, devices: list[Device]) -> dict[str, Any]:
        projects = visible_projects(self)
        shown = standings(devices, workspace_id=self.workspace.pk, now=self.now)
        days = metrics.day_bars(
            workspace_id=self.workspace.pk, refs=[device.ref for device in devices], days=7, now=self.now
        )
        times: Counter[int] = Counter()
        known: Counter[int] = Counter()
        for device in devices:
            total = sum((day.times for day in days[device.pk]), StateTimes())
            up, seen = total.fraction or (0, 0)
            times[device.project_id] += up
            known[device.project_id] += seen
        rows = project_rows.rows(projects, devices, shown)
        return {
            "projects": [(row, overview.uptime_fact(times[row.project.pk], known[row.project.pk])) for row in rows],
            "uptime": overview.uptime_fact(times.total(), known.total()),
        }

    def _coming(self, devices: list[Device]) -> list[overview.Coming]:
        by_key = {device.pk: device for device in devices}
        planned = (
            MaintenanceWindow.objects.of(self.workspace)
            .select_related("project")
            .filter(starts_at__gt=self.now, starts_at__lte=self.now + overview.SOON)
        )
        if self.actor.projects is not None:
            planned = planned.filter(Q(project__in=self.actor.projects) | Q(subject_id__in=by_key))
        windows = []
        for window in planned.order_by("starts_at")[:20]:
            device = by_key.get(window.subject_id or 0)
            if window.project is not None:
                windows.append((window, window.project.name, self.address("project", window.project.key)))
            elif device is not None:
                windows.append((window, device.name, self.address("monitor", device.public_id)))
        return overview.coming(
            windows=windows,
            devices=[(device, self.address("monitor", device.public_id)) for device in devices],
            now=self.now,
        )


def short_incident(request: HttpRequest, incident: str) -> HttpResponse:
    """/app/incidents/<id>, as messages write it: to the same incident in its workspace."""
    if not isinstance(request.user, User):
        return redirect_to_login(request.get_full_path(), "account_login")
    slugs = {seat.workspace_id: seat.workspace.slug for seat in seats_of(request.user)}
    key = decode_uuid("inc", incident)
    row = Incident.objects.filter(workspace_id__in=slugs, public_id=key).first() if key is not None else None
    if row is None:
        raise Http404("There is no such incident.")
    return redirect("web:incident", slugs[row.workspace_id], row.wire_id)
