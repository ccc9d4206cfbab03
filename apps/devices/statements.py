"""The statements of devices that the ORM has no quick words for; the same on SQLite and on PostgreSQL."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connections, router

from apps.common.arrays import array_of_integers
from apps.devices.heartbeat import HeartbeatConfig, HeartbeatState
from apps.devices.models import Device, DeviceState

_LOCK = """
    SELECT state.device_id, state.workspace_id, device.paused, device.pause_reason,
           CAST(device.heartbeat AS text), CAST(state.heartbeat AS text), device.kind
    FROM devices_devicestate state JOIN devices_device device ON device.id = state.device_id
    WHERE state.device_id {among} AND device.id {among} ORDER BY state.device_id {locked}
"""
# Both tables are told which rows are wanted, and the kind is looked at afterwards: a planner that has old figures of a
# young installation would rather go through all devices than believe that so many of one kind are meant.
_LOCKS = {
    "postgresql": _LOCK.format(among="= ANY(%s::bigint[])", locked="FOR UPDATE OF state"),
    # Who writes has the whole database.
    "sqlite": _LOCK.format(among="IN (SELECT value FROM json_each(%s))", locked=""),
}
_SAVE = """
    UPDATE devices_devicestate SET heartbeat = said.heartbeat, due_at = said.due_at, version = version + 1
    FROM ({rows}) said WHERE devices_devicestate.device_id = said.id
"""
# One parameter a column, or one for all: a CASE for each of hundreds of rows costs far more than writing them.
_SAVES = {
    "postgresql": _SAVE.format(
        rows="SELECT * FROM unnest(%s::bigint[], %s::jsonb[], %s::timestamptz[]) AS given (id, heartbeat, due_at)"
    ),
    "sqlite": _SAVE.format(
        rows="SELECT value->>0 AS id, value->>1 AS heartbeat, value->>2 AS due_at FROM json_each(%s)"
    ),
}


class Machine(NamedTuple):
    """A heartbeat as a signal or a sweep finds it: how it is expected, and what it remembers."""

    device_id: int
    workspace_id: int
    paused: bool
    pause_reason: str
    config: HeartbeatConfig
    state: HeartbeatState


def lock_machines(device_ids: Collection[int]) -> dict[int, Machine]:
    """The heartbeats among these devices; their states are locked in the one order of every writer."""
    connection = connections[router.db_for_write(DeviceState)]
    is_array = connection.vendor == "postgresql"
    wanted = array_of_integers(device_ids) if is_array else json.dumps(list(device_ids))
    with connection.cursor() as cursor:
        cursor.execute(_LOCKS[connection.vendor], [wanted, wanted])
        rows = cursor.fetchall()
    return {
        pk: Machine(pk, workspace, bool(paused), reason, HeartbeatConfig.read(config), HeartbeatState.read(state))
        for pk, workspace, paused, reason, config, state, kind in rows
        if kind == Device.Kind.HEARTBEAT
    }


def save_machines(rows: Sequence[tuple[int, HeartbeatState, datetime | None]]) -> None:
    """Write the machines of heartbeats and when to look at them next, and nothing else of their state.

    For locked rows whose state stays what it is, as that of nearly every signal's device does.
    """
    if not rows:
        return
    connection = connections[router.db_for_write(DeviceState)]
    said: list[Any]
    if connection.vendor == "postgresql":
        said = [array_of_integers(row[0] for row in rows), [row[1].spelled() for row in rows], [row[2] for row in rows]]
    else:
        instant = connection.ops.adapt_datetimefield_value
        said = [json.dumps([[pk, state.spelled(), due_at and str(instant(due_at))] for pk, state, due_at in rows])]
    with connection.cursor() as cursor:
        cursor.execute(_SAVES[connection.vendor], said)
