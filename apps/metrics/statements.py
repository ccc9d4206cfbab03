"""The few statements the ORM has no words for; the same text runs on SQLite and on PostgreSQL."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db import connections, router

from apps.common import prepared
from apps.common.arrays import array_of_bytes, array_of_integers, array_of_plain, array_of_texts
from apps.metrics.models import HeadRow, HeartbeatPing, LatestRow

# workspace, source, time, payload
StoredRow = tuple[int, int, int, bytes]
RowKey = tuple[int, int, int]
# workspace, device, received at, kind, run, exit status, duration, method, body
PingRow = tuple[int, int, int, int, UUID | None, int | None, int | None, str, bytes | None]
_CHUNK = 500

_INSERT_INTO_HEAD = (
    "INSERT INTO ts_head (workspace_id, source_id, ts, payload) {rows} "
    "ON CONFLICT (workspace_id, source_id, ts) DO NOTHING"
)
# One parameter a column: thousands of placeholders cost more than the rows. Payloads are JSON, one a line: as bytes
# they would be spelled in hexadecimal, twice as long.
_ARRAYS = (
    "SELECT workspace_id, source_id, ts, convert_to(payload, 'UTF8') FROM unnest(%s::bigint[], %s::bigint[], "
    "%s::bigint[], string_to_array(%s, chr(10))) AS said (workspace_id, source_id, ts, payload)"
)
_INSERT_PINGS = (
    "INSERT INTO heartbeat_ping "
    "(workspace_id, device_id, received_at, kind, rid, exit_code, duration_ms, method, body) {rows}"
)
_PING_ARRAYS = (
    "SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::smallint[], %s::uuid[], %s::smallint[], "
    "%s::bigint[], %s::text[], %s::bytea[])"
)
_PING_VALUES = "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
# Told apart row by row: what came in for the first time, for those who go on with it.
_INSERT_NEW = f"{_INSERT_INTO_HEAD} RETURNING workspace_id, source_id, ts"
# The newest row of a source is the end of its index: nothing needs to be kept up to date for it.
_NEWEST_HEAD = (
    "WITH wanted (workspace_id, source_id) AS (VALUES {rows}) "
    "SELECT head.source_id, head.ts, head.payload FROM wanted CROSS JOIN ts_head head "
    "WHERE head.workspace_id = wanted.workspace_id AND head.source_id = wanted.source_id AND head.ts = ("
    "SELECT max(newest.ts) FROM ts_head newest "
    "WHERE newest.workspace_id = wanted.workspace_id AND newest.source_id = wanted.source_id)"
)
# The join begins at the keys: a row-value IN makes SQLite read the whole inbox.
_SELECT_HEAD = (
    "WITH wanted (workspace_id, source_id, ts) AS (VALUES {rows}) "
    "SELECT head.workspace_id, head.source_id, head.ts, head.payload FROM wanted CROSS JOIN ts_head head "
    "WHERE head.workspace_id = wanted.workspace_id AND head.source_id = wanted.source_id AND head.ts = wanted.ts"
)
_UPSERT_LATEST = (
    "INSERT INTO ts_latest (workspace_id, source_id, ts, payload) {rows} "
    "ON CONFLICT (workspace_id, source_id) DO UPDATE SET ts = excluded.ts, payload = excluded.payload "
    "WHERE excluded.ts > ts_latest.ts RETURNING workspace_id, source_id"
)
_OF_SOURCES = """
    FROM {wanted} CROSS JOIN ts_source source CROSS JOIN ts_latest latest
    WHERE source.workspace_id = wanted.workspace_id AND source.kind = %s AND source.ref = wanted.ref
      AND latest.workspace_id = source.workspace_id AND latest.source_id = source.id
"""
_WANTED = {
    "postgresql": "unnest(%s::bigint[], %s::text[]) AS wanted (workspace_id, ref)",
    "sqlite": "(SELECT value->>0 AS workspace_id, value->>1 AS ref FROM json_each(%s)) wanted",
}
_NEWEST_LATEST = "SELECT source.workspace_id, source.ref, latest.ts" + _OF_SOURCES
_NEWEST_LATESTS = {vendor: _NEWEST_LATEST.format(wanted=wanted) for vendor, wanted in _WANTED.items()}
# Payloads are JSON: as bytes they would come in hexadecimal, twice as long.
_LATEST = "SELECT source.id, source.ref, latest.ts, {text}" + _OF_SOURCES
_LATESTS = {
    "postgresql": _LATEST.format(wanted=_WANTED["postgresql"], text="convert_from(latest.payload, 'UTF8')"),
    "sqlite": _LATEST.format(wanted=_WANTED["sqlite"], text="CAST(latest.payload AS text)"),
}


def insert_pings(rows: Sequence[PingRow]) -> None:
    """Append to the log of signals."""
    connection = connections[router.db_for_write(HeartbeatPing)]
    if not rows:
        return
    with prepared.cursor(connection) as cursor:
        if connection.vendor == "postgresql":
            *plain, methods, bodies = zip(*rows, strict=True)
            columns = [*map(array_of_plain, plain), array_of_texts(methods), array_of_bytes(bodies)]
            cursor.execute(_INSERT_PINGS.format(rows=_PING_ARRAYS), columns)
        else:
            # SQLite has no type for a UUID and keeps its digits.
            spelled = [(*row[:4], row[4] and row[4].hex, *row[5:]) for row in rows]
            cursor.executemany(_INSERT_PINGS.format(rows=_PING_VALUES), spelled)


def insert_head(rows: Sequence[StoredRow]) -> int:
    """Insert the rows whose instant is not stored yet; how many were new."""
    inserted = 0
    for chunk in _chunks(rows):
        with prepared.cursor(connections[router.db_for_write(HeadRow)]) as cursor:
            _put(cursor, _INSERT_INTO_HEAD, chunk)
            inserted += cursor.rowcount
    return inserted


def insert_new(rows: Sequence[StoredRow]) -> set[RowKey]:
    """Insert the rows whose instant is not stored yet; the keys of those that were new."""
    inserted: set[RowKey] = set()
    for chunk in _chunks(rows):
        with prepared.cursor(connections[router.db_for_write(HeadRow)]) as cursor:
            _put(cursor, _INSERT_NEW, chunk)
            inserted.update(cursor.fetchall())
    return inserted


def newest_head(workspace_id: int, source_ids: Sequence[int]) -> dict[int, tuple[int, bytes]]:
    """The newest row of the inbox by source: time and payload."""
    found: dict[int, tuple[int, bytes]] = {}
    for chunk in _chunks([(workspace_id, source_id) for source_id in source_ids]):
        for source_id, ts, payload in _run(router.db_for_read(HeadRow), _NEWEST_HEAD, chunk):
            found[source_id] = ts, bytes(payload)
    return found


def stored_head(keys: Sequence[RowKey]) -> dict[RowKey, bytes]:
    """The payloads stored in the inbox under these keys."""
    found: dict[RowKey, bytes] = {}
    for chunk in _chunks(keys):
        rows = _run(router.db_for_write(HeadRow), _SELECT_HEAD, chunk)
        found.update({(workspace, source, ts): bytes(payload) for workspace, source, ts, payload in rows})
    return found


def upsert_latest(rows: Sequence[StoredRow]) -> set[tuple[int, int]]:
    """Make each row its source's newest unless a newer one is stored; workspace and source of those that became it.

    One row a source.
    """
    newest: set[tuple[int, int]] = set()
    for chunk in _chunks(rows):
        with prepared.cursor(connections[router.db_for_write(LatestRow)]) as cursor:
            _put(cursor, _UPSERT_LATEST, chunk)
            newest.update(cursor.fetchall())
    return newest


def newest_latest(keys: Collection[tuple[int, str]], *, kind: int) -> list[tuple[int, str, int]]:
    """Workspace, reference and newest instant of those of the sources that have one; keys: workspace and reference."""
    return _of_sources(_NEWEST_LATESTS, keys, kind)


def read_latest(keys: Collection[tuple[int, str]], *, kind: int) -> list[tuple[int, str, int, str]]:
    """Key, reference, newest instant and payload as text of those of the sources that have one."""
    return _of_sources(_LATESTS, keys, kind)


def _of_sources(statements: Mapping[str, str], keys: Collection[tuple[int, str]], kind: int) -> list[Any]:
    connection = connections[router.db_for_write(LatestRow)]
    if connection.vendor == "postgresql":
        workspaces, refs = zip(*keys, strict=True)
        wanted = [array_of_integers(workspaces), array_of_texts(refs)]
    else:
        wanted = [json.dumps(list(keys))]
    with prepared.cursor(connection) as cursor:
        cursor.execute(statements[connection.vendor], [*wanted, kind])
        return list(cursor.fetchall())


def _put(cursor: Any, statement: str, rows: Sequence[StoredRow]) -> None:
    """Run an insert of stored rows, whose payloads are JSON in one line each."""
    if cursor.db.vendor == "postgresql":
        *keys, payloads = zip(*rows, strict=True)
        lines = b"\n".join(payloads).decode()
        cursor.execute(statement.format(rows=_ARRAYS), [*map(array_of_integers, keys), lines])
    else:
        cursor.execute(*_with_groups(statement.replace("{rows}", "VALUES {rows}"), rows))


def _chunks(rows: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (rows[first : first + _CHUNK] for first in range(0, len(rows), _CHUNK))


def _run(alias: str, statement: str, rows: Sequence[Sequence[Any]]) -> list[Any]:
    with connections[alias].cursor() as cursor:
        cursor.execute(*_with_groups(statement, rows))
        return list(cursor.fetchall())


def _with_groups(statement: str, rows: Sequence[Sequence[Any]]) -> tuple[str, list[Any]]:
    # Only placeholders are put into the text; every value travels as a parameter.
    group = f"({', '.join(['%s'] * len(rows[0]))})"
    return statement.format(rows=", ".join([group] * len(rows))), [value for row in rows for value in row]
