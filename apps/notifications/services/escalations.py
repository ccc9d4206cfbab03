"""A project's routing at work: the steps of an incident are taken as their time comes, each exactly once.

One row stands for an incident under a route. Whoever finds it due takes every step up to now in one transaction and
moves its cursor; a process that dies leaves the row as it was, and the next one takes the same steps under the same
keys. Contract Dashmon 9.1.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime

import structlog
from django.db import transaction
from django.db.models import QuerySet

from apps.common.looks import Look
from apps.incidents.models import IncidentEvent
from apps.notifications.desk import TOGETHER, Desk
from apps.notifications.messages import News
from apps.notifications.models import Escalation, Route
from apps.notifications.reaches import Reach
from apps.notifications.routing import Policy, Skip
from apps.notifications.routing.quiet import settle
from apps.notifications.routing.timetable import moments
from apps.notifications.services.planning import plan_delivery, save_planned
from apps.notifications.services.turns import LOOK_AGAIN, Turn, note_silence, who_was_told, whom
from apps.workspaces.selectors import closed_workspaces

logger = structlog.get_logger(__name__)

MOVED = ("handled_until", "ending", "next_at")


def begin(route: Route, news: News, desk: Desk, *, now: datetime) -> None:
    """Take an incident on: its first steps at once, the rest when they are due. A worsening begins anew."""
    event, incident = news.event, news.incident
    if incident is None or event.detail.get("muted"):
        return
    policy = desk.policy(route)
    if news.state not in policy.notify_on:
        return
    escalation = Escalation(
        workspace_id=event.workspace_id, incident=incident, route=route, event=event, begun_at=event.at
    )
    Turn(escalation, policy, news, desk, now).take()
    Escalation.objects.bulk_create(
        [escalation],
        update_conflicts=True,
        unique_fields=["workspace", "incident", "route"],
        update_fields=["event", "begun_at", *MOVED],
    )


def end(route: Route, news: News, desk: Desk, *, now: datetime) -> None:
    """Tell everybody who was told of the opening that it is over."""
    if news.incident is None:
        return
    rows = Escalation.objects.of(news.event.workspace_id).filter(route=route, incident=news.incident)
    escalation = rows.select_for_update(of=("self",)).select_related("event").first()
    if escalation is not None:
        escalation.ending, escalation.route = news.event, route
        # Known already: in a mass recovery each would be read again, twice.
        escalation.incident = escalation.event.incident = news.incident
        Turn(escalation, desk.policy(route), desk.news(escalation.event), desk, now).take()
        escalation.save(update_fields=MOVED)


def say_once(route: Route, news: News, desk: Desk, *, event_name: str, now: datetime) -> None:
    """One word to those who were told, else to those of the first step; then nothing more.

    That it flaps is said so, until it has settled; and what happened and is over at once.
    """
    policy, event = desk.policy(route), news.event
    if news.incident is None or not policy.enabled or not route.enabled:
        return
    Escalation.objects.of(event.workspace_id).filter(route=route, incident=news.incident).update(next_at=None)
    severity = str(event.detail.get("severity", news.incident.severity))
    if settle(policy.quiet, policy.zone, at=event.at, severity=severity).quiet:
        note_silence(news, target="", reason="quiet_hours", at=now)
        return
    told = who_was_told(route, news) or _first_step(route, policy, news, desk)
    save_planned([plan_delivery(route, news, reach, event_name=event_name, now=now) for reach in told])


def advance_due(*, now: datetime, limit: int) -> int:
    """Take the steps of up to `limit` escalations whose time has come; how many were looked at.

    Some at a time share one transaction; any number of workers may run this at once. One that fails is put off and
    logged, so that a broken policy of one project holds nobody else back, and raised once the others are done.
    """
    if not _due.finds_any(now):
        return 0
    looked_at = 0
    errors: list[Exception] = []
    while looked_at < limit:
        with transaction.atomic():
            escalations = _claim(now, room=min(TOGETHER, limit - looked_at))
            errors += _advance_all(escalations, now=now)
        if not escalations:
            break
        looked_at += len(escalations)
    if errors:
        raise errors[0]
    return looked_at


@Look
def _due(now: datetime) -> QuerySet[Escalation]:
    return Escalation.objects.filter(next_at__lte=now).exclude(workspace__in=closed_workspaces())


def _claim(now: datetime, *, room: int) -> list[Escalation]:
    locked = _due(now).order_by("next_at", "pk").select_for_update(skip_locked=True, of=("self",))
    return list(locked.select_related("incident__project", "route__project", "route__rule", "event", "ending")[:room])


def _advance_all(escalations: Sequence[Escalation], *, now: datetime) -> list[Exception]:
    """Take what is due of each; the errors of those that could not and are put off."""
    desk, errors = Desk(_events(escalations), now=now), []
    for escalation in escalations:
        try:
            with transaction.atomic():
                Turn(escalation, desk.policy(escalation.route), desk.news(escalation.event), desk, now).take()
                escalation.save(update_fields=MOVED)
        except Exception as error:
            logger.exception("escalation not taken", escalation=escalation.pk)
            errors.append(error)
            rows = Escalation.objects.of(escalation.workspace_id).filter(pk=escalation.pk)
            rows.update(next_at=now + LOOK_AGAIN)
    return errors


def _events(escalations: Iterable[Escalation]) -> list[IncidentEvent]:
    """What began them and what ended them, each knowing its incident without another read."""
    found = []
    for escalation in escalations:
        for event in (escalation.event, escalation.ending):
            if event is not None:
                event.incident = escalation.incident
                found.append(event)
    return found


def _first_step(route: Route, policy: Policy, news: News, desk: Desk) -> list[Reach]:
    first = next(moments(policy, begun_at=news.event.at, severity="critical"), None)
    if first is None:
        return []
    found = whom(policy, first, route, desk, at=news.event.at)
    return [reach for one in found if not isinstance(one, Skip) for reach in desk.reaches(route, one.recipient)]
