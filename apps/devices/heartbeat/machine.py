"""The heartbeat state machine (contract Dashmon 6.3; vectors dashmon_heartbeat.json).

A signal stamped no later than the deadline is on time, whenever it is processed; a deadline that passes
is dated to itself. Nothing here reads a clock.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from msgspec.structs import replace

from apps.common.clock import epoch_ms, from_epoch_ms
from apps.devices import cron
from apps.devices.heartbeat.values import (
    Display,
    Effect,
    Flip,
    HeartbeatConfig,
    HeartbeatState,
    Recorded,
    Shown,
    Signal,
)
from apps.devices.types import StateName

_DEVICE_STATES: Mapping[Shown, StateName] = {
    "new": "unknown",
    "up": "up",
    "late": "warning",
    "down": "down",
    "paused": "unknown",
}


def apply_signal(
    state: HeartbeatState, config: HeartbeatConfig, signal: Signal
) -> tuple[HeartbeatState, list[Flip], Recorded]:
    """Take one signal into account; flips come in the order of time.

    What was due before the signal happens first. A signal stamped before something already settled
    counts as of that instant, so that flips never run backwards.
    """
    at = from_epoch_ms(epoch_ms(signal.at))
    if state.settled_at and state.settled_at > at:
        at = state.settled_at
    if (routine := _routine(state, config, signal, at)) is not None:
        return routine, [], Recorded("success", at, signal.duration_ms)
    state, before = _elapse(state, config, at, inclusive=False)
    effect = _effect(state, config, signal)
    duration = _duration_ms(state, signal, at) if effect in ("success", "fail") else None
    state, flips = _transition(state, signal, effect, at, duration)
    state, after = _elapse(state, config, at, inclusive=True)
    said = signal.duration_ms
    return state, before + flips + after, Recorded(effect, at, duration if said is None else said)


def sweep(state: HeartbeatState, config: HeartbeatConfig, now: datetime) -> tuple[HeartbeatState, list[Flip]]:
    """Let time pass until now: late at the expected instant, down at the deadline, both inclusive."""
    return _elapse(state, config, now, inclusive=True)


def display(state: HeartbeatState, config: HeartbeatConfig, now: datetime) -> Display:
    """The heartbeat as of now, whether or not a sweep has come by yet."""
    state, _ = sweep(state, config, now)
    deadline = _deadline(state, config)
    return Display(
        state=state.shown,
        running=state.started_at is not None,
        last_signal_at=state.last_signal_at,
        last_duration_ms=state.last_duration_ms,
        next_expected_at=_expected(state, config),
        down_at=deadline[0] if deadline and state.phase != "down" else None,
    )


def next_look(state: HeartbeatState, config: HeartbeatConfig) -> datetime | None:
    """The next instant at which something changes by itself: late, down, or a run given up."""
    expected = _expected(state, config)
    if state.started_at is None and not state.late:
        # Late comes before down, and nothing else is waited for.
        return expected
    deadline = _deadline(state, config)
    instants = [deadline[0]] if deadline else []
    if expected and not state.late:
        instants.append(expected)
    return min(instants, default=None)


def pause(state: HeartbeatState, config: HeartbeatConfig, now: datetime) -> tuple[HeartbeatState, list[Flip]]:
    """Stop expecting anything; the flips are what was due before. Pausing itself is no flip."""
    state, flips = _elapse(state, config, now, inclusive=False)
    return replace(_without_run(state), phase="paused", late=False, settled_at=_later(state, now)), flips


def resume(state: HeartbeatState, now: datetime) -> HeartbeatState:
    """Wait for the first signal again, as when new; a heartbeat that is not paused stays as it is."""
    if state.phase != "paused":
        return state
    return replace(_without_run(state), phase="new", settled_at=_later(state, now))


def reconfigure(state: HeartbeatState, config: HeartbeatConfig, now: datetime) -> tuple[HeartbeatState, list[Flip]]:
    """Take a changed configuration into account: what is late by the old one may not be by the new."""
    expected = _expected(state, config)
    flips = []
    if state.late and (expected is None or expected > now):
        at = _later(state, now)
        flips.append(Flip(at, "late", "up", "settings"))
        state = replace(state, late=False, settled_at=at)
    state, due = sweep(state, config, now)
    return state, flips + due


def device_state(state: HeartbeatState) -> StateName:
    """The device's state that goes with a heartbeat's: late is a warning; new and paused are unknown."""
    return _DEVICE_STATES[state.shown]


def _routine(state: HeartbeatState, config: HeartbeatConfig, signal: Signal, at: datetime) -> HeartbeatState | None:
    """The machine after what nearly every signal is, a success in time that ends no run; None for any other signal.

    It comes out as by the longer way (tests.apps.devices.test_heartbeat), for a fraction of its cost.
    """
    if signal.kind != "success" or state.phase != "up" or state.late or state.started_at or state.start_rid:
        return None
    if config.mode == "cron" or config.filters or (config.post_only and signal.method != "POST"):
        return None
    if state.last_signal_at is None or at >= state.last_signal_at + config.interval:
        return None
    return HeartbeatState("up", False, at, signal.duration_ms, None, None, at)


def _elapse(
    state: HeartbeatState, config: HeartbeatConfig, until: datetime, *, inclusive: bool
) -> tuple[HeartbeatState, list[Flip]]:
    flips: list[Flip] = []
    while (step := _due(state, config)) is not None:
        at, shown, reason = step
        if at > until or (at == until and not inclusive):
            break
        at = _later(state, at)
        if shown != state.shown:
            flips.append(Flip(at, state.shown, shown, reason))
        if shown == "late":
            state = replace(state, late=True, settled_at=at)
        else:
            state = replace(_without_run(state), phase="down", late=False, settled_at=at)
    return state, flips


def _due(
    state: HeartbeatState, config: HeartbeatConfig
) -> tuple[datetime, Literal["late", "down"], Literal["late", "timeout", "overrun"]] | None:
    """What happens next by itself, and when."""
    deadline, expected = _deadline(state, config), _expected(state, config)
    if expected and not state.late and (deadline is None or expected < deadline[0]):
        return expected, "late", "late"
    return (deadline[0], "down", deadline[1]) if deadline else None


def _expected(state: HeartbeatState, config: HeartbeatConfig) -> datetime | None:
    if state.phase != "up" or state.last_signal_at is None:
        return None
    if config.mode == "cron":
        return cron.next_after(config.schedule, config.timezone, state.last_signal_at)
    return state.last_signal_at + config.interval


def _deadline(state: HeartbeatState, config: HeartbeatConfig) -> tuple[datetime, Literal["timeout", "overrun"]] | None:
    expected, started = _expected(state, config), state.started_at
    if started and (expected is None or started <= expected):
        return started + config.grace, "overrun"
    return (expected + config.grace, "timeout") if expected else None


def _effect(state: HeartbeatState, config: HeartbeatConfig, signal: Signal) -> Effect:
    if state.phase == "paused" and config.manual_resume:
        return "ignored"
    if config.post_only and signal.method != "POST":
        return "ignored"
    if signal.kind == "exit":
        return "success" if signal.exit_code == 0 else "fail"
    if signal.kind == "success" and config.filters:
        return _filtered(config, signal.body.decode(errors="replace"))
    return signal.kind


def _filtered(config: HeartbeatConfig, body: str) -> Effect:
    filters = config.filters
    tried: tuple[tuple[Effect, tuple[str, ...]], ...] = (
        ("fail", filters.failure),
        ("success", filters.success),
        ("start", filters.start),
    )
    for effect, words in tried:
        if any(word in body for word in words):
            return effect
    return "fail" if filters.unmatched_is_failure else "ignored"


def _transition(
    state: HeartbeatState, signal: Signal, effect: Effect, at: datetime, duration: int | None
) -> tuple[HeartbeatState, list[Flip]]:
    if effect == "start":
        return replace(state, started_at=at, start_rid=signal.rid, settled_at=at), []
    if effect not in ("success", "fail"):
        return state, []
    after: Literal["up", "down"] = "up" if effect == "success" else "down"
    flips = [Flip(at, state.shown, after, "signal" if after == "up" else "fail")]
    # Only a success that names another run leaves the run in progress alone.
    if effect == "fail" or signal.rid is None or signal.rid == state.start_rid:
        state = _without_run(state)
    known = signal.duration_ms if duration is None else duration
    moved = replace(state, phase=after, late=False, last_signal_at=at, last_duration_ms=known, settled_at=at)
    return moved, [flip for flip in flips if flip.before != flip.after]


def _duration_ms(state: HeartbeatState, signal: Signal, at: datetime) -> int | None:
    if state.started_at is None or state.start_rid != signal.rid:
        return None
    return epoch_ms(at) - epoch_ms(state.started_at)


def _without_run(state: HeartbeatState) -> HeartbeatState:
    return replace(state, started_at=None, start_rid=None)


def _later(state: HeartbeatState, at: datetime) -> datetime:
    """The instant, or the newest one already settled when a change of settings made it older."""
    stamped = from_epoch_ms(epoch_ms(at))
    return max(stamped, state.settled_at) if state.settled_at else stamped
