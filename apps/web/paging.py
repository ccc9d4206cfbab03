"""Where a list goes on: the last row's columns, readable by nobody, in the address of the page."""

import json
from collections.abc import Sequence
from typing import Any

from cryptography.fernet import InvalidToken

from apps.common.clock import parse_iso
from apps.common.fields import cipher
from apps.incidents.types import Cursor


def write_place(place: Sequence[Any] | None) -> str:
    """A place in a list as text for the address; empty at the end of the list."""
    return "" if place is None else cipher().encrypt(json.dumps(list(place)).encode()).decode()


def read_place(text: str | None) -> list[Any] | None:
    """The place an address names; None for the beginning and for anything that is not a place of ours."""
    if not text:
        return None
    try:
        place = json.loads(cipher().decrypt(text.encode()))
    except (InvalidToken, ValueError):
        return None
    return place if isinstance(place, list) else None


def write_cursor(cursor: Cursor | None) -> str:
    """A place in a list that is ordered by an instant and a key."""
    return write_place(None if cursor is None else (cursor.at.isoformat(), cursor.id))


def read_cursor(text: str | None) -> Cursor | None:
    """The same, read again."""
    place = read_place(text)
    return None if place is None or len(place) != 2 else Cursor(parse_iso(place[0]), int(place[1]))
