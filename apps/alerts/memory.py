"""What a condition remembers between two readings, and how it is kept: a few numbers, never a row per reading."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.alerts.cycles import Used
from apps.alerts.windows import Ticks


@dataclass(frozen=True, slots=True)
class Memory:
    """A streak's beginning, a share's newest ticks, or a cycle's count; all None: nothing to remember."""

    since: datetime | None = None
    ticks: Ticks | None = None
    used: Used | None = None

    @property
    def empty(self) -> bool:
        return self.since is None and self.ticks is None and self.used is None

    def to_json(self) -> dict[str, Any]:
        """The document that `from_json` reads back."""
        kept: dict[str, Any] = {}
        if self.since is not None:
            kept["since"] = self.since.isoformat()
        if self.ticks is not None:
            # Hexadecimal: a long window is bigger than what JSON readers take for a number.
            kept["ticks"] = [self.ticks.last, self.ticks.length, f"{self.ticks.bits:x}"]
        if self.used is not None:
            used = self.used
            kept["used"] = [used.start.isoformat(), used.amount, used.counter, used.kept_at.isoformat()]
        return kept

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Memory":
        """A memory as it was kept."""
        since, ticks, used = kept.get("since"), kept.get("ticks"), kept.get("used")
        return cls(
            since=datetime.fromisoformat(since) if since else None,
            ticks=Ticks(ticks[0], ticks[1], int(ticks[2], 16)) if ticks else None,
            used=Used(datetime.fromisoformat(used[0]), used[1], used[2], datetime.fromisoformat(used[3]))
            if used
            else None,
        )


NOTHING = Memory()
