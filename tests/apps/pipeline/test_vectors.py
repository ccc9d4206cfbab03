"""dashmon_heartbeat.json and dashmon_cron.json through the product: signals at the door, sweeps, stored state."""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from apps.common.clock import iso_ms, parse_iso
from apps.devices import heartbeat
from apps.devices.heartbeat import HeartbeatConfig, HeartbeatState, Signal
from apps.devices.models import Device, DeviceState
from apps.pipeline.heartbeats import SentSignal, submit_heartbeats, sweep_heartbeats
from tests.apps.pipeline.scene import make_heartbeat

pytestmark = pytest.mark.django_db
Case = dict[str, Any]


def cases(name: str) -> list[Case]:
    document = json.loads(Path(f"tests/vectors/{name}.json").read_text(encoding="utf-8"))
    return [case for case in document["cases"] if "valid" not in case["expect"]]


# An operator's pause goes through another door; everything else enters here.
SIGNALS = [
    case
    for case in cases("dashmon_heartbeat")
    if "initial" not in case["config"] and all(signal["signal"] != "pause" for signal in case["signals"])
]


def shown(device: Device, at: datetime) -> Case:
    state = HeartbeatState.from_dict(DeviceState.objects.get(pk=device.pk).heartbeat)
    display = heartbeat.display(state, HeartbeatConfig.parse(device.heartbeat or {}), at)
    expected, down = display.next_expected_at, display.down_at
    return {
        "state": display.state,
        "running": display.running,
        "nextExpectedAt": iso_ms(expected) if expected else None,
        "downAt": iso_ms(down) if down else None,
    }


@pytest.mark.parametrize("case", SIGNALS, ids=[case["id"] for case in SIGNALS])
def test_signals_and_sweeps_show_what_the_vectors_say(case, project, now) -> None:
    device = make_heartbeat(project, now=now, **case["config"])
    steps = [(signal["at"], 0, signal) for signal in case["signals"]] + [(at, 1, {}) for at in case["observe"]]
    seen = []
    for at, _, signal in sorted(steps, key=lambda step: step[:2]):
        instant = parse_iso(at)
        if signal:
            submit_heartbeats(sent=[SentSignal(device.pk, _signal(signal, instant))], now=instant)
        else:
            sweep_heartbeats(now=instant)
            seen.append({"at": at} | shown(device, instant))

    told = [{key: entry[key] for key in seen[0]} for entry in case["expect"]["observations"]]
    assert seen == told


def _signal(step: Case, at: datetime) -> Signal:
    return Signal(
        at=at,
        kind=step["signal"],
        rid=step.get("rid"),
        exit_code=step.get("exitCode"),
        method=step.get("method", "POST"),
        body=step.get("body", "").encode(),
    )


@pytest.mark.parametrize("case", cases("dashmon_cron")[:12], ids=lambda case: case["id"])
def test_a_job_is_expected_when_its_schedule_fires_next(case, project, now) -> None:
    schedule = {"mode": "cron", "schedule": case["schedule"], "timezone": case["timezone"]}
    device = make_heartbeat(project, now=now, **schedule)
    at = parse_iso(case["after"])

    submit_heartbeats(sent=[SentSignal(device.pk, Signal(at=at, kind="success"))], now=at)

    assert shown(device, at)["nextExpectedAt"] == case["expect"]["next"][0]
