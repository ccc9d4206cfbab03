"""What a device asks and expects: synthetic, dns-config, heartbeat-config (contract Dashmon 6.1 to 6.3)."""

from typing import Any

from django.db import transaction
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dashmon.schema import OBJECT, described, wrapped
from apps.api.dashmon.serializers.heartbeats import (
    HeartbeatEnvelope,
    HeartbeatSaved,
    heartbeat_answer,
)
from apps.api.dashmon.views.base import ApiView
from apps.common.errors import InvalidInputError, UnsupportedError
from apps.devices import dns_config
from apps.devices.models import Device
from apps.devices.services import set_dns_config, set_synthetic
from apps.operations.monitors import configure_heartbeat

DNS_ONLY = "Only a device of type dns has a DNS configuration."
BAD_FIELDS = "Every bad field is named in `details.fields`."
# A name that is certainly well-formed, for judging a document before its device is looked up.
SOME_NAME = "name.invalid"


class ConfigurationView(ApiView):
    """Reading one JSON object whose rules live with the domain."""

    def document(self, wrapper: str) -> dict[str, Any]:
        """The body, out of its wrapper when it has one."""
        body = self.body()
        if isinstance(body, dict) and set(body) == {wrapper} and isinstance(body[wrapper], dict):
            body = body[wrapper]
        if not isinstance(body, dict):
            raise InvalidInputError("The body must be an object.", fields={wrapper: "An object."})
        return body


class SyntheticView(ConfigurationView):
    """What a check sends, and what its answer must look like."""

    @described(
        "Set the synthetic configuration",
        body=OBJECT,
        answer=wrapped(
            "SyntheticSaved",
            ok=serializers.BooleanField(),
            deviceId=serializers.UUIDField(),
            synthetic=serializers.DictField(),
        ),
        also={400: BAD_FIELDS, 422: "`unsupported`: this type of device has none."},
    )
    def put(self, _: Request, device_id: str) -> Response:
        document = self.document("synthetic")
        with transaction.atomic():
            device = self.device(device_id)
            stored = set_synthetic(device=device, document=document, now=self.now)
            self.audit("device.synthetic", device.name)
        return Response({"ok": True, "deviceId": str(device.public_id), "synthetic": stored})


class DnsConfigView(ConfigurationView):
    """What a DNS monitor asks, whom, and what it expects."""

    @described(
        "The DNS configuration, or its defaults",
        answer=wrapped("DnsConfig", config=serializers.DictField()),
        also={422: "`unsupported`: not a DNS monitor."},
    )
    def get(self, _: Request, device_id: str) -> Response:
        device = self.device(device_id)
        if device.kind != Device.Kind.DNS:
            raise UnsupportedError(DNS_ONLY)
        return Response({"config": device.dns or dns_config.defaults(hostname=device.host)})

    @described(
        "Set the DNS configuration",
        body=OBJECT,
        answer=wrapped("DnsConfigSaved", ok=serializers.BooleanField(), config=serializers.DictField()),
        also={400: BAD_FIELDS, 422: f"`unsupported`: {DNS_ONLY}"},
    )
    def put(self, _: Request, device_id: str) -> Response:
        document = self.document("config")
        dns_config.normalise(document, hostname=SOME_NAME)
        with transaction.atomic():
            device = self.device(device_id)
            config = set_dns_config(device=device, document=document, now=self.now)
            self.audit("device.dns", device.name, {"hostname": config["hostname"]})
        return Response({"ok": True, "config": config})


class HeartbeatConfigView(ConfigurationView):
    """When a job is expected, and the address it reports to."""

    @described(
        "The heartbeat configuration with its token and state",
        answer=HeartbeatEnvelope,
        also={422: "`unsupported`: not a heartbeat."},
    )
    def get(self, _: Request, device_id: str) -> Response:
        return Response(self._shown(self.device(device_id)))

    @described(
        "Set the heartbeat configuration; `regenerateToken` replaces the token",
        body=OBJECT,
        answer=HeartbeatSaved,
        also={400: BAD_FIELDS, 422: "`unsupported`: only a device of type heartbeat has one."},
    )
    def put(self, _: Request, device_id: str) -> Response:
        document = self.document("config")
        with transaction.atomic():
            device = self.device(device_id)
            configure_heartbeat(device=device, document=document, now=self.now)
            self.audit("device.heartbeat", device.name, {"regenerateToken": document.get("regenerateToken") is True})
        return Response({"ok": True, **self._shown(self.device(device_id))})

    def _shown(self, device: Device) -> dict[str, Any]:
        return heartbeat_answer(device, secrets="secrets.read" in self.actor.permissions, now=self.now)
