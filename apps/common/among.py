"""`column in values` with one parameter, however many values: hundreds of placeholders cost more than the rows."""

import json
from collections.abc import Collection
from typing import Any

from django.db.models import BooleanField, F, Func

from apps.common.arrays import array_of_integers, array_of_texts


def integers_in(vendor: str, values: Collection[int]) -> str:
    """The parameter of `= ANY(%s::bigint[])` on PostgreSQL, of `IN (SELECT value FROM json_each(%s))` on SQLite."""
    return array_of_integers(values) if vendor == "postgresql" else json.dumps(list(values))


def texts_in(vendor: str, values: Collection[str]) -> str:
    """The same of `= ANY(%s::text[])`."""
    return array_of_texts(values) if vendor == "postgresql" else json.dumps(list(values))


class Among(Func):
    """A condition for `filter`: the integer column holds one of the values."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, column: str, values: Collection[int]) -> None:
        super().__init__(F(column))
        self._values = sorted(values)

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, list[Any]]:  # type: ignore[override]  # what Func adds is of no use here
        column, parameters = compiler.compile(self.source_expressions[0])
        wanted = [*parameters, integers_in(connection.vendor, self._values)]
        if connection.vendor == "postgresql":
            return f"{column} = ANY(%s::bigint[])", wanted
        return f"{column} IN (SELECT value FROM json_each(%s))", wanted  # noqa: S608  # a compiled column, no text from outside
