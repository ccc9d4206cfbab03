"""A request as the hot paths see it: who calls which workspace, its few headers and its body; and answers as bytes."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from django.conf import settings

from apps.common.hosts import Host, HostRules, classify, is_slug
from apps.operations.addresses import host_rules
from dashmon import forwarding
from dashmon.hot.patience import Deadlines
from dashmon.middleware import PREFIX, WELL_FORMED, new_request_id

log = logging.getLogger(__name__)
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

BODY_LIMIT, BODY_S = 1 << 20, 10.0
JSON, TEXT = b"application/json; charset=utf-8", b"text/plain; charset=utf-8"


class GoneError(Exception):
    """The sender went away before everything was there."""


class BodyTooLargeError(Exception):
    """More than is read."""


class Call(NamedTuple):
    """`path` without a workspace's prefix; `slug` the workspace that host or prefix name; headers in lower case.

    `base` is the address that the caller used, prefix included, without a final slash. On a face's host another
    product's front end is at home, with its API.
    """

    method: str
    path: str
    slug: str | None
    base: str
    address: str
    headers: Mapping[bytes, bytes]
    query: bytes
    is_face: bool
    request_id: str

    @property
    def has_body(self) -> bool:
        return self.headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in self.headers

    @property
    def media_type(self) -> str:
        return self.headers.get(b"content-type", b"").partition(b";")[0].strip().lower().decode("latin-1")


class Answer(NamedTuple):
    status: int
    body: bytes
    kind: bytes = JSON
    more: Sequence[tuple[bytes, bytes]] = ()


BROKEN = Answer(500, b"Internal Server Error", TEXT, ((b"connection", b"close"),))
# Is handed the answer to a call, once.
Tell = Callable[[Answer], None]


def broken(call: Call, error: Exception) -> Answer:
    """What a caller hears when something goes wrong on the way to its answer; the log is told now."""
    log.error("hot: a request could not be answered", exc_info=error, extra={"request_id": call.request_id})
    return BROKEN


def tell_made(call: Call, tell: Tell, make: Callable[..., Answer], *args: Any) -> None:
    """Tell what `make` makes of the arguments."""
    try:
        answer = make(*args)
    except Exception as error:  # noqa: BLE001  # it is logged
        answer = broken(call, error)
    tell(answer)


async def told(call: Call, begin: Callable[[Tell], None]) -> Answer:
    """Wait for the answer to a call that is begun with a `tell`."""
    waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def tell(answer: Answer) -> None:
        # Who asked may have gone away.
        if not waiting.done():
            waiting.set_result(answer)

    try:
        begin(tell)
    except Exception as error:  # noqa: BLE001  # it is logged
        tell(broken(call, error))
    return await waiting


class Ways(NamedTuple):
    """How this installation is reached, as its settings say: read once, not with every request."""

    trusted: Sequence[forwarding.Network]
    rules: HostRules
    face_ports: Collection[int]

    @classmethod
    def read(cls) -> "Ways":
        return cls(forwarding.networks(settings.TRUSTED_PROXIES), host_rules(), frozenset(settings.FACE_PORTS))


def call_of(scope: Scope, ways: Ways) -> Call | None:
    """The call, or None when its host is nobody's, or a port is a front end's: Django knows about those."""
    headers = dict(scope["headers"])
    peer = scope["client"][0] if scope.get("client") else ""
    named = headers.get(b"host", b"").decode("latin-1")
    scheme = scope["scheme"]
    if forwarding.is_trusted(peer, ways.trusted):
        scheme = headers.get(b"x-forwarded-proto", scheme.encode()).decode("latin-1").split(",")[0].strip().lower()
        told = headers.get(b"x-forwarded-host")
        peer, named = forwarding.as_told(
            peer,
            named,
            forwarded_for=headers.get(b"x-forwarded-for", b"").decode("latin-1"),
            forwarded_host=None if told is None else told.decode("latin-1"),
            trusted=ways.trusted,
        )
    host, path, prefix = _host(named, ways.rules), scope["path"], ""
    if host.kind == "unknown" or (ways.face_ports and scope["server"][1] in ways.face_ports):
        return None
    slug = host.slug
    if host.kind == "app" and path.startswith("/w/") and (prefixed := PREFIX.fullmatch(path)) and is_slug(prefixed[1]):
        slug, path = prefixed.groups()
        prefix = f"/w/{slug}"
    base = f"{'https' if scheme == 'https' else 'http'}://{named}{prefix}"
    inbound = headers.get(b"x-request-id")
    request_id = inbound.decode("latin-1") if inbound else ""
    if not inbound or not WELL_FORMED.fullmatch(request_id):
        request_id = new_request_id()
    query, is_face = scope["query_string"], host.kind == "face"
    return Call(scope["method"], path, slug, base, peer, headers, query, is_face, request_id)


@lru_cache(maxsize=4096)
def _host(named: str, rules: HostRules) -> Host:
    return classify(named, rules)


_in_time = Deadlines(BODY_S)


class Reader:
    """A request's body, which can be handed on after some of it was read."""

    __slots__ = ("_receive", "_seen")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._seen: deque[dict[str, Any]] = deque()

    async def whole(self, most: int) -> bytes | None:
        """The whole body of at most that many bytes; None for a longer one, which whoever is next reads.

        GoneError when the sender goes, TimeoutError when it does not come in time.
        """
        parts, size = list[bytes](), 0
        with _in_time:
            while True:
                message = await self._receive()
                if message["type"] != "http.request":
                    raise GoneError
                body: bytes = message.get("body", b"")
                size += len(body)
                if size <= most and not message.get("more_body"):
                    # Who has it whole answers; the parts need not be held until then.
                    self._seen.clear()
                    return b"".join([*parts, body]) if parts else body
                parts.append(body)
                self._seen.append(message)
                if size > most:
                    return None

    async def again(self) -> dict[str, Any]:
        """The same request from its beginning, for who is next."""
        return self._seen.popleft() if self._seen else await self._receive()


async def read_body(call: Call, reader: Reader) -> bytes:
    """The whole body; BodyTooLargeError, GoneError, or TimeoutError when it does not come in time."""
    length = call.headers.get(b"content-length", b"")
    body = None if length.isdigit() and int(length) > BODY_LIMIT else await reader.whole(BODY_LIMIT)
    if body is None:
        with _in_time:  # read to its end: a sender that is cut off hears no answer
            while (await reader.again()).get("more_body"):
                pass
        raise BodyTooLargeError
    return body


def headers_of(call: Call, answer: Answer) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, the request's id among them."""
    return [
        (b"content-type", answer.kind),
        (b"content-length", b"%d" % len(answer.body)),
        (b"x-request-id", call.request_id.encode()),
        *answer.more,
    ]


async def send_answer(call: Call, answer: Answer, send: Send) -> None:
    """Send an answer through ASGI."""
    await send({"type": "http.response.start", "status": answer.status, "headers": headers_of(call, answer)})
    await send({"type": "http.response.body", "body": answer.body})
