"""Plain frozen values that travel between apps: never models, never requests."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

SubjectKind = Literal["device", "node", "container", "instance"]


@dataclass(frozen=True, slots=True)
class Ref:
    """Whatever is measured, alerted, silenced or published: kind and primary key, no foreign key."""

    kind: SubjectKind
    id: int


@dataclass(frozen=True, slots=True)
class SourceRef:
    """A subject, optionally as seen from one node (`via` is that node's primary key)."""

    subject: Ref
    via: int | None = None

    @property
    def key(self) -> str:
        """The text that names the source in storage: `17`, or `17@3` when seen from node 3."""
        return f"{self.subject.id}" if self.via is None else f"{self.subject.id}@{self.via}"


@dataclass(frozen=True, slots=True)
class Observation:
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
    detail: Mapping[str, Any] = field(default_factory=dict)


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
