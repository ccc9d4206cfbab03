"""Devices as the contract spells them (section 6); snake case and camel case as clients know them."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from apps.api.dashmon.serializers.cards import DeviceCard
from apps.api.dashmon.serializers.fields import Choice, Instant, Text, Texts, Truth, Whole


class DeviceAnswer(serializers.Serializer[DeviceCard]):
    """A row of `devices`."""

    id = serializers.UUIDField(source="device.public_id")
    store_id = serializers.CharField(source="device.project.key")
    project_id = serializers.CharField(source="device.project.key")
    user_id = serializers.CharField(source="owner_id")
    name = serializers.CharField(source="device.name")
    type = serializers.CharField(source="device.label")
    ip = serializers.SerializerMethodField()
    port = serializers.IntegerField(source="device.port", allow_null=True)
    url = serializers.SerializerMethodField()
    ping_interval = serializers.IntegerField(source="device.interval_s")
    ping_packets = serializers.SerializerMethodField()
    notes = serializers.CharField(source="device.notes", allow_null=True)
    maintenance_start = Instant(source="window.starts_at", default=None, allow_null=True)
    maintenance_end = Instant(source="window.ends_at", default=None, allow_null=True)
    maintenanceActive = serializers.BooleanField(source="standing.in_maintenance")
    status = serializers.CharField(
        source="standing.status", help_text="unknown, up, down, warning, maintenance or paused"
    )
    packet_loss = serializers.IntegerField(allow_null=True)
    last_check = Instant(allow_null=True)
    created_at = Instant(source="device.created_at")
    updated_at = Instant(source="device.updated_at")
    tags = serializers.ListField(child=serializers.CharField())
    paused = serializers.BooleanField(source="device.paused")
    pausedReason = serializers.CharField(source="paused_reason", allow_null=True)

    def get_ip(self, card: DeviceCard) -> str | None:
        return card.device.host or None

    def get_url(self, card: DeviceCard) -> str | None:
        return card.device.url or None

    def get_ping_packets(self, _: DeviceCard) -> int:
        return 3


class DeviceSettingsAnswer(DeviceAnswer):
    """The device with the settings that lists leave out: what writes answer."""

    retries = serializers.IntegerField(source="device.retries")
    retryIntervalSeconds = serializers.IntegerField(source="device.retry_interval_s")
    severity = serializers.SerializerMethodField()
    parentDeviceIds = serializers.ListField(source="parent_ids", child=serializers.UUIDField())

    def get_severity(self, card: DeviceCard) -> str | None:
        return card.device.severity or None


class UptimeAnswer(serializers.Serializer[Mapping[str, float | None]]):
    """Percent up of the measured time; null where nothing was measured."""

    def get_fields(self) -> dict[str, Any]:
        return {
            window: serializers.FloatField(allow_null=True, source=f"of_{window}") for window in ("24h", "7d", "30d")
        }


class CauseAnswer(serializers.Serializer[Any]):
    kind = serializers.CharField()
    message = serializers.CharField()


class OpenIncidentAnswer(serializers.Serializer[Any]):
    """The open incident of a device, briefly; its timeline is in /api/incidents."""

    id = serializers.CharField()
    status = serializers.CharField()
    severity = serializers.CharField()
    title = serializers.CharField()
    cause = CauseAnswer()
    startedAt = Instant()
    acknowledgedAt = Instant(allow_null=True)
    durationSeconds = serializers.IntegerField()


class DeviceDetailsAnswer(DeviceSettingsAnswer):
    """Everything about one device."""

    synthetic = serializers.JSONField(allow_null=True)
    dns = serializers.JSONField(source="device.dns", allow_null=True)
    heartbeat = serializers.JSONField(allow_null=True)
    incident = OpenIncidentAnswer(allow_null=True)
    uptime = UptimeAnswer()


class DeviceBody(serializers.Serializer[Any]):
    """What people say about a device; which of it is required depends on the type and is the domain's business."""

    name = Text(required=False, allow_blank=True, allow_null=True)
    type = Text(required=False, allow_blank=True, allow_null=True)
    ip = Text(required=False, allow_blank=True, allow_null=True)
    port = Whole(required=False, allow_null=True)
    url = Text(required=False, allow_blank=True, allow_null=True)
    notes = Text(required=False, allow_blank=True, allow_null=True)
    ping_interval = Whole(required=False, allow_null=True)
    tags = Texts(required=False, allow_null=True)
    retries = Whole(required=False, allow_null=True)
    retryIntervalSeconds = Whole(required=False, allow_null=True)
    severity = Choice(choices=["critical", "warning", "info"], required=False, allow_null=True)
    parentDeviceIds = Texts(required=False, allow_null=True)
    paused = Truth(required=False, allow_null=True)


class HistoryRow(serializers.Serializer[Any]):
    """One result."""

    ts = Instant()
    status = serializers.CharField()
    latency_ms = serializers.FloatField(allow_null=True)
    status_code = serializers.IntegerField(allow_null=True)
    detail = serializers.JSONField()


class TagsAnswer(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    deviceId = serializers.UUIDField()
    tags = serializers.ListField(child=serializers.CharField())
