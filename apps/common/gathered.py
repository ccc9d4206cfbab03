"""A column of a whole group as one list: a row for each value costs more than the value."""

import json
from typing import Any

from django.db.models import Aggregate, Field


class Gathered(Aggregate):
    """The values of an integer column in a group. Two of the same group are parallel: both follow its rows."""

    function = "ARRAY_AGG"
    name = "Gathered"
    output_field = Field()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        return self.as_sql(compiler, connection, function="JSON_GROUP_ARRAY", **context)

    def convert_value(self, value: Any, *_: Any) -> Any:
        """A list, which SQLite spells as JSON."""
        return json.loads(value) if isinstance(value, str) else value
