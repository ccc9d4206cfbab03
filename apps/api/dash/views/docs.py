"""The OpenAPI document and a page to read it with; both public, both without anything from elsewhere."""

from drf_spectacular.views import SpectacularAPIView

DESCRIPTION = (
    "Nodes with their agents, groups, history, traffic and alerts, for Dash's own front end and agents. "
    "Send `Authorization: Bearer <access token>` of `POST /api/auth/login`."
)


class DocumentView(SpectacularAPIView):
    """The OpenAPI document of this surface alone."""

    urlconf = "apps.api.dash.urls"
    custom_settings = {
        "TITLE": "Dashmon: Dash API",
        "VERSION": "1.0.0",
        "DESCRIPTION": DESCRIPTION,
    }
