"""Incidents: the list, one with its timeline, and what people do to it."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from apps.common.errors import DomainError, InvalidInputError
from apps.common.ids import decode_uuid
from apps.devices.querysets import DeviceQuerySet
from apps.devices.selectors import devices_of
from apps.incidents import services
from apps.incidents.models import Incident
from apps.incidents.selectors import (
    cause_of,
    consequences_of,
    count_open,
    incident_by_public_id,
    list_incidents,
    of_subject,
    timeline,
)
from apps.notifications.selectors import channels_of, list_deliveries
from apps.notifications.upcoming import upcoming
from apps.statuspages.selectors import pages_of
from apps.web.access import WorkspacePage
from apps.web.incident_query import FILTERS, read_asked
from apps.web.paging import read_cursor, write_cursor
from apps.web.presenters import deliveries, routing
from apps.web.presenters import incidents as presenter
from apps.web.views.projects import visible_projects


class IncidentList(WorkspacePage):
    """Incidents newest first, by status."""

    section = "incidents"
    permission = "incidents.read"

    def get(self, *_: Any) -> HttpResponse:
        projects = visible_projects(self)
        asked = read_asked(self.request.GET, projects=projects, devices=self._devices(), now=self.now)
        page = list_incidents(
            self.workspace,
            status=asked.status,
            projects=asked.reach(self.actor.projects),
            device_id=None if asked.device is None else asked.device.pk,
            since=asked.since,
            until=asked.until,
            after=read_cursor(self.request.GET.get("after")),
        )
        context = {
            "rows": presenter.rows(page.items, self.now),
            "total": page.total,
            "older": write_cursor(page.next),
            "filters": FILTERS,
            "status": asked.status,
            "asked": asked,
            "projects": projects,
            "open_count": count_open(self.workspace, projects=self.actor.projects),
        }
        return self.render("web/incidents.html", context)

    def _devices(self) -> DeviceQuerySet:
        return devices_of(self.workspace, projects=self.actor.projects)


class IncidentPage(WorkspacePage):
    """What every page and act about one incident begins with."""

    section = "incidents"
    permission = "incidents.read"
    write_permission = "incidents.write"
    # An incident can be taken on whatever the plan says: the trouble is real.
    obeys_lock = False

    def incident(self, name: str) -> Incident:
        return incident_by_public_id(self.workspace, decode_uuid("inc", name), projects=self.actor.projects)


class IncidentDetail(IncidentPage):
    """The timeline, newest first, with the facts beside it."""

    def get(self, _: Any, incident: str) -> HttpResponse:
        row = self.incident(incident)
        monitors = devices_of(self.workspace, projects=self.actor.projects)
        device = monitors.filter(pk=row.subject_id).first() if row.subject_kind == "device" else None
        before = [other for other in of_subject(self.workspace, row.ref, limit=6) if other.pk != row.pk]
        people = routing.people_of(self.workspace)
        names = routing.names_in(channels_of(row), people)
        ahead = upcoming(row)
        log = list_deliveries(self.workspace, incident=row, projects=self.actor.projects, limit=10)
        context = {
            "incident": row,
            "name": row.wire_id,
            "has_status_pages": pages_of(self.workspace, projects=self.actor.projects).exists(),
            "kind": presenter.kind(row),
            "view": presenter.row(row, self.now),
            "moments": [presenter.moment(event, names) for event in reversed(timeline(row))],
            "device": device,
            "noun": presenter.NOUNS[row.subject_kind],
            "before": presenter.rows(before[:5], self.now),
            "deliveries": deliveries.rows(log.items, reveal=self.may("secrets.read")),
            "more_deliveries": log.total > len(log.items),
            "cause": cause_of(row, projects=self.actor.projects),
            "consequences": presenter.rows(consequences_of(row, projects=self.actor.projects), self.now),
            "next_at": ahead.next_at if ahead is not None else None,
            "ahead": routing.upcoming_lines(ahead.notices, opened_at=row.opened_at, names=names) if ahead else [],
            "close_reason": presenter.CLOSE_REASONS.get(row.close_reason, ""),
        }
        return self.render("web/incident.html", context)


class IncidentAct(IncidentPage):
    """Acknowledge, note or resolve; back to where the person was."""

    act = ""

    def post(self, _: Any, incident: str) -> HttpResponse:
        row = self.incident(incident)
        try:
            sentence = getattr(self, f"_{self.act}")(row)
        except InvalidInputError as error:
            messages.error(self.request, error.message)
            return redirect(self.address("incident", row.wire_id))
        except DomainError as error:
            return self.refuse(error)
        if self.request.POST.get("back") == "overview":
            return self.done(sentence, self.address("overview"))
        return self.done(sentence, self.address("incident", row.wire_id))

    def _acknowledge(self, row: Incident) -> str:
        services.acknowledge(incident=row, actor=self.actor.label, user=self.user, now=self.now)
        return f"Incident {row.number} is yours."

    def _note(self, row: Incident) -> str:
        text = self.request.POST.get("text", "")
        services.add_note(incident=row, text=text, actor=self.actor.label, now=self.now)
        return "Note added."

    def _resolve(self, row: Incident) -> str:
        services.resolve(incident=row, actor=self.actor.label, now=self.now, note=self.request.POST.get("text", ""))
        return f"Incident {row.number} is resolved."
