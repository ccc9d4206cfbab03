"""What taking a report costs (`make bench BENCH=ingest`).

* `ingest.report_pg`, `ingest.report_sqlite`: reports of nodes that are answered a second, each committed, as a share of
  what an ASGI application on the same server takes that reads the same body and answers a constant.

Any answer but 200 ends the run. PostgreSQL is measured where DATABASE_URL names one.
"""

import json
import multiprocessing
import os
import selectors
import socket
import statistics
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.perf.figures import Figure
from tests.perf.status_page import serve

CONNECTIONS, NODES, ROUNDS, ROUND_S = 64, 1000, 3, 4.0
UNIT = "share of a bare ASGI application, 64 kept connections"
VECTORS = Path(__file__).parents[1] / "vectors/dash_node_reports.json"


def figures() -> Iterator[Figure]:
    """The share of the database that the environment names."""
    os.environ.update(DASHMON_BACKGROUND="off", DASHMON_RATE_LIMITS="0")
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    secrets = prepare()
    store = "pg" if connection.vendor == "postgresql" else "sqlite"
    share, rates = report_share(secrets)
    context = {"bare_per_s": rates[0], "ours_per_s": rates[1], "load_average": os.getloadavg()[0]}
    yield Figure(f"ingest.report_{store}", share, UNIT, goal=0.15, bound="at_least", context=context)
    if store == "sqlite":
        missing = "DATABASE_URL names no PostgreSQL"
        yield Figure("ingest.report_pg", None, UNIT, goal=0.15, bound="at_least", context={"missing": missing})


def prepare() -> list[str]:
    """A workspace with its nodes; answers their secrets."""
    from django.utils import timezone

    from apps.nodes import services
    from apps.nodes.selectors import nodes_of, secrets_of
    from tests import factories

    now = timezone.now()
    workspace = factories.make_workspace(now=now)
    for number in range(NODES):
        services.create_node(workspace=workspace, name=f"n{number}", actor="bench", now=now)
    return sorted(secrets_of(workspace, nodes_of(workspace)).values())


def report_share(secrets: Sequence[str]) -> tuple[float, tuple[float, float]]:
    """The median share of several rounds, each of which asks both in turn; and both rates of the last round."""
    bare, ours = serve("tests.perf.bare_ingest:application"), serve("dashmon.asgi:application")
    try:
        rate(bare[1], secrets), rate(ours[1], secrets)
        rounds = [(rate(bare[1], secrets), rate(ours[1], secrets)) for _ in range(ROUNDS)]
    finally:
        for process, _ in (bare, ours):
            process.terminate()
            process.wait()
    return statistics.median(after / before for before, after in rounds), rounds[-1]


def rate(port: int, secrets: Sequence[str]) -> float:
    """Answers a second, counted in another process."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return float(pool.apply(load, (port, secrets)))


def load(port: int, secrets: Sequence[str]) -> float:
    requests = Requests(secrets)
    chooser, answered = selectors.DefaultSelector(), 0
    for _ in range(CONNECTIONS):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(requests.fresh())
        chooser.register(connection, selectors.EVENT_READ, bytearray())
    began = time.perf_counter()
    while (spent := time.perf_counter() - began) < ROUND_S:
        for key, _ in chooser.select(1):
            connection = key.fileobj  # type: ignore[assignment]  # sockets are what was registered
            key.data.extend(connection.recv(1 << 16))
            if is_whole(key.data):
                answered += 1
                key.data.clear()
                connection.sendall(requests.fresh())
    assert answered, "no answer at all"
    return answered / spent


def is_whole(answer: bytearray) -> bool:
    """Whether all of an answer is there; anything but 200 ends the run."""
    head, found, body = bytes(answer).partition(b"\r\n\r\n")
    if not found:
        return False
    assert head.startswith(b"HTTP/1.1 200"), head[:200]
    return len(body) >= int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])


class Requests:
    """One report of one node after the other, no two alike."""

    def __init__(self, secrets: Sequence[str]) -> None:
        report = json.loads(VECTORS.read_text(encoding="utf-8"))["cases"][0]["report"]
        self._secrets, self._number, self._start = secrets, 0, time.time_ns() // 1000
        self._before, self._after = json.dumps({**report, "timestamp": "STAMP"}).encode().split(b"STAMP")

    def fresh(self) -> bytes:
        self._number += 1
        seconds, micros = divmod(self._start + self._number, 1_000_000)
        stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{micros:06}Z"
        body = self._before + stamp.encode() + self._after
        secret = self._secrets[self._number * 7919 % len(self._secrets)]
        head = "POST /api/node/metrics HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        return f"{head}X-Node-Secret: {secret}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
