"""Nodes: made, described, arranged, retired. What agents say about them is `heard`'s."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Max

from apps.audit.services import record
from apps.common.errors import InvalidInputError, NotFoundError
from apps.nodes.models import UNNAMED, Node, NodeGroup, NodeTag
from apps.nodes.services.groups import ensure_default_group
from apps.nodes.tags import clean_tags
from apps.projects.models import Project
from apps.projects.tags import drop_unused, ensure_tags
from apps.tokens.models import AgentKey
from apps.tokens.services import drop_agent_key, set_agent_key
from apps.workspaces.models import Membership, Workspace
from apps.workspaces.plans import ensure_room
from apps.workspaces.services import next_number
from apps.workspaces.usage import limits_in_force, register_counter

KIND = "node"
NODE = AgentKey.Subject.NODE
LONGEST_NAME, LONGEST_NOTE, LONGEST_SECRET = 120, 4000, 128
MOST_ARRANGED = 10_000
MOST_RANK = 2_147_483_647


@dataclass(frozen=True, slots=True)
class Changes:
    """What is said anew about a node; None leaves a value as it is.

    `groups` are numbers. An empty `cycle` or `direction` goes back to the workspace's; a cycle is checked by
    apps.traffic, which owns its words.
    """

    name: str | None = None
    public: bool | None = None
    p95: bool | None = None
    rank: int | None = None
    tags: Sequence[str] | None = None
    groups: Collection[int] | None = None
    secret: str | None = None
    note: str | None = None
    public_note: str | None = None
    cycle: Mapping[str, Any] | None = None
    direction: str | None = None

    @property
    def said(self) -> dict[str, Any]:
        """The values that are said, by name."""
        named = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: value for name, value in named.items() if value is not None}

    def faults(self) -> dict[str, str]:
        """Bad values by name."""
        found = {}
        if self.name is not None and not (0 < len(self.name.strip()) <= LONGEST_NAME and self.name.isprintable()):
            found["name"] = f"A name of 1 to {LONGEST_NAME} characters."
        if self.rank is not None and not 0 < self.rank <= MOST_RANK:
            found["rank"] = "A whole number above 0."
        if self.secret is not None and not 0 < len(self.secret.strip()) <= LONGEST_SECRET:
            found["secret"] = f"A secret of 1 to {LONGEST_SECRET} characters."
        if self.direction is not None and self.direction not in Node.Direction.values:
            found["direction"] = "One of out, both, max, or empty."
        for name in ("note", "public_note"):
            if len(getattr(self, name) or "") > LONGEST_NOTE:
                found[name] = f"At most {LONGEST_NOTE} characters."
        return found


@transaction.atomic
def create_node(
    *,
    workspace: Workspace,
    name: str = UNNAMED,
    owner: Membership | None = None,
    project: Project | None = None,
    public: bool = False,
    agent_kind: str = "",
    agent_uuid: str = "",
    actor: str,
    now: datetime,
) -> Node:
    """A node with a secret of its own, in the default group and on top of the others; PlanLimitError when full."""
    # The lock queues creators, so two requests cannot both take the last place.
    workspace = Workspace.objects.select_for_update().get(pk=workspace.pk)
    ensure_room("nodes", used=count_nodes(workspace.pk), limits=limits_in_force(workspace, now=now))
    if faults := Changes(name=name).faults():
        raise InvalidInputError(fields=faults)
    highest = Node.objects.of(workspace).live().aggregate(rank=Max("rank"))["rank"] or 0
    node = Node.objects.create(
        workspace=workspace,
        number=next_number(workspace_id=workspace.pk, kind=KIND),
        project=project,
        owner=owner,
        name=name.strip(),
        rank=min(highest + 1, MOST_RANK),
        public=public,
        agent_kind=agent_kind,
        agent_uuid=agent_uuid,
        created_at=now,
    )
    node.groups.add(ensure_default_group(workspace=workspace))
    set_agent_key(workspace=workspace, subject=NODE, subject_id=node.pk, now=now)
    record(workspace=workspace, actor=actor, verb="node.create", subject=node.name, at=now)
    return node


@transaction.atomic
def update_node(*, node: Node, changes: Changes, actor: str, now: datetime) -> Node:
    """Say some things about a node anew, all of them or none.

    Raises InvalidInputError (fields as in `Changes`), NotFoundError when it is gone, ConflictError
    (`duplicate_secret`). A new secret ends the old one at once.
    """
    if faults := changes.faults():
        raise InvalidInputError(fields=faults)
    tags = None if changes.tags is None else clean_tags(list(changes.tags))
    node = _locked(node)
    _set_plain(node, changes)
    node.save()
    if changes.groups is not None:
        node.groups.set(_groups(node.workspace_id, changes.groups))
    if tags is not None:
        _set_tags(node, tags)
    if changes.secret is not None:
        set_agent_key(
            workspace=node.workspace_id, subject=NODE, subject_id=node.pk, secret=changes.secret.strip(), now=now
        )
    told = {name: value for name, value in changes.said.items() if name != "secret"}
    told |= {"secret": "changed"} if changes.secret is not None else {}
    told = {name: sorted(value) if isinstance(value, set | frozenset) else value for name, value in told.items()}
    record(workspace=node.workspace_id, actor=actor, verb="node.update", subject=node.name, at=now, changes=told)
    return node


def _set_plain(node: Node, changes: Changes) -> None:
    for name in ("public", "p95", "rank", "note", "public_note", "direction"):
        if (value := getattr(changes, name)) is not None:
            setattr(node, name, value)
    if changes.name is not None:
        node.name = changes.name.strip()
    if changes.cycle is not None:
        node.cycle = dict(changes.cycle) or None


def _groups(workspace_id: int, numbers: Collection[int]) -> list[NodeGroup]:
    found = list(NodeGroup.objects.of(workspace_id).filter(number__in=set(numbers)))
    if len(found) != len(set(numbers)):
        raise InvalidInputError(fields={"groups": "Every entry must be the number of a group."})
    return found


def _set_tags(node: Node, tags: Sequence[str]) -> None:
    # The lock queues writers of tags: none forgets an unused tag that another is about to use.
    workspace = Workspace.objects.select_for_update().get(pk=node.workspace_id)
    rows = {tag.text: tag for tag in ensure_tags(workspace=workspace, texts=tags)}
    NodeTag.objects.of(workspace).filter(node=node).delete()
    NodeTag.objects.bulk_create(
        [
            NodeTag(workspace=workspace, node=node, tag=rows[text], position=position)
            for position, text in enumerate(tags)
        ]
    )
    drop_unused(workspace=workspace)


@transaction.atomic
def move_node(*, node: Node, project: Project | None, actor: str, now: datetime) -> Node:
    """Put a node into a project of its workspace, or into none."""
    if project is not None and project.workspace_id != node.workspace_id:
        raise NotFoundError("Project not found")
    node = _locked(node)
    node.project = project
    node.save(update_fields=["project"])
    told = {"project": project.key if project is not None else None}
    record(workspace=node.workspace_id, actor=actor, verb="node.move", subject=node.name, at=now, changes=told)
    return node


@transaction.atomic
def rotate_secret(*, node: Node, overlap: timedelta, actor: str, now: datetime) -> str:
    """A fresh secret for a node; the old one counts until the overlap is over."""
    node = _locked(node)
    secret = set_agent_key(workspace=node.workspace_id, subject=NODE, subject_id=node.pk, overlap=overlap, now=now)
    record(workspace=node.workspace_id, actor=actor, verb="node.rotate_secret", subject=node.name, at=now)
    return secret


@transaction.atomic
def want_version(*, node: Node, version: str, actor: str, now: datetime) -> Node:
    """Wish for another agent on a node; the wish is over once the agent reports it."""
    node = _locked(node)
    node.wanted_version = version
    node.save(update_fields=["wanted_version"])
    told = {"version": version}
    record(workspace=node.workspace_id, actor=actor, verb="node.upgrade", subject=node.name, at=now, changes=told)
    return node


@transaction.atomic
def set_order(*, workspace: Workspace, numbers: Sequence[int], actor: str, now: datetime) -> None:
    """Arrange the nodes: every live one exactly once, the first on top. InvalidInputError names `numbers`."""
    nodes = {node.number: node for node in Node.objects.of(workspace).live().select_for_update().order_by("pk")}
    if not 0 < len(numbers) <= MOST_ARRANGED or sorted(numbers) != sorted(nodes):
        raise InvalidInputError(fields={"numbers": "Every node of the workspace exactly once."})
    for rank, number in enumerate(reversed(numbers), start=1):
        nodes[number].rank = rank
    Node.objects.bulk_update(nodes.values(), ["rank"], batch_size=500)
    record(workspace=workspace, actor=actor, verb="node.arrange", subject="nodes", at=now)


@transaction.atomic
def set_p95(*, workspace: Workspace, numbers: Collection[int], enabled: bool, actor: str, now: datetime) -> None:
    """Switch the 95th percentile of traffic on or off for nodes, all or none; NotFoundError for an unknown one."""
    nodes = Node.objects.of(workspace).live().filter(number__in=set(numbers))
    found = list(nodes.select_for_update().order_by("pk"))
    if len(found) != len(set(numbers)):
        raise NotFoundError("Node not found")
    Node.objects.of(workspace).filter(pk__in=[node.pk for node in found]).update(p95=enabled)
    subject = ", ".join(node.name for node in found)
    record(workspace=workspace, actor=actor, verb="node.p95", subject=subject, at=now, changes={"enabled": enabled})


@transaction.atomic
def retire_node(*, node: Node, actor: str, now: datetime) -> Node:
    """Take a node away from everybody: its secret is dead, its groups are without it. NotFoundError when it is gone.

    What spans apps (rules, incidents, series) is the pipeline's.
    """
    node = _locked(node)
    node.retired_at = now
    node.agent_uuid = node.wanted_version = ""
    node.save(update_fields=["retired_at", "agent_uuid", "wanted_version"])
    node.groups.clear()
    drop_agent_key(workspace=node.workspace_id, subject=NODE, subject_id=node.pk)
    record(workspace=node.workspace_id, actor=actor, verb="node.delete", subject=node.name, at=now)
    return node


def drop_node(*, node: Node) -> None:
    """Delete a retired node's row with its documents and tags."""
    workspace = node.workspace
    node.delete()
    drop_unused(workspace=workspace)


def _locked(node: Node) -> Node:
    """The live row under its lock; NotFoundError when somebody deleted it meanwhile."""
    found = Node.objects.of(node.workspace_id).live().select_for_update().filter(pk=node.pk).first()
    if found is None:
        raise NotFoundError("Node not found")
    return found


def count_nodes(workspace_id: int) -> int:
    return Node.objects.of(workspace_id).live().count()


register_counter("nodes", count_nodes)
