"""Heartbeats through the door: signals move the machine, deadlines pass, and the rest follows as for checks."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Literal, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from msgspec import structs

from apps.common.among import Among
from apps.common.clock import MILLISECOND, epoch_ms
from apps.common.looks import Look
from apps.common.values import Observation
from apps.devices import heartbeat
from apps.devices import services as devices
from apps.devices.heartbeat import Flip, HeartbeatState, Recorded, Signal
from apps.devices.models import Device, DeviceState
from apps.devices.state import CODE, Outcome, Snapshot, advance
from apps.devices.state import Flip as StateFlip
from apps.devices.statements import Machine, lock_machines, save_machines
from apps.devices.types import Change
from apps.metrics import services as metrics
from apps.metrics.types import NewPing, PlainResult
from apps.pipeline import samples
from apps.pipeline.states import (
    announce,
    changes_of,
    lock_states,
    sample_of,
    save_states,
    snapshot_of,
    source_of,
    write_snapshot,
)
from apps.workspaces.selectors import closed_workspaces

CHUNK = 500
# What rules have to know of a device.
NAMED = ("workspace_id", "number", "name", "project_id")
# What the machine shows, as the device's state; new and paused have no row of their own.
STATUS: Mapping[str, Literal["up", "warning", "down"]] = {"up": "up", "late": "warning", "down": "down"}
WELL = {"state": CODE["up"], "interval_ms": 0}
NOTHING: Mapping[str, str] = MappingProxyType({})
SENTENCES = {
    "timeout": "No signal arrived by the deadline",
    "overrun": "The job did not finish in time",
    "fail": "The job reported a failure",
    "late": "The expected signal is late",
}


class Moved(NamedTuple):
    """A heartbeat as it was, what its machine has become, and the signal that moved it, if one did."""

    machine: Machine
    state: HeartbeatState
    flips: list[Flip]
    heard: "Taken | None" = None

    @property
    def is_calm(self) -> bool:
        """Whether the device's state stays what it is, as after nearly every signal."""
        return not self.flips and self.state.phase == self.machine.state.phase

    @property
    def is_plain(self) -> bool:
        """Whether all there is to tell is that the job was well."""
        recorded = self.heard.recorded if self.heard is not None and not self.flips else None
        return recorded is not None and recorded.effect == "success" and recorded.duration_ms is None

    @property
    def next_look(self) -> datetime | None:
        """When something changes by itself, if ever."""
        return heartbeat.next_look(self.state, self.machine.config)

    def look_at(self, now: datetime) -> datetime | None:
        """When to look, of a calm one: as planned before if that is early, but not soon.

        Jobs that signal far more often than they have to would move along the index of looks every time. A look that
        comes too early sees nothing, and plans the next.
        """
        planned, due = self.machine.due_at, self.next_look
        if planned is None or due is None or planned > due or planned - now < (due - now) / 2:
            return due
        return planned


class Taken(NamedTuple):
    """A signal and what became of it."""

    signal: Signal
    recorded: Recorded


class Heard(NamedTuple):
    """What became of a signal: its effect (contract Dashmon 6.3: ignored included) and the state shown after it.

    `lapsed`: the plan paused the device, so nothing was taken.
    """

    effect: str
    state: str
    received_at: datetime
    lapsed: bool = False


class SentSignal(NamedTuple):
    """A signal on its way in. With `keep=False` (a sender over its limit) it moves all, but is not logged."""

    device_id: int
    signal: Signal
    keep: bool = True


@transaction.atomic(savepoint=False)
def submit_heartbeats(*, sent: Sequence[SentSignal], now: datetime) -> list[Heard | None]:
    """Take signals: log them, move the machines, store what history shows, announce flips; in their order.

    The callers' answers may go out once this has committed. None for a heartbeat that is gone.
    """
    heard: list[Heard | None] = [None] * len(sent)
    waiting = list(range(len(sent)))
    while waiting:
        # A device's second signal meets what its first one has left. The first round locks every device.
        first = {sent[number].device_id: number for number in reversed(waiting)}
        numbers = sorted(first.values())
        for number, answer in zip(numbers, _submit([sent[each] for each in numbers], now=now), strict=True):
            heard[number] = answer
        waiting = [number for number in waiting if number not in first.values()]
    return heard


def _submit(sent: Sequence[SentSignal], *, now: datetime) -> list[Heard | None]:
    """Take signals of devices that differ."""
    machines = lock_machines({each.device_id for each in sent})
    heard: list[Heard | None] = []
    moved: list[Moved] = []
    pings: list[NewPing] = []
    for each in sent:
        machine = machines.get(each.device_id)
        if machine is None:
            heard.append(None)
        elif machine.pause_reason == Device.PauseReason.PREMIUM:
            heard.append(Heard("ignored", "paused", each.signal.at, lapsed=True))
        else:
            moving, taken = _moved_by(each.signal, machine, now=now)
            moved.append(moving)
            heard.append(Heard(taken.recorded.effect, moving.state.shown, taken.signal.at))
            if each.keep:
                pings.append(_ping(machine, taken))
    metrics.record_pings(pings=pings)
    _settle(moved, now=now)
    return heard


def _moved_by(signal: Signal, machine: Machine, *, now: datetime) -> tuple[Moved, Taken]:
    state, flips = _in_step(machine, now=now)
    signal = _after_all_before(signal, state)
    state, more, recorded = heartbeat.apply_signal(state, machine.config, signal)
    if machine.paused and state.phase != "paused":
        # A success or a failure ends a pause by hand, unless the monitor wants to be resumed by hand too.
        devices.set_paused(device=Device.objects.get(pk=machine.device_id), paused=False, now=now)
    taken = Taken(signal, recorded)
    return Moved(machine, state, [*flips, *more], taken), taken


def sweep_heartbeats(*, now: datetime, limit: int = 500, hold: bool = False) -> int:
    """Let time pass for heartbeats that have something due; answers how many were looked at.

    Flips are dated by the machine, not by the sweep. With `hold`, heartbeats that would go down are left for the
    next sweep: after an outage of our own, jobs get one chance to be heard first.
    """
    # Nearly every sweep ends with this look.
    return _sweep(_due(now), now=now, limit=limit, hold=hold) if _due.finds_any(now) else 0


@Look
def _due(now: datetime) -> QuerySet[DeviceState]:
    return DeviceState.objects.filter(due_at__lte=now).exclude(workspace__in=closed_workspaces())


@transaction.atomic
def _sweep(due: QuerySet[DeviceState], *, now: datetime, limit: int, hold: bool) -> int:
    locked = due.select_for_update(skip_locked=True).order_by("due_at", "pk").values_list("pk", flat=True)
    moved = []
    for machine in lock_machines(locked[:limit]).values():
        state, flips = _in_step(machine, now=now)
        state, more = heartbeat.sweep(state, machine.config, now)
        flips = [*flips, *more]
        if not (hold and any(flip.after == "down" for flip in flips)):
            moved.append(Moved(machine, state, flips))
    _settle(moved, now=now)
    return len(moved)


@transaction.atomic
def rearm_heartbeat(*, device: Device, now: datetime) -> None:
    """Take a changed heartbeat configuration into account: the deadline moves, what is late may not be any more."""
    machine = lock_machines({device.pk}).get(device.pk)
    if machine is None:
        return
    state, flips = _in_step(machine, now=now)
    state, more = heartbeat.reconfigure(state, machine.config, now)
    _settle([Moved(machine, state, [*flips, *more])], now=now)


def _in_step(machine: Machine, *, now: datetime) -> tuple[HeartbeatState, list[Flip]]:
    """The stored machine, paused or resumed as its device is: plans pause devices without asking the machine."""
    state = machine.state
    if machine.paused and state.phase != "paused":
        # Nobody knows what was due before the pause, so nothing is told of the time before it.
        return heartbeat.pause(state, machine.config, now)[0], []
    if not machine.paused and state.phase == "paused":
        return heartbeat.resume(state, now), []
    return state, []


def _after_all_before(signal: Signal, state: HeartbeatState) -> Signal:
    # One instant has one row in history, so two signals of one millisecond are told one after the other.
    if state.settled_at is None or signal.at > state.settled_at:
        return signal
    return structs.replace(signal, at=state.settled_at + MILLISECOND)


def _ping(machine: Machine, taken: Taken) -> NewPing:
    signal = taken.signal
    return NewPing(
        workspace_id=machine.workspace_id,
        device_id=machine.device_id,
        received_at=signal.at,
        kind=signal.kind,
        rid=UUID(signal.rid) if signal.rid else None,
        exit_code=signal.exit_code,
        duration_ms=taken.recorded.duration_ms,
        method=signal.method,
        body=signal.body,
    )


def _settle(moved: Sequence[Moved], *, now: datetime) -> None:
    """Write machines, states and history of heartbeats that moved, and announce their flips."""
    calm = [each for each in moved if each.is_calm]
    save_machines([(each.machine, each.state, each.look_at(now)) for each in calm])
    plain = [_plain(each.machine, each.heard.recorded) for each in moved if each.heard is not None and each.is_plain]
    rows = [row for each in moved if not each.is_plain for row in _history(each)]
    silent, changes = _turn([each for each in moved if not each.is_calm], now=now)
    rows.extend(silent)
    for start in range(0, len(plain), CHUNK):
        metrics.append(rows=(), plain=plain[start : start + CHUNK], now=now)
    for start in range(0, len(rows), CHUNK):
        metrics.append(rows=rows[start : start + CHUNK], now=now)
    announce(changes, now=now)
    _judge([seen for seen in rows if "run_ms" in seen.values], now=now)


def _turn(moved: Sequence[Moved], *, now: datetime) -> tuple[list[Observation], list[Change]]:
    """Write states that do not stay what they are; what history has to know beside their flips, and the news."""
    if not moved:
        return [], []
    rows = lock_states({each.machine.device_id for each in moved})
    announced: list[tuple[DeviceState, StateFlip]] = []
    silent: list[Observation] = []
    for each in moved:
        row = rows[each.machine.device_id]
        for flip in each.flips:
            announced.extend((row, told) for told in _advance(row, flip, each.heard))
        if each.state.phase == "paused" != each.machine.state.phase:
            silent.append(_fall_silent(row, each.machine, at=each.state.settled_at or now))
        row.heartbeat = each.state.to_dict()
        row.due_at = each.next_look
    changes = changes_of(announced)
    save_states(rows.values())
    return silent, changes


def _judge(timed: Sequence[Observation], *, now: datetime) -> None:
    """Let the rules see how long jobs ran."""
    if not timed:
        return
    wanted = {seen.source.subject.id for seen in timed}
    named = Device.objects.only(*NAMED).filter(Among("pk", wanted)).in_bulk()
    samples.judge([sample_of(named[seen.source.subject.id], seen.at, seen.values) for seen in timed], now=now)


def _advance(row: DeviceState, flip: Flip, heard: Taken | None) -> list[StateFlip]:
    """Move the device's state along one flip of its machine; what is to be announced of it."""
    status = STATUS.get(flip.after)
    if status is None:
        return []
    outcome = Outcome(
        at=flip.at,
        status=status,
        cause="" if status == "up" else flip.reason,
        cause_text=_sentence(flip, heard),
        held=flip.after == "late",
    )
    # A deadline is not a failed try, so there is nothing to confirm by trying again.
    after, told = advance(replace(snapshot_of(row), retries=0), outcome)
    write_snapshot(row, after)
    return [] if told is None else [told]


def _fall_silent(row: DeviceState, machine: Machine, *, at: datetime) -> Observation:
    """A heartbeat that was paused is in no state until its next signal."""
    write_snapshot(row, Snapshot(state="unknown", since=at, retries=row.device.retries))
    return _row(machine, at=at, code=CODE["unknown"], detail={"reason": "paused"})


def _sentence(flip: Flip, heard: Taken | None) -> str:
    if flip.reason == "fail" and heard is not None and heard.signal.exit_code:
        return f"The job ended with exit status {heard.signal.exit_code}"
    return SENTENCES.get(flip.reason, "")


def _plain(machine: Machine, recorded: Recorded) -> PlainResult:
    return PlainResult(machine.workspace_id, machine.device_id, epoch_ms(recorded.at), WELL)


def _history(moved: Moved) -> list[Observation]:
    """One row per flip and per success or failure; each state holds until the next row (interval 0)."""
    told = [] if moved.heard is None else _ended(moved.machine, moved.heard.recorded)
    if not moved.flips:
        return told
    by_instant = {row.at: row for row in told}
    for flip in moved.flips:
        if flip.at not in by_instant and flip.after in STATUS:
            code = CODE[STATUS[flip.after]]
            detail = NOTHING if flip.after == "up" else {"reason": flip.reason}
            by_instant[flip.at] = _row(moved.machine, at=flip.at, code=code, detail=detail)
    return [by_instant[at] for at in sorted(by_instant)]


def _ended(machine: Machine, recorded: Recorded) -> list[Observation]:
    """The row of a success or a failure, if the signal was one."""
    if recorded.effect == "success":
        return [_row(machine, at=recorded.at, code=CODE["up"], detail=NOTHING, run_ms=recorded.duration_ms)]
    if recorded.effect == "fail":
        detail = {"reason": "fail"}
        return [_row(machine, at=recorded.at, code=CODE["down"], detail=detail, run_ms=recorded.duration_ms)]
    return []


def _row(
    machine: Machine, *, at: datetime, code: int, detail: Mapping[str, str], run_ms: int | None = None
) -> Observation:
    values: dict[str, int | float | None] = {"state": code, "interval_ms": 0}
    if run_ms is not None:
        values["run_ms"] = run_ms
    return Observation(machine.workspace_id, source_of(machine.device_id), at, values, detail=detail)
