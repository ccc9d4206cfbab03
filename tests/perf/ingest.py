"""What a hot write costs, as a share of the least it can (`make bench BENCH=ingest`).

The least is an application that answers everything alike, on the same uvicorn with the same 64 kept connections.

* `ingest.heartbeat_pg`, `ingest.heartbeat_sqlite`: signals of jobs a second.
* `ingest.report_pg`: reports of nodes of 6 kB a second.
* `ingest.heartbeat_over_drf`: signals a second on PostgreSQL, as times what `tests.perf.plain` takes.
* `ingest.heartbeat_p99`: the slowest hundredth at half of that load, as times the bare application's at the same rate.
* `ingest.heartbeat_db_cpu`: PostgreSQL's processor time of a signal, as times the bare application's of a request.

Every answer was committed; a single one that is no 2xx fails the figure. The limit of one sender is off: here a few
hundred send what thousands would.
"""

import statistics
from collections.abc import Iterator
from typing import Any

from tests.perf.cores import load
from tests.perf.figures import Figure, MissingError
from tests.perf.served import Served, served

ROUNDS = 3
OURS, BARE, PLAIN = "dashmon.asgi", "tests.perf.bare", "tests.perf.plain"
GOALS = (("heartbeat", "pg", 0.20), ("heartbeat", "sqlite", 0.25), ("report", "pg", 0.15))
UNIT, TIMES = "share of a bare ASGI application", "times a bare ASGI application"
OVER_DRF, PLAIN_SHARE = 50, 0.0035
P99_TIMES, DB_TIMES = 5, 1.5


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
    yield from _at_half_load()


def _over_drf() -> Figure:
    """How much a transaction for each request, with a serializer, would cost; it must be no straw man itself."""
    bench, unit = "ingest.heartbeat_over_drf", "times a DRF view that saves"
    try:
        with served("heartbeat", "pg", BARE, PLAIN, OURS) as server:
            rounds = [[server.rate(place) for place in range(3)] for _ in range(ROUNDS)]
    except MissingError as error:
        return Figure(bench, None, unit, OVER_DRF, "at_least", {"missing": str(error)})
    shown = {
        "plain_per_s": [round(plain) for _, plain, _ in rounds],
        "plain_share": round(statistics.median(plain / least for least, plain, _ in rounds), 5),
        "plain_share_goal": PLAIN_SHARE,
    }
    times = statistics.median(ours / plain for _, plain, ours in rounds)
    return Figure(bench, times, unit, OVER_DRF, "at_least", {**shown, **load()})


def _at_half_load() -> Iterator[Figure]:
    """How long the unlucky wait when the server has time, and what the database has to do with a signal."""
    try:
        with served("heartbeat", "pg", OURS, BARE) as server:
            half = server.rate(0) / 2
            waits = [(server.p99_ms(0, half), server.p99_ms(1, half)) for _ in range(ROUNDS)]
            costs = [_costs(server) for _ in range(ROUNDS)]
    except MissingError as error:
        yield Figure("ingest.heartbeat_p99", None, TIMES, P99_TIMES, context={"missing": str(error)})
        yield Figure("ingest.heartbeat_db_cpu", None, TIMES, DB_TIMES, context={"missing": str(error)})
        return
    paced = {"per_s": round(half), "ms": [round(mine, 2) for mine, _ in waits], "bare_ms": [bare for _, bare in waits]}
    slower = statistics.median(mine / bare for mine, bare in waits)
    yield Figure("ingest.heartbeat_p99", slower, TIMES, P99_TIMES, context={**paced, **load()})
    spent = {"us": [round(mine, 1) for mine, _ in costs], "bare_us": [round(bare, 1) for _, bare in costs]}
    dearer = statistics.median(mine / bare for mine, bare in costs)
    yield Figure("ingest.heartbeat_db_cpu", dearer, TIMES, DB_TIMES, context={**spent, **load()})


def _costs(server: Served) -> tuple[float, float]:
    """Microseconds of the database for a signal, and of the bare application for a request."""
    return server.cost_us(0, server.backends), server.cost_us(1, lambda: [server.processes[1]])


def _share(kind: str, store: str) -> tuple[float, dict[str, Any]]:
    """The median of several rounds, each of which asks both in turn, so that both meet the same machine."""
    with served(kind, store, OURS, BARE) as server:
        pairs = [(server.rate(0), server.rate(1)) for _ in range(ROUNDS)]
    share = statistics.median(mine / least for mine, least in pairs)
    return share, {"per_s": [round(mine) for mine, _ in pairs], "bare_per_s": [round(least) for _, least in pairs]}
