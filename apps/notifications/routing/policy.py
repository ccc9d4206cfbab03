"""A project's routing as plain values; how people spell it is the business of `document`."""

from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

TargetKind = Literal["channel", "user", "oncall"]
QuietMode = Literal["suppress", "defer"]
EventWord = Literal["down", "up", "warning"]


@dataclass(frozen=True, slots=True)
class Window:
    """Wall-clock hours on some days of the week, [start, end); `days` are 0 for Monday to 6 for Sunday.

    An end at or before the start lies on the next day; the window belongs to the day on which it starts.
    """

    days: frozenset[int]
    start: time
    end: time


@dataclass(frozen=True, slots=True)
class QuietHours:
    """When nobody is to be disturbed, what becomes of the notices, and which severities disturb all the same."""

    enabled: bool = False
    mode: QuietMode = "defer"
    windows: tuple[Window, ...] = ()
    bypass: frozenset[str] = frozenset({"critical"})


@dataclass(frozen=True, slots=True)
class Override:
    """One member stands in for [start, end)."""

    start: datetime
    end: datetime
    member: str


@dataclass(frozen=True, slots=True)
class Rotation:
    """Members who take turns; shift n begins at the handoff time n shifts after `starts_on`."""

    id: str
    zone: ZoneInfo
    members: tuple[str, ...]
    starts_on: date
    shift_days: int
    handoff: time
    # Staffed in these windows only; None: always.
    coverage: tuple[Window, ...] | None = None
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """Whom a step reaches: a channel or a member by id, or whoever is on call in a rotation."""

    kind: TargetKind
    id: str

    @property
    def key(self) -> str:
        """`channel:ch_mail`, `user:...`: how deliveries and forecasts name it."""
        return f"{self.kind}:{self.id}"


@dataclass(frozen=True, slots=True)
class Step:
    """These targets, so many minutes after the beginning of each round."""

    after_min: int
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """How many further rounds follow the first, and how far apart rounds begin."""

    times: int = 0
    every_min: int = 60


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that decides who hears of a project's incidents."""

    enabled: bool = True
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    notify_on: frozenset[EventWord] = frozenset({"down", "up", "warning"})
    open_after_s: int = 0
    quiet: QuietHours = QuietHours()
    rotations: tuple[Rotation, ...] = ()
    steps: tuple[Step, ...] = ()
    repeat: Repeat = Repeat()

    def rotation(self, rotation_id: str) -> Rotation | None:
        """The rotation of this id, if there is one."""
        return next((rotation for rotation in self.rotations if rotation.id == rotation_id), None)
