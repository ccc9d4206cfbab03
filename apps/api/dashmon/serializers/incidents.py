"""An incident as contract Dashmon 11 spells it, with its timeline."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from rest_framework import serializers

from apps.api.dashmon.serializers.devices import CauseAnswer
from apps.api.dashmon.serializers.fields import Instant
from apps.common.clock import iso_ms
from apps.devices.models import Device
from apps.incidents.models import Incident, IncidentEvent
from apps.incidents.selectors import timelines
from apps.workspaces.models import Workspace

TYPES = {"closed": "resolved"}


class TimelineAnswer(serializers.Serializer[Any]):
    """One line: `opened`, `worsened`, `eased`, `acknowledged`, `note`, `notified` or `resolved`.

    `recipient` is null for whoever may not read secrets.
    """

    at = Instant()
    type = serializers.CharField()
    actor = serializers.CharField(required=False)
    text = serializers.CharField(required=False)
    state = serializers.CharField(required=False)
    reason = serializers.CharField(required=False)
    channel = serializers.CharField(required=False)
    recipient = serializers.CharField(required=False, allow_null=True)
    result = serializers.CharField(required=False)


class IncidentAnswer(serializers.Serializer[Any]):
    id = serializers.CharField()
    status = serializers.ChoiceField(choices=["open", "acknowledged", "resolved"])
    severity = serializers.CharField()
    projectId = serializers.CharField(allow_null=True)
    deviceId = serializers.UUIDField(
        allow_null=True, help_text="null once the device is deleted, and where the incident is about no device"
    )
    deviceName = serializers.CharField()
    title = serializers.CharField()
    cause = CauseAnswer()
    startedAt = Instant()
    acknowledgedAt = Instant(allow_null=True)
    acknowledgedBy = serializers.UUIDField(allow_null=True)
    resolvedAt = Instant(allow_null=True)
    durationSeconds = serializers.IntegerField()
    causedBy = serializers.CharField(allow_null=True)
    timeline = TimelineAnswer(many=True)


def incident_answers(
    incidents: Sequence[Incident], *, workspace: Workspace, secrets: bool, now: datetime
) -> list[dict[str, Any]]:
    """Incidents in the order given, in two more statements however many; `secrets`: whether recipients are shown."""
    devices = _device_ids(workspace, {item.subject_id for item in incidents if item.subject_kind == "device"})
    events = timelines(workspace, incidents)
    return [
        {
            **_facts(incident, devices, now=now),
            "timeline": [_line(event, secrets=secrets) for event in events[incident.pk]],
        }
        for incident in incidents
    ]


def _device_ids(workspace: Workspace, keys: Collection[int]) -> Mapping[int, Any]:
    return dict(Device.objects.of(workspace).filter(pk__in=keys).values_list("pk", "public_id"))


def _facts(incident: Incident, devices: Mapping[int, Any], *, now: datetime) -> dict[str, Any]:
    by = incident.acknowledged_by
    # A node may have the number of a device.
    device = devices.get(incident.subject_id) if incident.subject_kind == "device" else None
    return {
        "id": incident.wire_id,
        "status": incident.status,
        "severity": incident.severity,
        "projectId": None if incident.project is None else incident.project.key,
        "deviceId": None if device is None else str(device),
        "deviceName": incident.subject_name,
        "title": incident.title,
        "cause": {"kind": incident.cause, "message": incident.cause_text},
        "startedAt": iso_ms(incident.opened_at),
        "acknowledgedAt": incident.acknowledged_at and iso_ms(incident.acknowledged_at),
        "acknowledgedBy": None if by is None else str(by.public_id),
        "resolvedAt": incident.closed_at and iso_ms(incident.closed_at),
        "durationSeconds": incident.duration_s(now),
        "causedBy": None if incident.caused_by is None else incident.caused_by.wire_id,
    }


def _line(event: IncidentEvent, *, secrets: bool) -> dict[str, Any]:
    detail = event.detail
    line: dict[str, Any] = {"at": iso_ms(event.at), "type": TYPES.get(event.kind, event.kind)}
    if event.actor:
        line["actor"] = event.actor
    if detail.get("after"):
        line["state"] = detail["after"]
    line.update({name: detail[name] for name in ("text", "reason", "channel", "result") if detail.get(name)})
    if "recipient" in detail:
        line["recipient"] = detail["recipient"] if secrets else None
    return line
