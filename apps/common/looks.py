"""Whether anything is due, asked over and over: the statement is put together once.

Putting it together takes the ORM ten times as long as an answer takes the database, and an installation where nothing
happens does hardly anything else.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Generic, NamedTuple, TypeVar

from django.db import connections
from django.db.models import Model, QuerySet

M = TypeVar("M", bound=Model)
# Stands in the statement for the instant of the question; nothing is due then.
_SOME_TIME = datetime(1900, 1, 1, microsecond=1, tzinfo=UTC)


class _Statement(NamedTuple):
    """`None` among the parameters is the instant."""

    alias: str
    text: str
    parameters: tuple[Any, ...]


class Look(Generic[M]):
    """A decorator of a function that says which rows are due at an instant, and goes by nothing but the instant."""

    def __init__(self, due: Callable[[datetime], "QuerySet[M]"]) -> None:
        self._due = due
        self._statement: _Statement | None = None

    def __call__(self, now: datetime) -> "QuerySet[M]":
        return self._due(now)

    def finds_any(self, now: datetime) -> bool:
        """Whether a row is due, by one look: no transaction, no lock, no place in the line of writers."""
        statement = self._statement = self._statement or self._spelled()
        connection = connections[statement.alias]
        instant = connection.ops.adapt_datetimefield_value(now)
        parameters = [instant if value is None else value for value in statement.parameters]
        with connection.cursor() as cursor:
            cursor.execute(statement.text, parameters)
            return cursor.fetchone() is not None

    def _spelled(self) -> _Statement:
        rows = self._due(_SOME_TIME).order_by().values("pk")[:1]
        text, parameters = rows.query.get_compiler(rows.db).as_sql()
        mark = connections[rows.db].ops.adapt_datetimefield_value(_SOME_TIME)
        if None in parameters:
            raise ValueError("NULL is no parameter of a look")
        return _Statement(rows.db, text, tuple(None if value == mark else value for value in parameters))
