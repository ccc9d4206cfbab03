"""A web server on a loopback port that keeps every request and answers as it is told."""

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Received:
    path: str
    headers: Mapping[str, str]
    body: bytes
    method: str = "POST"

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class HttpSink:
    """What came in, and what to answer: `answers` one by one, then `status` for good.

    An answer is a status or a way to misbehave: `hang` (no answer until the sink closes), `drip` (a body byte by byte
    until then), `flood` (a body without end), `drop` (reads the request, then hangs up), `garbage` (not HTTP),
    `redirect` (302 to `location`). `answer_headers` and `answer_body` go with every status.
    """

    port: int = 0
    status: int = 200
    answers: list[int | str] = field(default_factory=list)
    location: str = "/elsewhere"
    answer_headers: dict[str, str] = field(default_factory=dict)
    answer_body: bytes = b""
    requests: list[Received] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/in"

    def take(self, request: Received) -> int | str:
        with self.lock:
            self.requests.append(request)
            return self.answers.pop(0) if self.answers else self.status


class _Handler(BaseHTTPRequestHandler):
    """Answers as its sink says."""

    sink: HttpSink

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        answer = self.sink.take(Received(self.path, dict(self.headers.items()), body, self.command))
        # Whoever has heard enough may hang up.
        with suppress(OSError):
            if isinstance(answer, str):
                self.misbehave(answer)
            else:
                self.answer(answer)
        self.close_connection = True

    do_GET = do_PUT = do_POST  # noqa: N815  # the standard library's names

    def answer(self, status: int) -> None:
        self.send_response(status)
        for name, value in self.sink.answer_headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.sink.answer_body)))
        self.end_headers()
        self.wfile.write(self.sink.answer_body)

    def misbehave(self, how: str) -> None:
        if how == "hang":
            self.sink.closing.wait(30)
        elif how == "drip":
            self.go_on(b"x", pause_s=0.02)
        elif how == "flood":
            self.go_on(bytes(64 * 1024), pause_s=0)
        elif how == "garbage":
            self.wfile.write(b"what do you want\r\n\r\n")
        elif how == "redirect":
            self.send_response(302)
            self.send_header("Location", self.sink.location)
            self.end_headers()

    def go_on(self, chunk: bytes, *, pause_s: float) -> None:
        """Answer until the sink closes."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not self.sink.closing.wait(pause_s):
            self.wfile.write(chunk)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the standard library's name
        """Tests say what they saw; the server keeps quiet."""


@contextmanager
def running_http(*, tls: ssl.SSLContext | None = None) -> Iterator[HttpSink]:
    """A started web server; its port is the system's choice. With `tls` it speaks HTTPS only."""
    sink = HttpSink()
    handler = type("Handler", (_Handler,), {"sink": sink})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    sink.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield sink
    finally:
        sink.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
