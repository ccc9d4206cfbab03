"""Public status pages before Django: what is on the shelf is sent from here, everything else goes on.

Nothing is decided here. An address comes onto the shelf when Django has answered it once (host judged, page public,
plan in force), and leaves it with its answer, after fifteen seconds at most.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from django.conf import settings

from apps.api.dashmon.views.base import API_VERSION
from apps.statuspages.addresses import address_of
from apps.statuspages.delivery import Wire, deliver
from apps.statuspages.shelf import Kept, pages
from apps.statuspages.visits import visits
from dashmon import forwarding
from dashmon.middleware import WELL_FORMED, new_request_id

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Pairs = list[tuple[bytes, bytes]]

METHODS = frozenset({"GET", "HEAD"})
# Never on the shelf; not worth looking.
OTHERS = ("/app/", "/static/", "/accounts/")
API = "/api/public/status-pages/"
WANTED = {
    b"host": "host",
    b"accept-language": "accept-language",
    b"accept-encoding": "accept-encoding",
    b"if-none-match": "if-none-match",
    b"if-modified-since": "if-modified-since",
    b"x-request-id": "x-request-id",
    b"x-forwarded-for": "x-forwarded-for",
    b"x-forwarded-host": "x-forwarded-host",
}


class PublicPages:
    """An ASGI application in front of another."""

    def __init__(self, inner: App) -> None:
        self._inner = inner
        self._trusted = forwarding.networks(settings.TRUSTED_PROXIES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the kept answer, or pass the request on."""
        asked = self._asked(scope)
        kept = self._kept(scope, asked) if asked is not None else None
        if asked is None or kept is None:
            await self._inner(scope, receive, send)
            return
        wire = deliver(kept, method=scope["method"], asked=asked)
        headers = _headers(kept, wire, asked, is_api=scope["path"].startswith(API))
        await send({"type": "http.response.start", "status": wire.status, "headers": headers})
        await send({"type": "http.response.body", "body": wire.body})

    def _asked(self, scope: Scope) -> dict[str, str] | None:
        path = scope["path"]
        if scope["method"] not in METHODS or path.startswith(OTHERS):
            return None
        if path.startswith("/api/") and not path.startswith(API):
            return None
        return {WANTED[name]: value.decode("latin-1") for name, value in scope["headers"] if name in WANTED}

    def _kept(self, scope: Scope, asked: Mapping[str, str]) -> Kept | None:
        peer = scope["client"][0] if scope.get("client") else ""
        peer, host = forwarding.as_told(
            peer,
            asked.get("host", ""),
            forwarded_for=asked.get("x-forwarded-for", ""),
            forwarded_host=asked.get("x-forwarded-host"),
            trusted=self._trusted,
        )
        address = address_of(
            host=host,
            path=scope["path"],
            query=scope["query_string"].decode("latin-1"),
            accept_language=asked.get("accept-language", ""),
        )
        kept = pages.peek(address) if address is not None else None
        if kept is not None and settings.RATE_LIMITS and visits.count(peer, kept.slug, time.time()):
            # Django words the refusal, in the shape of whatever was asked.
            return None
        return kept


def _headers(kept: Kept, wire: Wire, asked: Mapping[str, str], *, is_api: bool) -> Pairs:
    """The answer's headers as bytes, made once for each encoding; the request's id is its own."""
    ready: Pairs | None = kept.ready.get((wire.status, wire.packed))
    if ready is None:
        ready = [(name.lower().encode(), value.encode("latin-1")) for name, value in wire.headers]
        if is_api:
            ready.append((b"dashmon-api-version", API_VERSION.encode()))
        kept.ready[wire.status, wire.packed] = ready
    inbound = asked.get("x-request-id", "")
    request_id = inbound if WELL_FORMED.fullmatch(inbound) else new_request_id()
    return [*ready, (b"x-request-id", request_id.encode())]
