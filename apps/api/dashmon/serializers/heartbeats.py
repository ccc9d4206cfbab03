"""A heartbeat as the contract shows it (section 6.3): configuration, token, state, and the signals received."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from apps.api.dashmon.schema import wrapped
from apps.api.dashmon.serializers.fields import Instant
from apps.common.clock import from_epoch_ms, iso_ms
from apps.common.errors import UnsupportedError
from apps.devices import heartbeat_config
from apps.devices.heartbeat import HeartbeatConfig, HeartbeatState, display
from apps.devices.models import Device
from apps.metrics.types import Ping
from apps.operations.addresses import base_url
from apps.tokens.models import AgentKey
from apps.tokens.selectors import key_of


class HeartbeatStateAnswer(serializers.Serializer[Any]):
    state = serializers.CharField(help_text="new, up, late, down or paused")
    running = serializers.BooleanField()
    lastSignalAt = Instant(allow_null=True)
    lastDurationMs = serializers.IntegerField(allow_null=True)
    nextExpectedAt = Instant(allow_null=True)
    downAt = Instant(allow_null=True)


class HeartbeatConfigAnswer(serializers.Serializer[Any]):
    """Without `secrets.read` the token and its address are null and `redacted` is true."""

    mode = serializers.ChoiceField(choices=["interval", "cron"])
    intervalSeconds = serializers.IntegerField()
    graceSeconds = serializers.IntegerField()
    schedule = serializers.CharField(allow_null=True)
    timezone = serializers.CharField()
    methods = serializers.ChoiceField(choices=["any", "post"])
    manualResume = serializers.BooleanField()
    filters = serializers.DictField()
    token = serializers.CharField(allow_null=True)
    webhookUrl = serializers.CharField(allow_null=True)
    tokenCreatedAt = Instant(allow_null=True)
    redacted = serializers.BooleanField(required=False)


HeartbeatEnvelope = wrapped("Heartbeat", config=HeartbeatConfigAnswer(), state=HeartbeatStateAnswer())
HeartbeatSaved = wrapped(
    "HeartbeatSaved", ok=serializers.BooleanField(), config=HeartbeatConfigAnswer(), state=HeartbeatStateAnswer()
)


class SignalAnswer(serializers.Serializer[Ping]):
    """One received signal; `body` only for the newest twenty."""

    id = serializers.CharField()
    receivedAt = serializers.SerializerMethodField()
    signal = serializers.SerializerMethodField()
    rid = serializers.UUIDField(allow_null=True)
    exitCode = serializers.IntegerField(source="exit_code", allow_null=True)
    durationMs = serializers.IntegerField(source="duration_ms", allow_null=True)
    method = serializers.CharField()
    body = serializers.SerializerMethodField()

    def get_receivedAt(self, ping: Ping) -> str:  # noqa: N802  # DRF derives the name from the field
        return iso_ms(from_epoch_ms(ping.received_ms))

    def get_signal(self, ping: Ping) -> str:
        if ping.kind == "exit":
            return "fail" if ping.exit_code else "success"
        return "success" if ping.kind == "ping" else ping.kind

    def get_body(self, ping: Ping) -> str | None:
        return None if ping.body is None else bytes(ping.body).decode(errors="replace")


def heartbeat_answer(device: Device, *, secrets: bool, now: datetime) -> dict[str, Any]:
    """Configuration and state; UnsupportedError for other types of device."""
    if device.kind != Device.Kind.HEARTBEAT:
        raise UnsupportedError("Only a device of type heartbeat has a heartbeat configuration.")
    config = device.heartbeat or heartbeat_config.normalise({})
    key = key_of(workspace=device.workspace_id, subject=AgentKey.Subject.DEVICE, subject_id=device.pk)
    shown = {
        **config,
        "token": None,
        "webhookUrl": None,
        "tokenCreatedAt": key and iso_ms(key.created_at),
    }
    if not secrets:
        shown["redacted"] = True
    elif key is not None:
        shown.update(token=key.secret, webhookUrl=f"{base_url()}/api/incoming/heartbeat/{key.secret}")
    return {"config": shown, "state": _state(device, now=now)}


def _state(device: Device, *, now: datetime) -> Any:
    machine = HeartbeatState.from_dict(device.state.heartbeat)
    seen = display(machine, HeartbeatConfig.parse(device.heartbeat or {}), now)
    answer = HeartbeatStateAnswer(
        {
            "state": seen.state,
            "running": seen.running,
            "lastSignalAt": seen.last_signal_at,
            "lastDurationMs": seen.last_duration_ms,
            "nextExpectedAt": seen.next_expected_at,
            "downAt": seen.down_at,
        }
    )
    return answer.data
