"""A node as the admin's list shows it, and what the admin says about one (contract Dash 7.2 and 7.4)."""

from collections.abc import Collection
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from apps.api.dash.errors import DashError
from apps.api.dash.payloads import MOST_ID, Maybe, Strict, said
from apps.common.errors import DomainError, InvalidInputError
from apps.nodes import versions
from apps.nodes.models import UNNAMED, Node
from apps.nodes.selectors import tags_of
from apps.nodes.services import Changes
from apps.nodes.tags import clean_tags
from apps.traffic.plans import INHERIT, CycleFaultError, Fault, anchor_text, plan_asked_for, plan_in

UNKNOWN = "unknown"
MOST_GROUPS = 1000
CYCLE = {
    "traffic_cycle_mode": "mode",
    "traffic_billing_start_day": "start_day",
    "traffic_billing_anchor_date": "anchor",
    "traffic_billing_timezone": "zone",
}
CYCLE_FAULTS = {
    Fault.INCOMPLETE: "invalid_traffic_cycle_settings",
    Fault.MODE: "invalid_traffic_cycle_mode",
    Fault.START_DAY: "invalid_traffic_billing_start_day",
    Fault.ANCHOR: "invalid_traffic_billing_anchor_date",
    Fault.ZONE: "invalid_traffic_billing_timezone",
}
# The domain's names of what is wrong, in this surface's words.
FAULTS = {
    "name": "invalid_name",
    "rank": "invalid_display_order",
    "tags": "invalid_tags",
    "secret": "invalid_secret",
    "groups": "invalid_group_ids",
    "direction": "invalid_traffic_direction_mode",
}


class AgentVersion(Struct):
    version: str
    is_outdated: bool
    supports_auto_update: bool


class NodeRow(Struct, kw_only=True):
    id: int
    name: str
    hostname: str
    ip: str | UnsetType = UNSET
    is_guest_visible: bool
    traffic_p95_enabled: bool
    traffic_cycle_mode: str
    traffic_billing_start_day: int
    traffic_billing_anchor_date: str
    traffic_billing_timezone: str
    traffic_direction_mode: str
    secret: str
    tags: list[str]
    display_order: int
    group_ids: list[int]
    version: AgentVersion


class NodeBody(Strict):
    """What may be said about a node; an empty list clears, and null is no list."""

    name: Maybe[str] = UNSET
    is_guest_visible: Maybe[bool] = UNSET
    traffic_p95_enabled: Maybe[bool] = UNSET
    display_order: Maybe[int] = UNSET
    tags: Any = UNSET
    secret: Maybe[str] = UNSET
    group_ids: Maybe[list[int]] = UNSET
    traffic_direction_mode: Maybe[str] = UNSET
    traffic_cycle_mode: Maybe[str] = UNSET
    traffic_billing_start_day: Maybe[int] = UNSET
    traffic_billing_anchor_date: Maybe[str] = UNSET
    traffic_billing_timezone: Maybe[str] = UNSET


def node_row(node: Node, secret: str) -> NodeRow:
    """The row of a node that came with its tags and groups."""
    plan = plan_in(node.cycle)
    updates = versions.updates_itself(node.agent_version)
    return NodeRow(
        id=node.number,
        name=node.name,
        hostname=node.hostname or UNNAMED,
        ip=node.addresses.get("peer") or UNSET,
        is_guest_visible=node.public,
        traffic_p95_enabled=node.p95,
        traffic_cycle_mode=INHERIT if plan is None else str(plan.mode),
        traffic_billing_start_day=1 if plan is None else plan.start_day,
        traffic_billing_anchor_date=anchor_text(plan),
        traffic_billing_timezone="" if plan is None else plan.zone,
        traffic_direction_mode=node.direction or INHERIT,
        secret=secret,
        tags=list(tags_of(node)),
        display_order=node.rank,
        group_ids=sorted(group.number for group in node.groups.all()),
        version=AgentVersion(
            version=node.agent_version or UNKNOWN,
            is_outdated=not updates,
            supports_auto_update=updates and node.agent_kind != Node.AgentKind.NEZHA,
        ),
    )


def changes_of(body: NodeBody, *, zone: str) -> Changes:
    """What a body changes; DashError with the code of the first that cannot be. `zone` is the workspace's."""
    if body.group_ids is None or not _could_be_groups(said(body.group_ids) or ()):
        raise DashError("invalid_group_ids", "Groups are a list of positive numbers.")
    changes = Changes(
        name=said(body.name),
        public=said(body.is_guest_visible),
        p95=said(body.traffic_p95_enabled),
        rank=said(body.display_order),
        tags=None if isinstance(body.tags, UnsetType) else _tags(body.tags),
        groups=None if isinstance(body.group_ids, UnsetType) else set(body.group_ids),
        secret=said(body.secret),
        direction=_direction(said(body.traffic_direction_mode)),
        cycle=_cycle(body, zone=zone),
    )
    if faults := changes.faults():
        raise in_our_words(InvalidInputError(fields=faults))
    if not changes.said:
        raise DashError("no_fields", "Say what to change.")
    return changes


def in_our_words(error: InvalidInputError) -> DomainError:
    """The domain's refusal of a change, with the code of the field to blame."""
    field = next((name for name in FAULTS if name in error.fields), "")
    return DashError(FAULTS[field], error.fields[field]) if field else error


def _could_be_groups(numbers: Collection[int]) -> bool:
    return len(numbers) <= MOST_GROUPS and all(0 < number <= MOST_ID for number in numbers)


def _tags(raw: Any) -> list[str]:
    try:
        return clean_tags(raw)
    except InvalidInputError as error:
        raise in_our_words(error) from error


def _direction(said_mode: str | None) -> str | None:
    if said_mode is None or said_mode != INHERIT:
        # An empty text is the domain's word for the default, and none of this surface's.
        return "?" if said_mode == "" else said_mode
    return ""


def _cycle(body: NodeBody, *, zone: str) -> dict[str, Any] | None:
    named = {ours: said(getattr(body, theirs)) for theirs, ours in CYCLE.items()}
    fields = {name: value for name, value in named.items() if value is not None}
    if not fields:
        return None
    try:
        plan = plan_asked_for(fields, zone=zone)
    except CycleFaultError as error:
        raise DashError(CYCLE_FAULTS[error.fault], error.message) from error
    return {} if plan is None else plan.document
