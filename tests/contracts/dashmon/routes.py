"""Every route of the surface with a body that is well-formed, for tests that walk all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.devices.models import Device

WINDOW = {"startTime": "2026-03-02T09:00:00Z", "endTime": "2026-03-02T11:00:00Z"}
DEVICE = {"name": "Till 9", "type": "posserver", "ip": "till9.example.com"}


@dataclass(frozen=True, slots=True)
class Target:
    """What the variables of a route stand for."""

    project: str
    device: Device
    heartbeat: Device
    dns: Device
    invitation: str = "inv_0000000000000000000001"
    token: str = "tok_0000000000000000000001"
    incident: str = "inc_0000000000000000000001"
    page: str = "sp_0000000000000000000001"

    def path(self, route: str) -> str:
        device = self.device
        if "heartbeat-config" in route or "signals" in route:
            device = self.heartbeat
        elif "dns-config" in route:
            device = self.dns
        path = route.replace(":deviceId", str(device.public_id)).replace(":projectId", self.project)
        if "team-invitations" in route:
            return path.replace(":id", self.invitation)
        if "incidents" in route:
            return path.replace(":id", self.incident)
        if "percentiles" in route:
            return path.replace(":id", str(device.public_id))
        if "status-pages" in route:
            return path.replace(":id", self.page)
        return path.replace(":id", self.token if "api-tokens" in route else self.project)


# Method and route as the gate table spells them, with a body that passes validation.
BODIES: Mapping[tuple[str, str], Any] = {
    ("GET", "/api/me"): None,
    ("GET", "/api/projects"): None,
    ("POST", "/api/projects"): {"id": "fresh-01", "name": "Fresh"},
    ("GET", "/api/projects/:id"): None,
    ("PUT", "/api/projects/:id"): {"name": "Renamed"},
    ("DELETE", "/api/projects/:id"): None,
    ("GET", "/api/projects/:id/devices"): None,
    ("POST", "/api/projects/:projectId/devices"): DEVICE,
    ("GET", "/api/projects/:projectId/devices/:deviceId"): None,
    ("PUT", "/api/devices/:deviceId"): DEVICE,
    ("DELETE", "/api/devices/:deviceId"): None,
    ("GET", "/api/devices/:deviceId/history"): None,
    ("PUT", "/api/devices/:deviceId/synthetic"): {"degradedMs": 2000},
    ("GET", "/api/devices/:deviceId/dns-config"): None,
    ("PUT", "/api/devices/:deviceId/dns-config"): {"hostname": "example.com"},
    ("GET", "/api/devices/:deviceId/heartbeat-config"): None,
    ("PUT", "/api/devices/:deviceId/heartbeat-config"): {"intervalSeconds": 60},
    ("GET", "/api/devices/:deviceId/signals"): None,
    ("POST", "/api/devices/:deviceId/test-now"): None,
    ("POST", "/api/devices/refresh-all"): None,
    ("GET", "/api/tags"): None,
    ("PUT", "/api/devices/:deviceId/tags"): {"tags": ["eu"]},
    ("POST", "/api/devices/tags/bulk"): {"deviceIds": [], "mode": "add", "tags": ["eu"]},
    ("POST", "/api/maintenance/device/:deviceId"): WINDOW,
    ("DELETE", "/api/maintenance/device/:deviceId"): None,
    ("POST", "/api/maintenance/project/:projectId"): WINDOW,
    ("DELETE", "/api/maintenance/project/:projectId"): None,
    ("POST", "/api/maintenance/devices/bulk-set"): {"deviceIds": [], **WINDOW},
    ("POST", "/api/maintenance/devices/bulk-clear"): {"deviceIds": []},
    ("GET", "/api/alerts/email"): None,
    ("PUT", "/api/alerts/email"): {"enabled": True, "cooldownMinutes": 45, "to": ["ops@example.com"]},
    ("GET", "/api/alerts/webhook"): None,
    ("PUT", "/api/alerts/webhook"): {"enabled": True, "url": "https://hooks.example.com/in"},
    ("GET", "/api/alerts/sms"): None,
    ("PUT", "/api/alerts/sms"): {"enabled": True, "to": "+61400111222", "cooldownMinutes": 30},
    ("POST", "/api/alerts/sms/test"): {"to": "+61400111222"},
    ("GET", "/api/projects/:projectId/alert-settings"): None,
    ("PUT", "/api/projects/:projectId/alert-settings"): {
        "channels": [{"id": "ch_mail", "type": "email", "to": ["ops@example.com"]}]
    },
    ("POST", "/api/projects/:projectId/alert-settings/test"): {"channel": "email"},
    ("GET", "/api/user/integration-posture"): None,
    ("GET", "/api/devices/:deviceId/analytics"): None,
    ("GET", "/api/devices/:id/latency/percentiles"): None,
    ("GET", "/api/reports/uptime"): None,
    ("GET", "/api/metrics/down-events"): None,
    ("GET", "/api/incidents"): None,
    ("GET", "/api/incidents/:id"): None,
    ("POST", "/api/incidents/:id/ack"): None,
    ("POST", "/api/incidents/:id/note"): {"text": "Looking into it."},
    ("POST", "/api/incidents/:id/resolve"): {"note": "Router replaced."},
    ("GET", "/api/support/summary"): None,
    ("GET", "/api/status-pages"): None,
    ("POST", "/api/status-pages"): {"name": "Acme status", "visibility": "private_token", "projectIds": []},
    ("GET", "/api/status-pages/:id"): None,
    ("PUT", "/api/status-pages/:id"): {"name": "Renamed", "accentColor": "#2563eb", "showUptimeDays": 30},
    ("DELETE", "/api/status-pages/:id"): None,
    ("POST", "/api/status-pages/:id/regenerate-token"): None,
    ("GET", "/api/status-pages/:id/updates"): None,
    ("POST", "/api/status-pages/:id/updates"): {"status": "investigating", "title": "Slow checkout", "body": "Soon."},
    ("GET", "/api/status-pages/:id/subscribers"): None,
    ("GET", "/api/user/permission-foundation"): None,
    ("POST", "/api/user/account-context"): {"ownerUserId": None},
    ("GET", "/api/user/team-invitations"): None,
    ("POST", "/api/user/team-invitations"): {"email": "bo@example.com", "role": "editor"},
    ("POST", "/api/user/team-invitations/:id/cancel"): None,
    ("GET", "/api/user/preferences"): None,
    ("PUT", "/api/user/preferences/timezone"): {"timezone": "Europe/Lisbon"},
    ("GET", "/api/user/api-token"): None,
    ("GET", "/api/user/api-tokens"): None,
    ("POST", "/api/user/api-tokens"): {"label": "CI"},
    ("DELETE", "/api/user/api-tokens/:id"): None,
}
