"""Maintenance windows, one per target as the seed API knows them (contract Dashmon 8)."""

from typing import Any

from django.db import transaction
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dashmon.schema import OK, described, wrapped
from apps.api.dashmon.serializers.fields import Instant, Text, Truth
from apps.api.dashmon.serializers.selection import BulkAnswer, DeviceIds, selected
from apps.api.dashmon.views.base import ApiView
from apps.common.clock import iso_ms
from apps.devices.models import Device
from apps.pipeline.windows import clear_maintenance, set_maintenance
from apps.projects.models import MaintenanceWindow
from apps.projects.windows import Target

START = "startTime is required (ISO datetime)"
END = "endTime must be after startTime"


class WindowBody(serializers.Serializer[Any]):
    """When, and why; without an end it lasts until it is cleared."""

    startTime = Instant(error_messages={"required": START, "null": START, "invalid": START})
    endTime = Instant(required=False, allow_null=True)
    reason = Text(required=False, allow_null=True, allow_blank=True, max_length=200)
    notify = Truth(required=False, allow_null=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("endTime") is not None and attrs["endTime"] <= attrs["startTime"]:
            raise serializers.ValidationError({"endTime": END})
        return attrs


class BulkWindowBody(DeviceIds, WindowBody):
    """One window for many devices."""


class WindowAnswer(serializers.Serializer[Any]):
    id = serializers.CharField()
    maintenance_start = Instant()
    maintenance_end = Instant(allow_null=True)


class WindowView(ApiView):
    """Setting and clearing the window of one target."""

    noun = ""

    def target(self, key: str) -> tuple[Target, str]:
        """The target and its name for the trail; 404 when it is not there."""
        raise NotImplementedError

    def set(self, key: str) -> Response:
        body = self.read(WindowBody)
        with transaction.atomic():
            target, name = self.target(key)
            window = self.open(target, body)
            self.audit(f"{self.noun}.maintenance.set", name, _spelled(window))
        answer = {"id": key, "maintenance_start": iso_ms(window.starts_at), "maintenance_end": None}
        if window.ends_at is not None:
            answer["maintenance_end"] = iso_ms(window.ends_at)
        return Response({"ok": True, self.noun: answer})

    def open(self, target: Target, body: dict[str, Any]) -> MaintenanceWindow:
        return set_maintenance(
            target=target,
            starts_at=body["startTime"],
            ends_at=body.get("endTime"),
            reason=body.get("reason") or "",
            now=self.now,
        )

    def clear(self, key: str) -> Response:
        with transaction.atomic():
            target, name = self.target(key)
            if clear_maintenance(target=target, now=self.now) is not None:
                self.audit(f"{self.noun}.maintenance.clear", name)
        return Response({"ok": True})


def _spelled(window: MaintenanceWindow) -> dict[str, str | None]:
    return {"start": iso_ms(window.starts_at), "end": None if window.ends_at is None else iso_ms(window.ends_at)}


def _target_of(device: Device) -> Target:
    return Target(workspace_id=device.workspace_id, ref=device.ref)


class DeviceWindowView(WindowView):
    """The window of one device."""

    noun = "device"

    def target(self, key: str) -> tuple[Target, str]:
        device = self.device(key)
        return _target_of(device), device.name

    @described(
        "Silence a device",
        body=WindowBody,
        answer=wrapped("DeviceWindow", ok=serializers.BooleanField(), device=WindowAnswer()),
        also={400: f"`{START}`, `{END}`."},
    )
    def post(self, _: Request, device_id: str) -> Response:
        return self.set(device_id)

    @described("End the window of a device", answer=OK)
    def delete(self, _: Request, device_id: str) -> Response:
        return self.clear(device_id)


class ProjectWindowView(WindowView):
    """The window of a whole project; it covers every device of it."""

    noun = "project"

    def target(self, key: str) -> tuple[Target, str]:
        project = self.project(key)
        return Target(workspace_id=project.workspace_id, project=project), project.key

    @described(
        "Silence a project",
        body=WindowBody,
        answer=wrapped("ProjectWindow", ok=serializers.BooleanField(), project=WindowAnswer()),
        also={400: f"`{START}`, `{END}`."},
    )
    def post(self, _: Request, project_id: str) -> Response:
        return self.set(project_id)

    @described("End the window of a project", answer=OK)
    def delete(self, _: Request, project_id: str) -> Response:
        return self.clear(project_id)


class BulkWindowView(WindowView):
    """One window for many devices."""

    @described("Silence many devices", body=BulkWindowBody, answer=BulkAnswer)
    def post(self, _: Request) -> Response:
        body = self.read(BulkWindowBody)
        with transaction.atomic():
            devices, unknown = selected(self.workspace, self.actor, body["deviceIds"])
            for device in devices:
                self.open(_target_of(device), body)
            self.audit("device.maintenance.bulk_set", f"{len(devices)} devices", {"start": iso_ms(body["startTime"])})
        return Response({"ok": True, "updated": len(devices), "notFound": unknown})


class BulkClearView(WindowView):
    """The end of the windows of many devices."""

    @described("End the windows of many devices", body=DeviceIds, answer=BulkAnswer)
    def post(self, _: Request) -> Response:
        body = self.read(DeviceIds)
        with transaction.atomic():
            devices, unknown = selected(self.workspace, self.actor, body["deviceIds"])
            for device in devices:
                clear_maintenance(target=_target_of(device), now=self.now)
            self.audit("device.maintenance.bulk_clear", f"{len(devices)} devices")
        return Response({"ok": True, "updated": len(devices), "notFound": unknown})
