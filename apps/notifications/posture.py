"""How well a workspace is prepared to be told: routing coverage and what came of recent deliveries (contract 13)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count

from apps.notifications.models import Channel, Delivery, Route
from apps.projects.models import Project
from apps.workspaces.models import Workspace

WINDOW = timedelta(days=7)
RECENT = 20


@dataclass(frozen=True, slots=True)
class Coverage:
    """Projects by what their routing has; `without_any_channel` are the keys of those that nobody would hear of."""

    projects: int
    with_routing: int
    with_escalation: int
    with_on_call: int
    with_quiet_hours: int
    without_any_channel: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeliveryRecord:
    """Messages of the last seven days: sent and given up, in all and by kind, and the newest with their project."""

    sent: int
    failed: int
    by_kind: Mapping[str, tuple[int, int]]
    recent: Sequence[Delivery]


def coverage(workspace: Workspace, *, projects: Collection[int] | None = None) -> Coverage:
    """Routing of the projects within reach. Three queries, however many projects there are."""
    rows = Project.objects.of(workspace).order_by("key")
    reached = list(rows if projects is None else rows.filter(pk__in=projects))
    routes = {
        route.project_id: route for route in Route.objects.of(workspace).filter(scope=Route.Scope.PROJECT, enabled=True)
    }
    with_channel = set(
        Channel.objects.of(workspace).filter(project__isnull=False, enabled=True).values_list("project", flat=True)
    )
    policies = [routes[project.pk].policy for project in reached if project.pk in routes]
    heard = {project.pk for project in reached if project.pk in routes and _reaches(routes[project.pk], with_channel)}
    return Coverage(
        projects=len(reached),
        with_routing=len(heard),
        with_escalation=sum(len(policy["escalation"]["steps"]) > 1 for policy in policies),
        with_on_call=sum(bool(policy["onCall"]) for policy in policies),
        with_quiet_hours=sum(policy["quietHours"]["enabled"] for policy in policies),
        without_any_channel=tuple(project.key for project in reached if project.pk not in heard),
    )


def _reaches(route: Route, with_channel: Collection[int]) -> bool:
    """Whether anybody would hear: a channel, or people whom a step names."""
    targets = [target for step in route.policy["escalation"]["steps"] for target in step["targets"]]
    return route.project_id in with_channel or any(target["type"] != "channel" for target in targets)


def deliveries(workspace: Workspace, *, now: datetime, projects: Collection[int] | None = None) -> DeliveryRecord:
    """What came of the messages of the last seven days."""
    rows = Delivery.objects.of(workspace).filter(created_at__gte=now - WINDOW)
    if projects is not None:
        rows = rows.filter(incident__project__in=projects)
    ended = rows.filter(status__in=(Delivery.Status.SENT, Delivery.Status.FAILED))
    counts: dict[str, list[int]] = {}
    for kind, status, count in ended.values_list("kind", "status").annotate(Count("pk")).order_by("kind", "status"):
        counts.setdefault(kind, [0, 0])[status == Delivery.Status.FAILED] = count
    recent = rows.select_related("incident__project").order_by("-created_at", "-id")[:RECENT]
    return DeliveryRecord(
        sent=sum(sent for sent, _ in counts.values()),
        failed=sum(failed for _, failed in counts.values()),
        by_kind={kind: (sent, failed) for kind, (sent, failed) in counts.items()},
        recent=list(recent),
    )
