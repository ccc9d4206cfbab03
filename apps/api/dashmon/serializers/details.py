"""The detail answer of a device: its card, its documents, its open incident and how much of the time it was up."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from apps.alerts.built_in import DEVICE_STATE
from apps.api.dashmon.serializers.cards import DeviceCard, device_card
from apps.devices import heartbeat_config
from apps.devices.models import Device
from apps.incidents.models import Incident
from apps.incidents.selectors import open_of
from apps.metrics.selectors import window_totals
from apps.workspaces.models import Workspace

WINDOWS = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
# Words in the name of a header whose value lets somebody in, or in a body that does.
TELLING = ("authorization", "cookie", "token", "secret", "key", "password")


@dataclass(frozen=True, slots=True)
class DeviceDetails(DeviceCard):
    """A card with everything else that is known."""

    synthetic: Mapping[str, Any] | None
    heartbeat: Mapping[str, Any] | None
    incident: Mapping[str, Any] | None
    uptime: Mapping[str, float | None]


def device_details(device: Device, *, workspace: Workspace, secrets: bool, now: datetime) -> DeviceDetails:
    """`secrets` tells whether the reader may see headers and bodies that let somebody in."""
    card = device_card(device, workspace=workspace, now=now)
    # One incident a device is its state's; what rules about values have open is not said here.
    opened = next(iter(open_of(workspace, device.ref, rule=DEVICE_STATE)), None)
    return DeviceDetails(
        **{field.name: getattr(card, field.name) for field in fields(card)},
        synthetic=device.synthetic if secrets else _redacted(device.synthetic),
        heartbeat=_expected(device),
        incident=None if opened is None else _brief(opened, now=now),
        uptime={f"of_{name}": _uptime(device, now - window, now) for name, window in WINDOWS.items()},
    )


def _expected(device: Device) -> Mapping[str, Any] | None:
    """The heartbeat configuration in force: its defaults are, before anybody saved one."""
    if device.kind != Device.Kind.HEARTBEAT:
        return None
    return device.heartbeat or heartbeat_config.normalise({})


def _uptime(device: Device, start: datetime, end: datetime) -> float | None:
    """Percent with three decimals, rounded down: one lost second is not 100."""
    totals = window_totals(workspace_id=device.workspace_id, ref=device.ref, start=start, end=end)
    floored = totals.times.percent_floor3
    return None if floored is None else float(floored)


def _brief(incident: Incident, *, now: datetime) -> dict[str, Any]:
    return {
        "id": incident.wire_id,
        "status": incident.status,
        "severity": incident.severity,
        "title": incident.title,
        "cause": {"kind": incident.cause, "message": incident.cause_text},
        "startedAt": incident.opened_at,
        "acknowledgedAt": incident.acknowledged_at,
        "durationSeconds": incident.duration_s(now),
    }


def _redacted(document: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The document without headers and bodies that let somebody in; it says so when it hides one (contract 3)."""
    if document is None:
        return None
    request = document.get("request") or {}
    headers = request.get("headers") or {}
    hidden = [name for name in headers if any(word in name.lower() for word in TELLING)]
    body = request.get("body")
    tells = body is not None and any(word in body.lower() for word in TELLING)
    if not hidden and not tells:
        return dict(document)
    shown = {name: None if name in hidden else value for name, value in headers.items()}
    cover = {"headers": shown, "body": None if tells else body}
    return {**document, "request": {**request, **cover}, "redacted": True}
