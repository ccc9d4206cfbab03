"""Incidents as lists and timelines show them: a shape, a sentence, a span."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from apps.alerts.built_in import DEVICE_STATE
from apps.incidents.models import Incident, IncidentEvent
from apps.web.presenters import words
from apps.web.presenters.routing import Names, channel_word
from apps.web.presenters.status import Shape, StatusView

SHAPES: dict[str, Shape] = {"critical": "down", "warning": "degraded", "info": "unknown"}
STATE_SHAPES: dict[str, Shape] = {"down": "down", "warning": "degraded", "up": "up"}
STATE_WORDS = {"down": "down", "warning": "degraded", "up": "up", "unknown": "unknown"}
CLOSE_REASONS = {
    "condition_cleared": "It is well again",
    "resolved_by_hand": "Resolved by hand",
    "subject_deleted": "The monitor was deleted",
    "rule_disabled": "The rule was switched off",
    "rule_updated": "The rule was changed",
    "rule_deleted": "The rule was deleted",
    "unmounted": "The rule no longer covers it",
    "stale": "Nothing was heard of it any more",
    "paused": "The monitor was paused",
    "notice": "It only happened once",
}
NOUNS = {"device": "Monitor", "node": "Node", "container": "Container", "instance": "Rented server"}
CAUSES = {
    "refused": "Connection refused",
    "reset": "Connection reset",
    "nxdomain": "The name does not exist",
    "expired": "Certificate expired",
    "timeout": "Timeout",
    "overrun": "The job ran too long",
    "missed": "No heartbeat in time",
}
UNNAMED = Names({})
Form = Literal["shape", "icon"]


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """One incident in a list."""

    incident: Incident
    status: StatusView
    why: str
    also: str
    urgent: bool  # open, critical and nobody's yet: a red edge
    lead: bool = False  # the first of them: the page's one primary action


@dataclass(frozen=True, slots=True)
class Moment:
    """One line of a timeline: when, a mark, who, what, and what else."""

    at: datetime
    mark: str
    form: Form
    actor: str
    sentence: str
    more: str = ""
    note: str = ""


def row(incident: Incident, now: datetime) -> IncidentRow:
    """How an incident stands, and how long it has lasted or did last."""
    shape = STATE_SHAPES.get(incident.state, SHAPES.get(incident.severity, "unknown"))
    lasted = words.duration(((incident.closed_at or now) - incident.opened_at).total_seconds())
    status = StatusView(shape, STATE_WORDS.get(incident.state, "open").capitalize(), lasted)
    if incident.closed_at is not None:
        status = StatusView("up", "Resolved", f"after {lasted}")
    urgent = incident.closed_at is None and incident.acknowledged_at is None
    return IncidentRow(
        incident, status, why(incident), also(incident), urgent and incident.severity == Incident.Severity.CRITICAL
    )


def why(incident: Incident) -> str:
    """The cause in words; its machine word where nothing better is known."""
    return incident.cause_text or CAUSES.get(incident.cause, incident.cause.replace("_", " ").capitalize())


def kind(incident: Incident) -> str:
    """What opened it: the name of its rule, and what the subject is where that is no monitor."""
    name = "Monitor state" if incident.rule.number == DEVICE_STATE else incident.rule.name
    return name if incident.subject_kind == "device" else f"{NOUNS[incident.subject_kind]}: {name}"


def also(incident: Incident) -> str:
    """Kind, project and who has taken it on, in one quiet line."""
    parts = [kind(incident)] + ([incident.project.name] if incident.project is not None else [])
    if incident.closed_at is not None:
        parts.append(CLOSE_REASONS.get(incident.close_reason, "Closed"))
    elif incident.acknowledged_at is not None:
        by = incident.acknowledged_by
        parts.append(f"acknowledged by {by.get_short_name()}" if by is not None else "acknowledged")
    else:
        parts.append("not acknowledged yet")
    return " · ".join(parts)


def rows(incidents: Sequence[Incident], now: datetime) -> list[IncidentRow]:
    """A list of incidents, in the order given; the first urgent one leads."""
    found = [row(incident, now) for incident in incidents]
    lead = next((index for index, item in enumerate(found) if item.urgent), None)
    return [replace(item, lead=index == lead) for index, item in enumerate(found)]


def moment(event: IncidentEvent, names: Names = UNNAMED) -> Moment:
    """One event as a sentence a person would say; `names` are what ids of the project's routing are called."""
    detail = event.detail
    if event.kind == IncidentEvent.Kind.NOTE:
        return Moment(event.at, "message-square", "icon", event.actor, "added a note", note=detail.get("text", ""))
    if event.kind == IncidentEvent.Kind.ACKNOWLEDGED:
        return Moment(event.at, "check", "icon", event.actor, "acknowledged it")
    if event.kind == IncidentEvent.Kind.NOTIFIED:
        return _notified(event, names)
    if event.kind == IncidentEvent.Kind.CLOSED:
        return _closed(event)
    if detail.get("metric"):
        return _value(event)
    if event.kind in SPECIAL:
        return SPECIAL[event.kind](event)
    after = str(detail.get("after", ""))
    return Moment(
        event.at,
        STATE_SHAPES.get(after, "unknown"),
        "shape",
        "",
        f"{_verb(event)} {STATE_WORDS.get(after, after)}",
        more=str(detail.get("cause_text") or detail.get("cause") or ""),
    )


def _value(event: IncidentEvent) -> Moment:
    """What a rule about values found, in the words of then."""
    shape = SHAPES.get(str(event.detail.get("severity")), "unknown")
    sentence = "Was noticed" if event.detail.get("notice") else "Went over the line"
    return Moment(event.at, shape, "shape", "", sentence, more=str(event.detail.get("cause_text", "")))


def _verb(event: IncidentEvent) -> str:
    return {"opened": "Went", "worsened": "Got worse:", "eased": "Eased:"}.get(event.kind, "Became")


def _flapping(event: IncidentEvent) -> Moment:
    return Moment(
        event.at,
        "degraded",
        "shape",
        "",
        "Keeps changing between well and not",
        more="Said once; then nothing is sent until it has settled.",
    )


def _released(event: IncidentEvent) -> Moment:
    after = str(event.detail.get("after", ""))
    state = STATE_WORDS.get(after, after)
    settled = event.detail.get("reason") != "parent_resolved"
    sentence = f"Settled, still {state}" if settled else f"Still {state} although what it depends on is well again"
    return Moment(event.at, STATE_SHAPES.get(after, "unknown"), "shape", "", sentence, more="People hear of it now.")


SPECIAL: Mapping[str, Callable[[IncidentEvent], Moment]] = {
    IncidentEvent.Kind.FLAPPING: _flapping,
    IncidentEvent.Kind.RELEASED: _released,
}


def _not_told(event: IncidentEvent, names: Names) -> Moment:
    """Why the routing left somebody out."""
    target, reason = str(event.detail.get("recipient", "")), str(event.detail.get("result", ""))
    kind, _, name = target.partition(":")
    if reason == "quiet_hours":
        said = f"{target.capitalize()} was left out: quiet hours" if target else "Nobody was told: quiet hours"
    elif reason == "no_one_on_call":
        said = f"Nobody was on call in {name}"
    elif reason == "gone":
        gone = "has no address here any more" if kind == "user" else "is switched off or gone"
        said = f"{names.of(target)} was not told: it {gone}" if kind != "user" else f"{names.of(target)} {gone}"
    else:
        said = f"{names.of(target)} was not told: {reason}"
    return Moment(event.at, "bell-off", "icon", "", f"{said[:1].upper()}{said[1:]}")


def _notified(event: IncidentEvent, names: Names) -> Moment:
    detail = event.detail
    if detail.get("channel") == "routing":
        return _not_told(event, names)
    channel = channel_word(str(detail.get("channel") or "Notice"))
    delivered = detail.get("result") == "delivered"
    ending = "was delivered" if delivered else f"was given up: {detail.get('result', '')}"
    recipient = str(detail.get("recipient", ""))
    return Moment(event.at, "send", "icon", "", f"{channel} to {names.channels.get(recipient, recipient)} {ending}")


def _closed(event: IncidentEvent) -> Moment:
    reason = str(event.detail.get("reason", "condition_cleared"))
    text = str(event.detail.get("text", ""))
    if event.actor:
        return Moment(event.at, "circle-check", "icon", event.actor, "resolved it", note=text)
    return Moment(event.at, "up", "shape", "", CLOSE_REASONS.get(reason, "Closed"), note=text)
