"""Plain values around incidents: places in a list and pages of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, NamedTuple, TypeVar

T = TypeVar("T")
StatusFilter = Literal["open", "acknowledged", "resolved", "all"]


class Cursor(NamedTuple):
    """Where a page ended, newest first: the last row's instant and primary key. Never shown as it is."""

    at: datetime
    id: int


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list, where the next one begins (None: this was the last), and how many rows there are."""

    items: Sequence[T]
    next: Cursor | None
    total: int
