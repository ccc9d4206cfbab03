"""What is served here, for anybody."""

from django.conf import settings
from msgspec import Struct
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dash.bundle import bundled_version
from apps.api.dash.schema import described
from apps.api.dash.views.base import DashView


class VersionAnswer(Struct):
    version: str
    node_version: str


class VersionView(DashView):
    access = "none"

    @described("Versions of the server and of the agent it hands out", answer=VersionAnswer)
    def get(self, _: Request) -> Response:
        return Response(VersionAnswer(settings.VERSION, bundled_version() or "unknown"))
