"""The Dash API's table (contract Dash 16): each address once, answered with and without its final slash."""

from typing import Any

from django.urls import URLPattern, path

from apps.api.dash.views import (
    agents,
    alerts,
    channels,
    deploy,
    front,
    groups,
    history,
    meta,
    nodes,
    rebuilds,
    sessions,
    system,
    themes,
    traffic,
)
from apps.api.dash.views.base import DashView


def _at(address: str, view: type[DashView], **settings: Any) -> list[URLPattern]:
    """The address in both spellings, neither redirects; only the first is documented."""
    return [
        path(address, view.as_view(**settings)),
        path(f"{address}/", view.as_view(**{**settings, "schema": None})),
    ]


_meta = [
    *_at("api/version", meta.VersionView),
]

_system = [
    *_at("api/front/brand", system.BrandView),
    *_at("api/admin/system/settings", system.SettingsView),
]
_themes = [
    *_at("api/admin/system/themes", themes.ThemesView),
    *_at("api/admin/system/themes/upload", themes.ThemeUploadView),
    *_at("api/admin/system/themes/<str:theme>", themes.ThemeView),
    *_at("api/admin/system/themes/<str:theme>/apply", themes.ThemeApplyView),
    *_at("theme/active.css", themes.ActiveStyleView),
    *_at("theme/active.json", themes.ActiveManifestView),
    *_at("theme/preview/<str:theme>.png", themes.PreviewView),
]
_groups = [
    *_at("api/admin/groups", groups.GroupsView),
    *_at("api/admin/groups/map", groups.GroupMapView),
    *_at("api/admin/groups/<str:number>", groups.GroupView),
]
_nodes = [
    *_at("api/admin/nodes", nodes.NodesView),
    *_at("api/admin/nodes/deploy", deploy.DeployView),
    *_at("api/admin/nodes/display-order", nodes.DisplayOrderView),
    *_at("api/admin/nodes/traffic-p95", nodes.TrafficP95View),
    *_at("api/admin/nodes/<str:number>", nodes.NodeView),
    *_at("api/admin/nodes/<str:number>/upgrade", nodes.NodeUpgradeView),
    path("deploy/<path:name>", deploy.deployed),
]
_auth = [
    *_at("api/auth/login", sessions.LoginView),
    *_at("api/auth/refresh", sessions.RefreshView),
    *_at("api/auth/logout", sessions.LogoutView),
    *_at("api/auth/sessions", sessions.SessionsView),
    *_at("api/auth/sessions/<str:sid>", sessions.SessionView),
]

_node = [
    *_at("api/node/identity", agents.IdentityView),
    *_at("api/node/static", agents.StaticView),
    *_at("api/node/metrics", agents.MetricsView),
]
_front = [
    *_at("api/front/groups", front.GroupsView),
    *_at("api/front/metrics", front.MetricsView),
]
_charts = [
    *_at("api/metrics/online", history.OnlineView),
    *_at("api/metrics/history", history.HistoryView),
    *_at("api/statistics/access", history.AccessView),
]
_traffic = [
    *_at("api/statistics/traffic/settings", traffic.SettingsView),
    *_at("api/statistics/traffic/ifaces", traffic.IfacesView),
    *_at("api/statistics/traffic/summary", traffic.SummaryView),
    *_at("api/statistics/traffic/daily", traffic.DailyView),
    *_at("api/statistics/traffic/monthly", traffic.MonthlyView),
    *_at("api/admin/nodes/traffic/rebuild", rebuilds.RebuildStateView),
    *_at("api/admin/nodes/<str:number>/traffic/rebuild", rebuilds.RebuildView),
]
_alerts = [
    *_at("api/admin/alerts/rules", alerts.RulesView),
    *_at("api/admin/alerts/rules/<str:number>", alerts.RuleView),
    *_at("api/admin/alerts/mounts", alerts.MountsView),
    *_at("api/admin/alerts/settings", alerts.SettingsView),
]
_channels = [
    *_at("api/admin/alerts/channels", channels.ChannelsView),
    *(
        route
        for step in ("code", "verify", "password", "ping")
        for route in _at(f"api/admin/alerts/channels/telegram/mtproto/{step}", channels.AccountView)
    ),
    *_at("api/admin/alerts/channels/<str:number>", channels.ChannelView),
    *_at("api/admin/alerts/channels/<str:number>/enabled", channels.EnabledView),
    *_at("api/admin/alerts/channels/<str:number>/test", channels.TestView),
]

urlpatterns = [
    *_alerts,
    *_channels,
    *_node,
    *_front,
    *_charts,
    *_traffic,
    *_auth,
    *_system,
    *_themes,
    *_groups,
    *_nodes,
    *_meta,
]
