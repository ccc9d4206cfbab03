"""From events to deliveries: each event is planned once, and the events of one subject in their order."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from apps.common.looks import Look
from apps.incidents.models import IncidentEvent
from apps.notifications import messages, notices
from apps.notifications.desk import TOGETHER, Desk
from apps.notifications.kinds import ChannelKind
from apps.notifications.messages import News
from apps.notifications.models import Delivery, Route
from apps.notifications.notices import is_silent
from apps.notifications.reaches import Reach
from apps.notifications.services import escalations
from apps.notifications.services.planning import plan_delivery, save_planned
from apps.notifications.services.turns import FLAPPING, OPENED

logger = structlog.get_logger(__name__)
Kind = IncidentEvent.Kind
BEGINNINGS = frozenset({Kind.OPENED, Kind.WORSENED, Kind.RELEASED})
ROUTINGS = frozenset({Route.Scope.PROJECT, Route.Scope.SURFACE})


class _StuckError(Exception):
    """One event that could not be planned; the others go on."""

    def __init__(self, event_id: int) -> None:
        super().__init__(f"event {event_id} could not be planned")
        self.event_id = event_id


def fan_out(*, now: datetime, limit: int) -> int:
    """Plan the deliveries of up to `limit` waiting events; how many events were planned.

    Some at a time share one transaction: either they are planned and marked, or they wait as before. Any number of
    workers may run this at once. An event that fails is left waiting, holds back only its own subject, and its
    error is raised once the others are done.
    """
    planned = 0
    stuck: dict[int, _StuckError] = {}
    if not _waiting.finds_any(now):
        return 0
    while planned + len(stuck) < limit:
        with transaction.atomic():
            events = _claim(stuck, room=min(TOGETHER, limit - planned - len(stuck)), now=now)
            failed = _plan_all(events, now=now)
        if not events:
            break
        stuck |= failed
        planned += len(events) - len(failed)
    if stuck:
        raise next(iter(stuck.values()))
    return planned


@Look
def _waiting(_: datetime) -> QuerySet[IncidentEvent]:
    return IncidentEvent.objects.filter(fanned_out_at__isnull=True)


def _claim(stuck: Iterable[int], *, room: int, now: datetime) -> list[IncidentEvent]:
    """The oldest waiting events whose subjects have no older one waiting, locked until their transaction ends.

    Events of one subject take turns because each decides on the notices of those before it. An older one that
    another worker holds still counts as waiting, so its successor stays out of reach until it is committed.
    """
    waiting = _waiting(now)
    older = waiting.filter(
        workspace_id=OuterRef("workspace_id"),
        subject_kind=OuterRef("subject_kind"),
        subject_id=OuterRef("subject_id"),
        pk__lt=OuterRef("pk"),
    )
    rows = waiting.filter(~Exists(older)).exclude(pk__in=list(stuck))
    locked = rows.select_for_update(skip_locked=True, of=("self",)).select_related("incident__project")
    return list(locked.order_by("pk")[:room])


def _plan_all(events: Sequence[IncidentEvent], *, now: datetime) -> dict[int, _StuckError]:
    """Plan and mark each event; those that failed, which leave nothing behind and are not marked."""
    desk = Desk(events, now=now)
    stuck = {}
    for event in events:
        try:
            with transaction.atomic():
                _plan(event, desk, now=now)
        except Exception as error:
            logger.exception("event not planned", event_id=event.pk, workspace_id=event.workspace_id)
            stuck[event.pk] = _StuckError(event.pk)
            stuck[event.pk].__cause__ = error
    done = [event.pk for event in events if event.pk not in stuck]
    workspaces = {event.workspace_id for event in events}
    IncidentEvent.objects.filter(workspace_id__in=workspaces, pk__in=done).update(fanned_out_at=now)
    return stuck


def _plan(event: IncidentEvent, desk: Desk, *, now: datetime) -> None:
    routes = desk.routes(event)
    if not routes:
        return
    news = desk.news(event)
    if news.workspace.closed_at is not None:
        # Written by what was under way when it was closed.
        return
    planned: list[Delivery] = []
    for route in routes:
        if route.scope in ROUTINGS:
            _follow_routing(route, news, desk, now=now)
        elif route.kind == ChannelKind.WEBHOOK:
            planned += _webhook_calls(route, news, now=now)
        else:
            planned += _notices(route, news, now=now)
    save_planned(planned)


def _follow_routing(route: Route, news: News, desk: Desk, *, now: datetime) -> None:
    kind = news.event.kind
    if news.is_notice:
        escalations.say_once(route, news, desk, event_name=OPENED, now=now)
    elif kind in BEGINNINGS:
        escalations.begin(route, news, desk, now=now)
    elif kind == Kind.CLOSED:
        escalations.end(route, news, desk, now=now)
    elif kind == Kind.FLAPPING:
        escalations.say_once(route, news, desk, event_name=FLAPPING, now=now)


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
