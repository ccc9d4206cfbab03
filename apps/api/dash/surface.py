"""What the project mounts: the API with its document and its own answer for paths that nobody owns."""

from django.urls import include, path, re_path

from apps.api.dash.views.base import not_found
from apps.api.dash.views.docs import DocumentView

urlpatterns = [
    path("", include("apps.api.dash.urls")),
    path("api/schema/dash", DocumentView.as_view(), name="dash-schema"),
]
# Last of all below these, after every other surface.
unowned = [
    re_path(r"^api/(?:auth|node|admin|front|metrics|statistics|version)(?:/.*)?$", not_found),
    re_path(r"^(?:deploy|theme)(?:/.*)?$", not_found),
]
