"""The real server in a process of its own, on a free port and a fresh data folder."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
STARTED_S, STOPPED_S = 60, 5
LINK = re.compile(r"Create the first account: (http://127\.0\.0\.1:\d+/first-run/[\w-]{32})")


class Server:
    """One start of `python -m dashmon.server` and what it printed."""

    def __init__(self, folder: Path, port: int, **settings: str) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("DASHMON_", "DJANGO_"))},
            "DASHMON_DATA_DIR": str(folder),
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "PYTHONUNBUFFERED": "1",
            # The embedded installation, whatever database the tests run on.
            "DATABASE_URL": "",
            "REDIS_URL": "",
            **settings,
        }
        self.out = (folder / "out").open("w+")
        self.err = (folder / "err").open("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "dashmon.server"], cwd=ROOT, env=self.environment, stdout=self.out, stderr=self.err
        )

    def printed(self) -> str:
        return Path(self.out.name).read_text(encoding="utf-8")

    def complaints(self) -> str:
        return Path(self.err.name).read_text(encoding="utf-8")

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        request = urllib.request.Request(self.address + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, response.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def answers(self) -> bool:
        try:
            return self.get("/api/health")[0] == 200
        except OSError:
            return False

    def manage(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout


def wait_for(what: Callable[[], bool], server: Server) -> None:
    end = time.monotonic() + STARTED_S
    while not what():
        assert server.process.poll() is None, server.complaints()
        assert time.monotonic() < end, server.complaints()
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(folder: Path, port: int, **settings: str) -> Iterator[Server]:
    server = Server(folder, port, **settings)
    try:
        wait_for(server.answers, server)
        yield server
    finally:
        server.process.kill()
        server.process.wait()
        server.out.close()
        server.err.close()


def stop(server: Server, how: signal.Signals) -> tuple[int, float]:
    began = time.monotonic()
    server.process.send_signal(how)
    return server.process.wait(STARTED_S), time.monotonic() - began


def first_run(folder: Path, port: int) -> str:
    """Everything about a fresh installation; answers the link it printed."""
    with running(folder, port) as server:
        link = LINK.search(server.printed())
        assert link is not None, server.printed()
        assert server.printed().startswith(f"Dashmon answers at {server.address}/\n")
        assert link[1].startswith(server.address)

        status, body = server.get("/api/health")
        assert (status, json.loads(body)["ok"]) == (200, True)
        assert server.get(link[1].removeprefix(server.address))[0] == 200
        assert server.get("/first-run/guessed")[0] == 404
        assert server.get("/api/health", Host="rebound.example")[0] == 421

        code, took_s = stop(server, signal.SIGTERM)
        assert code == 0, server.complaints()
        assert took_s < STOPPED_S
        assert "Traceback" not in server.complaints()
    return link[1].rpartition("/")[2]


def test_a_fresh_installation_starts_prints_its_link_once_and_stops(tmp_path: Path) -> None:
    port = free_port()
    old_token = first_run(tmp_path, port)
    assert (tmp_path / "secret-key").stat().st_mode & 0o777 == 0o600

    with running(tmp_path, port) as server:
        # Nobody came in yet: the second start prints a link of its own, and the first one is dead.
        link = LINK.search(server.printed())
        assert link is not None
        assert server.get(f"/first-run/{old_token}")[0] == 404

        made: dict[str, Any] = json.loads(
            server.manage("provision", "--workspace", "acme", "--owner", "ana@example.com", "--json")
        )
        status, body = server.get("/api/me", Authorization=f"Bearer {made['tokens']['read_only']}")
        assert (status, json.loads(body)["workspace"]["ownerUserId"]) == (200, made["owner"]["id"])
        assert made["base_url"] == server.address
        assert server.get(link[1].removeprefix(server.address))[0] == 404

        code, _ = stop(server, signal.SIGINT)
        assert code == 0, server.complaints()

    with running(tmp_path, port) as server:
        assert "Create the first account" not in server.printed()
        assert stop(server, signal.SIGTERM)[0] == 0


def test_a_taken_port_is_said_and_nothing_is_touched(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        server = Server(tmp_path, holder.getsockname()[1])
        assert server.process.wait(STARTED_S) == 1

    assert "is taken. Choose another: PORT=8001 make run" in server.complaints()
    assert not (tmp_path / "dashmon.sqlite3").exists()
    server.out.close()
    server.err.close()


def test_a_second_port_is_a_front_end_of_its_own(tmp_path: Path) -> None:
    folder, second = tmp_path / "fronts" / "dash", free_port()
    folder.mkdir(parents=True)
    (folder / "index.html").write_text("<title>Theirs</title>", encoding="utf-8")

    with running(tmp_path, free_port(), DASHMON_FACE_PORTS=f"dash={second}") as server:
        assert f"front end of dash is served on port {second}" in server.printed()
        with urllib.request.urlopen(f"http://127.0.0.1:{second}/login", timeout=10) as response:
            assert response.read() == b"<title>Theirs</title>"
        assert b"Theirs" not in server.get("/")[1]
        assert stop(server, signal.SIGTERM)[0] == 0
