"""Who decides how traffic is counted: the workspace, and each node for itself where it says so."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.db import transaction
from django.db.models import Q

from apps.common.clock import epoch_ms
from apps.common.errors import InvalidInputError
from apps.nodes.models import Node
from apps.traffic.models import Settings
from apps.traffic.plans import CyclePlan, plan_changed_by, plan_in
from apps.traffic.stats import Direction
from apps.workspaces.models import Workspace

CYCLE_FIELDS = ("mode", "start_day", "anchor", "zone")


@dataclass(frozen=True, slots=True)
class NodeChoice:
    """What a node says about its own traffic; None: as the workspace has it. `created_ms`: nothing is known before."""

    plan: CyclePlan | None = None
    direction: Direction | None = None
    p95: bool = False
    created_ms: int | None = None

    @classmethod
    def kept(cls, *, cycle: Mapping[str, Any] | None, direction: str, p95: bool, created_at: datetime) -> "NodeChoice":
        """The choice of a row that keeps its plan as a document and an empty direction for none."""
        return cls(plan_in(cycle), cast("Direction", direction) if direction else None, p95, epoch_ms(created_at))


@dataclass(frozen=True, slots=True)
class Terms:
    """What is in force for one node; the plan names its zone."""

    plan: CyclePlan
    direction: Direction
    lite: bool
    p95: bool
    created_ms: int | None


def choice_of(node: Node) -> NodeChoice:
    """What a node says about its own traffic."""
    return NodeChoice.kept(cycle=node.cycle, direction=node.direction, p95=node.p95, created_at=node.created_at)


def choices_of(workspace_id: int) -> Mapping[int, NodeChoice]:
    """What every node of a workspace says, by its primary key; of one that is gone nothing is known."""
    rows = Node.objects.of(workspace_id).only("cycle", "direction", "p95", "created_at")
    return {node.pk: choice_of(node) for node in rows.iterator()}


def settings_of(workspace: Workspace) -> Settings:
    """The workspace's settings, unsaved defaults where it never set any."""
    return Settings.objects.of(workspace).first() or Settings(workspace=workspace)


def count_own_ways(workspace: Workspace, *, projects: Collection[int] | None = None) -> int:
    """How many live nodes within reach have a cycle or a direction of their own."""
    nodes = Node.objects.of(workspace).live().filter(Q(cycle__isnull=False) | ~Q(direction=""))
    return (nodes if projects is None else nodes.filter(project__in=projects)).count()


def terms_of(workspace: Workspace, choice: NodeChoice) -> Terms:
    """What is in force for a node of the workspace."""
    return terms_under(settings_of(workspace), choice)


def terms_under(settings: Settings, choice: NodeChoice) -> Terms:
    """The same, the settings being at hand."""
    plan = settings.plan if choice.plan is None else choice.plan
    direction: Any = choice.direction or settings.direction
    lite = settings.usage == Settings.Usage.LITE
    return Terms(plan.named(settings.workspace.timezone), direction, lite, choice.p95, choice.created_ms)


@transaction.atomic
def change_settings(*, workspace: Workspace, fields: Mapping[str, Any]) -> Settings:
    """Change some of `guests_by_node`, `usage`, `direction`, `mode`, `start_day`, `anchor` and `zone`.

    Raises InvalidInputError, and CycleFaultError for a cycle that cannot be. Nothing that was counted is lost by it.
    """
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    row = settings_of(workspace)
    if "guests_by_node" in fields:
        row.guests_by_node = _valid("guests_by_node", fields, (True, False))
    if "usage" in fields:
        row.usage = _valid("usage", fields, Settings.Usage.values)
    if "direction" in fields:
        row.direction = _valid("direction", fields, Settings.Direction.values)
    cycle = {name: fields[name] for name in CYCLE_FIELDS if name in fields}
    plan = plan_changed_by(row.plan, cycle, zone=workspace.timezone)
    row.mode, row.start_day, row.anchor, row.zone = plan.mode, plan.start_day, plan.anchor, plan.zone
    row.save()
    return row


def _valid(name: str, fields: Mapping[str, Any], choices: Any) -> Any:
    value = fields[name]
    # 1 equals True, but nobody who writes 1 means it.
    if not any(value == choice and type(value) is type(choice) for choice in choices):
        raise InvalidInputError(fields={name: "That is not one of the choices."})
    return value
