"""Webhook bodies as contract Dashmon 9.1 spells them."""

from datetime import datetime
from typing import Any

from apps.alerts.columns import SILENCE
from apps.common.clock import iso_ms
from apps.common.ids import encode_uuid
from apps.incidents.models import Incident, IncidentEvent
from apps.notifications.links import incident_url
from apps.notifications.messages.news import News
from apps.projects.models import Project
from apps.workspaces.models import Workspace

WEBHOOK_EVENTS = {
    IncidentEvent.Kind.OPENED.value: "incident.opened",
    IncidentEvent.Kind.WORSENED.value: "incident.escalated",
    IncidentEvent.Kind.ACKNOWLEDGED.value: "incident.acknowledged",
    IncidentEvent.Kind.CLOSED.value: "incident.resolved",
    IncidentEvent.Kind.FLAPPING.value: "incident.flapping",
}


def webhook_event(event: IncidentEvent) -> str | None:
    """The contract's name of an event, None for one that webhooks do not hear of."""
    if event.kind == IncidentEvent.Kind.RELEASED:
        # After its cause it is told for the first time, after flapping once more.
        return "incident.opened" if event.detail.get("before") == "muted" else "incident.escalated"
    return WEBHOOK_EVENTS.get(event.kind)


def event_body(news: News, *, event_name: str) -> dict[str, Any]:
    """The webhook body of an incident's event, as things stood when it happened."""
    incident = news.incident
    if incident is None:
        raise ValueError("a webhook speaks of incidents only")
    return {
        "event": event_name,
        "id": encode_uuid("evt", news.event.public_id),
        "occurredAt": iso_ms(news.event.at),
        "workspace": {"ownerUserId": str(news.workspace.public_id)},
        "project": _project(news.project),
        "device": _device(news, incident),
        "incident": _incident(news, incident),
        "step": 0,
        "loop": 0,
        "test": False,
    }


def body_for_test(*, workspace: Workspace, delivery_id: str, at: datetime) -> dict[str, Any]:
    """The same envelope with nothing in it, marked as a test."""
    return {
        "event": "test",
        "id": delivery_id.replace("dlv_", "evt_", 1),
        "occurredAt": iso_ms(at),
        "workspace": {"ownerUserId": str(workspace.public_id)},
        "project": None,
        "device": None,
        "incident": None,
        "step": 0,
        "loop": 0,
        "test": True,
    }


def _project(project: Project | None) -> dict[str, str] | None:
    return {"id": project.key, "name": project.name} if project else None


def _device(news: News, incident: Incident) -> dict[str, Any]:
    status, previous = _states(news, incident)
    return {
        "id": str(news.device.public_id) if news.device else None,
        "name": news.name,
        "type": news.device.label if news.device else None,
        "status": status,
        "previousStatus": previous,
    }


def _states(news: News, incident: Incident) -> tuple[str | None, str | None]:
    """The state now and before. With a bad value the subject is degraded, however loud its rule; silent it is down."""
    if not news.metric:
        return news.event.detail.get("after", incident.state), news.event.detail.get("before")
    bad = "down" if news.metric == SILENCE else "warning"
    if news.event.kind == IncidentEvent.Kind.CLOSED:
        return "up", bad
    return bad, "up" if news.event.kind == IncidentEvent.Kind.OPENED else None


def _incident(news: News, incident: Incident) -> dict[str, Any]:
    event = news.event
    closing = event.kind == IncidentEvent.Kind.CLOSED
    # The row may have moved on before this was planned; what came later is not part of this event.
    acknowledged = incident.acknowledged_at
    if acknowledged is not None and acknowledged > event.at:
        acknowledged = None
    return {
        "id": incident.wire_id,
        "severity": incident.severity if closing else event.detail.get("severity", incident.severity),
        "startedAt": iso_ms(incident.opened_at),
        "acknowledgedAt": iso_ms(acknowledged) if acknowledged else None,
        "resolvedAt": iso_ms(incident.closed_at) if closing and incident.closed_at else None,
        "durationSeconds": incident.duration_s(event.at) if closing else None,
        "cause": {"kind": event.detail.get("cause") or incident.cause, "message": news.cause_text},
        "url": incident_url(incident),
    }
