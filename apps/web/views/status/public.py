"""The public side: a page in all its forms, for anybody or for who holds its token. No session is read here."""

import hmac
from datetime import datetime
from hashlib import sha256
from typing import Any, ClassVar
from urllib.parse import urlsplit

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from apps.statuspages import shelf
from apps.statuspages.addresses import address_in
from apps.statuspages.delivery import Wire, deciding, deliver, too_many
from apps.statuspages.models import StatusPage
from apps.statuspages.rendering.answers import HTML, TYPES, answer, key_of, look_of, policy
from apps.statuspages.rendering.page import Look, form_html
from apps.statuspages.selectors import opens, public_page
from apps.statuspages.shelf import Kept
from apps.statuspages.visits import Visits, visits
from apps.statuspages.words import known, preferred

COOKIE = "dashmon_page"
COOKIE_AGE_S = 30 * 24 * 3600
# Forms that strangers fill in: ten a minute and address.
tries = Visits(most=10)


def caller(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


def plain(wire: Wire) -> HttpResponse:
    """What the core decided, as Django sends it."""
    response = HttpResponse(wire.body, status=wire.status)
    del response["Content-Type"]
    for name, value in wire.headers:
        response[name] = value
    return response


def proof_of(page: StatusPage) -> str:
    """What the cookie of a private page holds: nothing that could be used anywhere else; dead with the token."""
    mac = hmac.new(settings.SECRET_KEY.encode(), f"page:{page.slug}:{page.token_hash}".encode(), sha256)
    return mac.hexdigest()


@method_decorator(csrf_exempt, name="dispatch")
class PublicPage(View):
    """What every public view begins with: the visit is counted, the page found, a private one opened."""

    request: HttpRequest
    now: datetime
    page: StatusPage
    look: Look

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.now = timezone.now()
        self.own_host = bool(request.META.get("dashmon.status_slug"))
        slug = str(request.META.get("dashmon.status_slug") or kwargs.pop("slug", ""))
        kwargs.pop("slug", None)
        if settings.RATE_LIMITS and (wait := visits.count(caller(request), slug, self.now.timestamp())):
            return plain(too_many(wait))
        page = public_page(slug, now=self.now)
        if page is None:
            raise Http404("There is no such status page.")
        self.page, self.look = page, self._look(page)
        return super().dispatch(request, *args, **kwargs)

    def _look(self, page: StatusPage) -> Look:
        query = self.request.GET
        return look_of(
            page,
            own_host=self.own_host,
            language=known(query.get("lang") or self.request.POST.get("lang") or ""),
            preferred=preferred(self.request.headers.get("accept-language", "")),
            theme=query.get("theme", ""),
        )

    def is_open(self) -> bool:
        """Whether the visitor may look: the page is public, or its token or cookie is here."""
        if not self.page.is_private:
            return True
        cookie = self.request.COOKIES.get(COOKIE, "")
        if cookie and hmac.compare_digest(cookie.encode(), proof_of(self.page).encode()):
            return True
        return opens(self.page, self.request.headers.get("x-status-token") or self.request.GET.get("token", ""))

    def path(self, tail: str) -> str:
        return self.look.place.path(tail)

    def said(self, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
        """A small page that nobody keeps."""
        html = form_html(self.page, self.look, template, {"hidden": True, **context})
        response = HttpResponse(html, status=status, content_type=HTML)
        response["Content-Security-Policy"] = policy(self.page)
        response["X-Frame-Options"] = "SAMEORIGIN"
        response["Cache-Control"] = "no-store"
        response["Content-Language"] = self.look.spelling.language
        # Addresses with a secret in them go nowhere else.
        response["Referrer-Policy"] = "no-referrer"
        return response

    def locked(self, *, wrong: bool = False) -> HttpResponse:
        """The form of a private page."""
        return self.said("token", {"wrong": wrong}, status=401)

    def is_foreign(self) -> bool:
        """Whether another site's page had the browser send this form."""
        # The browser's own word first: a page without a referrer sends no origin worth the name.
        if (site := self.request.headers.get("sec-fetch-site")) is not None:
            return site not in {"same-origin", "none"}
        origin = self.request.headers.get("origin")
        return origin is not None and urlsplit(origin).netloc != self.request.get_host()


class Shown(PublicPage):
    """One form of a page: HTML, a feed, the badge."""

    form: ClassVar[str] = "html"

    def get(self, request: HttpRequest, name: str = "") -> HttpResponse:
        if not self.is_open():
            is_page = TYPES[self.form] == HTML
            return self.locked() if is_page else HttpResponse("", status=401, content_type="text/plain")
        name = name or self._section()
        key = key_of(self.page, self.form, self.look, name=name)
        kept = shelf.pages.serve(key, lambda: self._made(name))
        if not self.page.is_private:
            shelf.pages.remember(address_in(request.META, request.path), key)
        response = plain(deliver(kept, method=request.method or "GET", asked=deciding(request.headers)))
        if self.form == "embed":
            response.xframe_options_exempt = True
        return response

    def _section(self) -> str:
        return self.request.GET.get("project", "") if self.form == "badge.svg" else ""

    def _made(self, name: str) -> Kept:
        kept = answer(self.page, self.form, self.look, name=name, now=self.now)
        if kept is None:
            raise Http404("The page shows no such thing.")
        return kept


class Logo(PublicPage):
    """The logo, under an address that changes with it."""

    def get(self, request: HttpRequest) -> HttpResponse:
        if not self.is_open():
            return HttpResponse("", status=401, content_type="text/plain")
        logo = getattr(self.page, "logo", None)
        if logo is None:
            raise Http404("The page has no logo.")
        response = HttpResponse(bytes(logo.png), content_type="image/png")
        named = request.GET.get("v") == logo.digest
        scope = "private" if self.page.is_private else "public"
        response["Cache-Control"] = f"{scope}, max-age={31536000 if named else 60}{', immutable' if named else ''}"
        response["ETag"] = f'"{logo.digest}"'
        response["Content-Security-Policy"] = "default-src 'none'; sandbox"
        return response


class Opening(PublicPage):
    """The token of a private page, taken from its form into a cookie of this page only."""

    def get(self, _: HttpRequest) -> HttpResponse:
        return HttpResponseRedirect(self.look.place.home)

    def post(self, request: HttpRequest) -> HttpResponse:
        if settings.RATE_LIMITS and (wait := tries.count(caller(request), self.page.slug, self.now.timestamp())):
            return plain(too_many(wait))
        if self.is_foreign() or not opens(self.page, request.POST.get("token", "").strip()):
            return self.locked(wrong=True)
        response = HttpResponseRedirect(self.look.place.home)
        response.set_cookie(
            COOKIE,
            proof_of(self.page),
            max_age=COOKIE_AGE_S,
            path=self.look.place.home,
            httponly=True,
            samesite="Lax",
            secure=request.is_secure(),
        )
        return response
