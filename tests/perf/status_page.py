"""What a status page costs (`make bench BENCH=status_page`).

* `statuspage.uncached_cpu_ms`: processor time of rendering a page of 50 monitors and 90 days, the least of many tries:
  what the machine does besides is not the page's doing.
* `statuspage.uncached_night_cpu_ms`: the same soon after midnight (UTC), before the day that ended has its figures.
* `statuspage.cached_share`: requests a second of the kept page, as a share of an ASGI application on the same server
  that answers the same bytes and does nothing else.
"""

import multiprocessing
import os
import selectors
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from tests.perf.figures import Figure

TRIES, ROUNDS, ROUND_S, CONNECTIONS = 25, 5, 2.0, 32
PATH = "/status/acme"
ROOT = Path(__file__).parents[2]


def figures() -> Iterator[Figure]:
    """The three figures, in a data folder of their own."""
    os.environ.update(DASHMON_BACKGROUND="off", DASHMON_RATE_LIMITS="0")
    import django

    django.setup()
    from django.core.management import call_command
    from django.utils import timezone

    call_command("migrate", verbosity=0)
    now = timezone.now()
    night = now.replace(hour=0, minute=30)
    unit = "ms of CPU, 50 monitors and 90 days"
    prepare("night", now=night)
    yield Figure("statuspage.uncached_night_cpu_ms", uncached_ms("night", now=night), unit, goal=50.0)
    body = Path(os.environ["DASHMON_DATA_DIR"]) / "body"
    body.write_bytes(prepare("acme", now=now))
    yield Figure("statuspage.uncached_cpu_ms", uncached_ms("acme", now=now), unit, goal=50.0)
    yield Figure(
        "statuspage.cached_share",
        cached_share(body),
        "share of a bare ASGI application",
        goal=0.4,
        bound="at_least",
    )


def prepare(slug: str, *, now: datetime) -> bytes:
    """A workspace with its page; answers the page's bytes."""
    from apps.statuspages import services
    from tests import factories
    from tests.perf.scene import fill

    workspace = factories.make_workspace(name=slug, now=now)
    projects = fill(workspace, now=now)
    values = {"name": "Acme status", "slug": slug}
    services.create_page(workspace=workspace, values=values, projects=projects, now=now)
    return rendered(slug, now=now)


def rendered(slug: str, *, now: datetime) -> bytes:
    """One rendering, database and compression included."""
    from apps.statuspages.rendering.answers import answer, look_of
    from apps.statuspages.selectors import public_page

    page = public_page(slug, now=now)
    assert page is not None
    kept = answer(page, "html", look_of(page), now=now)
    assert kept is not None
    return kept.body


def uncached_ms(slug: str, *, now: datetime) -> float:
    """Processor milliseconds of one rendering."""
    spent = []
    for _ in range(TRIES):
        began = time.process_time()
        rendered(slug, now=now)
        spent.append((time.process_time() - began) * 1000)
    return min(spent)


def cached_share(body: Path) -> float:
    """The median of several rounds, each of which asks both in turn, so that both meet the same machine."""
    bare = serve("tests.perf.bare:application", DASHMON_PERF_BODY=str(body))
    ours = serve("dashmon.asgi:application")
    try:
        # Both warm, and the page on the shelf.
        rate(bare[1]), rate(ours[1])
        shares = [rate(ours[1]) / rate(bare[1]) for _ in range(ROUNDS)]
    finally:
        for process, _ in (bare, ours):
            process.terminate()
            process.wait()
    return statistics.median(shares)


def serve(application: str, **environment: str) -> "tuple[subprocess.Popen[bytes], int]":
    """An uvicorn with the product's own settings on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "tests.perf.serving",
        application,
        str(port),
    ]
    process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment})
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process, port
        time.sleep(0.1)
    raise RuntimeError(f"{application} does not answer")


def rate(port: int, *, seconds: float = ROUND_S) -> float:
    """Answers a second over kept connections, counted in another process."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return float(pool.apply(load, (port, seconds)))


def load(port: int, seconds: float) -> float:
    request = f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept-Encoding: gzip\r\n\r\n".encode()
    chooser, left, answered = selectors.DefaultSelector(), {}, 0
    for _ in range(CONNECTIONS):
        connection = socket.create_connection(("127.0.0.1", port))
        connection.sendall(request)
        chooser.register(connection, selectors.EVENT_READ)
        left[connection] = -1
    began = time.perf_counter()
    while (spent := time.perf_counter() - began) < seconds:
        for key, _ in chooser.select(1):
            connection = key.fileobj  # type: ignore[assignment]  # sockets are what was registered
            data = connection.recv(1 << 18)
            if left[connection] < 0:
                head, _, rest = data.partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200"), head[:100]
                left[connection] = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]) - len(rest)
            else:
                left[connection] -= len(data)
            if left[connection] <= 0:
                answered, left[connection] = answered + 1, -1
                connection.sendall(request)
    return answered / spent
