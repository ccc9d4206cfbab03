"""What happens to a request before any surface sees it, and to every answer on its way out."""

import logging
import random
import re
from collections.abc import Callable, Collection
from datetime import timedelta
from http.cookies import CookieError, SimpleCookie

import structlog
from allauth.account.adapter import get_adapter
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from apps.common.hosts import Host, classify, is_slug, without_port
from apps.operations.addresses import host_rules
from apps.statuspages.selectors import slug_of_host
from apps.workspaces.selectors import default_workspace
from dashmon import forwarding

WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{16,64}")
# Every byte's lower five bits as a character: 32 divides 256, so none is likelier than another.
AS_BASE32 = bytes(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[byte & 31] for byte in range(256))
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO", "HTTP_FORWARDED")
PREFIX = re.compile(r"/w/([a-z0-9-]{3,48})(/(?:api|ping|auth|deploy|theme)/.*)")
POLICY = "; ".join(
    (
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
PUBLIC, PAGE_COOKIE = "/status/", "dashmon_page"
# A surface's own sign-in works on the host of its workspace too, by these alone.
SIGN_IN, SIGN_IN_COOKIES = "/api/auth/", frozenset({"refresh", "csrf"})
FACE_TABLES = {"dash": "dashmon.urls_dash"}
# The list of one's sessions says when each was used, to the minute.
SEEN_EVERY = timedelta(minutes=1)
Handler = Callable[[HttpRequest], HttpResponse]
log = logging.getLogger(__name__)


def new_request_id() -> str:
    """`req_` and 20 random base32 characters."""
    # No secret: it tells requests apart, and asking the system for chance would let go of the interpreter each time.
    return "req_" + random.randbytes(20).translate(AS_BASE32).decode()  # noqa: S311  # as said


class RequestIdMiddleware:
    """Echo a well-formed X-Request-Id, or make one; every log line of the request carries it."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # Not `request.headers`: it would remember forwarding headers that are about to be removed.
        inbound = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = inbound if WELL_FORMED.fullmatch(inbound) else new_request_id()
        request.META["dashmon.request_id"] = request_id
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        response["X-Request-Id"] = request_id
        return response


class ForwardedMiddleware:
    """Believe forwarding headers of trusted proxies only; anybody else's are removed."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self.trusted = forwarding.networks(settings.TRUSTED_PROXIES)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        meta = request.META
        if any(name in meta for name in FORWARDED):
            meta["dashmon.forwarded"] = True
        if forwarding.is_trusted(meta.get("REMOTE_ADDR", ""), self.trusted):
            self._believe(request)
        for name in FORWARDED:
            meta.pop(name, None)
        return self.get_response(request)

    def _believe(self, request: HttpRequest) -> None:
        meta = request.META
        if (caller := forwarding.caller(meta.get("HTTP_X_FORWARDED_FOR", ""), self.trusted)) is not None:
            meta["REMOTE_ADDR"] = caller
        if host := meta.get("HTTP_X_FORWARDED_HOST"):
            meta["HTTP_HOST"] = host.split(",")[0].strip()
        if meta.get("HTTP_X_FORWARDED_PROTO", "").split(",")[0].strip().lower() == "https":
            meta["wsgi.url_scheme"] = "https"
            request._get_scheme = lambda: "https"  # type: ignore[attr-defined]  # noqa: SLF001  # Django's own hook


class HostMiddleware:
    """Decide by the Host header which table answers, and for which workspace a password would be asked."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        named = request.META.get("HTTP_HOST") or request.META.get("SERVER_NAME", "")
        host = classify(named, host_rules())
        if host.kind == "unknown":
            if (slug := slug_of_host(without_port(named))) is not None:
                request.META["dashmon.status_slug"] = slug
                request.urlconf = "dashmon.urls_status_page"
                return self._for_nobody(request)
            cure = "This name is not served here. Set DASHMON_BASE_URL to the address people use.\n"
            return HttpResponse(cure, status=421, content_type="text/plain; charset=utf-8")
        if (face := self._face(request, host)) is not None:
            slug, table = face
            request.META["dashmon.workspace_slug"] = slug
            request.urlconf = table
            return self._with_few_cookies(request)
        if host.kind == "workspace":
            request.META["dashmon.workspace_slug"] = host.slug
            request.urlconf = "dashmon.urls_workspace"
            return self._with_few_cookies(request)
        if (prefixed := PREFIX.fullmatch(request.path_info)) and is_slug(prefixed[1]):
            # For clients whose base address may hold a path: the prefix is a host hint.
            request.META["dashmon.workspace_slug"], request.path_info = prefixed.groups()
            request.path = request.path_info
            return self._without_cookies(request)
        if request.path_info.startswith(PUBLIC):
            return self._for_nobody(request)
        return self.get_response(request)

    def _face(self, request: HttpRequest, host: Host) -> tuple[str, str] | None:
        """Whose front end is asked for, and its table: by its own name, or by a port that is the default workspace's.

        An empty slug is nobody's: the front end is there, and its API knows of no workspace.
        """
        if host.face is not None:
            return host.slug or "", FACE_TABLES[host.face]
        face = settings.FACE_PORTS.get(int(request.META.get("SERVER_PORT") or 0)) if host.kind == "app" else None
        if face is None:
            return None
        workspace = default_workspace()
        return "" if workspace is None else workspace.slug, FACE_TABLES[face]

    def _for_nobody(self, request: HttpRequest) -> HttpResponse:
        """A public page is the same for everybody, signed in or not: only its own cookie comes through."""
        self._keep(request, {PAGE_COOKIE})
        return self.get_response(request)

    def _with_few_cookies(self, request: HttpRequest) -> HttpResponse:
        """No session is read or made on a workspace's host; the pair of a surface's own sign-in is."""
        if not request.path_info.startswith(SIGN_IN):
            return self._without_cookies(request)
        self._keep(request, SIGN_IN_COOKIES)
        response = self.get_response(request)
        for name in set(response.cookies) - SIGN_IN_COOKIES:
            del response.cookies[name]
        return response

    @staticmethod
    def _keep(request: HttpRequest, names: Collection[str]) -> None:
        """Leave the cookies of these names, and no other."""
        cookie = SimpleCookie()
        try:
            cookie.load(request.META.pop("HTTP_COOKIE", ""))
        except CookieError:
            cookie.clear()
        kept = [f"{name}={cookie[name].coded_value}" for name in sorted(names) if name in cookie]
        if kept:
            request.META["HTTP_COOKIE"] = "; ".join(kept)

    def _without_cookies(self, request: HttpRequest) -> HttpResponse:
        """Sign-in belongs to hosts: below a prefix no cookie is read and none is set."""
        request.META.pop("HTTP_COOKIE", None)
        response = self.get_response(request)
        response.cookies.clear()
        return response


class PolicyMiddleware:
    """Pages run no inline script and are framed by nobody, unless a page brings a policy of its own."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.get("Content-Type", "").startswith("text/html"):
            response.headers.setdefault("Content-Security-Policy", POLICY)
        if request.is_secure():
            for cookie in response.cookies.values():
                cookie["secure"] = True
        return response


class ActivityMiddleware:
    """Remember when a session was last used, and from where.

    allauth's own writes with every request of somebody who is signed in: each page would wait for whoever else writes,
    and there would be none while nothing can be written.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.session.session_key and request.user.is_authenticated and not self._is_known(request):
            try:
                UserSession.objects.create_from_request(request)
            except DatabaseError:
                log.warning("sessions: when one was used could not be noted", exc_info=True)
        return self.get_response(request)

    @staticmethod
    def _is_known(request: HttpRequest) -> bool:
        """Whether all there is to say was said within the last minute."""
        agent_max = UserSession._meta.get_field("user_agent").max_length  # noqa: SLF001  # Django's own way to ask
        return bool(
            UserSession.objects.filter(
                session_key=request.session.session_key,
                user=request.user,
                ip=get_adapter().get_client_ip(request),
                user_agent=request.headers.get("User-Agent", "")[:agent_max],
                last_seen_at__gt=timezone.now() - SEEN_EVERY,
            ).exists()
        )
