"""What a month of check results costs to keep and to read, on both databases; the worse one counts.

* `results.bytes`: disk for one result, indexes and all roll-ups included.
* `results.read_ms_max`: the slowest of the reads that pages and the API make.
* `results.growth_exponent`: log10 of what a read of one monitor costs among ten times as many monitors; the worst.
"""

import math
from collections.abc import Iterator
from typing import Any

from tests.perf.cores import load, measure
from tests.perf.database import postgres_url
from tests.perf.figures import Figure, MissingError

FEW, MANY = 10, 100


def figures() -> Iterator[Figure]:
    """All figures; without a PostgreSQL they count as missed, and SQLite's are in the context."""
    found = {"sqlite": _measured("")}
    missing = {}
    try:
        found["postgresql"] = _measured(postgres_url())
    except MissingError as error:
        missing = {"missing": str(error)}
    yield _worst(
        "bytes", "bytes of disk a result", 10.0, {name: each["bytes"] for name, each in found.items()}, missing
    )
    slowest = {name: max(each["many_ms"].values()) for name, each in found.items()}
    reads = {name: each["many_ms"] for name, each in found.items()}
    yield _worst("read_ms_max", "ms, the slowest read", 50.0, slowest, missing, reads=reads)
    growth = {name: _growth(each) for name, each in found.items()}
    worst = {name: max(each.values()) for name, each in growth.items()}
    yield _worst(
        "growth_exponent", "log10 of the cost of a read at 10 times the monitors", 0.15, worst, missing, reads=growth
    )


def _measured(url: str) -> dict[str, Any]:
    return measure("store", environment={"DATABASE_URL": url}, few=FEW, many=MANY)


def _growth(found: dict[str, Any]) -> dict[str, float]:
    few, many = found["few_ms"], found["many_ms"]
    return {name: round(math.log10(many[name] / few[name]), 3) for name in many if name not in found["of_many"]}


def _worst(
    name: str, unit: str, goal: float, values: dict[str, float], missing: dict[str, str], **context: Any
) -> Figure:
    by_database = {database: round(value, 3) for database, value in values.items()}
    value = None if missing else max(values.values())
    return Figure(
        f"results.{name}", value, unit, goal, context={"by_database": by_database, **context, **missing, **load()}
    )
