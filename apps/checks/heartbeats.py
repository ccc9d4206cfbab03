"""The heartbeat receiver behind its URL, and the sweep that finds jobs that kept silent (contract Dashmon 6.3)."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.core.cache import cache
from django.db import transaction

from apps.devices.heartbeat import Signal
from apps.pipeline.heartbeats import Heard, SentSignal, submit_heartbeats, sweep_heartbeats
from apps.tokens.models import AgentKey
from apps.tokens.selectors import KnownKey, Sent, keys_of_agents
from apps.workspaces.plans import effective_plan

PER_SECOND = 1.0  # 60 a minute and token
BURST = 120
# No sweep for this long: jobs could not be heard, so nobody is called down by the first sweep after it.
OUTAGE_S = 30
SWEPT = "heartbeats:swept"


class Received(NamedTuple):
    """What the receiver answers. `recorded` is False for lapsed plans (202) and senders over their limit (429).

    `signal` is what the signal counted as: success, start, fail, log or ignored; `state` the heartbeat's after it.
    """

    recorded: bool
    received_at: datetime
    signal: str = ""
    state: str = ""
    reason: str = ""  # premium_required | rate_limited
    retry_after_s: int = 0


class Beat(NamedTuple):
    """A signal and the token that it came with."""

    sender: Sent
    signal: Signal


@transaction.atomic(savepoint=False)
def receive(*, beats: Sequence[Beat], now: datetime) -> list[Received | None]:
    """Take signals for the heartbeats of their tokens; None where there is no such token.

    Everything is committed when this returns, unless the caller holds a transaction. A sender beyond 60 a minute
    (burst 120) still moves its heartbeat, so an eager job is never called down, but leaves no row in the log.
    """
    senders = {beat.sender for beat in beats}
    keys = keys_of_agents(senders, subject=AgentKey.Subject.DEVICE, default_workspace=None, now=now)
    answers: list[Received | None] = [None] * len(beats)
    taken: list[tuple[int, int]] = []
    for number, beat in enumerate(beats):
        key = keys.get(beat.sender)
        if key is not None and _is_lapsed(key, now):
            answers[number] = _lapsed(beat)
        elif key is not None:
            taken.append((number, key.subject_id))
    waits = _waits([device for _, device in taken], now=now)
    signals = [
        SentSignal(device, beats[number].signal, keep=not wait_s)
        for (number, device), wait_s in zip(taken, waits, strict=True)
    ]
    all_heard = submit_heartbeats(sent=signals, now=now)
    for (number, _), heard, wait_s in zip(taken, all_heard, waits, strict=True):
        answers[number] = _lapsed(beats[number]) if heard is not None and heard.lapsed else _received(heard, wait_s)
    return answers


def _is_lapsed(key: KnownKey, now: datetime) -> bool:
    """Whether the workspace's plan does not allow heartbeats any more."""
    until = key.premium_until
    return effective_plan(plan=key.plan, status=key.plan_status, premium_until=until, now=now) == "free"


def _lapsed(beat: Beat) -> Received:
    return Received(recorded=False, received_at=beat.signal.at, reason="premium_required")


def _received(heard: Heard | None, wait_s: float) -> Received | None:
    if heard is None:
        return None
    if wait_s > 0:
        return Received(False, heard.received_at, heard.effect, heard.state, "rate_limited", math.ceil(wait_s))
    return Received(True, heard.received_at, heard.effect, heard.state)


def _waits(device_ids: Sequence[int], *, now: datetime) -> list[float]:
    """For each signal seconds until its sender has a place again, 0 when it has one: a bucket that drains one a second.

    One look into the cache for all of them, and one back.
    """
    if not settings.RATE_LIMITS:
        return [0.0] * len(device_ids)
    instant = now.timestamp()
    names = [f"heartbeat:{device_id}" for device_id in device_ids]
    full_at = {name: max(float(until), instant) for name, until in cache.get_many(set(names)).items()}
    taken: dict[str, float] = {}
    waits = []
    for name in names:
        wait_s = max(0.0, full_at.get(name, instant) - instant - (BURST - 1) / PER_SECOND)
        if not wait_s:
            taken[name] = full_at[name] = full_at.get(name, instant) + 1 / PER_SECOND
        waits.append(wait_s)
    if taken:
        cache.set_many(taken, timeout=int(BURST / PER_SECOND) + 60)
    return waits


def sweep(*, now: datetime, limit: int = 500) -> int:
    """Let time pass for heartbeats; the first sweep after an outage of our own calls nobody down."""
    held = cache.get(SWEPT) is None
    cache.set(SWEPT, now.timestamp(), timeout=OUTAGE_S)
    return sweep_heartbeats(now=now, limit=limit, hold=held)
