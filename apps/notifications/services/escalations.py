"""A project's routing at work: the steps of an incident are taken as their time comes, each exactly once.

One row stands for an incident under a route. Whoever finds it due takes every step up to now in one transaction and
moves its cursor; a process that dies leaves the row as it was, and the next one takes the same steps under the same
keys. Contract Dashmon 9.1.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

import structlog
from django.db import transaction

from apps.incidents import services as incidents
from apps.notifications import maintenance
from apps.notifications.messages import News
from apps.notifications.models import Channel, Delivery, Escalation, Route
from apps.notifications.news import news_of
from apps.notifications.people import members
from apps.notifications.reaches import Reach, reaches
from apps.notifications.routing import Policy, Skip
from apps.notifications.routing.document import policy_of
from apps.notifications.routing.forecast import reached
from apps.notifications.routing.quiet import settle
from apps.notifications.routing.timetable import Moment, moments
from apps.notifications.services.planning import plan_delivery, save_planned

logger = structlog.get_logger(__name__)

OPENED, ESCALATED, RESOLVED, FLAPPING = (
    "incident.opened",
    "incident.escalated",
    "incident.resolved",
    "incident.flapping",
)
# A window without an end is looked at again after this.
LOOK_AGAIN = timedelta(minutes=1)


def begin(route: Route, news: News, *, now: datetime) -> None:
    """Take an incident on: its first steps at once, the rest when they are due. A worsening begins anew."""
    event, incident = news.event, news.incident
    if incident is None or event.detail.get("muted"):
        return
    policy = policy_for(route)
    if event.detail.get("after") not in policy.notify_on:
        return
    escalation, _ = Escalation.objects.of(event.workspace_id).update_or_create(
        incident=incident,
        route=route,
        defaults={
            "workspace_id": event.workspace_id,
            "event": event,
            "begun_at": event.at,
            "handled_until": None,
            "ending": None,
            "next_at": event.at,
        },
    )
    # What is known already need not be read again: a mass outage begins thousands of these.
    escalation.route, escalation.incident = route, incident
    _advance(escalation, policy, news, now=now)


def end(route: Route, news: News, *, now: datetime) -> None:
    """Tell everybody who was told of the opening that it is over."""
    rows = Escalation.objects.of(news.event.workspace_id).filter(route=route, incident=news.incident)
    escalation = rows.select_for_update().first()
    if escalation is not None:
        escalation.ending, escalation.next_at = news.event, news.event.at
        _advance(escalation, policy_for(route), news_of(escalation.event), now=now)


def flap(route: Route, news: News, *, now: datetime) -> None:
    """One word to those who were told, else to those of the first step; then nothing until it has settled."""
    policy, event = policy_for(route), news.event
    if news.incident is None or not policy.enabled or not route.enabled:
        return
    Escalation.objects.of(event.workspace_id).filter(route=route, incident=news.incident).update(next_at=None)
    severity = str(event.detail.get("severity", news.incident.severity))
    if settle(policy.quiet, policy.zone, at=event.at, severity=severity).quiet:
        _note(news, target="", reason="quiet_hours", at=now)
        return
    told = _told(route, news) or _first_step(route, policy, news)
    save_planned([plan_delivery(route, news, reach, event_name=FLAPPING, now=now) for reach in told])


def advance_due(*, now: datetime, limit: int) -> int:
    """Take the steps of up to `limit` escalations whose time has come; how many were looked at.

    One transaction each; any number of workers may run this at once. One that fails is put off and logged, so that
    a broken policy of one project holds nobody else back, and raised once the others are done.
    """
    looked_at, errors = 0, []
    while looked_at < limit:
        with transaction.atomic():
            escalation = _claim(now)
            if escalation is None:
                break
            try:
                with transaction.atomic():
                    _advance(escalation, policy_for(escalation.route), news_of(escalation.event), now=now)
            except Exception as error:
                logger.exception("escalation not taken", escalation=escalation.pk)
                errors.append(error)
                Escalation.objects.filter(pk=escalation.pk).update(next_at=now + LOOK_AGAIN)
        looked_at += 1
    if errors:
        raise errors[0]
    return looked_at


def policy_for(route: Route) -> Policy:
    """The routing of a project as it is now."""
    keys = Channel.objects.of(route.workspace_id).filter(project=route.project_id, enabled=True)
    return policy_of(route.policy, channels=list(keys.order_by("position", "pk").values_list("key", flat=True)))


def _claim(now: datetime) -> Escalation | None:
    due = Escalation.objects.filter(next_at__lte=now).order_by("next_at", "pk")
    locked = due.select_for_update(skip_locked=True, of=("self",))
    found: Escalation | None = locked.select_related("incident", "route__project", "event", "ending").first()
    return found


def _advance(escalation: Escalation, policy: Policy, news: News, *, now: datetime) -> None:
    """Take what is due; `news` is of the event that began it."""
    if not (escalation.route.enabled and policy.enabled):
        escalation.next_at = None
    elif escalation.ending is None:
        escalation.next_at = _take_steps(escalation, policy, news, now=now)
    else:
        # What was due before the end and not yet taken is told first, in its order.
        _take_steps(escalation, policy, news, now=now)
        escalation.next_at = _tell_the_end(escalation, policy, now=now)
    escalation.save(update_fields=["handled_until", "ending", "next_at"])


def _take_steps(escalation: Escalation, policy: Policy, news: News, *, now: datetime) -> datetime | None:
    """Take every step up to now; when the next one is due, None when there is none."""
    cursor = escalation.handled_until
    told: set[tuple[datetime, str]] = set()
    for moment in moments(policy, begun_at=escalation.begun_at, severity=escalation.incident.severity):
        due = moment.at or moment.planned_at
        if _is_over(escalation, due):
            return None
        if cursor is not None and due <= cursor:
            continue
        if due > now:
            return due
        # No alert leaves during a maintenance window: it waits for the end, like in deferred quiet hours.
        until = maintenance.held_until(news.device, due)
        if until is not None and until > now:
            return min(until, now + LOOK_AGAIN)
        if until is not None and _is_over(escalation, until):
            return None
        _take(escalation, policy, moment, news, told=told, now=now)
    return None


def _is_over(escalation: Escalation, at: datetime) -> bool:
    """Whether the incident was taken on or over at an instant; both ends count (contract: ackAt <= P cancels)."""
    incident = escalation.incident
    return any(end is not None and end <= at for end in (incident.acknowledged_at, incident.closed_at))


def _take(
    escalation: Escalation,
    policy: Policy,
    moment: Moment,
    news: News,
    *,
    told: set[tuple[datetime, str]],
    now: datetime,
) -> None:
    """Take one step and move the cursor; `told` are the recipients of this pass, for several that meet are one."""
    escalation.handled_until = moment.at or moment.planned_at
    if moment.at is None:
        _note(news, target=f"step {moment.index + 1}", reason="quiet_hours", at=now)
        return
    for found in reached(policy, moment, at=moment.at, present=_present(escalation, moment)):
        if isinstance(found, Skip):
            _note(news, target=found.target, reason=found.reason, at=now)
        elif (found.at, found.recipient) not in told:
            told.add((found.at, found.recipient))
            _tell(escalation, news, found.recipient, moment, now=now)


def _present(escalation: Escalation, moment: Moment) -> set[str] | None:
    """Who still has a seat, where a rotation asks; nobody else does."""
    rotating = any(target.kind == "oncall" for target in moment.step.targets)
    return set(members(escalation.workspace_id)) if rotating else None


def _tell(escalation: Escalation, news: News, recipient: str, moment: Moment, *, now: datetime) -> None:
    route = escalation.route
    assert route.project is not None
    found = reaches(route.project, recipient)
    if not found:
        _note(news, target=recipient, reason="gone", at=now)
    event_name = OPENED if moment.index == moment.loop == 0 else ESCALATED
    save_planned(
        [
            plan_delivery(route, news, reach, event_name=event_name, now=now, step=moment.index, loop=moment.loop)
            for reach in found
        ]
    )


def _tell_the_end(escalation: Escalation, policy: Policy, *, now: datetime) -> datetime | None:
    """Tell the end, or say when; None once it is told or nobody is to be told."""
    assert escalation.ending is not None
    news, at = news_of(escalation.ending), escalation.ending.at
    told = _told(escalation.route, news)
    if not told or "up" not in policy.notify_on:
        return None
    leaves_at = settle(policy.quiet, policy.zone, at=at, severity=escalation.incident.severity).at
    if leaves_at is None:
        _note(news, target="", reason="quiet_hours", at=now)
        return None
    if leaves_at > now:
        return leaves_at
    until = maintenance.held_until(news.device, leaves_at)
    if until is not None and until > now:
        return min(until, now + LOOK_AGAIN)
    save_planned([plan_delivery(escalation.route, news, reach, event_name=RESOLVED, now=now) for reach in told])
    return None


def _told(route: Route, news: News) -> list[Reach]:
    """Everybody who was told of the opening by this route, as they were reached."""
    rows = Delivery.objects.of(route.workspace_id).filter(
        incident=news.incident, route=route, event_name__in=(OPENED, ESCALATED)
    )
    found = {(row.kind, row.recipient): row for row in rows.select_related("channel").order_by("pk")}
    return [Reach(row.kind, row.recipient, row.target, row.channel) for row in found.values()]


def _first_step(route: Route, policy: Policy, news: News) -> Iterable[Reach]:
    assert route.project is not None
    first = next(moments(policy, begun_at=news.event.at, severity="critical"), None)
    if first is None:
        return []
    present = set(members(route.workspace_id))
    found = reached(policy, first, at=news.event.at, present=present)
    return [reach for one in found if not isinstance(one, Skip) for reach in reaches(route.project, one.recipient)]


def _note(news: News, *, target: str, reason: str, at: datetime) -> None:
    """Why somebody was not told, in the incident's timeline."""
    assert news.incident is not None
    incidents.record_notice(
        incident=news.incident, recipient=target, channel="routing", result=reason, delivery="", at=at
    )
