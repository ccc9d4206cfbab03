"""The heartbeat receiver behind its URL, and the sweep that finds jobs that kept silent (contract Dashmon 6.3)."""

import math
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core.cache import cache

from apps.devices.heartbeat import Signal
from apps.devices.models import Device
from apps.pipeline.heartbeats import submit_heartbeat, sweep_heartbeats
from apps.tokens.models import AgentKey
from apps.tokens.selectors import key_by_secret
from apps.workspaces.usage import plan_of

PER_SECOND = 1.0  # 60 a minute and token
BURST = 120
# No sweep for this long: jobs could not be heard, so nobody is called down by the first sweep after it.
OUTAGE_S = 30
SWEPT = "heartbeats:swept"


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


def receive(*, token: str, signal: Signal, now: datetime) -> Received | None:
    """Take a signal for the heartbeat of this token; None when there is no such token.

    Everything is committed when this returns. A sender beyond 60 a minute (burst 120) still moves its heartbeat, so
    an eager job is never called down, but leaves no row in the log.
    """
    key = key_by_secret(token)
    device = None if key is None else _device_of(key)
    if key is None or device is None:
        return None
    if device.pause_reason == Device.PauseReason.PREMIUM or plan_of(key.workspace, now=now) == "free":
        return Received(recorded=False, received_at=now, reason="premium_required")
    wait_s = _wait_s(f"heartbeat:{key.pk}", now=now) if settings.RATE_LIMITS else 0.0
    heard = submit_heartbeat(device=device, signal=signal, keep=wait_s <= 0, now=now)
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


def _device_of(key: AgentKey) -> Device | None:
    if key.subject != AgentKey.Subject.DEVICE or key.workspace.closed_at is not None:
        return None
    devices = Device.objects.of(key.workspace_id)
    return devices.filter(pk=key.subject_id, kind=Device.Kind.HEARTBEAT).first()


def _wait_s(name: str, *, now: datetime) -> float:
    """Seconds until the sender has a place again, 0 when it has one: a bucket that drains one a second."""
    instant = now.timestamp()
    full_at = max(float(cache.get(name, 0.0)), instant)
    wait_s = full_at - instant - (BURST - 1) / PER_SECOND
    if wait_s <= 0:
        cache.set(name, full_at + 1 / PER_SECOND, timeout=int(BURST / PER_SECOND) + 60)
    return max(0.0, wait_s)


def sweep(*, now: datetime, limit: int = 500) -> int:
    """Let time pass for heartbeats; the first sweep after an outage of our own calls nobody down."""
    held = cache.get(SWEPT) is None
    cache.set(SWEPT, now.timestamp(), timeout=OUTAGE_S)
    return sweep_heartbeats(now=now, limit=limit, hold=held)
