"""One escalation whose time has come: every step up to now is taken, each once and in its order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from apps.incidents import services as incidents
from apps.notifications import maintenance
from apps.notifications.desk import Desk
from apps.notifications.messages import News
from apps.notifications.models import Delivery, Escalation, Route
from apps.notifications.reaches import Reach
from apps.notifications.routing import Notice, Policy, Skip
from apps.notifications.routing.forecast import reached
from apps.notifications.routing.ladder import rung, said_again_at
from apps.notifications.routing.quiet import settle
from apps.notifications.routing.timetable import Moment, moments
from apps.notifications.services.planning import plan_delivery, save_planned

OPENED, ESCALATED, RESOLVED = "incident.opened", "incident.escalated", "incident.resolved"
FLAPPING = "incident.flapping"
# A window without an end is looked at again after this.
LOOK_AGAIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Turn:
    """An escalation, the routing it follows, and the news that began it; `told` are the recipients of this turn."""

    escalation: Escalation
    policy: Policy
    news: News
    desk: Desk
    now: datetime
    told: set[tuple[datetime, str]] = field(default_factory=set)

    def take(self) -> None:
        """Tell whoever is due and move the cursor; the caller saves the escalation."""
        escalation = self.escalation
        if not (escalation.route.enabled and self.policy.enabled):
            escalation.next_at = None
        elif escalation.ending is None:
            escalation.next_at = self._say_what_is_due()
        else:
            # What was due before the end and not yet taken is told first, in its order; None: nothing was left.
            if escalation.next_at is not None:
                self._say_what_is_due()
            escalation.next_at = self._tell_the_end(self.desk.news(escalation.ending))

    def _say_what_is_due(self) -> datetime | None:
        return self._climb() if self.escalation.route.repeats else self._take_steps()

    def _climb(self) -> datetime | None:
        """Say it at once, then ever more seldom for as long as it lasts; when it is due next, None when it is over.

        What nobody was there to say in time is said once, and gaps are reckoned from when it was said.
        """
        escalation, begun_at, now = self.escalation, self.escalation.begun_at, self.now
        said_at = escalation.handled_until
        due = begun_at if said_at is None else said_again_at(begun_at, said_at)
        if self._is_over(due):
            return None
        if due <= now:
            height = rung(begun_at, now)[0] if said_at is not None else 0
            for step in self.policy.steps[:1]:
                self._take(Moment(due, now, 0, height, step))
            escalation.handled_until = now
            due = said_again_at(begun_at, now)
        return due

    def _take_steps(self) -> datetime | None:
        """Take every step up to now; when the next one is due, None when there is none."""
        escalation, now = self.escalation, self.now
        cursor = escalation.handled_until
        for moment in moments(self.policy, begun_at=escalation.begun_at, severity=escalation.incident.severity):
            due = moment.at or moment.planned_at
            if self._is_over(due):
                return None
            if cursor is not None and due <= cursor:
                continue
            if due > now:
                return due
            # No alert leaves during a maintenance window: it waits for the end, like in deferred quiet hours.
            until = maintenance.held_until(self.news.windows, due)
            if until is not None and until > now:
                return min(until, now + LOOK_AGAIN)
            if until is not None and self._is_over(until):
                return None
            self._take(moment)
        return None

    def _is_over(self, at: datetime) -> bool:
        """Whether the incident was taken on or over at an instant; both ends count (contract: ackAt <= P cancels)."""
        incident = self.escalation.incident
        return any(end is not None and end <= at for end in (incident.acknowledged_at, incident.closed_at))

    def _take(self, moment: Moment) -> None:
        """Take one step and move the cursor; several steps that meet in one recipient are one."""
        self.escalation.handled_until = moment.at or moment.planned_at
        if moment.at is None:
            self._note(self.news, target=f"step {moment.index + 1}", reason="quiet_hours")
            return
        for found in whom(self.policy, moment, self.escalation.route, self.desk, at=moment.at):
            if isinstance(found, Skip):
                self._note(self.news, target=found.target, reason=found.reason)
            elif (found.at, found.recipient) not in self.told:
                self.told.add((found.at, found.recipient))
                self._tell(found.recipient, moment)

    def _tell(self, recipient: str, moment: Moment) -> None:
        found = self.desk.reaches(self.escalation.route, recipient)
        if not found:
            self._note(self.news, target=recipient, reason="gone")
        event_name = OPENED if moment.index == moment.loop == 0 else ESCALATED
        self._send(self.news, found, event_name=event_name, step=moment.index, loop=moment.loop)

    def _tell_the_end(self, news: News) -> datetime | None:
        """Tell the end, or say when; None once it is told or nobody is to be told."""
        told = who_was_told(self.escalation.route, news)
        if not told or "up" not in self.policy.notify_on:
            return None
        severity = self.escalation.incident.severity
        leaves_at = settle(self.policy.quiet, self.policy.zone, at=news.event.at, severity=severity).at
        if leaves_at is None:
            self._note(news, target="", reason="quiet_hours")
            return None
        if leaves_at > self.now:
            return leaves_at
        until = maintenance.held_until(news.windows, leaves_at)
        if until is not None and until > self.now:
            return min(until, self.now + LOOK_AGAIN)
        self._send(news, told, event_name=RESOLVED)
        return None

    def _send(self, news: News, to: Iterable[Reach], *, event_name: str, step: int = 0, loop: int = 0) -> None:
        route, now = self.escalation.route, self.now
        save_planned(
            [plan_delivery(route, news, reach, event_name=event_name, now=now, step=step, loop=loop) for reach in to]
        )

    def _note(self, news: News, *, target: str, reason: str) -> None:
        note_silence(news, target=target, reason=reason, at=self.now)


def whom(policy: Policy, moment: Moment, route: Route, desk: Desk, *, at: datetime) -> Iterable[Notice | Skip]:
    """Whom a step reaches, and whom it does not and why. Only a rotation asks who still has a seat."""
    rotating = any(target.kind == "oncall" for target in moment.step.targets)
    return reached(policy, moment, at=at, present=desk.present(route.workspace_id) if rotating else None)


def who_was_told(route: Route, news: News) -> Sequence[Reach]:
    """Everybody who was told of the opening by this route, as they were reached."""
    rows = Delivery.objects.of(route.workspace_id).filter(
        incident=news.incident, route=route, event_name__in=(OPENED, ESCALATED)
    )
    found = {(row.kind, row.recipient): row for row in rows.select_related("channel").order_by("pk")}
    return [Reach(row.kind, row.recipient, row.target, row.channel) for row in found.values()]


def note_silence(news: News, *, target: str, reason: str, at: datetime) -> None:
    """Why somebody was not told, in the incident's timeline."""
    assert news.incident is not None
    incidents.record_notice(
        incident=news.incident, recipient=target, channel="routing", result=reason, delivery="", at=at
    )
