"""Loopback targets with a character: steady, slow, failing now and then. Everything the demo measures is real."""

import math
import random
import socketserver
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Seconds a page takes on average; the rest of its character is below.
PAGES = {"/shop": 0.042, "/api/health": 0.018, "/search": 0.160, "/checkout": 0.075, "/docs": 0.012, "/legacy": 0.310}
BROKEN = "/payments"
DAY_S = 86_400


def pace(path: str, at: float) -> float:
    """Seconds a page takes at an instant: slower by day than by night, and never twice the same."""
    usual = PAGES.get(path, 0.020)
    tide = 1 + 0.35 * math.sin(2 * math.pi * (at % DAY_S) / DAY_S - 1.9)
    return usual * tide * random.lognormvariate(0, 0.18)  # a pause, not a secret


class _Page(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        time.sleep(pace(path, time.time()))
        status = 503 if path == BROKEN else 200
        body = b'{"db": {"status": "ok"}, "queue": 3}' if path.startswith("/api/") else b"<title>Demo</title>Welcome"
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if path.startswith("/api/") else "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        """The operations desk, which hears of incidents by webhook."""
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """The demo's own targets keep quiet."""


class _Greeting(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.sendall(b"220 mail.demo ready\r\n")


class Targets:
    """The web and mail servers the demo watches, on free ports of 127.0.0.1."""

    def __init__(self) -> None:
        self.web = ThreadingHTTPServer(("127.0.0.1", 0), _Page)
        self.mail = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Greeting)

    def start(self) -> None:
        for server in (self.web, self.mail):
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.web.server_address[1]}{path}"

    @property
    def mail_port(self) -> int:
        return int(self.mail.server_address[1])
