"""The one statement of devices that the ORM has no quick words for; the same on SQLite and on PostgreSQL."""

import json
from collections.abc import Sequence

from django.db import connections, router

from apps.devices.models import DeviceState

_SAVE = """
    UPDATE devices_devicestate SET heartbeat = said.heartbeat, due_at = said.due_at, version = version + 1
    FROM ({rows}) said WHERE devices_devicestate.device_id = said.id
"""
# One document for all rows: a CASE for each of hundreds of rows costs far more than writing them.
_ROWS = {
    "postgresql": "SELECT (value->>0)::bigint AS id, value->1 AS heartbeat, (value->>2)::timestamptz AS due_at"
    " FROM jsonb_array_elements(%s::jsonb) AS given (value)",
    "sqlite": "SELECT value->>0 AS id, value->1 AS heartbeat, value->>2 AS due_at FROM json_each(%s)",
}


def save_machines(rows: Sequence[DeviceState]) -> None:
    """Write the machines of heartbeats and when to look at them next, and nothing else of their state.

    For locked rows whose state stays what it is, as that of nearly every signal's device does.
    """
    if not rows:
        return
    connection = connections[router.db_for_write(DeviceState)]
    instant = connection.ops.adapt_datetimefield_value
    said = json.dumps([[row.pk, row.heartbeat, row.due_at and str(instant(row.due_at))] for row in rows])
    with connection.cursor() as cursor:
        cursor.execute(_SAVE.format(rows=_ROWS[connection.vendor]), [said])
    for row in rows:
        row.version += 1
