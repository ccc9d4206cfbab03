"""From events to deliveries: each event is planned once, and the events of one subject in their order."""

from collections.abc import Iterable
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from apps.incidents.models import IncidentEvent
from apps.notifications import messages, notices
from apps.notifications.kinds import ChannelKind
from apps.notifications.messages import News
from apps.notifications.models import Delivery, Route
from apps.notifications.news import news_of
from apps.notifications.notices import is_silent
from apps.notifications.reaches import Reach
from apps.notifications.services import escalations
from apps.notifications.services.planning import plan_delivery, save_planned

logger = structlog.get_logger(__name__)
Kind = IncidentEvent.Kind
BEGINNINGS = frozenset({Kind.OPENED, Kind.WORSENED, Kind.RELEASED})


class _StuckError(Exception):
    """One event that could not be planned; the others go on."""

    def __init__(self, event_id: int) -> None:
        super().__init__(f"event {event_id} could not be planned")
        self.event_id = event_id


def fan_out(*, now: datetime, limit: int) -> int:
    """Plan the deliveries of up to `limit` waiting events; how many events were planned.

    One transaction for each event: either it is planned and marked, or it waits as before. Any number of workers
    may run this at once. An event that fails is left waiting, holds back only its own subject, and its error is
    raised once the others are done.
    """
    planned = 0
    stuck: dict[int, _StuckError] = {}
    while planned + len(stuck) < limit:
        try:
            with transaction.atomic():
                event = _claim(stuck)
                if event is None:
                    break
                _plan_or_name(event, now=now)
        except _StuckError as error:
            stuck[error.event_id] = error
        else:
            planned += 1
    if stuck:
        raise next(iter(stuck.values()))
    return planned


def _claim(stuck: Iterable[int]) -> IncidentEvent | None:
    """The oldest waiting event whose subject has no older one waiting, locked until its transaction ends.

    Events of one subject take turns because each decides on the notices of those before it. An older one that
    another worker holds still counts as waiting, so its successor stays out of reach until it is committed.
    """
    waiting = IncidentEvent.objects.filter(fanned_out_at__isnull=True)
    older = waiting.filter(
        workspace_id=OuterRef("workspace_id"),
        subject_kind=OuterRef("subject_kind"),
        subject_id=OuterRef("subject_id"),
        pk__lt=OuterRef("pk"),
    )
    rows = waiting.filter(~Exists(older)).exclude(pk__in=list(stuck))
    locked = rows.select_for_update(skip_locked=True, of=("self",)).select_related("incident__project")
    event: IncidentEvent | None = locked.order_by("pk").first()
    return event


def _plan_or_name(event: IncidentEvent, *, now: datetime) -> None:
    try:
        _plan(event, now=now)
        IncidentEvent.objects.of(event.workspace_id).filter(pk=event.pk).update(fanned_out_at=now)
    except Exception as error:
        logger.exception("event not planned", event_id=event.pk, workspace_id=event.workspace_id)
        raise _StuckError(event.pk) from error


def _plan(event: IncidentEvent, *, now: datetime) -> None:
    routes = _routes_for(event)
    if not routes:
        return
    news = news_of(event)
    planned: list[Delivery] = []
    for route in routes:
        if route.scope == Route.Scope.PROJECT:
            _follow_routing(route, news, now=now)
        elif route.kind == ChannelKind.WEBHOOK:
            planned += _webhook_calls(route, news, now=now)
        else:
            planned += _notices(route, news, now=now)
    save_planned(planned)


def _routes_for(event: IncidentEvent) -> list[Route]:
    """The workspace's rules, and the routing of the project the subject belongs to."""
    routes = Route.objects.of(event.workspace_id).filter(enabled=True).select_related("project")
    of_workspace = Q(scope=Route.Scope.WORKSPACE)
    if event.incident is not None and event.incident.project_id is not None:
        return list(routes.filter(of_workspace | Q(project=event.incident.project_id)).order_by("pk"))
    return list(routes.filter(of_workspace).order_by("pk"))


def _follow_routing(route: Route, news: News, *, now: datetime) -> None:
    kind = news.event.kind
    if kind in BEGINNINGS:
        escalations.begin(route, news, now=now)
    elif kind == Kind.CLOSED:
        escalations.end(route, news, now=now)
    elif kind == Kind.FLAPPING:
        escalations.flap(route, news, now=now)


def _notices(route: Route, news: News, *, now: datetime) -> list[Delivery]:
    """What the workspace's e-mail or SMS rule makes of it: at most one word to each recipient."""
    earned = notices.earned(route=route, news=news)
    return [
        plan_delivery(route, news, Reach(route.kind, notice.to, ""), event_name=notice.event, now=now)
        for notice in earned
    ]


def _webhook_calls(route: Route, news: News, *, now: datetime) -> list[Delivery]:
    event_name = messages.webhook_event(news.event)
    if event_name is None or news.incident is None or is_silent(news):
        return []
    return [plan_delivery(route, news, Reach(route.kind, route.url, ""), event_name=event_name, now=now)]
