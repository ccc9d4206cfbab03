"""The workspace's e-mail rule applied to one event, with what the delivery log remembers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.incidents.models import IncidentEvent
from apps.notifications.models import Delivery, Route
from apps.workspaces.models import Membership, Workspace


@dataclass(frozen=True, slots=True)
class Notice:
    """One e-mail to write: `word` is down or up."""

    word: str
    to: str


@dataclass(frozen=True, slots=True)
class Memory:
    down_at: datetime | None
    up_at: datetime | None


def words(before: str, after: str, at: datetime, in_maintenance: bool, cooldown_min: int, memory: Memory) -> bool:
    if before == after or in_maintenance or after not in {"down", "up"} or (before == "unknown" and after == "up"):
        return False
    last = memory.down_at if after == "down" else memory.up_at
    recovery = after == "up" and memory.down_at is not None and (memory.up_at is None or memory.up_at < memory.down_at)
    return last is None or recovery or at - last >= timedelta(minutes=cooldown_min)


def mails(*, route: Route, workspace: Workspace, event: IncidentEvent) -> Sequence[Notice]:
    """The e-mails an event causes: none unless it is a change of state that the rule speaks of."""
    before, after = event.detail.get("before"), event.detail.get("after")
    if before is None or after is None:
        return []
    memory = Memory(_last(event, "down"), _last(event, "up"))
    if not words(before, after, event.at, bool(event.detail.get("in_maintenance")), route.cooldown_min, memory):
        return []
    return [Notice(after, to) for to in recipients_of(route, workspace)]


def recipients_of(route: Route | None, workspace: Workspace) -> Sequence[str]:
    """The rule's addresses; without any, the workspace owner's (contract Dashmon 9)."""
    if route is not None and route.recipients:
        return [str(address) for address in route.recipients]
    seats = Membership.objects.of(workspace).select_related("user")
    owner = seats.filter(role=Membership.Role.OWNER, user__isnull=False).first()
    return [owner.user.email] if owner is not None and owner.user is not None else []


def _last(event: IncidentEvent, word: str) -> datetime | None:
    """When the newest e-mail of this word about this subject was decided, by the time of its event."""
    rows = Delivery.objects.of(event.workspace_id).filter(
        subject_kind=event.subject_kind, subject_id=event.subject_id, kind=Route.Kind.EMAIL, event_name=word
    )
    at: datetime | None = rows.order_by("-occurred_at").values_list("occurred_at", flat=True).first()
    return at
