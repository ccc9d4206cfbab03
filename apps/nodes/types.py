"""What agents say, in the words of the core: plain frozen values, whichever protocol they came by."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, NamedTuple

from apps.common.values import Ref

AgentKind = Literal["dash", "nezha"]
# Documents about a node that change seldom, each kept once; what changes with every report is a column.
SectionName = Literal["static", "network", "disks", "raid", "smart", "thermal", "gpu"]
USUAL_INTERVAL_S = 3
# What rules look at and nobody keeps: it follows from other columns of the same report.
NOT_KEPT = frozenset({"disk.primary_ratio", "net.rx_bytes", "net.tx_bytes", "net.all_bytes", "net.all_rate"})
# How long a node may be silent: four reports that went missing, and two seconds for the way.
_MISSED, _ON_THE_WAY_S, _LEAST_STALE_S = 4, 2, 14


@dataclass(frozen=True, slots=True)
class Document:
    """A part of what an agent tells: `text` decides whether it is news, `read` makes of it what is kept."""

    text: bytes
    read: Callable[[bytes], Any]

    @property
    def digest(self) -> str:
        return hashlib.blake2b(self.text, digest_size=16).hexdigest()


class Documents(dict[SectionName, Document]):
    """The documents that came with a report; those of one machine are the same ones in report after report."""

    @cached_property
    def mark(self) -> bytes:
        """What tells them from any others."""
        said = hashlib.blake2b(digest_size=16)
        for name in sorted(self):
            text = self[name].text
            # With its length, so that nothing of one document can be taken for a part of the next.
            said.update(b"%b %d " % (name.encode(), len(text)))
            said.update(text)
        return said.digest()


@dataclass(frozen=True, slots=True)
class Report:
    """One report of an agent.

    `values` are the columns of a node, exactly as reported and with those that are derived and never stored;
    `detail` the few facts of this very report that are no numbers, `sections` the documents that came with it;
    `checksum` is one of the bytes that were sent, by which a report that comes again is known from another one.
    """

    agent_kind: AgentKind
    version: str
    observed_at: datetime
    values: Mapping[str, int | float | None]
    detail: Mapping[str, Any] = field(default_factory=dict)
    sections: Documents = field(default_factory=Documents)
    checksum: int = field(default=0, compare=False)


class Reporting(NamedTuple):
    """A node as a report finds it; `peer` is the address of the one before, `was_heard` whether there was one."""

    pk: int
    workspace_id: int
    number: int
    name: str
    project_id: int | None
    cores: int | None
    report_interval_s: int
    agent_kind: str
    agent_version: str
    wanted_version: str
    peer: str | None
    was_heard: bool

    @property
    def ref(self) -> Ref:
        return Ref("node", self.pk)

    @property
    def stale_after_s(self) -> int:
        """Seconds of silence after which the node counts as offline."""
        return stale_after_s(self.report_interval_s)


@dataclass(frozen=True, slots=True)
class StaticFacts:
    """What an agent says about its machine once: who it is, how often it reports, and the document about the rest."""

    version: str
    hostname: str
    report_interval_s: int
    document: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest report of a node as it is kept: exact values by column, and the detail that came with it."""

    at: datetime
    values: Mapping[str, Any]
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NodePicture:
    """A node as surfaces show it: the row's own facts, the newest report and the documents."""

    number: int
    name: str
    rank: int
    tags: tuple[str, ...]
    stale_after_s: int
    latest: Latest
    sections: Mapping[str, Any]


class ListedNode(NamedTuple):
    """A node as fronts list it by the thousand, beside its newest report; tags in the order people gave them."""

    pk: int
    number: int
    name: str
    rank: int
    report_interval_s: int
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RosterEntry:
    """A live node as lists look for it, sort it and count it; what they show of it is fetched for one page.

    `groups` are numbers with names, `tags` in the order people gave them.
    """

    pk: int
    number: int
    name: str
    hostname: str
    addresses: Mapping[str, Any]
    report_interval_s: int
    created_at: datetime
    tags: tuple[str, ...]
    groups: Mapping[int, str]

    @property
    def ref(self) -> Ref:
        return Ref("node", self.pk)

    @property
    def stale_after_s(self) -> int:
        """Seconds of silence after which it counts as offline."""
        return stale_after_s(self.report_interval_s)


def stale_after_s(report_interval_s: int) -> int:
    """Seconds of silence after which a node counts as offline: 14 at the usual three seconds."""
    return max(_LEAST_STALE_S, _MISSED * report_interval_s + _ON_THE_WAY_S)
