"""Reads about nodes: lists with a bound, and one by its number inside a workspace."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from apps.common.among import Among
from apps.common.errors import NotFoundError
from apps.common.remembered import Remembered
from apps.nodes.models import Node, NodeGroup, NodeSection, NodeTag
from apps.nodes.types import ListedNode, RosterEntry
from apps.tokens.models import AgentKey
from apps.tokens.selectors import key_of, key_of_agent, keys_of
from apps.workspaces.models import Workspace

MOST, MANY = 1000, 200
_DOCUMENTS = msgspec.json.Decoder()
# About five thousand nodes' documents, by workspace and digest.
_remembered: Remembered[tuple[int, str], Any] = Remembered(16_384)
NODE = AgentKey.Subject.NODE


def nodes_of(
    workspace: Workspace | int, *, public_only: bool = False, limit: int = MOST, offset: int = 0
) -> list[Node]:
    """Live nodes in their order with tags and groups, at most 1,000 at a time."""
    nodes = Node.objects.of(workspace).live().in_order().with_parts()
    if public_only:
        nodes = nodes.filter(public=True)
    return list(nodes[offset : offset + min(limit, MOST)])


def listed_nodes(
    workspace: Workspace | int, *, public_only: bool, limit: int | None = None, offset: int = 0
) -> list[ListedNode]:
    """Live nodes that ever reported in their order, however many: two statements."""
    nodes = Node.objects.of(workspace).live().in_order().filter(first_report_at__isnull=False)
    if public_only:
        nodes = nodes.filter(public=True)
    tags = _every_tag(workspace)
    rows = nodes.values_list("pk", "number", "name", "rank", "report_interval_s")
    page = rows[offset:] if limit is None else rows[offset : offset + limit]
    return [ListedNode(*row, tuple(tags.get(row[0], ()))) for row in page]


def listed(node: Node) -> ListedNode:
    """The same of one that is at hand."""
    return ListedNode(node.pk, node.number, node.name, node.rank, node.report_interval_s, tags_of(node))


def _every_tag(workspace: Workspace | int) -> dict[int, list[str]]:
    """All tags of the workspace by node, each node's in their order: naming a thousand nodes costs more."""
    tags: dict[int, list[str]] = {}
    for pk, text in NodeTag.objects.of(workspace).order_by("position").values_list("node_id", "tag__text"):
        tags.setdefault(pk, []).append(text)
    return tags


def every_node(workspace: Workspace | int, *, public_only: bool = False) -> list[Node]:
    """All such nodes as `nodes_of` has them, fetched 1,000 at a time."""
    found: list[Node] = []
    while True:
        page = nodes_of(workspace, public_only=public_only, offset=len(found))
        found += page
        if len(page) < MOST:
            return found


def roster_of(workspace: Workspace | int, *, projects: Collection[int] | None = None) -> list[RosterEntry]:
    """Every live node within reach as people arranged them, however many: three statements without a list in them."""
    nodes = Node.objects.of(workspace).live().in_order()
    if projects is not None:
        nodes = nodes.filter(project__in=projects)
    tags = _every_tag(workspace)
    groups: dict[int, dict[int, str]] = {}
    links = NodeGroup.nodes.through.objects.filter(nodegroup__workspace=workspace).order_by("nodegroup__number")
    for pk, number, name in links.values_list("node_id", "nodegroup__number", "nodegroup__name"):
        groups.setdefault(pk, {})[number] = name
    plain = ("pk", "number", "name", "hostname", "addresses", "report_interval_s", "created_at")
    return [
        RosterEntry(**row, tags=tuple(tags.get(row["pk"], ())), groups=groups.get(row["pk"], {}))
        for row in nodes.values(*plain)
    ]


def nodes_by_number(
    workspace: Workspace | int, numbers: Sequence[int], *, projects: Collection[int] | None = None
) -> list[Node]:
    """Those of the numbers that are live nodes within reach, with tags and groups, in the order they were asked for."""
    nodes = Node.objects.of(workspace).live().with_parts().filter(number__in=numbers)
    if projects is not None:
        nodes = nodes.filter(project__in=projects)
    places = {number: place for place, number in enumerate(numbers)}
    return sorted(nodes, key=lambda node: places[node.number])


def count_visible(workspace: Workspace | int, *, projects: Collection[int] | None = None) -> int:
    """How many live nodes are within reach."""
    nodes = Node.objects.of(workspace).live()
    return (nodes if projects is None else nodes.filter(project__in=projects)).count()


def node_by_number(
    workspace: Workspace | int, number: int, *, projects: Collection[int] | None = None, public_only: bool = False
) -> Node:
    """One live node; NotFoundError when unknown, foreign, retired or outside the scope."""
    nodes = Node.objects.of(workspace).live().with_parts().filter(number=number)
    if projects is not None:
        nodes = nodes.filter(project__in=projects)
    if public_only:
        nodes = nodes.filter(public=True)
    found = nodes.first()
    if found is None:
        raise NotFoundError("Node not found")
    return found


def tags_of(node: Node) -> tuple[str, ...]:
    """A node's tags in their order; without a statement for nodes of `nodes_of` and `node_by_number`."""
    links = sorted(node.tag_links.all(), key=lambda link: link.position)
    return tuple(link.tag.text for link in links)


def groups_of(workspace: Workspace | int, *, limit: int = MOST) -> list[NodeGroup]:
    """Groups by number, the default one first."""
    return list(NodeGroup.objects.of(workspace).order_by("number")[:limit])


def members_of(groups: Sequence[NodeGroup], *, public_only: bool = False) -> dict[int, list[int]]:
    """The numbers of the live nodes in each group, ascending, by the group's primary key."""
    links = NodeGroup.nodes.through.objects.filter(nodegroup__in=[group.pk for group in groups])
    links = links.filter(node__retired_at__isnull=True)
    if public_only:
        links = links.filter(node__public=True)
    found: dict[int, list[int]] = {group.pk: [] for group in groups}
    for group, number in links.order_by("node__number").values_list("nodegroup", "node__number"):
        found[group].append(number)
    return found


def group_by_number(workspace: Workspace | int, number: int) -> NodeGroup:
    """One group; NotFoundError when unknown or foreign."""
    group: NodeGroup | None = NodeGroup.objects.of(workspace).filter(number=number).first()
    if group is None:
        raise NotFoundError("Group not found")
    return group


def sections_of(workspace_id: int, node_ids: Collection[int]) -> dict[int, dict[str, Any]]:
    """Every document that is kept of each node, by primary key and name of the section; nobody may change them.

    A document stays what it is for days and is asked for every few seconds: what its digest says is remembered.
    """
    found: dict[int, dict[str, Any]] = {pk: {} for pk in node_ids}
    kept = _sections(workspace_id, node_ids).values_list("pk", "node_id", "section", "digest")
    rows = [row for row in kept if row[1] in found]
    known = _remembered.take({(workspace_id, digest) for *_, digest in rows})
    missing = [pk for pk, _, _, digest in rows if (workspace_id, digest) not in known]
    read = _read_documents(workspace_id, missing) if missing else {}
    for pk, node_id, section, digest in rows:
        # What is in neither was deleted a moment ago.
        if pk in read:
            found[node_id][section] = read[pk]
        elif (workspace_id, digest) in known:
            found[node_id][section] = known[workspace_id, digest]
    return found


def _read_documents(workspace_id: int, pks: Collection[int]) -> dict[int, Any]:
    """Documents by the keys of their rows. What their digests are is asked anew: a row may have changed since."""
    rows = NodeSection.objects.of(workspace_id).filter(Among("pk", pks)).annotate(text=Cast("document", TextField()))
    found: dict[int, Any] = {}
    fresh: dict[tuple[int, str], Any] = {}
    for pk, digest, text in rows.values_list("pk", "digest", "text"):
        found[pk] = fresh[workspace_id, digest] = _document(text)
    _remembered.put(fresh)
    return found


def _sections(workspace_id: int, node_ids: Collection[int]) -> "QuerySet[NodeSection]":
    """Those of the nodes, or of the whole workspace: naming very many nodes costs more than leaving others out."""
    rows: QuerySet[NodeSection] = NodeSection.objects.of(workspace_id)
    return rows.filter(node__in=node_ids) if len(node_ids) < MANY else rows


def _document(text: str) -> Any:
    try:
        return _DOCUMENTS.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        # Half a surrogate pair, which text from outside may hold, is beyond the fast reader.
        return json.loads(text)


def digests_of(workspace_id: int, node_ids: Collection[int]) -> dict[int, list[tuple[str, str]]]:
    """Section and digest of every document of each node, by primary key: what tells whether one is another."""
    rows = _sections(workspace_id, node_ids).order_by("section")
    found: dict[int, list[tuple[str, str]]] = {pk: [] for pk in node_ids}
    for pk, section, digest in rows.values_list("node_id", "section", "digest"):
        if pk in found:
            found[pk].append((section, digest))
    return found


def disk_instance(sections: Mapping[str, Any], part: str, device: str) -> str | None:
    """What a disk's columns are called, by its name, reference, path or mount point; None when it is not known.

    `part` is `usage` for how full it is, `io` for how busy.
    """
    # Agents of today say where a disk is mounted in their static facts only.
    for disks in (sections.get("disks"), (sections.get("static") or {}).get("disks")):
        for entry in (disks or {}).get(part, ()):
            if device in {entry.get(name) for name in ("key", "name", "ref", "path", "mountpoint")}:
                return str(entry["key"])
    return None


def secret_of(node: Node) -> str | None:
    """The secret in force, to be shown to who installs the agent."""
    key = key_of(workspace=node.workspace_id, subject=NODE, subject_id=node.pk)
    return None if key is None else str(key.secret)


def secrets_of(workspace: Workspace | int, nodes: Collection[Node]) -> dict[int, str]:
    """The secrets in force of many nodes by primary key, in one statement."""
    return keys_of(workspace=workspace, subject=NODE, subject_ids=[node.pk for node in nodes])


def node_by_secret(raw: str, *, workspace: int | None, default_workspace: int | None, now: datetime) -> Node | None:
    """The live node whose agent sends this secret, in an open workspace (`tokens.selectors.key_of_agent`)."""
    key = key_of_agent(raw, subject=NODE, workspace=workspace, default_workspace=default_workspace, now=now)
    if key is None or key.workspace.closed_at is not None:
        return None
    return Node.objects.of(key.workspace_id).live().filter(pk=key.subject_id).first()
