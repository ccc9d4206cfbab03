"""A running installation under test, embedded or scaled out, and the target that its monitors watch."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from tests.chaos.stores import Postgres, RedisServer, free_port

ROOT = Path(__file__).parents[2]
LEASE_S = 8.0
STARTED_S = 90.0


class TargetProcess:
    """tests.chaos.target, asked from here."""

    def __init__(self) -> None:
        self.port = free_port()
        self.process = subprocess.Popen([sys.executable, "-m", "tests.chaos.target", str(self.port)], cwd=ROOT)

    def ask(self, path: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path)
        body = connection.getresponse().read()
        connection.close()
        return body

    def seen(self) -> dict[str, Any]:
        return json.loads(self.ask("/seen/all"))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()


class Installation:
    """What both ways to run have in common: an environment, a web address, a clock that can be wrong."""

    def __init__(self, folder: Path, database_url: str, redis_url: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.port = folder, free_port()
        self.clock = folder.parent / f"{folder.name}-clock"
        self.clock.write_text("0")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("DASHMON_", "PYTEST_"))}
        self.environment = kept | {
            "DASHMON_DATA_DIR": str(folder),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "SECRET_KEY": "of a test",
            "DJANGO_SETTINGS_MODULE": "dashmon.settings",
            "CHAOS_CLOCK": str(self.clock),
            "CHAOS_LEASE_S": str(LEASE_S),
            "PYTHONPATH": str(ROOT / "tests" / "chaos" / "injection"),
            "PYTHONUNBUFFERED": "1",
        }
        self.log = (folder.parent / f"{folder.name}.log").open("ab")

    def spawn(self, *module: str, **environment: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", *module],
            cwd=ROOT,
            env=self.environment | environment,
            stdout=self.log,
            stderr=self.log,
            start_new_session=True,
        )

    def run(self, *module: str) -> bytes:
        done = subprocess.run(
            [sys.executable, "-m", *module], cwd=ROOT, env=self.environment, check=True, stdout=subprocess.PIPE
        )
        return done.stdout

    def health(self) -> dict[str, Any] | None:
        """What /api/health says, None when nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/api/health", headers={"Host": "127.0.0.1"})
            return json.loads(connection.getresponse().read())
        except (OSError, ValueError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def wait_until_healthy(self) -> None:
        end = time.monotonic() + STARTED_S
        while not (self.health() or {}).get("ok"):
            assert time.monotonic() < end, f"not healthy; see {self.log.name}"
            time.sleep(0.3)

    def told(self) -> dict[str, Any]:
        return json.loads(self.run("tests.chaos.told"))


class Embedded(Installation):
    """One server process on SQLite."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = self.spawn("dashmon.server")

    def signal(self, number: signal.Signals) -> None:
        """To the server and to what it started, as a terminal would send it."""
        os.killpg(self.process.pid, number)

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> float:
        """Ask it to end; the seconds it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        return time.monotonic() - began

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
        self.log.close()


class ScaledOut(Installation):
    """`make scale` with three workers and a second beat, on a PostgreSQL and a Redis of its own."""

    WORKERS = 3

    def __init__(self, folder: Path) -> None:
        self.postgres, self.redis = Postgres(), RedisServer()
        super().__init__(folder, self.postgres.url, self.redis.url)
        self.parent: subprocess.Popen[bytes] | None = None
        self.second_beat: subprocess.Popen[bytes] | None = None
        self.postgres.create()
        self.redis.start()

    def start(self) -> None:
        self.parent = self.spawn("dashmon.scale", "--workers", str(self.WORKERS))
        self.start_beat()

    def start_beat(self) -> None:
        schedule = self.folder / "second-beat"
        self.second_beat = self.spawn("celery", "-A", "dashmon", "beat", "--schedule", str(schedule), "--pidfile=")

    def members(self, *words: str) -> list[psutil.Process]:
        """Processes right below the parent whose command line has all the words; none while they restart."""
        found = []
        for process in psutil.Process(self.parent.pid).children():
            try:
                line = process.cmdline()
            except psutil.Error:
                continue
            if all(word in line for word in words):
                found.append(process)
        return found

    def workers(self) -> list[psutil.Process]:
        return self.members("worker")

    def stop(self) -> float:
        began = time.monotonic()
        self.parent.send_signal(signal.SIGINT)
        self.parent.wait(30)
        return time.monotonic() - began

    def close(self) -> None:
        for process in (self.parent, self.second_beat):
            if process is not None and process.poll() is None:
                process.terminate()
                process.wait(30)
        self.postgres.remove()
        self.redis.stop()
        self.log.close()
