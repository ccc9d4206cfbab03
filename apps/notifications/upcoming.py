"""Who will be told next of an open incident if nobody acts: the rest of its forecast under the routing of now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from apps.incidents.models import Incident
from apps.notifications.desk import policy_for
from apps.notifications.models import Escalation, Route
from apps.notifications.people import members
from apps.notifications.routing import Notice, Skip, forecast

MOST = 20


@dataclass(frozen=True, slots=True)
class Upcoming:
    """What is still to come, soonest first, and the instant at which the routing is looked at again."""

    next_at: datetime
    notices: Sequence[Notice | Skip]


def upcoming(incident: Incident) -> Upcoming | None:
    """The notices that are still to come; None when nothing is: no routing, acknowledged, over, or all told.

    Nothing leaves before `next_at`, which a maintenance window may put off: what was planned earlier is dated to it.
    """
    if incident.acknowledged_at is not None or incident.closed_at is not None or incident.muted:
        return None
    # What a surface's route repeats has no steps to foresee.
    rows = Escalation.objects.of(incident.workspace_id).filter(
        incident=incident, route__scope=Route.Scope.PROJECT, next_at__isnull=False
    )
    escalation = rows.select_related("route").order_by("pk").first()
    if escalation is None or escalation.next_at is None or not escalation.route.enabled:
        return None
    told = forecast(
        policy_for(escalation.route),
        opened_at=escalation.begun_at,
        severity=incident.severity,
        present=set(members(incident.workspace_id)),
    )
    cursor, next_at = escalation.handled_until, escalation.next_at
    everything: list[Notice | Skip] = [*told.sent, *told.skipped]
    ahead = [item for item in everything if cursor is None or item.at > cursor]
    dated = [replace(item, at=max(item.at, next_at)) for item in ahead]
    ordered = sorted(dated, key=lambda item: (item.at, item.step or 0))
    return Upcoming(next_at, ordered[:MOST]) if ordered else None
