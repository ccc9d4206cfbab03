"""Routes of surfaces: who hears of nodes, of containers or of one rule, in the words of another product.

A route speaks beside all others. Which of its channels a surface can show, and how it spells them, is the surface's own
business; a surface hands in those that it cannot show as they were.
"""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from apps.alerts import services as alerts
from apps.alerts.built_in import CONTAINER_CHANGED
from apps.alerts.models import AlertRule
from apps.audit import services as audit
from apps.common.errors import InvalidInputError
from apps.notifications.kinds import Style
from apps.notifications.models import Channel, Route
from apps.workspaces.models import Workspace

LONGEST_TEMPLATE = 4000


def surface_route(workspace: Workspace, style: Style, *, rule: AlertRule | None = None) -> Route | None:
    """The route as it stands; None where nobody has set one. `rule` where each has a route of its own."""
    rows = Route.objects.of(workspace).filter(scope=Route.Scope.SURFACE, style=style)
    route: Route | None = (rows if rule is None else rows.filter(rule=rule)).first()
    return route


@transaction.atomic
def set_node_route(
    *, workspace: Workspace, enabled: bool, channels: Collection[Channel], actor: str, now: datetime
) -> Route:
    """Who hears of every rule about nodes, as Dash says it (contract Dash 9.3 and 9.5)."""
    return _save(
        Route(workspace=workspace, style=Style.DASH, subject_kind="node", enabled=enabled),
        channels,
        actor=actor,
        now=now,
    )


@transaction.atomic
def set_rule_route(*, rule: AlertRule, channels: Collection[Channel], actor: str, now: datetime) -> Route:
    """Who hears of one rule about nodes, as Nezha says it (contract Nezha 2.7); nobody: the route is off.

    While its trouble lasts it is said ever more seldom, unless the rule speaks once. InvalidInputError for a rule
    about anything else.
    """
    if rule.subject_kind != "node":
        raise InvalidInputError(fields={"rule": "Only rules about nodes have a route of their own."})
    return _save(
        Route(workspace=rule.workspace, style=Style.NEZHA, subject_kind="node", rule=rule, enabled=bool(channels)),
        channels,
        actor=actor,
        now=now,
    )


@transaction.atomic
def set_container_route(
    *, workspace: Workspace, enabled: bool, channels: Collection[Channel], template: str, actor: str, now: datetime
) -> Route:
    """Who hears of containers whose state changed, in the words of a template (contract DockStat 7).

    An empty template stands for the usual one; InvalidInputError for one that is too long.
    """
    if len(template) > LONGEST_TEMPLATE:
        raise InvalidInputError(fields={"template": f"At most {LONGEST_TEMPLATE} characters."})
    rules = {rule.number: rule for rule in alerts.ensure_builtin_rules(workspace=workspace)}
    route = Route(workspace=workspace, style=Style.DOCKSTAT, subject_kind="container", enabled=enabled)
    route.rule, route.template = rules[CONTAINER_CHANGED], template
    return _save(route, channels, actor=actor, now=now)


def _save(draft: Route, channels: Collection[Channel], *, actor: str, now: datetime) -> Route:
    """Store a route in place of the one of its style and rule; InvalidInputError for channels that are not for it."""
    workspace, style, rule = draft.workspace, Style(draft.style), draft.rule
    # A project's channels and a person's browsers are told by what they belong to.
    if any(channel.workspace_id != workspace.pk or channel.project_id or channel.seat_id for channel in channels):
        raise InvalidInputError(fields={"channels": "There is no such channel."})
    said = {name: getattr(draft, name) for name in ("workspace", "subject_kind", "enabled", "template")}
    route: Route
    route, _ = Route.objects.of(workspace).update_or_create(
        scope=Route.Scope.SURFACE, style=style, rule=rule, defaults={**said, "updated_at": now}
    )
    route.channels.set(channels)
    changes = {"enabled": route.enabled, "channels": sorted(channel.number for channel in channels)}
    subject = f"{style.label}: {rule.name}" if rule is not None else style.label
    audit.record(workspace=workspace, actor=actor, verb="route.update", subject=subject, changes=changes, at=now)
    return route
