"""The OpenAPI document and a page to read it with; both public, both without anything from elsewhere."""

from typing import Any

from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

DESCRIPTION = (
    "Projects, devices and their history, maintenance, alerts and teams. Send `Authorization: Bearer <token>` "
    "(Premium) or the session cookie. Every answer carries `X-Request-Id`."
)
# The page's own script comes by a second request, so no inline script is needed. Its styles are set by script and
# its icons are data addresses.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class DocumentView(SpectacularAPIView):
    """The OpenAPI document of this surface alone."""

    urlconf = "apps.api.dashmon.urls"
    custom_settings = {"DESCRIPTION": DESCRIPTION}


class ReaderView(SpectacularSwaggerSplitView):
    """Swagger UI from the installed package; works without a network."""

    url = "/api/schema/dashmon"

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        answer: Response = super().finalize_response(request, response, *args, **kwargs)
        answer["Content-Security-Policy"] = POLICY
        return answer
