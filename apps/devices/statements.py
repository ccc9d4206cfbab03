"""The statements of devices that the ORM has no quick words for; the same on SQLite and on PostgreSQL."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connections, router

from apps.common import prepared
from apps.common.among import integers_in
from apps.common.arrays import array_of_integers, array_of_plain, array_of_texts
from apps.common.instants import known_instant, spelled_instant
from apps.devices.heartbeat import HeartbeatConfig, HeartbeatState
from apps.devices.models import Device, DeviceState

_LOCK = """
    SELECT state.device_id, state.workspace_id, device.paused, device.pause_reason,
           CAST(device.heartbeat AS text), CAST(state.heartbeat AS text), CAST(state.due_at AS text), device.kind
    FROM {devices} device JOIN devices_devicestate state ON state.device_id = device.id
    WHERE {wanted} AND state.device_id {among} ORDER BY state.device_id {locked}
"""
# Both tables are told which rows are wanted, and the kind is looked at afterwards: a planner that has old figures of a
# young installation would rather go through all devices than believe that so many of one kind are meant, or compare
# each of them with everything that is wanted.
_LOCKS = {
    "postgresql": _LOCK.format(
        devices="(SELECT one.* FROM unnest(%s::bigint[]) AS wanted (id) JOIN devices_device one USING (id) OFFSET 0)",
        wanted="TRUE",
        among="= ANY(%s::bigint[])",
        locked="FOR UPDATE OF state",
    ),
    # Who writes has the whole database.
    "sqlite": _LOCK.format(
        devices="devices_device",
        wanted="device.id IN (SELECT value FROM json_each(%s))",
        among="IN (SELECT value FROM json_each(%s))",
        locked="",
    ),
}
_SAVE = """
    UPDATE devices_devicestate SET heartbeat = said.heartbeat, version = version + 1
    FROM ({rows}) said WHERE devices_devicestate.device_id = said.id {among}
"""
# Naming the indexed column moves all indexes, or this one, even when it stays what it is.
_PLAN = _SAVE.replace(" version =", " due_at = said.due_at, version =")
# Said twice, or the planner of a small installation goes through all states, and through what they have been.
_AMONG = "AND devices_devicestate.device_id = ANY(%s::bigint[])"
# One parameter a column, or one for all: a CASE for each of hundreds of rows costs far more than writing them.
_SAVES = {
    "postgresql": _SAVE.format(
        rows="SELECT * FROM unnest(%s::bigint[], %s::jsonb[]) AS given (id, heartbeat)", among=_AMONG
    ),
    "sqlite": _SAVE.format(rows="SELECT value->>0 AS id, value->1 AS heartbeat FROM json_each(%s)", among=""),
}
_PLANS = {
    "postgresql": _PLAN.format(
        rows="SELECT * FROM unnest(%s::bigint[], %s::jsonb[], %s::timestamptz[]) AS given (id, heartbeat, due_at)",
        among=_AMONG,
    ),
    "sqlite": _PLAN.format(
        rows="SELECT value->>0 AS id, value->1 AS heartbeat, value->>2 AS due_at FROM json_each(%s)", among=""
    ),
}


class Machine(NamedTuple):
    """A heartbeat as a signal or a sweep finds it: how it is expected, what it remembers, and when to look at it."""

    device_id: int
    workspace_id: int
    paused: bool
    pause_reason: str
    config: HeartbeatConfig
    state: HeartbeatState
    due_at: datetime | None


def lock_machines(device_ids: Collection[int]) -> dict[int, Machine]:
    """The heartbeats among these devices; their states are locked in the one order of every writer."""
    connection = connections[router.db_for_write(DeviceState)]
    wanted = integers_in(connection.vendor, device_ids)
    with prepared.cursor(connection) as cursor:
        cursor.execute(_LOCKS[connection.vendor], [wanted, wanted])
        rows = cursor.fetchall()
    return {row[0]: _machine(row) for row in rows if row[-1] == Device.Kind.HEARTBEAT}


def save_machines(rows: Sequence[tuple[Machine, HeartbeatState, datetime | None]]) -> None:
    """Write what machines have become and when to look at them next, and nothing else of their state.

    For locked rows whose state stays what it is, as that of nearly every signal's device does.
    """
    kept = [(machine.device_id, state.spelled()) for machine, state, due_at in rows if due_at == machine.due_at]
    planned = [
        (machine.device_id, state.spelled(), due_at) for machine, state, due_at in rows if due_at != machine.due_at
    ]
    connection = connections[router.db_for_write(DeviceState)]
    is_array = connection.vendor == "postgresql"
    with prepared.cursor(connection) as cursor:
        if kept:
            cursor.execute(_SAVES[connection.vendor], _columns(kept) if is_array else [_kept(kept)])
        if planned:
            cursor.execute(_PLANS[connection.vendor], _columns(planned) if is_array else [_planned(planned)])


def _machine(row: Sequence[Any]) -> Machine:
    pk, workspace_id, paused, reason, config, state, due_at, _ = row
    known, at = HeartbeatConfig.read(config), known_instant(due_at)
    return Machine(pk, workspace_id, bool(paused), reason, known, HeartbeatState.read(state), at)


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[Any]:
    ids, states, *looks = zip(*rows, strict=True)
    among = array_of_integers(ids)
    return [among, array_of_texts(states), *map(array_of_plain, looks), among]


def _kept(rows: Sequence[tuple[int, str]]) -> str:
    return f"[{','.join([f'[{pk},{state}]' for pk, state in rows])}]"


def _planned(rows: Sequence[tuple[int, str, datetime | None]]) -> str:
    spelled = [(pk, state, json.dumps(due_at and spelled_instant(due_at))) for pk, state, due_at in rows]
    return f"[{','.join([f'[{pk},{state},{due_at}]' for pk, state, due_at in spelled])}]"
