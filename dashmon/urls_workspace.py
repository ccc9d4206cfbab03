"""A workspace's own host: the API surfaces without sign-in routes, and a way to its pages."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, URLResolver, include, path, re_path

from apps.api.dash import surface as dash_api
from apps.api.dashmon import surface as dashmon_api
from apps.api.dashmon.views.meta import not_found
from apps.operations.addresses import base_url


def to_app(request: HttpRequest) -> HttpResponse:
    """Pages live on the app host only."""
    return HttpResponseRedirect(f"{base_url()}/app/w/{request.META['dashmon.workspace_slug']}/")


urlpatterns: list[URLPattern | URLResolver] = [
    # Sign-in belongs to the app host: no session is made or read here.
    re_path(r"^(?:auth/(?:local|google)|logout)(?:/.*)?$", not_found),
    path("", include("apps.api.dashmon.urls")),
    path("", include("apps.api.dash.urls")),
    path("", to_app),
    *dash_api.unowned,
    *dashmon_api.unowned,
]

handler400 = "apps.web.errors.bad_request"
handler403 = "apps.web.errors.permission_denied"
handler404 = "apps.web.errors.page_not_found"
handler500 = "apps.web.errors.server_error"
