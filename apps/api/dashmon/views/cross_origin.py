"""Endpoints that pages of any origin may call: browsers ask first, and the answers say so."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http.response import HttpResponseBase
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dashmon.views.base import ApiView


class CrossOriginView(ApiView):
    """`always` are headers of every answer, refusals too; the question beforehand is answered without a gate.

    `asked` are further ones of that answer alone: nobody looks for them elsewhere.
    """

    always: ClassVar[Mapping[str, str]]
    asked: ClassVar[Mapping[str, str]] = {}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method == "OPTIONS":
            self.now = timezone.now()
            return
        super().initial(request, *args, **kwargs)

    def options(self, request: Any, *_args: Any, **_kwargs: Any) -> Response:  # noqa: ARG002  # the framework's name
        """Browsers ask first."""
        return Response(status=204, headers=dict(self.asked))

    def finalize_response(  # type: ignore[override]  # as in the base view
        self, request: Request, response: HttpResponseBase, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in self.always.items():
            response[name] = value
        return response
