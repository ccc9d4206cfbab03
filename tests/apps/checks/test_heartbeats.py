"""The receiver: who may speak, how often, and what is answered."""

from datetime import datetime, timedelta

import pytest

from apps.checks.heartbeats import BURST, Beat, Received, receive, sweep
from apps.common.ids import digest
from apps.devices.heartbeat import Signal
from apps.devices.models import Device, DeviceState
from apps.devices.services import renew_heartbeat_token
from apps.metrics.models import HeartbeatPing
from apps.tokens.selectors import Sent
from apps.workspaces.models import Workspace

SECOND = timedelta(seconds=1)


def heard(token: str, signal: Signal, *, now: datetime) -> Received | None:
    return receive(beats=[Beat(Sent(digest(token)), signal)], now=now)[0]


@pytest.fixture
def token(heartbeat, now) -> str:
    return renew_heartbeat_token(device=heartbeat, now=now)


def test_a_signal_of_a_known_token_is_recorded(token, now) -> None:
    received = heard(token, Signal(at=now), now=now)

    assert (received.recorded, received.signal, received.state, received.received_at) == (True, "success", "up", now)
    assert HeartbeatPing.objects.count() == 1


@pytest.mark.parametrize("wrong", ["", "hb_", "hb_unknown", "x" * 5000, "hb_\x00"])
def test_an_unknown_token_is_nobodys(token, now, wrong) -> None:
    assert heard(wrong, Signal(at=now), now=now) is None
    assert HeartbeatPing.objects.count() == 0


def test_an_older_token_is_dead_once_a_new_one_is_made(token, heartbeat, now) -> None:
    fresh = renew_heartbeat_token(device=heartbeat, now=now)

    assert heard(token, Signal(at=now), now=now) is None
    assert heard(fresh, Signal(at=now), now=now) is not None


def test_a_closed_workspace_hears_nothing(token, now) -> None:
    Workspace.objects.update(closed_at=now)

    assert heard(token, Signal(at=now), now=now) is None


def test_a_lapsed_plan_is_told_so_and_nothing_is_recorded(token, now) -> None:
    Device.objects.update(paused=True, pause_reason="premium_required")

    received = heard(token, Signal(at=now), now=now)

    assert (received.recorded, received.reason) == (False, "premium_required")
    assert HeartbeatPing.objects.count() == 0
    assert DeviceState.objects.get().state == "unknown"


def test_a_sender_has_a_burst_of_120_and_then_one_a_second(token, now) -> None:
    answers = [heard(token, Signal(at=now), now=now) for _ in range(BURST)]
    assert all(answer.recorded for answer in answers)

    over = heard(token, Signal(at=now + SECOND / 2, kind="fail"), now=now + SECOND / 2)

    assert (over.recorded, over.reason, over.retry_after_s) == (False, "rate_limited", 1)
    assert HeartbeatPing.objects.count() == BURST
    assert DeviceState.objects.get().state == "down"
    assert heard(token, Signal(at=now + SECOND), now=now + SECOND).recorded
    assert not heard(token, Signal(at=now + SECOND), now=now + SECOND).recorded


def test_limits_can_be_switched_off_for_load_tests(token, now, settings) -> None:
    settings.RATE_LIMITS = False

    assert all(heard(token, Signal(at=now), now=now).recorded for _ in range(BURST + 5))


def test_the_first_sweep_after_an_outage_calls_nobody_down(token, now) -> None:
    heard(token, Signal(at=now), now=now)
    later = now + timedelta(hours=5)

    sweep(now=later)
    assert DeviceState.objects.get().state == "up"
    sweep(now=later + SECOND)

    assert DeviceState.objects.get().state == "down"
