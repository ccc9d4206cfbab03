"""The heartbeat receiver behind its URL, and the sweep that finds jobs that kept silent (contract Dashmon 6.3)."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.core.cache import cache

from apps.common.among import Among
from apps.devices.heartbeat import Signal
from apps.devices.models import Device
from apps.pipeline.heartbeats import Heard, SentSignal, submit_heartbeats, sweep_heartbeats
from apps.tokens.models import AgentKey
from apps.tokens.selectors import Sent, keys_of_agents
from apps.workspaces.plans import effective_plan

PER_SECOND = 1.0  # 60 a minute and token
BURST = 120
# No sweep for this long: jobs could not be heard, so nobody is called down by the first sweep after it.
OUTAGE_S = 30
SWEPT = "heartbeats:swept"
PLAN = ("workspace__plan", "workspace__plan_status", "workspace__premium_until")
FACTS = ("workspace_id", "pk", "pause_reason", *PLAN)


@dataclass(frozen=True, slots=True)
class Received:
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


def receive(*, beats: Sequence[Beat], now: datetime) -> list[Received | None]:
    """Take signals for the heartbeats of their tokens; None where there is no such token.

    Everything is committed when this returns, unless the caller holds a transaction. A sender beyond 60 a minute
    (burst 120) still moves its heartbeat, so an eager job is never called down, but leaves no row in the log.
    """
    known = _known({beat.sender for beat in beats}, now=now)
    meant = [known.get(beat.sender) for beat in beats]
    answers = [_lapsed(beat) if its and its.is_lapsed else None for beat, its in zip(beats, meant, strict=True)]
    numbers = [number for number, its in enumerate(meant) if its and not its.is_lapsed]
    devices = [its.device_id for its in meant if its and not its.is_lapsed]
    waits = _waits(devices, now=now)
    signals = [
        SentSignal(device, beats[number].signal, keep=not wait_s)
        for number, device, wait_s in zip(numbers, devices, waits, strict=True)
    ]
    for number, heard, wait_s in zip(numbers, submit_heartbeats(sent=signals, now=now), waits, strict=True):
        answers[number] = _received(heard, wait_s)
    return answers


class _Known(NamedTuple):
    device_id: int
    is_lapsed: bool


def _known(senders: Collection[Sent], *, now: datetime) -> dict[Sent, _Known]:
    """The heartbeats of tokens, those of open workspaces, and whether their plan does not allow them."""
    keys = keys_of_agents(senders, subject=AgentKey.Subject.DEVICE, default_workspace=None, now=now)
    found = Device.objects.filter(Among("pk", {key.subject_id for key in keys.values()}), kind=Device.Kind.HEARTBEAT)
    lapsed = {
        (workspace, pk): reason == Device.PauseReason.PREMIUM
        or effective_plan(plan=plan, status=status, premium_until=until, now=now) == "free"
        for workspace, pk, reason, plan, status, until in found.values_list(*FACTS)
    }
    return {
        sender: _Known(key.subject_id, lapsed[at])
        for sender, key in keys.items()
        if (at := (key.workspace_id, key.subject_id)) in lapsed
    }


def _lapsed(beat: Beat) -> Received:
    return Received(recorded=False, received_at=beat.signal.at, reason="premium_required")


def _received(heard: Heard | None, wait_s: float) -> Received | None:
    if heard is None:
        return None
    return Received(
        recorded=wait_s <= 0,
        received_at=heard.received_at,
        signal=heard.effect,
        state=heard.state,
        reason="rate_limited" if wait_s > 0 else "",
        retry_after_s=math.ceil(wait_s),
    )


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
