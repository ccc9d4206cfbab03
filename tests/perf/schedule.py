"""What a million monitors cost before any of them is probed. Processor time, the database's included.

* `schedule.pg_us`, `schedule.sqlite_us`: a check from its cursor window into a batch and into a worker's lease.
* `schedule.pg_wal_bytes`: what of that PostgreSQL writes to its log.
* `schedule.dispatch_us`: what the pump itself adds to a check between its lease and its stored result.
* `schedule.sweep_idle_ms`: one look for overdue heartbeats among a million of which none is overdue.
"""

import statistics
from collections.abc import Iterator
from typing import Any

from tests.perf.cores import load, measure
from tests.perf.database import postgres_url
from tests.perf.figures import Figure, MissingError

MONITORS = 1_000_000
REPEATS = 3
GOALS = {
    "pg_us": (10.0, "us of CPU a check"),
    "pg_wal_bytes": (20.0, "bytes of WAL a check"),
    "sqlite_us": (2.0, "us of CPU a check"),
    "sweep_idle_ms": (1.0, "ms a sweep, the slower database"),
}


def figures() -> Iterator[Figure]:
    """All figures; without a PostgreSQL its own are missing."""
    sqlite = measure("timetable", environment={"DATABASE_URL": ""}, what="timetable", monitors=MONITORS)
    try:
        url = postgres_url()
        pg = measure("timetable", environment={"DATABASE_URL": url}, what="timetable", monitors=MONITORS)
    except MissingError as error:
        for name in ("pg_us", "pg_wal_bytes"):
            yield _figure(name, None, {"missing": str(error)})
        pg = None
    else:
        yield _figure("pg_us", pg["us"], _context(pg))
        yield _figure("pg_wal_bytes", pg["wal_bytes"], {})
    yield _figure("sqlite_us", sqlite["us"], _context(sqlite))
    dispatch = [measure("timetable", environment={"DATABASE_URL": ""}, what="dispatch")["us"] for _ in range(REPEATS)]
    all_us = [round(each, 2) for each in dispatch]
    yield Figure(
        "schedule.dispatch_us", statistics.median(dispatch), "us of CPU a check", 10.0, context={"all_us": all_us}
    )
    sweeps = {name: found["sweep_ms"] for name, found in (("sqlite", sqlite), ("postgresql", pg)) if found}
    yield _figure("sweep_idle_ms", max(sweeps.values()), {"ms": {name: round(ms, 3) for name, ms in sweeps.items()}})


def _figure(name: str, value: float | None, context: dict[str, Any]) -> Figure:
    goal, unit = GOALS[name]
    return Figure(f"schedule.{name}", value, unit, goal, context={"monitors": MONITORS, **context, **load()})


def _context(found: dict[str, Any]) -> dict[str, Any]:
    return {name: round(found[name], 2) for name in ("materialise_us", "take_us", "read_us", "wall_us")}
