"""The agent as it is handed out, and a server that judges what it says by the product's own rules."""

import hashlib
import io
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from apps.api.dash import bundle
from apps.api.dash.reports import read_report
from apps.api.dash.statics import read_static

SECRET = "k3Jd02mXqPz81LtA"
PATIENCE_S = 40


class Receiver:
    """A server for agents: keeps what passes the product's own judgement, and remembers what did not."""

    def __init__(self) -> None:
        self.statics: list[Any] = []
        self.reports: list[Any] = []
        self.faults: list[str] = []
        self.update: dict[str, Any] | None = None
        self.program = b""
        self.status = 200
        self.raw = b""  # sent as it is, in place of an answer
        self.refused = 0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.address = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def _handler(receiver: "Receiver") -> type[BaseHTTPRequestHandler]:  # noqa: N805  # the handler's own self is inside
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status, kind, said = receiver.answer(self.path, self.headers.get("X-Node-Secret"), body)
                if receiver.raw:
                    self.wfile.write(receiver.raw)
                else:
                    self._send(status, kind, said)

            def do_GET(self) -> None:
                known = self.headers.get("X-Node-Secret") == SECRET
                self._send(200 if known else 401, "application/octet-stream", receiver.program)

            def _send(self, status: int, kind: str, said: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(said)))
                self.end_headers()
                self.wfile.write(said)

            def log_message(self, *_: Any) -> None:
                pass

        return Handler

    def answer(self, path: str, secret: str | None, body: bytes) -> tuple[int, str, bytes]:
        if secret != SECRET or self.status != 200:
            self.refused += 1
            return (401 if secret != SECRET else self.status), "text/plain", b"no"
        try:
            if path == "/api/node/identity":
                return 200, "application/json", b'{"install_id":"server_1","created":true}'
            if path == "/api/node/static":
                self.statics.append(read_static(body))
                return 200, "text/plain", b"ok"
            self.reports.append(read_report(body))
        except Exception as error:  # noqa: BLE001  # the edge of a thread; the test reads it
            self.faults.append(f"{path}: {error!r}")
            return 422, "text/plain", b"no"
        return 200, "application/json", json.dumps({"ok": True, "update": self.update}).encode()

    def offer(self, wanted: str, program: bytes, **changes: Any) -> None:
        """Ask the agent to become another version."""
        self.program = program
        manifest = {"id": wanted, "version": wanted, "url": f"{self.address}/program", "size": len(program)}
        self.update = manifest | {"sha256": hashlib.sha256(program).hexdigest()} | changes


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The agent in one file, as /deploy/ hands it out."""
    found = bundle.asset("linux/node_linux_amd64")
    assert found is not None
    path = tmp_path / "agent.pyz"
    path.write_bytes(found.content)
    return path


def run(program: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(program), "--config", str(program.with_name("agent.json")), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=plain())


def start(program: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, str(program), "--config", str(program.with_name("agent.json")), "run"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=plain())


def plain() -> dict[str, str]:
    """An environment in which the program stands alone."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def another(program: Path, version: str) -> bytes:
    """The same program under another version."""
    out = io.BytesIO()
    with zipfile.ZipFile(program) as old, zipfile.ZipFile(out, "w") as fresh:
        for entry in old.infolist():
            text = old.read(entry)
            if entry.filename.endswith("agent/__init__.py"):
                text = text.replace(bundle.own_version().encode(), version.encode())
            fresh.writestr(entry.filename, text)
    return bundle.SHEBANG + out.getvalue()


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)
