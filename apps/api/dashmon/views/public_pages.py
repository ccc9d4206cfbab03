"""The public JSON of a status page (contract Dashmon 10)."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from rest_framework import serializers
from rest_framework.request import Request

from apps.api.dashmon import throttling
from apps.api.dashmon.errors import ApiError
from apps.api.dashmon.schema import described, parameter, wrapped
from apps.api.dashmon.views.cross_origin import CrossOriginView
from apps.statuspages import shelf
from apps.statuspages.addresses import address_in
from apps.statuspages.delivery import deciding, deliver
from apps.statuspages.models import StatusPage
from apps.statuspages.rendering.answers import answer, key_of, look_of
from apps.statuspages.selectors import opens, public_page
from apps.statuspages.shelf import Kept
from apps.statuspages.visits import visits

CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "X-Status-Token, If-None-Match",
    "Access-Control-Expose-Headers": "ETag",
}
Shown = wrapped(
    "PublicStatusPage",
    page=serializers.DictField(),
    status=serializers.DictField(),
    projects=serializers.ListField(child=serializers.DictField()),
    updates=serializers.ListField(child=serializers.DictField()),
    maintenance=serializers.ListField(child=serializers.DictField()),
)


class PublicStatusPageView(CrossOriginView):
    """What a page shows, for programs; kept for seconds, so that asking costs next to nothing."""

    always = CORS

    @described(
        "A status page as it is shown",
        answer=Shown,
        query=(parameter("token", "The token of a private page; `X-Status-Token` does as well."),),
        also={
            401: "`status_token_required`: a private page without its token, or with another.",
            404: "No such page, or its workspace is not Premium.",
            429: "Over 120 a minute.",
        },
    )
    def get(self, request: Request, slug: str) -> HttpResponseBase:
        plain: HttpRequest = request._request  # noqa: SLF001  # DRF's own door to Django's request
        self._count_visit(plain, slug)
        page = public_page(slug, now=self.now)
        if page is None:
            raise ApiError("not_found", "Status page not found")
        if not opens(page, plain.headers.get("x-status-token") or plain.GET.get("token", "")):
            raise ApiError("status_token_required", "This page is private: it needs its token.")
        look = look_of(page)
        key = key_of(page, "api", look)
        kept = shelf.pages.serve(key, lambda: self._made(page))
        if not page.is_private:
            shelf.pages.remember(address_in(plain.META, plain.path), key)
        wire = deliver(kept, method=plain.method or "GET", asked=deciding(plain.headers))
        response = HttpResponse(wire.body, status=wire.status)
        del response["Content-Type"]
        for name, value in wire.headers:
            response[name] = value
        return response

    head = get

    def _made(self, page: StatusPage) -> Kept:
        kept = answer(page, "api", look_of(page), now=self.now)
        assert kept is not None
        return kept

    def _count_visit(self, request: HttpRequest, slug: str) -> None:
        if not settings.RATE_LIMITS:
            return
        wait = visits.count(request.META.get("REMOTE_ADDR", ""), slug, self.now.timestamp())
        if wait:
            limit = throttling.PUBLIC_PAGE
            raise throttling.TooManyCallsError(limit.sentence, throttling.Allowance(limit.most, 0, wait))
