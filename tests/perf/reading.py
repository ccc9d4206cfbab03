"""What a read costs: our processor time and that of the database's process that works for us.

Nothing else is waited for, so on a machine that does nothing besides this is how long it takes.
"""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.perf.database import backend_clock

REPEATS = 25
# No read is tried for longer, in milliseconds.
MOST_MS = 3000


def timings(reads: Mapping[str, Callable[[], Any]]) -> dict[str, float]:
    """Milliseconds of each read, warm: the least of many tries of ours, the mean of the database's."""
    backend, cost = _backend_clock(), {}
    for name, read in reads.items():
        read()
        own: list[float] = []
        before = backend()
        while len(own) < REPEATS and sum(own) < MOST_MS:
            began = time.process_time()
            read()
            own.append((time.process_time() - began) * 1000)
        cost[name] = round(min(own) + (backend() - before) * 1000 / len(own), 2)
    return cost


def analyze() -> None:
    """Let PostgreSQL look at its tables, as it does by itself within minutes."""
    from django.db import connection

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def _backend_clock() -> Callable[[], float]:
    """Seconds of processor time of the connection's own process, to the nanosecond where the kernel tells that."""
    from django.db import connection

    if connection.vendor != "postgresql":
        return lambda: 0.0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    spent = Path(f"/proc/{pid}/schedstat")
    if not spent.exists():
        return backend_clock()
    return lambda: int(spent.read_text().split()[0]) / 1e9
