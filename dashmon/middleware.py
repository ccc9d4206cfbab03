"""What happens to a request before any surface sees it, and to every answer on its way out."""

import ipaddress
import re
import secrets
from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from apps.common.hosts import HostRules, classify

WELL_FORMED = re.compile(r"[A-Za-z0-9._-]{16,64}")
BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PROTO", "HTTP_FORWARDED")
PREFIX = re.compile(r"/w/([a-z0-9-]{3,48})(/(?:api|ping|auth)/.*)")
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
Handler = Callable[[HttpRequest], HttpResponse]


def new_request_id() -> str:
    """`req_` and 20 random base32 characters."""
    return "req_" + "".join(secrets.choice(BASE32) for _ in range(20))


class RequestIdMiddleware:
    """Echo a well-formed X-Request-Id, or make one; every log line of the request carries it."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        inbound = request.headers.get("X-Request-Id", "")
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
        self.trusted = [ipaddress.ip_network(entry, strict=False) for entry in settings.TRUSTED_PROXIES]

    def __call__(self, request: HttpRequest) -> HttpResponse:
        meta = request.META
        if any(name in meta for name in FORWARDED):
            meta["dashmon.forwarded"] = True
        if self._is_trusted(meta.get("REMOTE_ADDR", "")):
            self._believe(request)
        for name in FORWARDED:
            meta.pop(name, None)
        return self.get_response(request)

    def _is_trusted(self, address: str) -> bool:
        try:
            peer = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(peer in network for network in self.trusted)

    def _believe(self, request: HttpRequest) -> None:
        meta = request.META
        hops = [hop.strip() for hop in meta.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
        # The nearest hop that is not a proxy of ours is the caller; everything before it may be invented.
        callers = [hop for hop in hops if not self._is_trusted(hop)]
        if callers:
            meta["REMOTE_ADDR"] = callers[-1]
        if host := meta.get("HTTP_X_FORWARDED_HOST"):
            meta["HTTP_HOST"] = host.split(",")[0].strip()
        if meta.get("HTTP_X_FORWARDED_PROTO") == "https":
            meta["wsgi.url_scheme"] = "https"
            request._get_scheme = lambda: "https"  # type: ignore[attr-defined]  # noqa: SLF001  # Django's own hook


class HostMiddleware:
    """Decide by the Host header which table answers, and for which workspace a password would be asked."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        rules = HostRules(settings.BASE_URL, settings.TENANT_DOMAIN, settings.PROFILE == "self_hosted")
        host = classify(request.META.get("HTTP_HOST") or request.META.get("SERVER_NAME", ""), rules)
        if host.kind == "unknown":
            cure = "This name is not served here. Set DASHMON_BASE_URL to the address people use.\n"
            return HttpResponse(cure, status=421, content_type="text/plain; charset=utf-8")
        if host.kind == "workspace":
            request.META["dashmon.workspace_slug"] = host.slug
            request.urlconf = "dashmon.urls_workspace"
        elif prefixed := PREFIX.fullmatch(request.path_info):
            # For clients whose base address may hold a path: the prefix is a host hint, and no cookie counts.
            request.META["dashmon.workspace_slug"], request.path_info = prefixed.groups()
            request.path = request.path_info
            request.META.pop("HTTP_COOKIE", None)
        return self.get_response(request)


class PolicyMiddleware:
    """Pages run no inline script and are framed by nobody, unless a page brings a policy of its own."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.get("Content-Type", "").startswith("text/html"):
            response.headers.setdefault("Content-Security-Policy", POLICY)
        if request.is_secure() and settings.SESSION_COOKIE_NAME in response.cookies:
            response.cookies[settings.SESSION_COOKIE_NAME]["secure"] = True
        return response
