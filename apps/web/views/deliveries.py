"""The delivery log: every message with its tries, by status, kind, project and incident."""

from typing import Any

from django.http import HttpResponse

from apps.common.errors import ForbiddenError, NotFoundError
from apps.common.ids import decode_uuid
from apps.incidents.models import Incident
from apps.incidents.selectors import incident_by_public_id
from apps.notifications import services
from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Delivery
from apps.notifications.selectors import delivery_by_public_id, list_deliveries, tries
from apps.projects.models import Project
from apps.web.paging import read_cursor, write_cursor
from apps.web.presenters import deliveries as presenter
from apps.web.views.alerts import AlertsPage
from apps.web.views.projects import visible_projects

FILTERS = {"": "All", **presenter.STATES}


class DeliveriesPage(AlertsPage):
    """What the log and one message share: a seat sees what concerns its projects."""

    tab = "deliveries"
    # What belongs to a project is tried again by those who decide its routing; see `may_retry`.
    write_permission = "alertSettings.write"

    def row(self, name: str) -> Delivery:
        return delivery_by_public_id(self.workspace, decode_uuid("dlv", name), projects=self.actor.projects)

    def may_retry(self, delivery: Delivery) -> bool:
        """Whoever decides a project's routing, for its messages; for the workspace's own, those who set its rules."""
        of_project = presenter.project_of(delivery) is not None and bool(delivery.target)
        return self.may("alertSettings.write" if of_project else "alerts.write")


class Deliveries(DeliveriesPage):
    """The log, newest first; its filters are its address."""

    def get(self, *_: Any) -> HttpResponse:
        asked = self.request.GET
        projects = visible_projects(self)
        project = next((item for item in projects if item.key == asked.get("project")), None)
        incident = self._incident(asked.get("incident", ""))
        status = asked.get("status", "") if asked.get("status") in FILTERS else ""
        kind = asked.get("kind", "") if asked.get("kind") in ChannelKind.values else ""
        log = self._log(status, kind, project, incident)
        context = {
            "rows": [(row, self.may_retry(row.delivery)) for row in self._rows(log.items)],
            "total": log.total,
            "older": write_cursor(log.next),
            "filters": FILTERS,
            "status": status,
            "status_word": FILTERS[status] if status else "",
            "kind": kind,
            "kinds": ChannelKind.choices,
            "projects": projects,
            "project": project,
            "incident": incident,
            "filtered": bool(status or kind or project or incident),
        }
        return self.show("web/deliveries.html", context)

    def _log(self, status: str, kind: str, project: Project | None, incident: Incident | None) -> Any:
        return list_deliveries(
            self.workspace,
            status=status or None,
            kind=kind or None,
            project=project,
            incident=incident,
            projects=self.actor.projects,
            after=read_cursor(self.request.GET.get("after")),
        )

    def _rows(self, items: Any) -> list[presenter.DeliveryRow]:
        return presenter.rows(items, reveal=self.may("secrets.read"))

    def _incident(self, name: str) -> Incident | None:
        """The incident the address names; one that is not there narrows nothing."""
        try:
            return incident_by_public_id(self.workspace, decode_uuid("inc", name), projects=self.actor.projects)
        except NotFoundError:
            return None


class OneDelivery(DeliveriesPage):
    """One message with every try."""

    def get(self, _: Any, delivery: str) -> HttpResponse:
        found = self.row(delivery)
        context = {
            "row": presenter.row(found, reveal=self.may("secrets.read")),
            "delivery": found,
            "tries": tries(found),
            "may_retry": self.may_retry(found),
        }
        return self.show("web/delivery.html", context)


class RetryDelivery(DeliveriesPage):
    """Send a message again that was given up."""

    def post(self, _: Any, delivery: str) -> HttpResponse:
        row = self.row(delivery)
        if not self.may_retry(row):
            raise ForbiddenError("Your role does not allow this.")
        services.retry(delivery=row, now=self.now)
        return self.done("The message is on its way again.", self.address("delivery", row.wire_id))
