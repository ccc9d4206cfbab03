"""What a hot write costs, as a share of the least it can (`make bench BENCH=ingest`).

The least is an application that answers everything alike, on the same uvicorn with the same 64 kept connections.

* `ingest.heartbeat_pg`, `ingest.heartbeat_sqlite`: signals of jobs a second.
* `ingest.report_pg`: reports of nodes of 6 kB a second.
* `ingest.heartbeat_over_drf`: signals a second on PostgreSQL, as times what `tests.perf.plain` takes.

Every answer was committed; a single one that is no 2xx fails the figure. The limit of one sender is off: here a few
hundred send what thousands would.
"""

import json
import os
import re
import statistics
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.perf.cores import OWN_CORE, TARGET_CORE, load, measure, on_core
from tests.perf.database import postgres_url
from tests.perf.farm import tool
from tests.perf.figures import Figure, MissingError
from tests.perf.status_page import serve

ROUNDS, ROUND_S, CONNECTIONS = 3, 4, 64
GOALS = (("heartbeat", "pg", 0.20), ("heartbeat", "sqlite", 0.25), ("report", "pg", 0.15))
UNIT = "share of a bare ASGI application"
OVER_DRF, PLAIN_SHARE = 50, 0.0035
# Every request has a sender of its own: a stride that is prime to their number.
SCRIPT = """
local requests, at = %s, 0
request = function()
  at = (at + 7919) %% #requests
  local each = requests[at + 1]
  return wrk.format("POST", each[1], {["Content-Type"] = "application/json", ["X-Node-Secret"] = each[2]}, %s)
end
"""


def figures() -> Iterator[Figure]:
    """All figures; what cannot be measured is named and counts as missed."""
    for kind, store, goal in GOALS:
        bench = f"ingest.{kind}_{store}"
        try:
            share, context = _share(kind, store)
            yield Figure(bench, share, UNIT, goal, "at_least", {**context, **load()})
        except MissingError as error:
            yield Figure(bench, None, UNIT, goal, "at_least", {"missing": str(error)})
    yield _over_drf()


def _over_drf() -> Figure:
    """How much a transaction for each request, with a serializer, would cost; it must be no straw man itself."""
    bench, unit = "ingest.heartbeat_over_drf", "times a DRF view that saves"
    try:
        with _served("heartbeat", "pg", "tests.perf.bare", "tests.perf.plain", "dashmon.asgi") as rate:
            rounds = [[rate(application) for application in range(3)] for _ in range(ROUNDS)]
    except MissingError as error:
        return Figure(bench, None, unit, OVER_DRF, "at_least", {"missing": str(error)})
    shown = {
        "plain_per_s": [round(plain) for _, plain, _ in rounds],
        "plain_share": round(statistics.median(plain / least for least, plain, _ in rounds), 5),
        "plain_share_goal": PLAIN_SHARE,
    }
    times = statistics.median(ours / plain for _, plain, ours in rounds)
    return Figure(bench, times, unit, OVER_DRF, "at_least", {**shown, **load()})


def _share(kind: str, store: str) -> tuple[float, dict[str, Any]]:
    """The median of several rounds, each of which asks both in turn, so that both meet the same machine."""
    with _served(kind, store, "dashmon.asgi", "tests.perf.bare") as rate:
        pairs = [(rate(0), rate(1)) for _ in range(ROUNDS)]
    share = statistics.median(mine / least for mine, least in pairs)
    return share, {"per_s": [round(mine) for mine, _ in pairs], "bare_per_s": [round(least) for _, least in pairs]}


@contextmanager
def _served(kind: str, store: str, *modules: str) -> Iterator[Callable[[int], float]]:
    """These applications on one store with its senders; the answer measures the one at that place, all warm."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="dashmon-ingest-")))
        environment = {
            "DATABASE_URL": stack.enter_context(_database(store)),
            "REDIS_URL": "",
            "DASHMON_DATA_DIR": str(folder),
            "DASHMON_BACKGROUND": "off",
            "DASHMON_RATE_LIMITS": "off",
        }
        senders = measure("senders", environment=environment, kind=kind)
        script = folder / "senders.lua"
        script.write_text(SCRIPT % (_lua(senders["requests"]), json.dumps(senders["body"])))
        ports = []
        for module in modules:
            with on_core(OWN_CORE):
                process, port = serve(f"{module}:application", **environment)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            ports.append(port)
            _rate(port, script)
        yield lambda place: _rate(ports[place], script)


def _lua(requests: Sequence[Sequence[str]]) -> str:
    return "{" + ",".join(f"{{{json.dumps(path)},{json.dumps(secret)}}}" for path, secret in requests) + "}"


def _rate(port: int, script: Path) -> float:
    """Answers a second; RuntimeError when one was no 2xx."""
    command = [tool("wrk"), "-t1", f"-c{CONNECTIONS}", f"-d{ROUND_S}s", "-s", str(script), f"http://127.0.0.1:{port}"]
    with on_core(TARGET_CORE):
        answer = subprocess.run(command, capture_output=True, text=True, check=True)
    found = re.search(r"Requests/sec: +([\d.]+)", answer.stdout)
    if found is None or "Non-2xx" in answer.stdout or float(found[1]) == 0:
        raise RuntimeError(f"not every answer was a 2xx:\n{answer.stdout}{answer.stderr}")
    return float(found[1])


@contextmanager
def _database(store: str) -> Iterator[str]:
    """The address of an empty database, gone afterwards; nothing for SQLite, which lives in the data folder."""
    if store == "sqlite":
        yield ""
        return
    import psycopg

    server, name = postgres_url(), f"bench_ingest_{os.getpid()}"
    with psycopg.connect(server.replace("postgres://", "postgresql://"), autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # type: ignore[call-overload]  # the name is our own
        try:
            yield urlsplit(server)._replace(path=f"/{name}").geturl()
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')  # type: ignore[call-overload]  # our own
