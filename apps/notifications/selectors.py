"""Reads of notifications: routings, channels, the delivery log, and what waits."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Min, Q

from apps.common.errors import NotFoundError
from apps.incidents.models import Incident, IncidentEvent
from apps.incidents.types import Cursor, Page
from apps.notifications.models import Channel, Delivery, DeliveryAttempt, Escalation, Route
from apps.notifications.queue import heads
from apps.notifications.types import Backlog
from apps.projects.models import Project
from apps.workspaces.models import Workspace

PAGE = 50
LONGEST_LIST = 200


@dataclass(frozen=True, slots=True)
class Routing:
    """What one project's routing consists of; `route` is None where nobody has saved any."""

    route: Route | None
    channels: Sequence[Channel]


def routings(workspace: Workspace) -> Mapping[int, Routing]:
    """The routing of every project that has any, by the project's primary key. Two queries."""
    routes = {route.project_id: route for route in Route.objects.of(workspace).filter(scope=Route.Scope.PROJECT)}
    channels: dict[int | None, list[Channel]] = {}
    for channel in channels_in(workspace):
        channels.setdefault(channel.project_id, []).append(channel)
    return {key: Routing(routes.get(key), channels.get(key, [])) for key in {*routes, *channels} if key is not None}


def channels_in(workspace: Workspace, *, projects: Collection[int] | None = None) -> Sequence[Channel]:
    """The channels of projects, by project and in their order; `projects` limits them, None means all."""
    rows = Channel.objects.of(workspace).filter(project__isnull=False).select_related("project")
    if projects is not None:
        rows = rows.filter(project__in=projects)
    return list(rows.order_by("project__name", "project_id", "position", "pk"))


def workspace_channels(workspace: Workspace) -> Sequence[Channel]:
    """The channels of the whole workspace, which routes of surfaces tell; newest first."""
    rows = Channel.objects.of(workspace).filter(project__isnull=True, seat__isnull=True)
    return list(rows.order_by("-number"))


def channels_of(incident: Incident) -> Sequence[Channel]:
    """The channels of the project an incident belongs to."""
    rows = Channel.objects.of(incident.workspace_id).filter(project=incident.project_id, project__isnull=False)
    return list(rows.order_by("position", "pk"))


def channel_by_public_id(
    workspace: Workspace, public_id: UUID | None, *, projects: Collection[int] | None = None
) -> Channel:
    """One channel of a project; NotFoundError when it is unknown, of another workspace or out of reach, all alike."""
    channel: Channel | None = None
    if public_id is not None:
        rows = Channel.objects.of(workspace).filter(project__isnull=False).select_related("project")
        if projects is not None:
            rows = rows.filter(project__in=projects)
        channel = rows.filter(public_id=public_id).first()
    if channel is None:
        raise NotFoundError("There is no such channel.")
    return channel


def list_deliveries(
    workspace: Workspace,
    *,
    status: str | None = None,
    kind: str | None = None,
    project: Project | None = None,
    incident: Incident | None = None,
    projects: Collection[int] | None = None,
    after: Cursor | None = None,
    limit: int = PAGE,
) -> Page[Delivery]:
    """The delivery log, newest first; `after` is the end of the page before.

    `projects` limits it to what concerns some projects, by their primary keys; None means everything.
    """
    rows = Delivery.objects.of(workspace).select_related("incident__project", "channel__project")
    for name, value in (("status", status), ("kind", kind), ("incident", incident)):
        if value is not None:
            rows = rows.filter(**{name: value})
    if project is not None:
        rows = rows.filter(_concerns([project.pk]))
    if projects is not None:
        rows = rows.filter(_concerns(projects))
    total = rows.count()
    if after is not None:
        rows = rows.filter(Q(created_at__lt=after.at) | Q(created_at=after.at, pk__lt=after.id))
    size = max(1, min(limit, LONGEST_LIST))
    found = list(rows.order_by("-created_at", "-id")[: size + 1])
    items = found[:size]
    end = Cursor(items[-1].created_at, items[-1].pk) if len(found) > size else None
    return Page(items=items, next=end, total=total)


def _concerns(projects: Collection[int]) -> Q:
    return Q(incident__project__in=projects) | Q(channel__project__in=projects)


def delivery_by_public_id(
    workspace: Workspace, public_id: UUID | None, *, projects: Collection[int] | None = None
) -> Delivery:
    """One delivery; NotFoundError when it is unknown, of another workspace or out of reach, all alike."""
    delivery: Delivery | None = None
    if public_id is not None:
        rows = Delivery.objects.of(workspace).select_related("incident__project", "channel__project")
        if projects is not None:
            rows = rows.filter(_concerns(projects))
        delivery = rows.filter(public_id=public_id).first()
    if delivery is None:
        raise NotFoundError("There is no such delivery.")
    return delivery


def tries(delivery: Delivery) -> Sequence[DeliveryAttempt]:
    """Every attempt at one delivery, oldest first."""
    rows = DeliveryAttempt.objects.of(delivery.workspace_id).filter(delivery=delivery)
    return list(rows.order_by("at", "id")[:LONGEST_LIST])


def backlog(now: datetime) -> Backlog:
    """What waits in the whole installation, for health and the operator's page."""
    events = IncidentEvent.objects.filter(fanned_out_at__isnull=True).aggregate(
        count=Count("id"), oldest=Min("written_at")
    )
    planned = Delivery.objects.filter(status=Delivery.Status.PLANNED)
    held = planned.aggregate(
        count=Count("id"),
        leased=Count("id", filter=Q(lease_until__gt=now)),
        expired=Count("id", filter=Q(lease_until__lte=now)),
    )
    due = planned.filter(pk__in=heads(), next_at__lte=now).aggregate(count=Count("id"), oldest=Min("next_at"))
    steps = Escalation.objects.filter(next_at__lte=now).aggregate(count=Count("id"), oldest=Min("next_at"))
    failed = Delivery.objects.filter(status=Delivery.Status.FAILED, created_at__gte=now - timedelta(days=1))
    return Backlog(
        events=events["count"],
        oldest_event_at=events["oldest"],
        planned=held["count"],
        due=due["count"],
        oldest_due_at=due["oldest"],
        failed_last_day=failed.count(),
        escalations=steps["count"],
        oldest_escalation_at=steps["oldest"],
        leased=held["leased"],
        leases_expired=held["expired"],
    )
