"""The face `dash`: Dash's own front end at `/` and its API, nothing else."""

from django.urls import URLPattern, URLResolver, include, path, re_path

from apps.api.dash import surface as dash_api
from apps.api.dash.views.base import not_found
from apps.web.views import fronts

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("apps.api.dash.urls")),
    *dash_api.unowned,
    re_path(r"^api(?:/.*)?$", not_found),
    re_path(r"^(?P<path>.*)$", fronts.front, {"face": "dash"}),
]

handler400 = "apps.web.views.fronts.bad_request"
handler403 = "apps.web.views.fronts.forbidden"
handler404 = "apps.web.views.fronts.missing"
handler500 = "apps.web.views.fronts.broken"
