"""The Dash API's table (contract Dash 16): each address once, answered with and without its final slash."""

from typing import Any

from django.urls import URLPattern, path

from apps.api.dash.views import meta, sessions
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

_auth = [
    *_at("api/auth/login", sessions.LoginView),
    *_at("api/auth/refresh", sessions.RefreshView),
    *_at("api/auth/logout", sessions.LogoutView),
    *_at("api/auth/sessions", sessions.SessionsView),
    *_at("api/auth/sessions/<str:sid>", sessions.SessionView),
]

urlpatterns = [
    *_auth,
    *_meta,
]
