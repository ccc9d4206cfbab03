"""The app host's table: one owner for every path, no redirect on an API path."""

from django.urls import URLPattern, URLResolver, include, path

from apps.api.dash import surface as dash_api
from apps.api.dashmon import surface as dashmon_api
from apps.web import urls_status
from apps.web.views import entry, operator

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include(dashmon_api)),
    path("", include(dash_api)),
    path("", entry.landing, name="landing"),
    path("first-run/<str:token>", entry.FirstRun.as_view(), name="first-run"),
    path("invitations/<str:token>", entry.AcceptInvitation.as_view(), name="invitation"),
    path("accounts/", include("allauth.urls")),
    path("app/", include("apps.web.urls")),
    path("operator/", operator.Operations.as_view(), name="operator"),
    path("metrics", operator.metrics, name="metrics"),
    path("status/<str:slug>", urls_status.home),
    path("status/<str:slug>/", urls_status.home),
    path("status/<str:slug>/", include(urls_status.tails)),
    *dash_api.unowned,
    *dashmon_api.unowned,
]

handler400 = "apps.web.errors.bad_request"
handler403 = "apps.web.errors.permission_denied"
handler404 = "apps.web.errors.page_not_found"
handler429 = "apps.web.errors.too_many"
handler500 = "apps.web.errors.server_error"
