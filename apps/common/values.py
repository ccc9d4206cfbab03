"""Plain frozen values that travel between apps: never models, never requests.

What is made for every result is a tuple, which costs a fraction of a frozen dataclass.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

SubjectKind = Literal["device", "node", "container", "instance"]


class Ref(NamedTuple):
    """Whatever is measured, alerted, silenced or published: kind and primary key, no foreign key."""

    kind: SubjectKind
    id: int


class SourceRef(NamedTuple):
    """A subject, optionally as seen from one node (`via` is that node's primary key)."""

    subject: Ref
    via: int | None = None

    @property
    def key(self) -> str:
        """The text that names the source in storage: `17`, or `17@3` when seen from node 3."""
        return f"{self.subject.id}" if self.via is None else f"{self.subject.id}@{self.via}"


class Observation(NamedTuple):
    """What one source said at one instant: a check result, an agent report, a container sample.

    `at` is the check's slot or the server's clock; `observed_at` the agent's own clock, used for
    alert durations only. `values` are numbers by column (None: asked, and got no answer);
    `detail` holds the few facts that are text. Columns and units: docs/architecture.md.
    """

    workspace_id: int
    source: SourceRef
    at: datetime
    values: Mapping[str, int | float | None]
    observed_at: datetime | None = None
    detail: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Cover:
    """Which numbered rows something is about: all but `numbers`, or only them. The one meaning of every cover."""

    default_on: bool = True
    numbers: frozenset[int] = frozenset()

    def covers(self, number: int) -> bool:
        return (number in self.numbers) != self.default_on

    def with_rows(self, numbers: Iterable[int], *, covered: bool) -> "Cover":
        """The same cover with these rows in it, or out of it."""
        listed = covered != self.default_on
        changed = self.numbers | frozenset(numbers) if listed else self.numbers - frozenset(numbers)
        return Cover(self.default_on, changed)
