"""The workspace's e-mail rule applied to one event, with what the delivery log remembers."""

from collections.abc import Sequence

from apps.incidents.models import IncidentEvent
from apps.notifications import workspace_rules
from apps.notifications.models import ChannelKind, Delivery, Route
from apps.notifications.types import EmailRule
from apps.notifications.workspace_rules import Event, Memory, Notice
from apps.workspaces.models import Membership, Workspace


def rule_of(route: Route | None) -> EmailRule:
    """The e-mail rule that a route stands for; without one the defaults."""
    if route is None:
        return EmailRule()
    return EmailRule(enabled=route.enabled, cooldown_minutes=route.cooldown_min, to=tuple(route.recipients))


def mails(*, route: Route, workspace: Workspace, event: IncidentEvent) -> Sequence[Notice]:
    """The e-mails an event earns: none unless it is a change of state that the rule speaks of."""
    before, after = event.detail.get("before"), event.detail.get("after")
    if before is None or after is None:
        return ()
    if event.kind == IncidentEvent.Kind.OPENED and before == after:
        # The end of a maintenance window tells a known state again; to the channel it is news (contract Dashmon 8).
        before = "maintenance"
    rule = rule_of(route)
    earned, _ = workspace_rules.notices(
        workspace_rules.EmailRule(enabled=rule.enabled, cooldown_min=rule.cooldown_minutes, to=rule.to),
        _memory(event),
        before=before,
        after=after,
        at=event.at,
        in_maintenance=bool(event.detail.get("in_maintenance")),
        project_id="",  # projects have no say in e-mail, only in SMS
        owner_email=owner_email(workspace),
    )
    return earned


def recipients_of(rule: EmailRule, workspace: Workspace) -> Sequence[str]:
    """The rule's addresses; without any, the workspace owner's (contract Dashmon 9)."""
    return [address for address in rule.to or (owner_email(workspace),) if address]


def owner_email(workspace: Workspace) -> str:
    """The owner's address, or "" for a workspace whose owner's seat is empty."""
    seats = Membership.objects.of(workspace).select_related("user")
    owner = seats.filter(role=Membership.Role.OWNER, user__isnull=False).first()
    return str(owner.user.email) if owner is not None and owner.user is not None else ""


def _memory(event: IncidentEvent) -> Memory:
    """What was last told about the subject by e-mail. The newest decision counts, whatever instant it speaks of."""
    down, up = _newest(event, "down"), _newest(event, "up")
    last: Event | None = None
    if down is not None or up is not None:
        last = "down" if up is None or (down is not None and down.pk > up.pk) else "up"
    return Memory(down_at=down.occurred_at if down else None, up_at=up.occurred_at if up else None, last=last)


def _newest(event: IncidentEvent, word: Event) -> Delivery | None:
    rows = Delivery.objects.of(event.workspace_id).filter(
        subject_kind=event.subject_kind, subject_id=event.subject_id, kind=ChannelKind.EMAIL, event_name=word
    )
    newest: Delivery | None = rows.only("occurred_at").order_by("-id").first()
    return newest
