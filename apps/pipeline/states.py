"""Between rows of DeviceState and the pure rule that advances them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from django.db import transaction

from apps.alerts import services as alerts
from apps.alerts.types import Sample, Subject
from apps.common import bus
from apps.common.among import Among
from apps.common.clock import epoch_ms, from_epoch_ms
from apps.common.values import Ref, SourceRef
from apps.devices.flapping import Flaps, count, settle
from apps.devices.models import Device, DeviceState
from apps.devices.state import RANK, Flip, Snapshot
from apps.devices.types import Change, FlapMark, StateName
from apps.incidents import services as incidents
from apps.projects.models import MaintenanceWindow
from apps.projects.windows import windows_between

HEAVY = ("device__synthetic", "device__dns", "device__notes", "device__url")
COLUMNS = (
    "state",
    "rank",
    "since",
    "streak",
    "failed_at",
    "announced",
    "severity",
    "cause",
    "cause_text",
    "flips",
    "flapping_since",
    "settles_at",
    "certificate_expires_at",
    "certificate_issuer",
    "domain_expires_at",
    "heartbeat",
    "due_at",
    "version",
)


def lock_states(device_ids: Collection[int]) -> dict[int, DeviceState]:
    """The state rows of these devices with their device, locked in one order so that writers queue, not block."""
    rows = DeviceState.objects.select_for_update(of=("self",)).select_related("device").defer(*HEAVY)
    return {row.pk: row for row in rows.filter(Among("pk", device_ids)).order_by("pk")}


def source_of(device_id: int) -> SourceRef:
    """The metrics source of a device that we probe ourselves, or that pings us."""
    return SourceRef(Ref("device", device_id))


def sample_of(device: Device, at: datetime, values: Mapping[str, float | None]) -> Sample:
    """A result of a device as rules about values see it."""
    subject = Subject(device.workspace_id, device.ref, device.number, device.name, device.project_id, last_seen_at=at)
    return Sample(subject, at, values)


def snapshot_of(row: DeviceState) -> Snapshot:
    """The row as the pure rule wants it."""
    return Snapshot(
        state=row.state,  # type: ignore[arg-type]  # the column's choices are the names of StateName
        since=row.since,
        streak=row.streak,
        cause=row.cause,
        cause_text=row.cause_text,
        announced=row.announced,  # type: ignore[arg-type]  # likewise, or empty
        failed_at=row.failed_at,
        severity=row.severity,
        retries=row.device.retries,
    )


def write_snapshot(row: DeviceState, snapshot: Snapshot) -> bool:
    """Put a snapshot into the row, unsaved; answers whether anything changed."""
    if snapshot == snapshot_of(row):
        return False
    row.state, row.rank = snapshot.state, RANK[snapshot.state]
    row.since, row.streak, row.failed_at = snapshot.since, snapshot.streak, snapshot.failed_at
    row.announced, row.severity = snapshot.announced, snapshot.severity
    row.cause, row.cause_text = snapshot.cause[:32], snapshot.cause_text[:500]
    return True


def save_states(rows: Collection[DeviceState]) -> None:
    """Write the rows that changed, each with a higher version."""
    for row in rows:
        row.version += 1
    DeviceState.objects.bulk_update(rows, COLUMNS)


def changes_of(flips: Sequence[tuple[DeviceState, Flip]]) -> list[Change]:
    """Flips as the changes that rules judge: whether each falls into a maintenance window, and whether it flaps.

    Counts the flips into their rows, which the caller saves afterwards.
    """
    windows = windows_of([row for row, _ in flips], [flip.at for _, flip in flips])
    changes: list[Change] = []
    for row, flip in flips:
        in_maintenance = any(window.covers(flip.at) for window in windows[row.pk])
        if (ended := settled_change(row, flip.before, now=flip.at)) is not None:
            changes.append(ended)
        # Nobody hears of what happens in a window, so it is not too much for anybody either.
        mark = "" if in_maintenance else _marked(row, flip)
        changes.append(_change(row, flip, in_maintenance=in_maintenance, mark=mark))
    return changes


def _change(row: DeviceState, flip: Flip, *, in_maintenance: bool, mark: FlapMark) -> Change:
    return Change(
        workspace_id=row.workspace_id,
        device_id=row.pk,
        at=flip.at,
        before=flip.before,
        after=flip.after,
        cause=flip.cause,
        cause_text=flip.cause_text,
        severity=flip.severity,
        in_maintenance=in_maintenance,
        flapping=mark,
    )


def settled_change(row: DeviceState, state: StateName, *, now: datetime) -> Change | None:
    """The end of a flapping that is over by `now`, told of the state it ended in; the row is changed, not saved."""
    flaps, ended_at = settle(flaps_of(row), now)
    if ended_at is None:
        return None
    write_flaps(row, flaps)
    trouble = state in {"down", "warning"}
    flip = Flip(ended_at, state, state, row.cause if trouble else "", row.cause_text if trouble else "", row.severity)
    in_maintenance = any(window.covers(ended_at) for window in windows_of([row], [ended_at])[row.pk])
    return _change(row, flip, in_maintenance=in_maintenance, mark="ended")


def flaps_of(row: DeviceState) -> Flaps:
    """The row's flaps as the pure rule wants them."""
    return Flaps(tuple(map(from_epoch_ms, row.flips)), row.flapping_since)


def write_flaps(row: DeviceState, flaps: Flaps) -> None:
    """Put flaps into the row, unsaved."""
    row.flips = [epoch_ms(at) for at in flaps.at]
    row.flapping_since, row.settles_at = flaps.since, flaps.settles_at


def _marked(row: DeviceState, flip: Flip) -> FlapMark:
    if flip.before != flip.after:
        return _counted(row, flip.at)
    # A warning that grows critical is no change of state, so it counts for nothing; while it flaps it is silent too.
    return "on" if row.flapping_since is not None else ""


def _counted(row: DeviceState, at: datetime) -> FlapMark:
    flaps, mark = count(flaps_of(row), at)
    write_flaps(row, flaps)
    return mark


def windows_of(rows: Iterable[DeviceState], instants: Collection[datetime]) -> dict[int, list[MaintenanceWindow]]:
    """The windows of each device, its project's included, that touch the span of these instants."""
    by_workspace: dict[int, dict[int, int]] = {}
    for row in rows:
        by_workspace.setdefault(row.workspace_id, {})[row.pk] = row.device.project_id
    found: dict[int, list[MaintenanceWindow]] = {}
    for workspace_id, subjects in by_workspace.items():
        found |= windows_between(
            workspace_id=workspace_id,
            kind="device",
            subjects=subjects,
            start=min(instants),
            end=max(instants),
        )
    return found


def announce(changes: Sequence[Change], *, now: datetime) -> None:
    """Let the rules judge changes, oldest first, and incidents follow; a repeated change does nothing."""
    if not changes:
        return
    in_order = sorted(changes, key=lambda change: (change.at, change.device_id))
    incidents.apply(verdicts=alerts.evaluate(changes=in_order), now=now)
    transaction.on_commit(lambda: bus.publish(bus.NOTIFICATIONS))
