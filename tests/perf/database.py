"""A database of its own for one benchmark, on whatever the environment names."""

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import django

from tests.perf.figures import MissingError
from tests.services.__main__ import LOCAL_DATABASE, accepts, listens


@contextmanager
def fresh_database() -> Iterator[None]:
    """An empty database with all tables; gone afterwards."""
    django.setup()
    logging.disable(logging.WARNING)
    from django.db import connection

    # Two benchmarks may run at once.
    name = f"bench_{os.getpid()}" if connection.vendor == "postgresql" else None
    connection.settings_dict["TEST"]["NAME"] = name
    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(connection.settings_dict["NAME"], verbosity=0)


def postgres_url() -> str:
    """The PostgreSQL server to measure on: that of DATABASE_URL, else a local one; MissingError without any."""
    url = os.environ.get("DATABASE_URL", LOCAL_DATABASE)
    if not url.startswith("postgres") or (url == LOCAL_DATABASE and not (listens(5432) and accepts(url))):
        raise MissingError("no PostgreSQL: set DATABASE_URL, or run one on port 5432 that lets `postgres` in")
    return url


def backend_seconds() -> float:
    """Processor time so far of the server processes that work for this database; 0 on SQLite, which is part of us."""
    return backend_clock()()


def backend_clock() -> Callable[[], float]:
    """The same for the processes there are now, read again and again without asking the database."""
    import psutil
    from django.db import connection

    pids: list[int] = []
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pid FROM pg_stat_activity WHERE datname = current_database()")
            pids = [pid for (pid,) in cursor.fetchall()]
    processes = [psutil.Process(pid) for pid in pids]
    return lambda: float(sum(sum(each.cpu_times()[:2]) for each in processes))
