"""Plain values about devices that other apps hand on."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

StateName = Literal["unknown", "up", "warning", "down"]
# began: this change is one too many; on: one more while it flaps; ended: it has settled in its present state.
FlapMark = Literal["", "began", "on", "ended"]


@dataclass(frozen=True, slots=True)
class Change:
    """A device's state became another one; `at` is the slot or flip that proves it."""

    workspace_id: int
    device_id: int
    at: datetime
    before: StateName
    after: StateName
    cause: str  # the reason of contract 6.1: refused, expired, timeout, overrun ...; empty when up
    cause_text: str
    severity: str  # critical | warning | "" (the state decides)
    in_maintenance: bool
    flapping: FlapMark = ""
