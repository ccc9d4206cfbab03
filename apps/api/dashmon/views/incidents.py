"""Incidents: the list, one of them, and what people do to it (contract Dashmon 11).

The list says what a device's state opened: at most one open incident a device. What rules about values, nodes and
containers opened is reached by the id that its messages carry.
"""

from collections.abc import Collection, Mapping
from typing import Any, cast

from django.db import transaction
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.alerts.built_in import DEVICE_STATE
from apps.api.dashmon.errors import ApiError
from apps.api.dashmon.pagination import Keyset, instant, listed, wanted
from apps.api.dashmon.schema import PAGE, described, list_answer, parameter, wrapped
from apps.api.dashmon.serializers.fields import Text
from apps.api.dashmon.serializers.incidents import IncidentAnswer, incident_answers
from apps.api.dashmon.views.base import ApiView
from apps.common.errors import InvalidInputError, NotFoundError
from apps.common.ids import decode_uuid
from apps.incidents import services
from apps.incidents.models import Incident
from apps.incidents.selectors import incident_by_public_id, list_incidents
from apps.incidents.types import StatusFilter

STATUSES = ("open", "acknowledged", "resolved", "all")
BAD_STATUS = "status must be one of open,acknowledged,resolved,all"
BAD_ENDS = "from must be before to"
IncidentList = list_answer("IncidentList", "incidents", IncidentAnswer)
IncidentEnvelope = wrapped("IncidentEnvelope", incident=IncidentAnswer())
IncidentDone = wrapped("IncidentDone", ok=serializers.BooleanField(), incident=IncidentAnswer())


class NoteBody(serializers.Serializer[Any]):
    text = Text(max_length=services.NOTE_LENGTH)


class ResolveBody(serializers.Serializer[Any]):
    note = Text(max_length=services.NOTE_LENGTH, required=False, allow_blank=True, allow_null=True)


class IncidentsBase(ApiView):
    """How every view of this module spells and finds incidents."""

    def spelled(self, incidents: list[Incident]) -> list[dict[str, Any]]:
        secrets = "secrets.read" in self.actor.permissions
        return incident_answers(incidents, workspace=self.workspace, secrets=secrets, now=self.now)

    def incident(self, name: str) -> Incident:
        try:
            return incident_by_public_id(self.workspace, decode_uuid("inc", name), projects=self.actor.projects)
        except NotFoundError:
            raise ApiError("not_found", "Incident not found") from None


class IncidentsView(IncidentsBase):
    """Incidents within reach, newest first."""

    @described(
        "Incidents of the devices' states, newest first",
        answer=IncidentList,
        query=(
            parameter("status", "all when absent; `open` includes acknowledged ones.", enum=list(STATUSES)),
            parameter("projectId", "Of one project."),
            parameter("deviceId", "Of one device."),
            parameter("from", "Begun at or after this instant, ISO 8601."),
            parameter("to", "Begun before this instant."),
            *PAGE,
        ),
        also={404: "Unknown project or device."},
    )
    def get(self, request: Request) -> Response:
        query = request.GET
        status = _status(query)
        since, until = instant(query, "from"), instant(query, "to")
        if since is not None and until is not None and since >= until:
            raise InvalidInputError(BAD_ENDS, fields={"from": BAD_ENDS})
        page = wanted(query)
        device = self.device(query["deviceId"]).pk if query.get("deviceId") else None
        found = list_incidents(
            self.workspace,
            status=status,
            projects=self._projects(query.get("projectId")),
            device_id=device,
            rule=DEVICE_STATE,
            since=since,
            until=until,
            after=page.place,
            limit=page.limit,
        )
        items = self.spelled(list(found.items))
        return Response(listed("incidents", items, cursor=Keyset.of(found.next), total=found.total))

    def _projects(self, key: str | None) -> Collection[int] | None:
        return {self.project(key).pk} if key else self.actor.projects


def _status(query: Mapping[str, str]) -> StatusFilter:
    status = query.get("status") or "all"
    if status not in STATUSES:
        raise InvalidInputError(BAD_STATUS, fields={"status": BAD_STATUS})
    return cast("StatusFilter", status)


class IncidentView(IncidentsBase):
    """One incident."""

    @described("An incident with its timeline", answer=IncidentEnvelope)
    def get(self, _: Request, incident_id: str) -> Response:
        return Response({"incident": self.spelled([self.incident(incident_id)])[0]})


class IncidentActView(IncidentsBase):
    """What the three acts share: all or nothing, and the incident as it is afterwards."""

    def done(self, incident: Incident) -> Response:
        # Read again: whoever acted a moment earlier is in the answer too.
        return Response({"ok": True, "incident": self.spelled([self.incident(incident.wire_id)])[0]})


class AcknowledgeView(IncidentActView):
    """Take an incident on."""

    @described("Acknowledge an incident", answer=IncidentDone, also={409: "`conflict`: it is resolved."})
    @transaction.atomic
    def post(self, _: Request, incident_id: str) -> Response:
        incident = self.incident(incident_id)
        # A token is nobody in particular; the timeline names it.
        user = None if self.credential.token is not None else self.credential.user
        services.acknowledge(incident=incident, actor=self.actor.label, user=user, now=self.now)
        return self.done(incident)


class NoteView(IncidentActView):
    """Write into the timeline."""

    @described("Add a note to an incident", answer=IncidentDone, body=NoteBody)
    @transaction.atomic
    def post(self, _: Request, incident_id: str) -> Response:
        text = self.read(NoteBody, missing="text is required")["text"]
        incident = self.incident(incident_id)
        services.add_note(incident=incident, text=text, actor=self.actor.label, now=self.now)
        return self.done(incident)


class ResolveView(IncidentActView):
    """Close an incident by hand."""

    @described(
        "Resolve an incident", answer=IncidentDone, body=ResolveBody, also={409: "`conflict`: it is resolved already."}
    )
    @transaction.atomic
    def post(self, _: Request, incident_id: str) -> Response:
        note = self.read(ResolveBody).get("note") or ""
        incident = self.incident(incident_id)
        services.resolve(incident=incident, actor=self.actor.label, now=self.now, note=note)
        return self.done(incident)
