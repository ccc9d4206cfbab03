"""Devices: one monitored thing each (contract Dashmon 6)."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dashmon.preconditions import ensure_unmodified
from apps.api.dashmon.schema import described, wrapped
from apps.api.dashmon.serializers.cards import device_card
from apps.api.dashmon.serializers.details import device_details
from apps.api.dashmon.serializers.devices import DeviceBody, DeviceDetailsAnswer, DeviceSettingsAnswer
from apps.api.dashmon.views.base import ApiView
from apps.checks.services import request_check
from apps.common.errors import InvalidInputError, NotFoundError
from apps.common.ids import parse_uuid
from apps.devices.models import Device
from apps.devices.selectors import devices_of
from apps.devices.services import Options, create_device
from apps.devices.targets import NOT_PROBED, Description, describe
from apps.operations.monitors import update_monitor
from apps.pipeline.lifecycle import forget
from apps.projects.tags import clean_tags

NEEDED_TO_CREATE = "Device name, type, and IP are required"
NEEDED_TO_UPDATE = "name, type, ip required"
# Long enough for a client that sets a synthetic right after creating the device.
NOBODY = UUID(int=0)
FIRST_CHECK_AFTER = timedelta(seconds=3)
DeviceEnvelope = wrapped("DeviceEnvelope", device=DeviceSettingsAnswer())


class DeviceWritingView(ApiView):
    """What creating and updating share: the body and the answer."""

    def described_target(self, body: Mapping[str, Any], *, missing: str) -> Description:
        return describe(
            name=body.get("name"),
            label=body.get("type"),
            host=body.get("ip"),
            port=body.get("port"),
            url=body.get("url"),
            notes=body.get("notes"),
            missing=missing,
        )

    def described_options(self, body: Mapping[str, Any]) -> Options:
        """The optional half of the body; InvalidInputError for bad values before anything is looked up."""
        tags = body.get("tags")
        options = Options(
            interval_s=body.get("ping_interval"),
            retries=body.get("retries"),
            retry_interval_s=body.get("retryIntervalSeconds"),
            severity=body.get("severity"),
            paused=body.get("paused"),
            tags=None if tags is None else clean_tags(tags),
            parents=self._parents(body.get("parentDeviceIds")),
        )
        if faults := options.faults():
            raise InvalidInputError(fields=faults)
        return options

    def _parents(self, ids: list[str] | None) -> list[Device] | None:
        if ids is None:
            return None
        keys = {parse_uuid(text) or NOBODY for text in ids}
        rows = devices_of(self.workspace, projects=self.actor.projects).filter(public_id__in=keys)
        found = list(rows)
        if len(found) != len(keys):
            raise InvalidInputError(fields={"parentDeviceIds": "Every entry must be the id of a device."})
        return found

    def answer(self, device: Device) -> Response:
        card = device_card(device, workspace=self.workspace, now=self.now)
        return Response({"device": DeviceSettingsAnswer(card).data})


class NewDeviceView(DeviceWritingView):
    """The devices of a project, as something to add to."""

    @described(
        "Add a device to a project",
        body=DeviceBody,
        answer=DeviceEnvelope,
        also={400: f"`{NEEDED_TO_CREATE}`, another bad field, or the plan's limit."},
    )
    def post(self, _: Request, project_id: str) -> Response:
        body = self.read(DeviceBody)
        description = self.described_target(body, missing=NEEDED_TO_CREATE)
        options = self.described_options(body)
        with transaction.atomic():
            device = create_device(
                project=self.project(project_id),
                description=description,
                options=options,
                owner=self.credential.seat,
                now=self.now,
            )
            self.audit("device.create", device.name, {"type": device.label, "project": project_id})
            if device.enabled and device.kind not in NOT_PROBED:
                request_check(device=device, now=self.now, delay=FIRST_CHECK_AFTER)
        return self.answer(device)


class DeviceDetailsView(ApiView):
    """Everything about one device."""

    @described("A device with its configuration", answer=wrapped("DeviceDetails", device=DeviceDetailsAnswer()))
    def get(self, _: Request, project_id: str, device_id: str) -> Response:
        project = self.project(project_id)
        device = self.device(device_id)
        if device.project_id != project.pk:
            raise NotFoundError("Device not found")
        may_see = "secrets.read" in self.actor.permissions
        details = device_details(device, workspace=self.workspace, secrets=may_see, now=self.now)
        return Response({"device": DeviceDetailsAnswer(details).data})


class DeviceView(DeviceWritingView):
    """One device, wherever it lives."""

    @described(
        "Replace what a device points at; other settings only when present",
        body=DeviceBody,
        answer=DeviceEnvelope,
        also={400: f"`{NEEDED_TO_UPDATE}`.", 409: "`conflict`: changed since `If-Unmodified-Since`."},
    )
    def put(self, request: Request, device_id: str) -> Response:
        body = self.read(DeviceBody)
        description = self.described_target(body, missing=NEEDED_TO_UPDATE)
        options = self.described_options(body)
        with transaction.atomic():
            device = self.device(device_id)
            ensure_unmodified(request, Device.objects.of(self.workspace), device.pk)
            before = _summary(device)
            device = update_monitor(device=device, description=description, options=options, now=self.now)
            after = _summary(device)
            changes = {name: [before[name], after[name]] for name in after if before[name] != after[name]}
            self.audit("device.update", device.name, changes)
        return self.answer(device)

    @described("Delete a device with its history", status=204)
    def delete(self, _: Request, device_id: str) -> Response:
        with transaction.atomic():
            device = self.device(device_id)
            self.audit("device.delete", device.name, {"type": device.label, "project": device.project.key})
            forget(ref=device.ref, now=self.now)
        return Response(status=204)


def _summary(device: Device) -> dict[str, Any]:
    """What the trail compares; the trail never holds a password."""
    return {
        "name": device.name,
        "type": device.label,
        "ip": device.host,
        "port": device.port,
        "url": _without_secrets(device.url),
        "ping_interval": device.interval_s,
        "paused": device.paused,
    }


def _without_secrets(url: str) -> str:
    """Scheme, host and path: a user part or a query may carry a secret."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
