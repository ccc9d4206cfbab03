"""What messages say: e-mails in words, webhook bodies as contract Dashmon 9.1 spells them. Reads nothing."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.template.loader import render_to_string

from apps.common.clock import iso_ms
from apps.common.ids import encode_uuid
from apps.devices.models import Device
from apps.incidents.models import Incident, IncidentEvent
from apps.notifications.links import base_url, incident_url, mail_domain
from apps.projects.models import Project
from apps.workspaces.models import Workspace

WORDS = {
    "down": ("Down", "is down."),
    "warning": ("Degraded", "is degraded."),
    "up": ("Up", "is up again."),
    "flapping": ("Flapping", "changes again and again. You will hear of it once it has settled."),
}
WEBHOOK_EVENTS = {
    IncidentEvent.Kind.OPENED.value: "incident.opened",
    IncidentEvent.Kind.WORSENED.value: "incident.escalated",
    IncidentEvent.Kind.ACKNOWLEDGED.value: "incident.acknowledged",
    IncidentEvent.Kind.CLOSED.value: "incident.resolved",
    IncidentEvent.Kind.FLAPPING.value: "incident.flapping",
}


@dataclass(frozen=True, slots=True)
class News:
    """One event with everything a message may want to say about it. The device may be gone by now."""

    workspace: Workspace
    event: IncidentEvent
    incident: Incident | None
    device: Device | None

    @property
    def name(self) -> str:
        """As the subject was called when it happened."""
        return str(self.event.detail.get("name") or (self.incident.subject_name if self.incident else ""))

    @property
    def project(self) -> Project | None:
        """Where it belongs, or belonged when its incident opened."""
        if self.device is not None:
            return self.device.project
        return self.incident.project if self.incident else None

    @property
    def cause_text(self) -> str:
        return str(self.event.detail.get("cause_text") or (self.incident.cause_text if self.incident else ""))


def webhook_event(event: IncidentEvent) -> str | None:
    """The contract's name of an event, None for one that webhooks do not hear of."""
    if event.kind == IncidentEvent.Kind.RELEASED:
        # After its cause it is told for the first time, after flapping once more.
        return "incident.opened" if event.detail.get("before") == "muted" else "incident.escalated"
    return WEBHOOK_EVENTS.get(event.kind)


def word_of(news: News, event_name: str) -> str:
    """down, warning, up or flapping: what a message is about, whichever rule sends it."""
    if event_name in WORDS:
        return event_name
    if event_name == "incident.resolved":
        return "up"
    if event_name == "incident.flapping":
        return "flapping"
    return "warning" if news.event.detail.get("after") == "warning" else "down"


def mail(news: News, *, event_name: str, step: int, loop: int) -> dict[str, str]:
    """An e-mail about an event, the same for all recipients; later steps say that nobody has taken it on."""
    words = state_mail(news, word=word_of(news, event_name))
    if step or loop:
        words["subject"] = f"Still open: {words['subject']}"
    return words


def message(news: News, *, event_name: str, step: int, loop: int) -> dict[str, Any]:
    """What every channel but e-mail makes its envelope of."""
    if event_name in WORDS:
        event_name = {"down": "incident.opened", "up": "incident.resolved", "flapping": "incident.flapping"}[event_name]
    return event_body(news, event_name=event_name) | {"step": step, "loop": loop}


def message_id(delivery_id: str) -> str:
    """RFC 5322 identity of a delivery: every attempt carries the same one."""
    return f"<{delivery_id}@{mail_domain()}>"


def state_mail(news: News, *, word: str) -> dict[str, str]:
    """Subject, text and HTML of a state e-mail, the same for all recipients; `word` is `down` or `up`."""
    title, sentence = WORDS[word]
    place = f" ({news.project.name})" if news.project else ""
    incident = news.incident
    context = {
        "headline": f"{news.name}{place} {sentence}",
        "cause": news.cause_text if word == "down" else "",
        "since_label": "Since" if word == "down" else "At",
        "since": local_time(news.event.at, news.workspace.timezone),
        "lasted": lasting(incident.duration_s(news.event.at)) if incident and word == "up" else "",
        "url": incident_url(incident) if incident else f"{base_url()}/app/",
        "workspace": news.workspace.name,
    }
    return _mail(f"{title}: {news.name}{place}", context)


def mail_for_test(*, workspace: Workspace, delivery_id: str, at: datetime) -> dict[str, str]:
    """A message that says it is a test."""
    context = {
        "headline": "This is a test message: e-mail notices reach this address.",
        "since_label": "At",
        "since": local_time(at, workspace.timezone),
        "url": f"{base_url()}/app/",
        "workspace": workspace.name,
    }
    return _mail("Test message", context) | {"message_id": message_id(delivery_id)}


def _mail(subject: str, context: dict[str, str]) -> dict[str, str]:
    return {
        # A header is one line, whatever people call their devices.
        "subject": " ".join(subject.split()),
        "text": render_to_string("email/notice.txt", context),
        "html": render_to_string("email/notice.html", context),
    }


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
    detail = news.event.detail
    return {
        "id": str(news.device.public_id) if news.device else None,
        "name": news.name,
        "type": news.device.label if news.device else None,
        "status": detail.get("after", incident.state),
        "previousStatus": detail.get("before"),
    }


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


def local_time(at: datetime, zone: str) -> str:
    """`2026-02-16 12:23:00 CET`: in the workspace's zone, UTC where that is unknown."""
    try:
        local = at.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        local = at.astimezone(UTC)
    return f"{local:%Y-%m-%d %H:%M:%S %Z}"


def lasting(seconds: int) -> str:
    """`2 d 3 h`, `15 min`, `40 s`: the two largest units that say something."""
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
