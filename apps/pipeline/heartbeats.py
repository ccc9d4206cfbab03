"""Heartbeats through the door: signals move the machine, deadlines pass, and the rest follows as for checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet

from apps.common.values import Observation
from apps.devices import heartbeat
from apps.devices import services as devices
from apps.devices.heartbeat import Flip, HeartbeatConfig, HeartbeatState, Recorded, Signal
from apps.devices.models import Device, DeviceState
from apps.devices.state import CODE, Outcome, Snapshot, advance
from apps.devices.state import Flip as StateFlip
from apps.devices.statements import save_machines
from apps.metrics import services as metrics
from apps.metrics.types import NewPing
from apps.pipeline import samples
from apps.pipeline.states import (
    HEAVY,
    announce,
    changes_of,
    lock_states,
    sample_of,
    save_states,
    snapshot_of,
    source_of,
    write_snapshot,
)

MS = timedelta(milliseconds=1)
CHUNK = 500
# What the machine shows, as the device's state; new and paused have no row of their own.
STATUS: Mapping[str, Literal["up", "warning", "down"]] = {"up": "up", "late": "warning", "down": "down"}
SENTENCES = {
    "timeout": "No signal arrived by the deadline",
    "overrun": "The job did not finish in time",
    "fail": "The job reported a failure",
    "late": "The expected signal is late",
}


class Moved(NamedTuple):
    """A heartbeat's row as it was, and what its machine has become."""

    row: DeviceState
    config: HeartbeatConfig
    state: HeartbeatState
    flips: list[Flip]


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of a signal: its effect (contract Dashmon 6.3: ignored included) and the state shown after it."""

    effect: str
    state: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class SentSignal:
    """A signal on its way in. With `keep=False` (a sender over its limit) it moves all, but is not logged."""

    device_id: int
    signal: Signal
    keep: bool = True


@transaction.atomic
def submit_heartbeats(*, sent: Sequence[SentSignal], now: datetime) -> list[Heard | None]:
    """Take signals: log them, move the machines, store what history shows, announce flips; in their order.

    The callers' answers may go out once this has committed. None for a device that is gone.
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
    rows = lock_states({each.device_id for each in sent})
    heard: list[Heard | None] = []
    moved: list[Moved] = []
    signals: dict[int, tuple[Signal, Recorded]] = {}
    for each in sent:
        row = rows.get(each.device_id)
        if row is None:
            heard.append(None)
            continue
        config = HeartbeatConfig.parse(row.device.heartbeat or {})
        state, flips = _in_step(row, config, now=now)
        signal = _after_all_before(each.signal, state)
        state, more, recorded = heartbeat.apply_signal(state, config, signal)
        if row.device.paused and state.phase != "paused":
            # A success or a failure ends a pause by hand, unless the monitor wants to be resumed by hand too.
            devices.set_paused(device=row.device, paused=False, now=now)
        signals[row.pk] = (signal, recorded)
        moved.append(Moved(row, config, state, [*flips, *more]))
        heard.append(Heard(recorded.effect, state.shown, signal.at))
    kept = [rows[each.device_id] for each in sent if each.keep and each.device_id in rows]
    metrics.record_pings(pings=[_ping(row, *signals[row.pk]) for row in kept])
    _settle(moved, signals=signals, now=now)
    return heard


def sweep_heartbeats(*, now: datetime, limit: int = 500, hold: bool = False) -> int:
    """Let time pass for heartbeats that have something due; answers how many were looked at.

    Flips are dated by the machine, not by the sweep. With `hold`, heartbeats that would go down are left for the
    next sweep: after an outage of our own, jobs get one chance to be heard first.
    """
    due = DeviceState.objects.filter(due_at__lte=now)
    # Nearly every sweep ends with this probe of an index: no transaction, no lock, no place in the line of writers.
    return _sweep(due, now=now, limit=limit, hold=hold) if due.exists() else 0


@transaction.atomic
def _sweep(due: QuerySet[DeviceState], *, now: datetime, limit: int, hold: bool) -> int:
    locked = due.select_for_update(skip_locked=True, of=("self",)).select_related("device").defer(*HEAVY)
    moved = []
    for row in locked.order_by("due_at", "pk")[:limit]:
        config = HeartbeatConfig.parse(row.device.heartbeat or {})
        state, flips = _in_step(row, config, now=now)
        state, more = heartbeat.sweep(state, config, now)
        flips = [*flips, *more]
        if not (hold and any(flip.after == "down" for flip in flips)):
            moved.append(Moved(row, config, state, flips))
    _settle(moved, signals={}, now=now)
    return len(moved)


@transaction.atomic
def rearm_heartbeat(*, device: Device, now: datetime) -> None:
    """Take a changed heartbeat configuration into account: the deadline moves, what is late may not be any more."""
    row = lock_states({device.pk}).get(device.pk)
    if row is None or row.device.kind != Device.Kind.HEARTBEAT:
        return
    config = HeartbeatConfig.parse(row.device.heartbeat or {})
    state, flips = _in_step(row, config, now=now)
    state, more = heartbeat.reconfigure(state, config, now)
    _settle([Moved(row, config, state, [*flips, *more])], signals={}, now=now)


def _in_step(row: DeviceState, config: HeartbeatConfig, *, now: datetime) -> tuple[HeartbeatState, list[Flip]]:
    """The stored machine, paused or resumed as its device is: plans pause devices without asking the machine."""
    state = HeartbeatState.from_dict(row.heartbeat)
    if row.device.paused and state.phase != "paused":
        # Nobody knows what was due before the pause, so nothing is told of the time before it.
        return heartbeat.pause(state, config, now)[0], []
    if not row.device.paused and state.phase == "paused":
        return heartbeat.resume(state, now), []
    return state, []


def _after_all_before(signal: Signal, state: HeartbeatState) -> Signal:
    # One instant has one row in history, so two signals of one millisecond are told one after the other.
    whole = signal.at.replace(microsecond=signal.at.microsecond // 1000 * 1000)
    if state.settled_at is not None and whole <= state.settled_at:
        whole = state.settled_at + MS
    return replace(signal, at=whole)


def _ping(row: DeviceState, signal: Signal, recorded: Recorded) -> NewPing:
    return NewPing(
        workspace_id=row.workspace_id,
        device_id=row.pk,
        received_at=signal.at,
        kind=signal.kind,
        rid=UUID(signal.rid) if signal.rid else None,
        exit_code=signal.exit_code,
        duration_ms=recorded.duration_ms,
        method=signal.method,
        body=signal.body,
    )


def _settle(
    moved: Sequence[Moved],
    *,
    signals: dict[int, tuple[Signal, Recorded]],
    now: datetime,
) -> None:
    """Write machines, states and history of heartbeats that moved, and announce their flips."""
    rows: list[Observation] = []
    announced: list[tuple[DeviceState, StateFlip]] = []
    turned: list[DeviceState] = []
    calm: list[DeviceState] = []
    for row, config, state, flips in moved:
        signal = signals.get(row.pk)
        for flip in flips:
            announced.extend((row, told) for told in _advance(row, flip, signal))
        rows.extend(_history(row, flips, signal))
        before = row.heartbeat.get("phase", "new")
        if state.phase == "paused" != before:
            rows.append(_fall_silent(row, at=state.settled_at or now))
        row.heartbeat = state.to_dict()
        row.due_at = heartbeat.next_look(state, config)
        (turned if flips or state.phase != before else calm).append(row)
    changes = changes_of(announced) if announced else []
    save_states(turned)
    save_machines(calm)
    for start in range(0, len(rows), CHUNK):
        metrics.append(rows=rows[start : start + CHUNK], now=now)
    announce(changes, now=now)
    by_device = {moving.row.pk: moving.row.device for moving in moved}
    timed = [seen for seen in rows if "run_ms" in seen.values]
    samples.judge([sample_of(by_device[seen.source.subject.id], seen.at, seen.values) for seen in timed], now=now)


def _advance(row: DeviceState, flip: Flip, signal: tuple[Signal, Recorded] | None) -> list[StateFlip]:
    """Move the device's state along one flip of its machine; what is to be announced of it."""
    status = STATUS.get(flip.after)
    if status is None:
        return []
    outcome = Outcome(
        at=flip.at,
        status=status,
        cause="" if status == "up" else flip.reason,
        cause_text=_sentence(flip, signal),
        held=flip.after == "late",
    )
    # A deadline is not a failed try, so there is nothing to confirm by trying again.
    after, told = advance(replace(snapshot_of(row), retries=0), outcome)
    write_snapshot(row, after)
    return [] if told is None else [told]


def _fall_silent(row: DeviceState, *, at: datetime) -> Observation:
    """A heartbeat that was paused is in no state until its next signal."""
    write_snapshot(row, Snapshot(state="unknown", since=at, retries=row.device.retries))
    return _row(row, at=at, code=CODE["unknown"], detail={"reason": "paused"})


def _sentence(flip: Flip, signal: tuple[Signal, Recorded] | None) -> str:
    if flip.reason == "fail" and signal is not None and signal[0].exit_code:
        return f"The job ended with exit status {signal[0].exit_code}"
    return SENTENCES.get(flip.reason, "")


def _history(row: DeviceState, flips: Sequence[Flip], signal: tuple[Signal, Recorded] | None) -> list[Observation]:
    """One row per flip and per success or failure; each state holds until the next row (interval 0)."""
    by_instant: dict[datetime, Observation] = {}
    if signal is not None and signal[1].effect in {"success", "fail"}:
        recorded = signal[1]
        up = recorded.effect == "success"
        by_instant[recorded.at] = _row(
            row,
            at=recorded.at,
            code=CODE["up" if up else "down"],
            detail={} if up else {"reason": "fail"},
            run_ms=recorded.duration_ms,
        )
    for flip in flips:
        if flip.at not in by_instant and flip.after in STATUS:
            code = CODE[STATUS[flip.after]]
            detail = {} if flip.after == "up" else {"reason": flip.reason}
            by_instant[flip.at] = _row(row, at=flip.at, code=code, detail=detail)
    return [by_instant[at] for at in sorted(by_instant)]


def _row(
    row: DeviceState, *, at: datetime, code: int, detail: Mapping[str, str], run_ms: int | None = None
) -> Observation:
    values: dict[str, int | float | None] = {"state": code, "interval_ms": 0}
    if run_ms is not None:
        values["run_ms"] = run_ms
    return Observation(
        workspace_id=row.workspace_id,
        source=source_of(row.pk),
        at=at,
        values=values,
        detail=detail,
    )
