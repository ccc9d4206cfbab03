"""Arrays as PostgreSQL reads them from text: the driver looks at each element of a list to find out what it is, and
quotes each text twice, which costs more than writing the rows.
"""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID


def array_of_integers(values: Iterable[int]) -> str:
    """For a parameter that is cast to `bigint[]`."""
    return f"{{{','.join(map(str, values))}}}"


def array_of_plain(values: Iterable[int | UUID | datetime | None]) -> str:
    """For a parameter that is cast to an array of what is spelled without commas, quotes and braces."""
    return f"{{{','.join(['NULL' if value is None else str(value) for value in values])}}}"


def array_of_texts(values: Iterable[str]) -> str:
    """For a parameter that is cast to `text[]` or `jsonb[]`; none may hold a NUL, which no text of PostgreSQL does."""
    escaped = [value.replace("\\", "\\\\").replace('"', '\\"') for value in values]
    return '{"' + '","'.join(escaped) + '"}' if escaped else "{}"


def array_of_bytes(values: Iterable[bytes | None]) -> str:
    """For a parameter that is cast to `bytea[]`."""
    spelled = ",".join(["NULL" if value is None else f'"\\\\x{value.hex()}"' for value in values])
    return f"{{{spelled}}}"
