"""Trouble that follows from other trouble is linked to it, and told only when it outlasts it (contract Dashmon 9.1)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from apps.devices.selectors import parents_of
from apps.incidents.events import write_event
from apps.incidents.models import Incident, IncidentEvent

PARENT_RESOLVED = "parent_resolved"


def attribute(opened: Sequence[tuple[Incident, Collection[int]]]) -> None:
    """Mute each of these incidents whose device depends on one with an open incident, and link it to that.

    `opened` are incidents with the primary keys of the devices they depend on. Of several causes the oldest counts.
    One query for all of them; incidents opened in the same batch are causes too.
    """
    wanted = {parent for _, parents in opened for parent in parents}
    if not wanted:
        return
    causes = _open_of_devices({incident.workspace_id for incident, _ in opened}, wanted)
    for incident, parents in opened:
        found = _oldest(causes.get(parent) for parent in parents)
        if found is not None and incident.closed_at is None and found.workspace_id == incident.workspace_id:
            incident.caused_by, incident.muted = found, True
            incident.save(update_fields=["caused_by", "muted"])


def release(closed: Iterable[Incident], *, now: datetime) -> list[IncidentEvent]:
    """Tell of what is still open although its cause is not, dated to the end of the cause; the events written.

    Trouble with another open cause waits for that one instead.
    """
    ends = {incident.pk: incident.closed_at for incident in closed if incident.closed_at is not None}
    if not ends:
        return []
    rows = Incident.objects.filter(caused_by__in=ends, muted=True, closed_at__isnull=True)
    waiting = list(rows.select_for_update().order_by("pk"))
    if not waiting:
        return []
    parents = parents_of({incident.subject_id for incident in waiting})
    above = {parent for found in parents.values() for parent in found}
    causes = _open_of_devices({incident.workspace_id for incident in waiting}, above)
    return [
        event
        for incident in waiting
        if (event := _release(incident, causes, parents.get(incident.subject_id, ()), ends=ends, now=now)) is not None
    ]


def _release(
    incident: Incident,
    causes: Mapping[int, Incident],
    parents: Collection[int],
    *,
    ends: Mapping[int, datetime],
    now: datetime,
) -> IncidentEvent | None:
    other = _oldest(causes.get(parent) for parent in parents)
    if other is not None:
        incident.caused_by = other
        incident.save(update_fields=["caused_by"])
        return None
    incident.muted = False
    incident.save(update_fields=["muted"])
    assert incident.caused_by_id is not None
    return _told(incident, at=max(ends[incident.caused_by_id], incident.opened_at), now=now)


def _told(incident: Incident, *, at: datetime, now: datetime) -> IncidentEvent:
    detail = {
        "reason": PARENT_RESOLVED,
        # Whoever remembers the last word about the subject has not heard this one.
        "before": "muted",
        "after": incident.state,
        "severity": incident.severity,
        "cause": incident.cause,
        "cause_text": incident.cause_text,
        "name": incident.subject_name,
    }
    return write_event(incident, kind=IncidentEvent.Kind.RELEASED, at=at, written_at=now, detail=detail)


def _open_of_devices(workspaces: Collection[int], devices: Collection[int]) -> dict[int, Incident]:
    """The oldest open incident of each device, by the device's primary key."""
    rows = Incident.objects.filter(
        workspace_id__in=workspaces, subject_kind="device", subject_id__in=devices, closed_at__isnull=True
    )
    return {incident.subject_id: incident for incident in rows.order_by("-opened_at", "-pk")}


def _oldest(incidents: Iterable[Incident | None]) -> Incident | None:
    found = [incident for incident in incidents if incident is not None]
    return min(found, key=lambda incident: (incident.opened_at, incident.pk)) if found else None
