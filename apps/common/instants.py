"""Instants as text in statements that the ORM did not write: SQLite keeps them in UTC, without a zone."""

from datetime import UTC, datetime


def instant_of(text: str) -> datetime:
    """What a column of instants holds that was cast to text, whichever database did it."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def known_instant(text: str | None) -> datetime | None:
    """The same of a column that may hold nothing."""
    return None if text is None else instant_of(text)


def spelled_instant(at: datetime) -> str:
    """An instant as Django writes it to SQLite."""
    return str(at.astimezone(UTC).replace(tzinfo=None))
