"""Pausing, retiring and forgetting a subject: writes that span devices, nodes, metrics and incidents."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from apps.alerts import services as alerts
from apps.common.clock import epoch_ms, from_epoch_ms
from apps.common.values import Observation, Ref
from apps.devices import heartbeat
from apps.devices import services as devices
from apps.devices.flapping import Flaps
from apps.devices.heartbeat import HeartbeatConfig, HeartbeatState
from apps.devices.models import Device, DeviceState
from apps.devices.state import CODE, Snapshot
from apps.incidents import services as incidents
from apps.metrics import services as metrics
from apps.nodes import services as nodes
from apps.nodes.models import Node
from apps.pipeline.states import lock_states, save_states, source_of, write_flaps, write_snapshot
from apps.projects.models import MaintenanceWindow
from apps.tokens.models import AgentKey
from apps.traffic import services as traffic
from apps.workspaces.models import Workspace

# By then no transaction that began before a node was retired can still be running.
QUARANTINE = timedelta(minutes=10)
# Monitors whose states are read and written together.
TOGETHER = 500


@transaction.atomic
def set_paused(*, device: Device, paused: bool, now: datetime) -> Device:
    """Pause or resume a device by hand.

    A paused device is in no state: what is open about it closes silently, its time counts as unknown, and after
    resuming its first result is news again.
    """
    rows = lock_states({device.pk})
    device = devices.set_paused(device=device, paused=paused, now=now)
    _enter_no_state(list(rows.values()), paused=paused, now=now)
    return device


@transaction.atomic
def follow_plan(*, workspace: Workspace, now: datetime) -> int:
    """Let a workspace's devices follow the plan in force, states included; answers how many devices changed.

    What the plan pauses is in no state, as after a pause by hand. Safe to run twice.
    """
    fit = devices.fit_to_plan(workspace=workspace, now=now)
    for flipped, paused in ((fit.paused, True), (fit.resumed, False)):
        rows = lock_states({device.pk for device in flipped})
        _enter_no_state(list(rows.values()), paused=paused, now=now)
    return fit.changed


@transaction.atomic
def begin_anew(*, workspace: Workspace, now: datetime) -> None:
    """Let the states of a workspace's monitors begin as after a pause by hand: nobody looked at them for a while.

    What was open about them closes silently, that time counts as unknown, and the first result is news again.
    """
    running = Device.objects.of(workspace).filter(paused=False).order_by("pk").values_list("pk", flat=True)
    keys = list(running)
    for start in range(0, len(keys), TOGETHER):
        for paused in (True, False):
            _enter_no_state(list(lock_states(keys[start : start + TOGETHER]).values()), paused=paused, now=now)


def _enter_no_state(rows: Sequence[DeviceState], *, paused: bool, now: datetime) -> None:
    at = from_epoch_ms(epoch_ms(now))
    for row in rows:
        if row.device.kind == Device.Kind.HEARTBEAT:
            _pause_machine(row, paused=paused, now=at)
        write_snapshot(row, Snapshot(state="unknown", since=at, retries=row.device.retries))
        write_flaps(row, Flaps())
    save_states(rows)
    if paused and rows:
        metrics.append(rows=[_paused_from(row, at=at) for row in rows], now=now)
        for row in rows:
            alerts.forget(workspace_id=row.workspace_id, ref=row.device.ref)
            incidents.close_silently(ref=row.device.ref, reason="paused", now=now)


def _pause_machine(row: DeviceState, *, paused: bool, now: datetime) -> None:
    config = HeartbeatConfig.parse(row.device.heartbeat or {})
    state = HeartbeatState.from_dict(row.heartbeat)
    # What was due before the pause and nobody has seen yet ends with it: the device is in no state now.
    state = heartbeat.pause(state, config, now)[0] if paused else heartbeat.resume(state, now)
    row.heartbeat = state.to_dict()
    row.due_at = heartbeat.next_look(state, config)


def _paused_from(row: DeviceState, *, at: datetime) -> Observation:
    return Observation(
        workspace_id=row.workspace_id,
        source=source_of(row.pk),
        at=at,
        # Interval 0: unknown until the next row.
        values={"state": CODE["unknown"], "interval_ms": 0},
        detail={"reason": "paused"},
    )


@transaction.atomic
def retire_node(*, node: Node, actor: str, now: datetime) -> None:
    """Delete a node for everybody who looks: its secret is dead, and what is open about it closes without a word.

    Its series go later (`forget_retired`): a report of it may still be on its way. NotFoundError when it is gone.
    """
    node = nodes.retire_node(node=node, actor=actor, now=now)
    alerts.forget(workspace_id=node.workspace_id, ref=node.ref)
    incidents.close_silently(ref=node.ref, reason="subject_deleted", now=now)


def forget_retired(*, now: datetime, limit: int = 20) -> int:
    """Delete series and rows of at most `limit` nodes that were retired a while ago; safe to stop and to run again."""
    due = Node.objects.filter(retired_at__lte=now - QUARANTINE).order_by("retired_at")[:limit]
    return sum(forget(ref=node.ref, now=now) for node in due)


@transaction.atomic
def forget(*, ref: Ref, now: datetime) -> bool:
    """Remove a subject and all that hangs on it: incidents close silently, series, keys and windows go, then the row.

    This is the cascade where no foreign key can be (docs/architecture.md). False when it is gone already.
    """
    subject = _locked_subject(ref)
    if subject is None:
        return False
    workspace_id = subject.workspace_id
    alerts.forget(workspace_id=workspace_id, ref=ref)
    incidents.close_silently(ref=ref, reason="subject_deleted", now=now)
    if isinstance(subject, Node):
        traffic.forget(workspace_id=workspace_id, ref=ref)
    metrics.forget(workspace_id=workspace_id, ref=ref)
    AgentKey.objects.of(workspace_id).filter(subject=ref.kind, subject_id=ref.id).delete()
    MaintenanceWindow.objects.of(workspace_id).filter(subject_kind=ref.kind, subject_id=ref.id).delete()
    if isinstance(subject, Node):
        nodes.drop_node(node=subject)
    else:
        subject.delete()
    return True


def _locked_subject(ref: Ref) -> Device | Node | None:
    if ref.kind == "device":
        return Device.objects.select_for_update().filter(pk=ref.id).first()
    return Node.objects.select_for_update().filter(pk=ref.id).first() if ref.kind == "node" else None
