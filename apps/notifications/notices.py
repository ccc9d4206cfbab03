"""The workspace's e-mail and SMS rules applied to one event, with what the delivery log remembers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.incidents.models import Incident, IncidentEvent
from apps.notifications import maintenance, workspace_rules
from apps.notifications.kinds import ChannelKind
from apps.notifications.messages import News
from apps.notifications.models import Delivery, Route
from apps.notifications.types import EmailRule, SmsRule
from apps.notifications.workspace_rules import Event, Memory, SmsOverride
from apps.workspaces.models import Membership, Workspace

# What a down and an up are called in the log, where the next decision finds them.
OF_STATE: Mapping[Event, str] = {"down": "down", "up": "up"}
OF_VALUE: Mapping[Event, str] = {"down": "incident.opened", "up": "incident.resolved"}

# How loud a rule about values has to be.
LOUD: Mapping[str, frozenset[str]] = {
    ChannelKind.EMAIL: frozenset({Incident.Severity.CRITICAL, Incident.Severity.WARNING}),
    ChannelKind.SMS: frozenset({Incident.Severity.CRITICAL}),
}


@dataclass(frozen=True, slots=True)
class Earned:
    """One word (down, up, flapping, or the name of an incident's event) to one recipient."""

    event: str
    to: str


def earned(*, route: Route, news: News) -> Sequence[Earned]:
    """The notices an event earns: none unless it is a change of state, or a value, that the rule speaks of."""
    event, rule = news.event, _pure(route)
    if is_silent(news):
        return ()
    project_id = news.project.key if news.project else ""
    owner = owner_email(news.workspace) if route.kind == ChannelKind.EMAIL else ""
    if event.kind == IncidentEvent.Kind.FLAPPING:
        to = workspace_rules.recipients(rule, project_id, owner) if rule.enabled else ()
        return [Earned("flapping", recipient) for recipient in to]
    before, after = _of_value(news, route.kind) if news.metric else _change(event)
    if before is None or after is None:
        return ()
    words = OF_VALUE if news.metric else OF_STATE
    found, _ = workspace_rules.notices(
        rule,
        _memory(news, route, words),
        before=before,
        after=after,
        at=event.at,
        in_maintenance=False,
        project_id=project_id,
        owner_email=owner,
    )
    return [Earned(words[notice.event], notice.to) for notice in found]


def is_silent(news: News) -> bool:
    """Whether an event is for the timeline only: its incident is muted, or it falls into a maintenance window."""
    detail, incident = news.event.detail, news.incident
    if detail.get("muted", incident is not None and incident.muted):
        return True
    if news.event.kind == IncidentEvent.Kind.RELEASED:
        return maintenance.held_until(news.windows, news.event.at) is not None
    return bool(detail.get("in_maintenance"))


def _change(event: IncidentEvent) -> tuple[str | None, str | None]:
    before, after = event.detail.get("before"), event.detail.get("after")
    if event.kind == IncidentEvent.Kind.OPENED and before == after:
        # The end of a maintenance window tells a known state again; to the channel it is news (contract Dashmon 8).
        before = "maintenance"
    return before, after


def _of_value(news: News, kind: str) -> tuple[str | None, str | None]:
    """Trouble with a value is a down, its end by itself an up; what was over at once is there to be read."""
    if news.is_notice or news.event.detail.get("severity") not in LOUD[kind]:
        return None, None
    if news.event.kind == IncidentEvent.Kind.OPENED:
        return "up", "down"
    return ("down", "up") if news.event.kind == IncidentEvent.Kind.CLOSED else (None, None)


def rule_of(route: Route | None) -> EmailRule:
    """The e-mail rule that a route stands for; without one the defaults."""
    if route is None:
        return EmailRule()
    return EmailRule(enabled=route.enabled, cooldown_minutes=route.cooldown_min, to=tuple(route.recipients))


def sms_rule_of(route: Route | None) -> SmsRule:
    """The SMS rule that a route stands for; without one the defaults."""
    if route is None:
        return SmsRule()
    to = route.recipients[0] if route.recipients else ""
    return SmsRule(enabled=route.enabled, cooldown_minutes=route.cooldown_min, to=to, overrides=route.overrides)


def _pure(route: Route) -> workspace_rules.EmailRule | workspace_rules.SmsRule:
    if route.kind == ChannelKind.EMAIL:
        mail = rule_of(route)
        return workspace_rules.EmailRule(enabled=mail.enabled, cooldown_min=mail.cooldown_minutes, to=mail.to)
    sms = sms_rule_of(route)
    overrides = {
        key: SmsOverride(enabled=bool(one["enabled"]), to=str(one["to"])) for key, one in sms.overrides.items()
    }
    return workspace_rules.SmsRule(
        enabled=sms.enabled, cooldown_min=sms.cooldown_minutes, to=sms.to, overrides=overrides
    )


def recipients_of(rule: EmailRule, workspace: Workspace) -> Sequence[str]:
    """The rule's addresses; without any, the workspace owner's (contract Dashmon 9)."""
    return [address for address in rule.to or (owner_email(workspace),) if address]


def owner_email(workspace: Workspace) -> str:
    """The owner's address, or "" for a workspace whose owner's seat is empty."""
    seats = Membership.objects.of(workspace).select_related("user")
    owner = seats.filter(role=Membership.Role.OWNER, user__isnull=False).first()
    return str(owner.user.email) if owner is not None and owner.user is not None else ""


def _memory(news: News, route: Route, words: Mapping[Event, str]) -> Memory:
    """What this kind last told about the subject. The newest decision counts, whatever instant it speaks of."""
    down, up = (_newest(news, route, word) for word in (words["down"], words["up"]))
    last: Event | None = None
    if down is not None or up is not None:
        last = "down" if up is None or (down is not None and down.pk > up.pk) else "up"
    return Memory(down_at=down.occurred_at if down else None, up_at=up.occurred_at if up else None, last=last)


def _newest(news: News, route: Route, word: str) -> Delivery | None:
    event = news.event
    rows = Delivery.objects.of(event.workspace_id).filter(
        subject_kind=event.subject_kind, subject_id=event.subject_id, kind=route.kind, event_name=word
    )
    if news.metric and news.incident is not None:
        # Each rule is trouble of its own, and a project's routing uses the same words.
        rows = rows.filter(route=route, incident__rule=news.incident.rule_id)
    newest: Delivery | None = rows.only("occurred_at").order_by("-id").first()
    return newest
