"""The Dashmon API's table (contract Dashmon): each path once, its gate's spelling beside it.

Both slash forms are answered, none redirects. Static segments come before variables.
"""

from typing import Any

from django.urls import URLPattern, path

from apps.api.dashmon.views import (
    alert_settings,
    alerts,
    checks,
    configuration,
    devices,
    heartbeats,
    history,
    incidents,
    invitations,
    maintenance,
    me,
    meta,
    posture,
    preferences,
    projects,
    public_pages,
    reports,
    sign_in,
    sms,
    status_pages,
    support,
    tags,
    tokens,
    workspace,
)
from apps.api.dashmon.views.base import ApiView

P, D, N = "<str:project_id>", "<str:device_id>", "<str:incident_id>"
PROJECT, DEVICES = "/api/projects/:id", "/api/projects/:id/devices"
SETTINGS = "/api/projects/:projectId/alert-settings"
DETAILS = "/api/projects/:projectId/devices/:deviceId"


def _at(
    address: str, view: type[ApiView], route: str = "", *, schema: bool = True, **settings: Any
) -> list[URLPattern]:
    """The address with and without its final slash; only the first form is documented."""
    settings["route"] = route or f"/{address}"
    shown = settings if schema else {**settings, "schema": None}
    return [
        path(address, view.as_view(**shown)),
        path(f"{address}/", view.as_view(**{**settings, "schema": None})),
    ]


_meta = [
    *_at("api/health", meta.HealthView),
    *_at("api/meta/capabilities", meta.CapabilitiesView),
    *_at("api/me", me.MeView),
]
_projects = [
    *_at("api/projects", projects.ProjectsView),
    *_at(f"api/projects/{P}", projects.ProjectView, PROJECT),
    *_at(f"api/projects/{P}/devices", projects.ProjectDevicesView, DEVICES),
    *_at(f"api/projects/{P}/devices/{D}", devices.DeviceDetailsView, DETAILS),
    # The older name of a project, and its wrapper key.
    *_at("api/stores", projects.ProjectsView, "/api/projects", noun="store", schema=False),
    *_at(f"api/stores/{P}", projects.ProjectView, PROJECT, noun="store", schema=False),
    *_at(f"api/stores/{P}/devices", projects.ProjectDevicesView, DEVICES, schema=False),
    *_at(f"api/stores/{P}/devices/{D}", devices.DeviceDetailsView, DETAILS, schema=False),
]
_devices = [
    *_at("api/devices/refresh-all", checks.RefreshAllView),
    *_at("api/devices/tags/bulk", tags.BulkTagsView),
    *_at(f"api/devices/{D}", devices.DeviceView, "/api/devices/:deviceId"),
    *_at(f"api/devices/{D}/history", history.HistoryView, "/api/devices/:deviceId/history"),
    *_at(f"api/devices/{D}/synthetic", configuration.SyntheticView, "/api/devices/:deviceId/synthetic"),
    *_at(f"api/devices/{D}/dns-config", configuration.DnsConfigView, "/api/devices/:deviceId/dns-config"),
    *_at(
        f"api/devices/{D}/heartbeat-config",
        configuration.HeartbeatConfigView,
        "/api/devices/:deviceId/heartbeat-config",
    ),
    *_at(f"api/devices/{D}/signals", heartbeats.SignalsView, "/api/devices/:deviceId/signals"),
    *_at(f"api/devices/{D}/test-now", checks.TestNowView, "/api/devices/:deviceId/test-now"),
    *_at(f"api/devices/{D}/tags", tags.DeviceTagsView, "/api/devices/:deviceId/tags"),
    *_at("api/tags", tags.TagsView),
]
_maintenance = [
    *_at("api/maintenance/devices/bulk-set", maintenance.BulkWindowView),
    *_at("api/maintenance/devices/bulk-clear", maintenance.BulkClearView),
    *_at(f"api/maintenance/device/{D}", maintenance.DeviceWindowView, "/api/maintenance/device/:deviceId"),
    *_at(f"api/maintenance/project/{P}", maintenance.ProjectWindowView, "/api/maintenance/project/:projectId"),
    *_at(
        f"api/maintenance/store/{P}",
        maintenance.ProjectWindowView,
        "/api/maintenance/project/:projectId",
        noun="store",
        schema=False,
    ),
]
_alerts = [
    *_at("api/alerts/email", alerts.EmailRuleView),
    *_at("api/alerts/webhook", alerts.WebhookView),
    *_at("api/alerts/sms", sms.SmsRuleView),
    *_at("api/alerts/sms/test", sms.SmsTestView),
    *_at(f"api/projects/{P}/alert-settings", alert_settings.AlertSettingsView, SETTINGS),
    *_at(f"api/projects/{P}/alert-settings/test", alert_settings.AlertSettingsTestView, f"{SETTINGS}/test"),
    *_at("api/user/integration-posture", posture.PostureView),
]
_PAGE, PAGE = "api/status-pages/<str:page_id>", "/api/status-pages/:id"
_status_pages = [
    *_at("api/status-pages", status_pages.StatusPagesView),
    *_at(_PAGE, status_pages.StatusPageView, PAGE),
    *_at(f"{_PAGE}/regenerate-token", status_pages.RegenerateTokenView, f"{PAGE}/regenerate-token"),
    *_at(f"{_PAGE}/updates", status_pages.UpdatesView, f"{PAGE}/updates"),
    *_at(f"{_PAGE}/subscribers", status_pages.SubscribersView, f"{PAGE}/subscribers"),
    *_at("api/public/status-pages/<str:slug>", public_pages.PublicStatusPageView, "/api/public/status-pages/:slug"),
]
_user = [
    *_at("api/user/permission-foundation", workspace.PermissionFoundationView),
    *_at("api/user/account-context", workspace.AccountContextView),
    *_at("api/user/team-invitations", invitations.InvitationsView),
    *_at("api/user/team-invitations/accept", invitations.AcceptInvitationView),
    *_at(
        "api/user/team-invitations/<str:invitation_id>/cancel",
        invitations.CancelInvitationView,
        "/api/user/team-invitations/:id/cancel",
    ),
    *_at("api/user/preferences", preferences.PreferencesView),
    *_at("api/user/preferences/timezone", preferences.TimezoneView),
    *_at("api/user/api-token", tokens.LegacyTokenView),
    *_at("api/user/api-tokens", tokens.TokensView),
    *_at("api/user/api-tokens/<str:token_id>", tokens.TokenView, "/api/user/api-tokens/:id"),
]
_sign_in = [
    *_at("auth/local/signup", sign_in.SignUpView),
    *_at("auth/local/login", sign_in.LoginView),
    *_at("logout", sign_in.LogoutView),
]
_reports = [
    *_at(f"api/devices/{D}/analytics", reports.AnalyticsView, "/api/devices/:deviceId/analytics"),
    *_at(f"api/devices/{D}/latency/percentiles", reports.PercentilesView, "/api/devices/:id/latency/percentiles"),
    *_at("api/reports/uptime", reports.UptimeReportView),
    *_at("api/metrics/down-events", reports.DownEventsView),
    *_at("api/support/summary", support.SupportSummaryView),
]
_incidents = [
    *_at("api/incidents", incidents.IncidentsView),
    *_at(f"api/incidents/{N}", incidents.IncidentView, "/api/incidents/:id"),
    *_at(f"api/incidents/{N}/ack", incidents.AcknowledgeView, "/api/incidents/:id/ack"),
    *_at(f"api/incidents/{N}/note", incidents.NoteView, "/api/incidents/:id/note"),
    *_at(f"api/incidents/{N}/resolve", incidents.ResolveView, "/api/incidents/:id/resolve"),
]
HEARTBEAT = "/api/incoming/heartbeat/:token"
_heartbeats = [
    *_at("api/incoming/heartbeat/<str:token>", heartbeats.HeartbeatReceiverView, HEARTBEAT),
    *_at("api/incoming/heartbeat/<str:token>/<path:rest>", heartbeats.HeartbeatReceiverView, HEARTBEAT, schema=False),
    # The same receiver for scripts that know this shape.
    *_at("ping/<str:token>", heartbeats.HeartbeatReceiverView, HEARTBEAT, schema=False),
    *_at("ping/<str:token>/<path:rest>", heartbeats.HeartbeatReceiverView, HEARTBEAT, schema=False),
]

urlpatterns = [
    *_heartbeats,
    *_meta,
    *_projects,
    *_devices,
    *_maintenance,
    *_alerts,
    *_reports,
    *_incidents,
    *_status_pages,
    *_user,
    *_sign_in,
]
