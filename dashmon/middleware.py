"""What happens to a request before any surface sees it, and to every answer on its way out."""

import ipaddress
import re
import secrets
from collections.abc import Callable

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from apps.common.hosts import classify, is_slug
from apps.operations.addresses import host_rules

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
        peer = _address(address)
        return peer is not None and any(peer in network for network in self.trusted)

    def _believe(self, request: HttpRequest) -> None:
        meta = request.META
        hops = [hop.strip() for hop in meta.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]
        # The nearest hop that is not a proxy of ours is the caller; everything before it may be invented.
        nearest = next((hop for hop in reversed(hops) if not self._is_trusted(hop)), None)
        if nearest is not None and (caller := _address(nearest)) is not None:
            meta["REMOTE_ADDR"] = str(caller)
        if host := meta.get("HTTP_X_FORWARDED_HOST"):
            meta["HTTP_HOST"] = host.split(",")[0].strip()
        if meta.get("HTTP_X_FORWARDED_PROTO", "").split(",")[0].strip().lower() == "https":
            meta["wsgi.url_scheme"] = "https"
            request._get_scheme = lambda: "https"  # type: ignore[attr-defined]  # noqa: SLF001  # Django's own hook


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address as proxies spell it, without the port that some add; an IPv4 address inside IPv6 is itself."""
    bare = text.rpartition(":")[0] if text.count(":") == 1 else text
    if text.startswith("["):
        bare = text[1:].partition("]")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


class HostMiddleware:
    """Decide by the Host header which table answers, and for which workspace a password would be asked."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        host = classify(request.META.get("HTTP_HOST") or request.META.get("SERVER_NAME", ""), host_rules())
        if host.kind == "unknown":
            cure = "This name is not served here. Set DASHMON_BASE_URL to the address people use.\n"
            return HttpResponse(cure, status=421, content_type="text/plain; charset=utf-8")
        if host.kind == "workspace":
            request.META["dashmon.workspace_slug"] = host.slug
            request.urlconf = "dashmon.urls_workspace"
            return self._without_cookies(request)
        if (prefixed := PREFIX.fullmatch(request.path_info)) and is_slug(prefixed[1]):
            # For clients whose base address may hold a path: the prefix is a host hint.
            request.META["dashmon.workspace_slug"], request.path_info = prefixed.groups()
            request.path = request.path_info
            return self._without_cookies(request)
        return self.get_response(request)

    def _without_cookies(self, request: HttpRequest) -> HttpResponse:
        """Sign-in belongs to the app host: elsewhere no cookie is read and none is set."""
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
