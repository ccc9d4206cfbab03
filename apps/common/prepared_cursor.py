"""psycopg's cursor with the one thing that Django's log of statements misses. Only imported where PostgreSQL is."""

from typing import Any

from psycopg import Cursor


class PreparedCursor(Cursor[Any]):
    """Says what it runs, also of a statement whose plan is kept."""

    def _convert_query(self, query: Any, params: Any = None) -> Any:
        converted = super()._convert_query(query, params)
        self._query = converted
        return converted
