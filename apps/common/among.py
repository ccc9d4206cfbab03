"""`column in values` with one parameter, however many values: hundreds of placeholders cost more than the rows."""

import json
from collections.abc import Collection
from typing import Any

from django.db.models import BooleanField, F, Func

from apps.common.arrays import array_of_integers


class Among(Func):
    """A condition for `filter`: the integer column holds one of the values."""

    output_field = BooleanField()
    conditional = True

    def __init__(self, column: str, values: Collection[int]) -> None:
        super().__init__(F(column))
        self._values = sorted(values)

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, list[Any]]:  # type: ignore[override]  # what Func adds is of no use here
        column, parameters = compiler.compile(self.source_expressions[0])
        if connection.vendor == "postgresql":
            return f"{column} = ANY(%s::bigint[])", [*parameters, array_of_integers(self._values)]
        listed = [*parameters, json.dumps(self._values)]
        return f"{column} IN (SELECT value FROM json_each(%s))", listed  # noqa: S608  # a compiled column, no text from outside
