"""Lists of contract 1.4: `limit` and an opaque `cursor` that continues a stable sort."""

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self, TypeVar

from django.db.models import Model, Q, QuerySet

from apps.common.clock import parse_iso
from apps.common.errors import InvalidInputError
from apps.incidents.types import Cursor

USUAL, MOST = 50, 200
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class Keyset:
    """The last row of a page in a list sorted by an instant and a primary key, both descending."""

    id: int
    at: datetime | None = None

    @classmethod
    def of(cls, end: Cursor | None) -> Self | None:
        """Where a page ended, as a selector says it; None after the last one."""
        return None if end is None else cls(end.id, end.at)

    def encode(self) -> str:
        """Opaque to clients: URL-safe base64 without padding."""
        raw = json.dumps([self.id, None if self.at is None else self.at.isoformat()]).encode()
        return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

    @classmethod
    def decode(cls, text: str) -> Self:
        """What `encode` wrote; anything else is an InvalidInputError on `cursor`."""
        try:
            raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            key, at = json.loads(raw)
            keyset = cls(key, None if at is None else parse_iso(at))
        except (ValueError, TypeError, OverflowError, binascii.Error, RecursionError):
            raise bad_cursor() from None
        # A number beyond a primary key would break the query instead of finding nothing.
        if type(key) is not int or not 0 <= key < 1 << 63:
            raise bad_cursor()
        return keyset


def bad_cursor() -> InvalidInputError:
    """The refusal of a cursor that this list never gave out."""
    return InvalidInputError("cursor is not valid", fields={"cursor": "cursor is not valid"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list was asked for."""

    limit: int
    cursor: Keyset | None

    @property
    def place(self) -> Cursor | None:
        """Where a list sorted by an instant goes on; InvalidInputError for the cursor of another kind of list."""
        if self.cursor is None:
            return None
        if self.cursor.at is None:
            raise bad_cursor()
        return Cursor(self.cursor.at, self.cursor.id)

    @property
    def key(self) -> int | None:
        """Where a list sorted by primary key alone goes on; InvalidInputError likewise."""
        if self.cursor is not None and self.cursor.at is not None:
            raise bad_cursor()
        return None if self.cursor is None else self.cursor.id


def wanted(query: Mapping[str, Any]) -> Wanted:
    """`limit` (1..200, default 50) and `cursor` of a query string; InvalidInputError otherwise."""
    text = query.get("limit")
    limit = USUAL
    if text is not None:
        limit = int(text) if str(text).isascii() and str(text).isdigit() and len(str(text)) < 10 else 0
        if not 1 <= limit <= MOST:
            sentence = f"limit must be a whole number from 1 to {MOST}"
            raise InvalidInputError(sentence, fields={"limit": sentence})
    cursor = query.get("cursor")
    return Wanted(limit, Keyset.decode(cursor) if cursor else None)


def newest_first(rows: QuerySet[Row], page: Wanted) -> tuple[list[Row], Keyset | None]:
    """One page of rows sorted by `created_at` and key, both descending, and where the next one goes on."""
    if (place := page.place) is not None:
        rows = rows.filter(Q(created_at__lt=place.at) | Q(created_at=place.at, pk__lt=place.id))
    found = list(rows[: page.limit + 1])
    last: Any = found[page.limit - 1] if len(found) > page.limit else None
    return found[: page.limit], None if last is None else Keyset(last.pk, last.created_at)


def listed(noun: str, items: Sequence[Any], *, cursor: Keyset | None, total: int) -> dict[str, Any]:
    """The list form: the same rows under `items` and under their noun."""
    return {
        noun: items,
        "items": items,
        "nextCursor": None if cursor is None else cursor.encode(),
        "total": total,
    }


def instant(query: Mapping[str, Any], name: str) -> datetime | None:
    """An ISO instant of the query string, None when absent; InvalidInputError otherwise."""
    text = query.get(name)
    if not text:
        return None
    try:
        # A plus sign that nobody escaped arrives as a space.
        return parse_iso(text.replace(" ", "+"))
    except (ValueError, OverflowError):
        sentence = f"{name} must be an ISO datetime"
        raise InvalidInputError(sentence, fields={name: sentence}) from None
