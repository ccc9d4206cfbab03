"""Statements that run for every batch: PostgreSQL plans them a few times, then keeps the plan.

Only where the database itself is at the other end. What pools connections lends another one to each transaction, where
nothing is prepared, or something else under the same name; it tells its clients a process number of its own.
"""

from typing import Any
from weakref import WeakKeyDictionary

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

# Executions before a plan is kept, as psycopg's own default has it.
TRIED = 5
_direct: "WeakKeyDictionary[Any, bool]" = WeakKeyDictionary()


def cursor(connection: BaseDatabaseWrapper) -> CursorWrapper:
    """A cursor for statements whose text never changes; values travel apart from it where plans are kept."""
    if connection.vendor != "postgresql":
        return connection.cursor()
    connection.ensure_connection()
    raw = connection.connection
    if not _is_direct(raw):
        return connection.cursor()
    from apps.common.prepared_cursor import PreparedCursor

    # Counted and logged as any other.
    wrapped: CursorWrapper = connection._prepare_cursor(PreparedCursor(raw))  # type: ignore[attr-defined]  # noqa: SLF001  # Django has no other door
    return wrapped


def _is_direct(raw: Any) -> bool:
    found = _direct.get(raw)
    if found is None:
        with raw.cursor() as asked:
            asked.execute("SELECT pg_backend_pid()")
            found = _direct[raw] = asked.fetchone()[0] == raw.info.backend_pid
        if found:
            raw.prepare_threshold = TRIED
    return found
