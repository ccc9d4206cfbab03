"""Reads of incidents and their timelines; every list has a bound."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Value, When, Window
from django.db.models.functions import RowNumber

from apps.alerts.built_in import DEVICE_STATE
from apps.common.errors import NotFoundError
from apps.common.values import Ref
from apps.incidents.models import Incident, IncidentEvent
from apps.incidents.types import Cursor, Page, StatusFilter
from apps.workspaces.models import Workspace

PAGE = 50
LONGEST_LIST = 200
TIMELINE = 500

STATUS: dict[StatusFilter, Q] = {
    "all": Q(),
    # Acknowledged is open with somebody's name on it (contract Dashmon 11).
    "open": Q(closed_at__isnull=True),
    "acknowledged": Q(closed_at__isnull=True, acknowledged_at__isnull=False),
    "resolved": Q(closed_at__isnull=False),
}
SEVERITY_RANK = Case(
    When(severity=Incident.Severity.CRITICAL, then=Value(0)),
    When(severity=Incident.Severity.WARNING, then=Value(1)),
    default=Value(2),
)


def open_worst_first(
    workspace: Workspace, *, projects: Collection[int] | None = None, limit: int = LONGEST_LIST
) -> Sequence[Incident]:
    """Open incidents, critical before warning, and within a severity the one that has lasted longest.

    `projects` limits it to some projects' primary keys; None means all of them.
    """
    rows = _visible(workspace, projects).filter(closed_at__isnull=True)
    return list(rows.order_by(SEVERITY_RANK, "opened_at", "id")[:limit])


def count_open(workspace: Workspace, *, projects: Collection[int] | None = None, rule: int | None = None) -> int:
    """How many incidents are open; `rule` counts those of the rule of this number only."""
    return _of_rule(_visible(workspace, projects), rule).filter(closed_at__isnull=True).count()


def list_incidents(
    workspace: Workspace,
    *,
    status: StatusFilter = "all",
    projects: Collection[int] | None = None,
    device_id: int | None = None,
    rule: int | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: Cursor | None = None,
    limit: int = PAGE,
) -> Page[Incident]:
    """Incidents newest first; `since` and `until` bound the opening, half-open; `after` is the page before's end.

    `rule` limits them to the rule of this number.
    """
    rows = _of_rule(_visible(workspace, projects), rule).filter(STATUS[status])
    if device_id is not None:
        rows = rows.filter(subject_kind="device", subject_id=device_id)
    if since is not None:
        rows = rows.filter(opened_at__gte=since)
    if until is not None:
        rows = rows.filter(opened_at__lt=until)
    return _page(rows, after=after, limit=limit)


def of_device(workspace: Workspace, device_id: int, *, limit: int = 20) -> Sequence[Incident]:
    """The newest incidents of one device, open ones among them."""
    return of_subject(workspace, Ref("device", device_id), limit=limit)


def of_subject(workspace: Workspace, ref: Ref, *, limit: int = 20) -> Sequence[Incident]:
    """The newest incidents of one subject of any kind, open ones among them."""
    rows = _visible(workspace, None).filter(subject_kind=ref.kind, subject_id=ref.id)
    return list(rows.order_by("-opened_at", "-id")[:limit])


def outages_by_device(
    workspace: Workspace, *, devices: Collection[int], since: datetime, until: datetime
) -> dict[int, int]:
    """How many incidents of each device began in [since, until) and were, for a while at least, about being down.

    Devices by primary key; those without an incident are left out. One statement.
    """
    eased = IncidentEvent.objects.filter(incident=OuterRef("pk"), kind=IncidentEvent.Kind.EASED)
    rows = Incident.objects.of(workspace).filter(
        subject_kind="device",
        subject_id__in=devices,
        rule__number=DEVICE_STATE,
        opened_at__gte=since,
        opened_at__lt=until,
    )
    # What eased was down before, whatever the row says now.
    down = rows.filter(Q(state="down") | Exists(eased)).order_by()
    return dict(down.values_list("subject_id").annotate(count=Count("pk")))


def count_since(
    workspace: Workspace, since: datetime, *, projects: Collection[int] | None = None, rule: int | None = None
) -> int:
    """How many incidents began at or after an instant; `rule` counts those of the rule of this number only."""
    return _of_rule(_visible(workspace, projects), rule).filter(opened_at__gte=since).count()


def timelines(workspace: Workspace, incidents: Collection[Incident]) -> dict[int, list[IncidentEvent]]:
    """The timelines of several incidents by primary key, each as `timeline` tells it; one statement."""
    rows = (
        IncidentEvent.objects.of(workspace)
        .filter(incident__in=[incident.pk for incident in incidents])
        .exclude(kind=IncidentEvent.Kind.CHANGED)
        .annotate(place=Window(RowNumber(), partition_by="incident_id", order_by=["at", "id"]))
        .filter(place__lte=TIMELINE)
    )
    found: dict[int, list[IncidentEvent]] = {incident.pk: [] for incident in incidents}
    for event in rows.order_by("at", "id"):
        found.setdefault(event.incident_id or 0, []).append(event)
    return found


def open_of(workspace: Workspace | int, ref: Ref, *, rule: int | None = None) -> Sequence[Incident]:
    """What is open about one subject: at most one per rule; `rule` limits it to the rule of this number."""
    rows = _of_rule(Incident.objects.of(workspace).filter(subject_kind=ref.kind, subject_id=ref.id), rule)
    return list(rows.filter(closed_at__isnull=True).order_by("opened_at", "id"))


def open_of_kind(workspace: Workspace | int, *, kind: str, subjects: Collection[int]) -> dict[int, Incident]:
    """The worst open incident of each subject of a kind, by the subject's primary key: critical first, then oldest."""
    rows = Incident.objects.of(workspace).filter(subject_kind=kind, subject_id__in=subjects, closed_at__isnull=True)
    found: dict[int, Incident] = {}
    for incident in rows.order_by(SEVERITY_RANK, "opened_at", "id"):
        found.setdefault(incident.subject_id, incident)
    return found


def incident_by_public_id(
    workspace: Workspace, public_id: UUID | None, *, projects: Collection[int] | None = None
) -> Incident:
    """One incident; NotFoundError when it is unknown, of another workspace or out of reach, all alike."""
    incident = _visible(workspace, projects).filter(public_id=public_id).first() if public_id else None
    if incident is None:
        raise NotFoundError("There is no such incident.")
    return incident


def cause_of(incident: Incident, *, projects: Collection[int] | None = None) -> Incident | None:
    """The incident whose trouble this one follows from; None when there is none, or it is out of reach."""
    if incident.caused_by_id is None:
        return None
    row: Incident | None = _visible_in(incident.workspace_id, projects).filter(pk=incident.caused_by_id).first()
    return row


def consequences_of(
    incident: Incident, *, projects: Collection[int] | None = None, limit: int = 20
) -> Sequence[Incident]:
    """What follows from this one, open before closed, within reach."""
    rows = _visible_in(incident.workspace_id, projects).filter(caused_by=incident)
    return list(rows.order_by(F("closed_at").desc(nulls_first=True), "-opened_at", "-id")[:limit])


def timeline(incident: Incident) -> Sequence[IncidentEvent]:
    """What happened, oldest first; what follows in the same instant keeps the order in which it was written."""
    rows = IncidentEvent.objects.of(incident.workspace_id).filter(incident=incident)
    # Changes that moved nothing (a repeated reading of the same state) are bookkeeping, not history.
    return list(rows.exclude(kind=IncidentEvent.Kind.CHANGED).order_by("at", "id")[:TIMELINE])


def _visible(workspace: Workspace, projects: Collection[int] | None) -> QuerySet[Incident]:
    return _visible_in(workspace.pk, projects)


def _visible_in(workspace: int, projects: Collection[int] | None) -> QuerySet[Incident]:
    rows: QuerySet[Incident] = Incident.objects.of(workspace).select_related(
        "rule", "project", "acknowledged_by", "caused_by"
    )
    return rows if projects is None else rows.filter(project_id__in=projects)


def _of_rule(rows: QuerySet[Incident], number: int | None) -> QuerySet[Incident]:
    return rows if number is None else rows.filter(rule__number=number)


def _page(rows: QuerySet[Incident], *, after: Cursor | None, limit: int) -> Page[Incident]:
    size = max(1, min(limit, LONGEST_LIST))
    total = rows.count()
    if after is not None:
        rows = rows.filter(Q(opened_at__lt=after.at) | Q(opened_at=after.at, pk__lt=after.id))
    found = list(rows.order_by("-opened_at", "-id")[: size + 1])
    items = found[:size]
    more = len(found) > size
    return Page(items=items, next=Cursor(items[-1].opened_at, items[-1].pk) if more else None, total=total)
