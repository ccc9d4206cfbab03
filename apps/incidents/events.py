"""Lines of a timeline that no change of state caused: acts, ends, what was told."""

from datetime import datetime
from typing import Any

from apps.incidents.models import Incident, IncidentEvent


def write_event(
    incident: Incident,
    *,
    kind: IncidentEvent.Kind,
    at: datetime,
    written_at: datetime | None = None,
    actor: str = "",
    detail: dict[str, Any] | None = None,
    told_at: datetime | None = None,
) -> IncidentEvent:
    """One line, written at `at` unless that is another instant; with `told_at` it announces nothing."""
    event: IncidentEvent = IncidentEvent.objects.create(
        workspace_id=incident.workspace_id,
        incident=incident,
        subject_kind=incident.subject_kind,
        subject_id=incident.subject_id,
        at=at,
        written_at=written_at or at,
        kind=kind,
        actor=actor[:160],
        detail=detail or {},
        # Born fanned out.
        fanned_out_at=told_at,
    )
    return event
