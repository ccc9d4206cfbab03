"""What a status page costs (`make bench BENCH=status_page`).

* `statuspage.uncached_cpu_ms`: processor time of rendering a page of 50 monitors and 90 days, the least of many tries:
  what the machine does besides is not the page's doing.
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
from pathlib import Path

from tests.perf.figures import Figure

TRIES, ROUNDS, ROUND_S, CONNECTIONS = 25, 5, 2.0, 32
PATH = "/status/acme"
ROOT = Path(__file__).parents[2]


def figures() -> Iterator[Figure]:
    """Both figures, in a data folder of their own."""
    os.environ.update(DASHMON_BACKGROUND="off", DASHMON_RATE_LIMITS="0")
    body = prepare(Path(os.environ["DASHMON_DATA_DIR"]))
    yield Figure("statuspage.uncached_cpu_ms", uncached_ms(), "ms of CPU, 50 monitors and 90 days", goal=50.0)
    yield Figure(
        "statuspage.cached_share",
        cached_share(body),
        "share of a bare ASGI application",
        goal=0.4,
        bound="at_least",
    )


def prepare(folder: Path) -> Path:
    """The database with its page; answers the file that holds the page's bytes."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.utils import timezone

    call_command("migrate", verbosity=0)
    from apps.statuspages import services
    from apps.statuspages.rendering.answers import answer, look_of
    from apps.statuspages.selectors import public_page
    from tests import factories
    from tests.perf.scene import fill

    now = timezone.now()
    workspace = factories.make_workspace(now=now)
    projects = fill(workspace, now=now)
    values = {"name": "Acme status", "slug": "acme"}
    services.create_page(workspace=workspace, values=values, projects=projects, now=now)
    page = public_page("acme", now=now)
    assert page is not None
    kept = answer(page, "html", look_of(page), now=now)
    assert kept is not None
    target = folder / "body"
    target.write_bytes(kept.body)
    return target


def uncached_ms() -> float:
    """Processor milliseconds of one rendering, database and compression included."""
    from django.utils import timezone

    from apps.statuspages.rendering.answers import answer, look_of
    from apps.statuspages.selectors import public_page

    spent = []
    for _ in range(TRIES):
        began = time.process_time()
        page = public_page("acme", now=timezone.now())
        assert page is not None
        answer(page, "html", look_of(page), now=timezone.now())
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
        "uvicorn",
        application,
        "--port",
        str(port),
        "--no-access-log",
        "--log-level",
        "error",
    ]
    command += ["--no-server-header", "--no-proxy-headers"]
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
