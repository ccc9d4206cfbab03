"""The short way from the socket to the hot paths beside uvicorn's own: the same answers, whatever arrives how."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPResponse
from typing import Any

import pytest
import uvicorn
from django.utils import timezone
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from apps.devices.services import renew_heartbeat_token
from apps.metrics.models import HeartbeatPing
from apps.nodes import selectors, services
from dashmon.asgi import Application
from dashmon.hot import heartbeats, protocol
from dashmon.hot.application import HotPaths
from dashmon.hot.protocol import HotProtocol, Short
from tests import factories
from tests.dashmon.test_killed_ingest import REPORT

pytestmark = pytest.mark.django_db(transaction=True)
# Anew with each request, whichever way it goes.
DRAWN = {"date", "x-request-id"}
JSON = "Content-Type: application/json"


async def behind(scope: Any, receive: Any, send: Any) -> None:
    """What stands behind the hot paths: it reads to the end and says what was asked."""
    size = 0
    while (message := await receive())["type"] == "http.request":
        size += len(message["body"])
        if not message["more_body"]:
            break
    told = f"{scope['method']} {scope['path']} {size}".encode()
    headers = [(b"content-length", str(len(told)).encode()), (b"x-behind", b"yes")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": told})


@contextmanager
def serving(way: type[HttpToolsProtocol]) -> Iterator[int]:
    """The port of a server with that protocol."""
    paths = HotPaths(behind)
    config = uvicorn.Config(
        Application(paths), http=way, lifespan="off", access_log=False, log_config=None, proxy_headers=False
    )
    server = uvicorn.Server(config)
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(10)
        paths.close()
        assert not thread.is_alive()


@pytest.fixture
def ways() -> Iterator[tuple[int, int]]:
    """The short way and uvicorn's."""
    with ExitStack() as stack:
        yield stack.enter_context(serving(HotProtocol)), stack.enter_context(serving(HttpToolsProtocol))


@pytest.fixture
def short() -> Iterator[int]:
    with serving(HotProtocol) as port:
        yield port


@pytest.fixture
def token(transactional_db: None) -> str:
    project = factories.make_project(factories.make_workspace(now=timezone.now()), now=timezone.now())
    device = factories.make_device(project, "Nightly", kind="heartbeat", now=timezone.now())
    return renew_heartbeat_token(device=device, now=timezone.now())


def spelled(line: str, *headers: str, body: bytes = b"") -> bytes:
    """A request as it travels."""
    length = [f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([f"{line} HTTP/1.1", "Host: testserver", *headers, *length, "", ""]).encode() + body


def told(port: int, *parts: bytes, answers: int = 1, methods: str = "GET") -> list[tuple[int, dict[str, str], bytes]]:
    """Send parts, a moment apart, over one connection; the answers in their order."""
    with closing(socket.create_connection(("127.0.0.1", port), timeout=5)) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            line.sendall(part)
            time.sleep(0.03 if len(parts) > 1 else 0)
        stream = line.makefile("rb")
        return [_read(_Line(stream), method) for method in (methods.split() * answers)[:answers]]


class _Line:
    """Many answers come over one connection; each closes its own view of it."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def makefile(self, *_: Any) -> Any:
        return _Kept(self._stream)


class _Kept:
    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return (lambda: None) if name in {"close", "flush"} else getattr(self._stream, name)


def _read(line: Any, method: str) -> tuple[int, dict[str, str], bytes]:
    answer = HTTPResponse(line, method=method)
    answer.begin()
    body = answer.read()
    return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body


def comparable(answers: list[tuple[int, dict[str, str], bytes]]) -> list[Any]:
    """Without what is drawn or told by the clock."""
    found = []
    for status, headers, body in answers:
        assert headers.keys() & DRAWN == DRAWN or "x-behind" in headers
        document: Any = body
        if headers.get("content-type", "").startswith("application/json") and body:
            document = {
                name: value for name, value in json.loads(body).items() if name not in {"receivedAt", "requestId"}
            }
        kept = {name: value for name, value in headers.items() if name not in {*DRAWN, "content-length"}}
        found.append((status, kept, document))
    return found


ASKED = {
    "a bare signal": ("GET", "GET /ping/{token}", [], b""),
    "one with a body": ("POST", "POST /ping/{token}", [JSON], b'{"status":"start","msg":"hello"}'),
    "one by path and query": ("PUT", "PUT /api/incoming/heartbeat/{token}/0?durationMs=12", [], b""),
    "one without an answer's body": ("HEAD", "HEAD /ping/{token}", [], b""),
    "plain text": ("GET", "GET /ping/{token}", ["Accept: text/plain"], b""),
    "a bad run": ("GET", "GET /ping/{token}?rid=seven", [], b""),
    "an unknown token": ("GET", "GET /ping/hb_unknown", [], b""),
    "another method": ("DELETE", "DELETE /ping/{token}", [], b""),
    "a browser that asks beforehand": ("OPTIONS", "OPTIONS /ping/{token}", ["Origin: https://x.example"], b""),
    "a path that has to be read": ("GET", "GET /ping/%7Etoken", [], b""),
    "another path": ("GET", "GET /app/ping/", [], b""),
    "an id of its own": ("GET", "GET /ping/{token}", ["X-Request-Id: mine-1"], b""),
    "an end of the connection": ("GET", "GET /ping/{token}", ["Connection: close"], b""),
    "a body of the longest": ("POST", "POST /ping/{token}", ["Content-Type: text/plain"], b"x" * (32 << 10)),
    "a longer one": ("POST", "POST /ping/{token}", ["Content-Type: text/plain"], b"x" * ((32 << 10) + 1)),
    "a report": ("POST", "POST /api/node/metrics", [JSON, "X-Node-Secret: {secret}"], json.dumps(REPORT).encode()),
    "a report with a slash": ("POST", "POST /api/node/metrics/", [JSON, "X-Node-Secret: {secret}"], b"{}"),
    "a report of nobody": ("POST", "POST /api/node/metrics", [JSON], b"{}"),
    "a report asked for": ("GET", "GET /api/node/metrics", [], b""),
    "a report in text": ("POST", "POST /api/node/metrics", ["Content-Type: text/plain"], b"{}"),
    "a host of nobody": ("GET", "GET /ping/{token}", ["Host: nobody.invalid"], b""),
}


@pytest.mark.parametrize("name", ASKED)
def test_both_ways_answer_alike(ways, token, name) -> None:
    method, line, headers, body = ASKED[name]
    workspace = factories.make_workspace(name="Nodes", now=timezone.now())
    node = services.create_node(workspace=workspace, name="n", actor="t", now=timezone.now())
    secret = selectors.secrets_of(workspace, [node])[node.pk]
    named = [header.format(secret=secret) for header in headers]
    if name == "a host of nobody":
        sent = spelled(line.format(token=token), body=body).replace(b"Host: testserver", named[0].encode())
    else:
        sent = spelled(line.format(token=token), *named, body=body)

    of_each = [comparable(told(port, sent, methods=method)) for port in ways]

    assert of_each[0] == of_each[1]


def test_most_requests_take_the_short_way_and_uvicorn_the_others(short, token, monkeypatch) -> None:
    taken = list[str]()

    def seen(self: Short, call: Any, **more: Any) -> None:
        taken.append(call.path)
        original(self, call, **more)

    original = Short.__init__
    monkeypatch.setattr(Short, "__init__", seen)

    for name in ("a bare signal", "one with a body", "one without an answer's body", "a body of the longest"):
        method, line, headers, body = ASKED[name]
        told(short, spelled(line.format(token=token), *headers, body=body), methods=method)
    assert len(taken) == 4

    for name in ("a longer one", "another method", "another path", "a path that has to be read"):
        method, line, headers, body = ASKED[name]
        told(short, spelled(line.format(token=token), *headers, body=body), methods=method)
    told(short, b"GET /ping/%s HTTP/1.0\r\nHost: testserver\r\n\r\n" % token.encode())
    assert len(taken) == 4


def test_a_body_in_pieces_is_read_whole(short, token) -> None:
    whole = spelled(f"POST /ping/{token}", JSON, body=b'{"status":"fail"}')
    for cut in (10, whole.index(b"\r\n\r\n") + 4, len(whole) - 3):
        ((status, _, body),) = told(short, whole[:cut], whole[cut:])
        assert (status, json.loads(body)["signal"]) == (200, "fail")


def test_chunks_and_expectations_are_met(short, token) -> None:
    chunked = (
        spelled(f"POST /ping/{token}", JSON, "Transfer-Encoding: chunked") + b'11\r\n{"status":"fail"}\r\n0\r\n\r\n'
    )
    ((status, _, body),) = told(short, chunked)
    assert (status, json.loads(body)["signal"]) == (200, "fail")

    head = spelled(f"POST /ping/{token}", JSON, "Expect: 100-continue", "Content-Length: 2")
    with closing(socket.create_connection(("127.0.0.1", short), timeout=5)) as line:
        line.sendall(head)
        assert line.recv(100).startswith(b"HTTP/1.1 100")
        line.sendall(b"{}")
        assert line.recv(1000).startswith(b"HTTP/1.1 200")


def test_requests_on_one_connection_are_answered_in_their_order(short, token) -> None:
    signal, page = spelled(f"GET /ping/{token}"), spelled("GET /app/")
    both = [signal, page, signal, signal, page]

    at_once = told(short, b"".join(both), answers=5)
    one_by_one = told(short, *both, answers=5)

    for answers in (at_once, one_by_one):
        assert ["x-behind" in headers for _, headers, _ in answers] == [False, True, False, False, True]
        assert {status for status, _, _ in answers} == {200}
    assert HeartbeatPing.objects.count() == 6


def test_a_connection_ends_when_its_sender_wants_it(short, token) -> None:
    with closing(socket.create_connection(("127.0.0.1", short), timeout=5)) as line:
        line.sendall(spelled(f"GET /ping/{token}", "Connection: close"))
        heard = b""
        while part := line.recv(1000):
            heard += part
    assert heard.startswith(b"HTTP/1.1 200")
    assert b"connection: close\r\n" in heard


def test_what_is_sent_and_not_waited_for_is_written(short, token) -> None:
    with closing(socket.create_connection(("127.0.0.1", short), timeout=5)) as line:
        line.sendall(spelled(f"GET /ping/{token}"))

    until = time.monotonic() + 5
    while not HeartbeatPing.objects.exists() and time.monotonic() < until:
        time.sleep(0.02)
    assert HeartbeatPing.objects.count() == 1
    assert told(short, spelled(f"GET /ping/{token}"))[0][0] == 200


def in_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(heartbeats, "_signal", breaks)


def in_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "_told", lambda *_: 1 / 0)


def in_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeats, "receive", lambda **_: 1 / 0)


@pytest.mark.parametrize("break_it", [in_the_beginning, in_the_answer, in_the_batch])
def test_a_fault_of_ours_is_told_and_logged_and_ends_the_connection(ways, token, break_it, monkeypatch, caplog) -> None:
    for port in ways:
        caplog.clear()
        with monkeypatch.context() as patched:
            break_it(patched)
            ((status, headers, body),) = told(port, spelled(f"GET /ping/{token}"))

        assert (status, headers["connection"], body) == (500, "close", b"Internal Server Error")
        assert "could not be answered" in caplog.text
        assert told(port, spelled(f"GET /ping/{token}"))[0][0] == 200


def test_nonsense_on_a_kept_connection_is_refused(short, token) -> None:
    with closing(socket.create_connection(("127.0.0.1", short), timeout=5)) as line:
        line.sendall(spelled(f"GET /ping/{token}"))
        assert line.recv(1000).startswith(b"HTTP/1.1 200")
        line.sendall(b"\x00\x01 nonsense\r\n\r\n")
        assert line.recv(1000).startswith(b"HTTP/1.1 400")


def test_a_server_that_stops_answers_what_is_under_way(token, monkeypatch) -> None:
    original = heartbeats.receive

    def slowly(**asked: Any) -> Any:
        time.sleep(0.3)
        return original(**asked)

    monkeypatch.setattr(heartbeats, "receive", slowly)
    with serving(HotProtocol) as port:
        line = socket.create_connection(("127.0.0.1", port), timeout=5)
        line.sendall(spelled(f"GET /ping/{token}"))
        time.sleep(0.1)
    heard = line.recv(1000)
    line.close()

    assert heard.startswith(b"HTTP/1.1 200")


def test_who_counts_requests_or_logs_them_has_all_on_uvicorns_way() -> None:
    for options in ({"limit_concurrency": 5}, {"access_log": True, "log_config": uvicorn.config.LOGGING_CONFIG}):
        config = uvicorn.Config(Application(HotPaths(behind)), http=HotProtocol, lifespan="off", **options)
        state = uvicorn.server.ServerState()
        made = protocol.HotProtocol(config, state, {}, _loop=asyncio.new_event_loop())
        assert made._paths is None  # what it decided, once
