"""A workspace's own host: the API surfaces without sign-in routes, and a way to its pages."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, URLResolver, include, path

from apps.operations.addresses import base_url


def to_app(request: HttpRequest) -> HttpResponse:
    """Pages live on the app host only."""
    return HttpResponseRedirect(f"{base_url()}/app/w/{request.META['dashmon.workspace_slug']}/")


urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("apps.api.dashmon.urls")),
    path("", to_app),
]
