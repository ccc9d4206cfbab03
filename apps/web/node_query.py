"""The list of nodes as the address asks for it: who is in it, in which order, and how each stands."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.http import QueryDict

from apps.incidents.models import Incident
from apps.incidents.selectors import open_of_kind
from apps.metrics.selectors import newest_instants
from apps.nodes.selectors import roster_of
from apps.nodes.types import RosterEntry
from apps.web.presenters.nodes import LOOKS, Listed, Look, Standing, standing_of
from apps.workspaces.models import Workspace
from apps.workspaces.permissions import Actor

PAGE = 50
RANKS = {look: rank for rank, look in enumerate(LOOKS)}
ORDERS = ("state", "name", "-name", "arranged", "seen")


@dataclass(frozen=True, slots=True)
class NodeFilter:
    """What narrows the list; empty values narrow nothing."""

    text: str = ""
    look: Look | None = None
    group: int = 0
    tag: str = ""

    def __bool__(self) -> bool:
        return bool(self.text or self.look or self.group or self.tag)

    def fits(self, node: RosterEntry) -> bool:
        """Whether a node fits all but the state: name, host, tag, group and address count as text."""
        if self.group and self.group not in node.groups:
            return False
        if self.tag and self.tag not in node.tags:
            return False
        if not self.text:
            return True
        said = [node.name, node.hostname, *node.tags, *node.groups.values(), *map(str, node.addresses.values())]
        return self.text.lower() in "\n".join(said).lower()


@dataclass(frozen=True, slots=True)
class Fleet:
    """The nodes within reach with how each stands, by primary key."""

    nodes: Sequence[RosterEntry]
    standings: Mapping[int, Standing]

    def narrowed(self, chosen: NodeFilter) -> "Fleet":
        """Those that fit everything but the state."""
        return Fleet([node for node in self.nodes if chosen.fits(node)], self.standings) if chosen else self

    def counts(self) -> dict[Look, int]:
        """How many are in each state, the worst first; states of nobody are left out."""
        looks = Counter(self.standings[node.pk].look for node in self.nodes)
        return {look: looks[look] for look in LOOKS if look in looks}

    def ordered(self, order: str, look: Look | None) -> list[RosterEntry]:
        """Those of one state, or all of them, in an order of `ORDERS`; as people arranged them where it ties."""
        nodes = [node for node in self.nodes if look in {None, self.standings[node.pk].look}]
        if order in {"name", "-name"}:
            return sorted(nodes, key=lambda node: (node.name.lower(), node.number), reverse=order == "-name")
        if order == "seen":
            return sorted(nodes, key=self._age, reverse=True)
        return sorted(nodes, key=self._badness) if order == "state" else nodes

    def _age(self, node: RosterEntry) -> float:
        seen = self.standings[node.pk].seen_at
        return float("inf") if seen is None else -seen.timestamp()

    def _badness(self, node: RosterEntry) -> tuple[int, int, float]:
        standing = self.standings[node.pk]
        incident = standing.incident
        critical = incident is not None and incident.severity == Incident.Severity.CRITICAL
        since = standing.since.timestamp() if standing.since is not None else 0.0
        return RANKS[standing.look], 0 if critical else 1, since


def fleet_of(workspace: Workspace, actor: Actor, *, now: datetime) -> Fleet:
    """Every node within an actor's reach, however many, in a fixed number of statements."""
    nodes = roster_of(workspace, projects=actor.projects)
    return Fleet(nodes, standings_of(workspace, nodes, now=now))


def standings_of(workspace: Workspace, nodes: Sequence[Listed], *, now: datetime) -> dict[int, Standing]:
    """How nodes stand, by primary key."""
    seen = newest_instants({workspace.pk: [node.ref for node in nodes]})
    worst = open_of_kind(workspace, kind="node", subjects=[node.pk for node in nodes])
    return {
        node.pk: standing_of(node, seen_ms=seen.get((workspace.pk, node.ref)), incident=worst.get(node.pk), now=now)
        for node in nodes
    }


def read_filter(query: QueryDict) -> NodeFilter:
    """The filter as the address says it; what means nothing narrows nothing."""
    look, group = query.get("state", ""), query.get("group", "")
    return NodeFilter(
        text=query.get("q", "").strip()[:120],
        look=cast("Look", look) if look in LOOKS else None,
        group=int(group) if group.isdecimal() and len(group) < 10 else 0,
        tag=query.get("tag", "").strip()[:64],
    )


def read_order(query: QueryDict) -> str:
    order = query.get("sort", "state")
    return order if order in ORDERS else "state"


def read_page(query: QueryDict, total: int) -> int:
    """The page an address asks for, from 1 to the last."""
    text = query.get("page", "")
    number = int(text) if text.isdecimal() and len(text) < 6 else 1
    return max(1, min(number, -(-total // PAGE)))
