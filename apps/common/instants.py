"""Instants in statements that the ORM did not write: SQLite keeps them in UTC, without a zone."""

from datetime import UTC, datetime


def instant_of(value: datetime) -> datetime:
    """What a column of instants holds, as whichever database hands it out."""
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


def known_instant(value: datetime | None) -> datetime | None:
    """The same of a column that may hold nothing."""
    return None if value is None else instant_of(value)


def spelled_instant(at: datetime) -> str:
    """An instant as Django writes it to SQLite."""
    return str(at.astimezone(UTC).replace(tzinfo=None))
