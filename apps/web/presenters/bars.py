"""Uptime bars: one cell a day and a sentence that says the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Cell = Literal["up", "down", "degraded", "maintenance", "unknown", "none"]


@dataclass(frozen=True, slots=True)
class Day:
    """One cell: how bad the day was, and what to say about it."""

    status: Cell
    summary: str


@dataclass(frozen=True, slots=True)
class Bar:
    """Days oldest first; `label` is the whole bar in words."""

    days: Sequence[Day]
    label: str
