"""Every write to incidents: what verdicts do to them, and what people do to them."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.accounts.models import User
from apps.alerts.types import SilentReason, Verdict
from apps.audit import services as audit
from apps.common.errors import ConflictError, InvalidInputError, NotFoundError
from apps.common.values import Ref
from apps.incidents import causes
from apps.incidents.events import write_event
from apps.incidents.models import Incident, IncidentEvent
from apps.incidents.transitions import Step, key_of, step_for, title_of
from apps.workspaces.services import next_numbers

Subject = tuple[int, str, int]  # rule, kind, id
NOTE_LENGTH = 4000
# What verdicts may change of an incident.
MOVED = ("state", "severity", "title", "cause", "cause_text", "value", "closed_at", "close_reason")


@dataclass(frozen=True, slots=True)
class _Move:
    """What one verdict did: the step, the fact's key, and the incident it concerns, if any."""

    verdict: Verdict
    step: Step
    key: str
    incident: Incident | None
    opens: bool = False


@transaction.atomic
def apply(*, verdicts: Sequence[Verdict], now: datetime) -> list[Incident]:
    """Let verdicts open, change and close incidents; the incidents that were touched, each once.

    Called by the pipeline inside its transaction, in the order of the changes. At most one incident is open per
    rule and subject. Every real change leaves one event, which is the outbox row for notifications; a fact that
    was told before changes nothing. Rows are dated by the
    verdict; `now` is when they are written.
    """
    told = _told(verdicts)
    open_incidents = _open_incidents(verdicts)
    moves: list[_Move] = []
    lasting: dict[int, Incident] = {}
    for verdict in verdicts:
        key = key_of(verdict)
        subject = (verdict.rule_id, verdict.ref.kind, verdict.ref.id)
        incident = open_incidents.get(subject)
        step = step_for(
            verdict,
            open_state=incident.state if incident else None,
            open_severity=incident.severity if incident else "",
        )
        if step is None or (verdict.workspace_id, key) in told:
            if incident is not None and _note_value(incident, verdict) and incident.pk is not None:
                lasting[incident.pk] = incident
            continue
        told.add((verdict.workspace_id, key))
        move = _move(verdict, step, key, incident)
        moves.append(move)
        _remember(open_incidents, subject, move.incident)
    _save(moves)
    causes.attribute([(move.incident, move.verdict.parents) for move in moves if move.incident and move.opens])
    IncidentEvent.objects.bulk_create([_change(move, now=now) for move in moves])
    if lasting:
        Incident.objects.bulk_update(lasting.values(), ["value", "threshold", "last_seen_at"])
    causes.release((move.incident for move in moves if move.incident is not None), now=now)
    return list({move.incident.pk: move.incident for move in moves if move.incident is not None}.values())


def _move(verdict: Verdict, step: Step, key: str, incident: Incident | None) -> "_Move":
    """Let one verdict change the incidents, unsaved; what it leaves is written once all have."""
    if step == "noticed":
        return _Move(verdict, step, key, _open(verdict, closed_at=verdict.at, reason="notice"), opens=True)
    if incident is None and step in {"opened", "flapping"}:
        return _Move(verdict, step, key, _open(verdict), opens=True)
    if incident is not None and step == "closed":
        _end(incident, at=verdict.at, reason="condition_cleared", value=verdict.value)
    elif incident is not None and step == "withdrawn":
        _end(incident, at=verdict.at, reason=verdict.reason or "stale")
    elif incident is not None and step != "changed":
        _restate(incident, verdict)
    return _Move(verdict, step, key, incident)


def _save(moves: Sequence[_Move]) -> None:
    """Write incidents: first what has changed, for an end makes room for the next opening about the same subject."""
    new = {id(move.incident): move.incident for move in moves if move.opens and move.incident is not None}
    touched = {id(move.incident): move.incident for move in moves if move.incident is not None}
    Incident.objects.bulk_update([incident for key, incident in touched.items() if key not in new], MOVED)
    opened: dict[int, list[Incident]] = {}
    for incident in new.values():
        opened.setdefault(incident.workspace_id, []).append(incident)
    for workspace_id, incidents in sorted(opened.items()):
        numbers = next_numbers(workspace_id=workspace_id, kind="incident", count=len(incidents))
        for incident, number in zip(incidents, numbers, strict=True):
            incident.number = number
        Incident.objects.bulk_create(incidents)


def _remember(open_incidents: dict[Subject, Incident], subject: Subject, incident: Incident | None) -> None:
    if incident is not None and incident.closed_at is None:
        open_incidents[subject] = incident
    elif incident is not None:
        open_incidents.pop(subject, None)


def _note_value(incident: Incident, verdict: Verdict) -> bool:
    """Take over the newest value of trouble that lasts, unsaved; an older verdict told again says nothing."""
    newer = incident.last_seen_at is None or verdict.at > incident.last_seen_at
    if verdict.kind != "bad" or not verdict.metric or not newer:
        return False
    incident.value, incident.threshold, incident.last_seen_at = verdict.value, verdict.threshold, verdict.at
    return True


@transaction.atomic
def close_of_rules(
    *, rules: Collection[int], reason: SilentReason, now: datetime, refs: Collection[Ref] | None = None
) -> list[Incident]:
    """Close what these rules have open, about these subjects only where they are given, and tell nobody.

    The rule changed, was switched off or deleted, or no longer covers the subject.
    """
    wanted = None if refs is None else {(ref.kind, ref.id) for ref in refs}
    rows = Incident.objects.filter(rule_id__in=rules, closed_at__isnull=True)
    incidents = [
        incident
        for incident in rows.select_for_update().order_by("pk")
        if wanted is None or (incident.subject_kind, incident.subject_id) in wanted
    ]
    return _end_silently(incidents, reason=reason, now=now)


@transaction.atomic
def close_silently(*, ref: Ref, reason: str, now: datetime) -> list[Incident]:
    """Close what is open about a subject and tell nobody: it was deleted, or its rule changed.

    `reason` is one of the domain's silent words: subject_deleted, rule_disabled, rule_updated, stale. What was
    decided before (an opening that still waits to be announced) is not taken back.
    """
    # A Ref carries a primary key, which names one row of one workspace.
    rows = Incident.objects.filter(subject_kind=ref.kind, subject_id=ref.id, closed_at__isnull=True)
    incidents = list(rows.select_for_update().order_by("pk"))
    return _end_silently(incidents, reason=reason, now=now)


@transaction.atomic
def acknowledge(*, incident: Incident, actor: str, user: User | None, now: datetime) -> Incident:
    """Somebody has taken the incident on. Doing it again changes nothing; ConflictError once it is resolved."""
    current = _current(incident)
    if current.closed_at is not None:
        raise ConflictError("This incident is already resolved.")
    if current.acknowledged_at is not None:
        return current
    current.acknowledged_at = now
    current.acknowledged_by = user
    current.save(update_fields=["acknowledged_at", "acknowledged_by"])
    write_event(current, kind=IncidentEvent.Kind.ACKNOWLEDGED, at=now, actor=actor)
    _audit(current, actor=actor, verb="incident.acknowledge", at=now)
    return current


@transaction.atomic
def add_note(*, incident: Incident, text: str, actor: str, now: datetime) -> IncidentEvent:
    """Add a line to the timeline, also after the end; it is shown, and sent to nobody."""
    current = _current(incident)
    body = _note(text)
    if not body:
        raise InvalidInputError(fields={"text": "A note needs some text."})
    event = write_event(current, kind=IncidentEvent.Kind.NOTE, at=now, actor=actor, detail={"text": body}, told_at=now)
    _audit(current, actor=actor, verb="incident.note", at=now)
    return event


@transaction.atomic
def resolve(*, incident: Incident, actor: str, now: datetime, note: str = "") -> Incident:
    """Close an incident by hand. It says nothing about the subject: only the next change of state opens another.

    ConflictError when it is resolved already.
    """
    current = _current(incident)
    body = _note(note)
    if current.closed_at is not None:
        raise ConflictError("This incident is already resolved.")
    _close(current, at=now, reason="resolved_by_hand")
    detail = {"reason": "resolved_by_hand", "muted": current.muted} | ({"text": body} if body else {})
    write_event(current, kind=IncidentEvent.Kind.CLOSED, at=now, actor=actor, detail=detail)
    causes.release([current], now=now)
    _audit(current, actor=actor, verb="incident.resolve", at=now)
    return current


@transaction.atomic
def record_notice(
    *, incident: Incident, recipient: str, channel: str, result: str, delivery: str, at: datetime
) -> IncidentEvent:
    """Write into the timeline how a notice ended: `result` is `delivered` or the reason it was given up."""
    detail = {"recipient": recipient, "channel": channel, "result": result, "delivery": delivery}
    return write_event(incident, kind=IncidentEvent.Kind.NOTIFIED, at=at, detail=detail, told_at=at)


def _told(verdicts: Iterable[Verdict]) -> set[tuple[int, str]]:
    """Which of these facts left their event already."""
    wanted = {(verdict.workspace_id, key_of(verdict)) for verdict in verdicts}
    rows = IncidentEvent.objects.filter(
        workspace_id__in={workspace for workspace, _ in wanted}, change_key__in={key for _, key in wanted}
    )
    return set(rows.values_list("workspace_id", "change_key"))


def _open_incidents(verdicts: Iterable[Verdict]) -> dict[Subject, Incident]:
    """The open incident of every subject, locked in one order, so that people's acts and verdicts queue."""
    by_kind: dict[str, set[int]] = {}
    for verdict in verdicts:
        by_kind.setdefault(verdict.ref.kind, set()).add(verdict.ref.id)
    workspaces = {verdict.workspace_id for verdict in verdicts}
    found: dict[Subject, Incident] = {}
    for kind, ids in sorted(by_kind.items()):
        rows = Incident.objects.filter(
            workspace_id__in=workspaces, subject_kind=kind, subject_id__in=ids, closed_at__isnull=True
        )
        for incident in rows.select_for_update().order_by("pk"):
            found[(incident.rule_id, kind, incident.subject_id)] = incident
    return found


def _open(verdict: Verdict, *, closed_at: datetime | None = None, reason: str = "") -> Incident:
    return Incident(
        workspace_id=verdict.workspace_id,
        rule_id=verdict.rule_id,
        subject_kind=verdict.ref.kind,
        subject_id=verdict.ref.id,
        subject_name=verdict.name,
        project_id=verdict.project_id,
        severity=verdict.severity,
        state=verdict.after or "",
        title=title_of(verdict),
        cause=verdict.cause[:32],
        cause_text=verdict.cause_text[:500],
        metric=verdict.metric[:64],
        value=verdict.value,
        threshold=verdict.threshold,
        generation=verdict.generation,
        last_seen_at=verdict.at if verdict.metric else None,
        opened_at=verdict.at,
        closed_at=closed_at,
        close_reason=reason,
    )


def _restate(incident: Incident, verdict: Verdict) -> None:
    incident.state = verdict.after or ""
    incident.severity = verdict.severity
    incident.title = title_of(verdict)
    incident.cause = verdict.cause[:32]
    incident.cause_text = verdict.cause_text[:500]


def _end_silently(incidents: list[Incident], *, reason: str, now: datetime) -> list[Incident]:
    for incident in incidents:
        _close(incident, at=now, reason=reason)
        write_event(incident, kind=IncidentEvent.Kind.CLOSED, at=now, detail={"reason": reason}, told_at=now)
    causes.release(incidents, now=now)
    return incidents


def _close(incident: Incident, *, at: datetime, reason: str) -> None:
    _end(incident, at=at, reason=reason)
    incident.save(update_fields=["closed_at", "close_reason"])


def _end(incident: Incident, *, at: datetime, reason: str, value: float | None = None) -> None:
    # A late fact may be older than the opening it ends; no incident lasts less than nothing.
    incident.closed_at = max(at, incident.opened_at)
    incident.close_reason = reason
    # What it recovered to; an end that knows no value keeps the last one.
    incident.value = incident.value if value is None else value


def _change(move: _Move, *, now: datetime) -> IncidentEvent:
    verdict, incident = move.verdict, move.incident
    if move.step == "withdrawn":
        return _withdrawal(move, now=now)
    return IncidentEvent(
        workspace_id=verdict.workspace_id,
        incident=incident,
        subject_kind=verdict.ref.kind,
        subject_id=verdict.ref.id,
        at=verdict.at,
        written_at=now,
        kind=IncidentEvent.Kind.OPENED if move.step == "noticed" else move.step,
        change_key=move.key,
        detail={
            # What settles was silent before, so it is news whatever state it is in.
            "before": "flapping" if verdict.flapping == "ended" else verdict.before,
            "after": verdict.after,
            "in_maintenance": verdict.in_maintenance,
            "muted": verdict.flapping == "on" or (incident is not None and incident.muted),
            "severity": verdict.severity,
            "cause": verdict.cause[:32],
            "cause_text": verdict.cause_text[:500],
            "name": verdict.name,
        }
        | _of_value(verdict),
    )


def _withdrawal(move: _Move, *, now: datetime) -> IncidentEvent:
    """An end that nobody is told of: it is born fanned out."""
    verdict = move.verdict
    return IncidentEvent(
        workspace_id=verdict.workspace_id,
        incident=move.incident,
        subject_kind=verdict.ref.kind,
        subject_id=verdict.ref.id,
        at=verdict.at,
        written_at=now,
        kind=IncidentEvent.Kind.CLOSED,
        change_key=move.key,
        detail={"reason": verdict.reason},
        fanned_out_at=now,
    )


def _of_value(verdict: Verdict) -> dict[str, Any]:
    """What a rule about values adds to its event: messages are written from it, whatever the rule says by then."""
    if not verdict.metric:
        return {}
    instants = {"observed_at": verdict.observed_at, "pending_since": verdict.pending_since}
    return {
        "metric": verdict.metric,
        "value": verdict.value,
        "threshold": verdict.threshold,
        "generation": verdict.generation,
        "notice": verdict.kind == "notice",
    } | {name: at.isoformat() for name, at in instants.items() if at is not None}


def _current(incident: Incident) -> Incident:
    """The row as it is now, locked."""
    rows = Incident.objects.of(incident.workspace_id).select_for_update()
    current: Incident | None = rows.filter(pk=incident.pk).first()
    if current is None:
        raise NotFoundError("There is no such incident.")
    return current


def _note(text: str) -> str:
    if len(text) > NOTE_LENGTH:
        raise InvalidInputError(fields={"text": f"At most {NOTE_LENGTH} characters."})
    return text.strip()


def _audit(incident: Incident, *, actor: str, verb: str, at: datetime) -> None:
    subject = f"incident {incident.number}: {incident.title}"
    audit.record(workspace=incident.workspace_id, actor=actor, verb=verb, subject=subject, at=at)
