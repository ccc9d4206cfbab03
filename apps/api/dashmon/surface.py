"""What the project mounts: the API with its documents and its own answer for paths that nobody owns."""

from django.urls import include, path, re_path

from apps.api.dashmon.views.docs import DocumentView, ReaderView
from apps.api.dashmon.views.meta import not_found

urlpatterns = [
    path("", include("apps.api.dashmon.urls")),
    path("api/schema/dashmon", DocumentView.as_view(), name="dashmon-schema"),
    path("docs/api/", ReaderView.as_view(), name="dashmon-docs"),
]
# Last of all below /api/, after the other surfaces.
unowned = [
    re_path(r"^api(?:/.*)?$", not_found),
    re_path(r"^auth/local/", not_found),
]
