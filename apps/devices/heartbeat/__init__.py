"""Heartbeats: what a job's signals mean, as pure functions of data and time (contract Dashmon 6.3)."""

from apps.devices.heartbeat.machine import (
    apply_signal,
    device_state,
    display,
    next_look,
    pause,
    reconfigure,
    resume,
    sweep,
)
from apps.devices.heartbeat.receiver import BODY_LIMIT, read_json, read_signal
from apps.devices.heartbeat.values import Display, Flip, HeartbeatConfig, HeartbeatState, Recorded, Signal

__all__ = [
    "BODY_LIMIT",
    "Display",
    "Flip",
    "HeartbeatConfig",
    "HeartbeatState",
    "Recorded",
    "Signal",
    "apply_signal",
    "device_state",
    "display",
    "next_look",
    "pause",
    "read_json",
    "read_signal",
    "reconfigure",
    "resume",
    "sweep",
]
