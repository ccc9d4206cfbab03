"""What it costs to keep and to read the same things on both databases; the worse one counts.

A module measured this way prints `bytes`, `few_ms` and `many_ms` of every read, and `of_many`: the reads that answer
for many subjects at once, whose cost may grow with them.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.perf.cores import load, measure
from tests.perf.database import postgres_url
from tests.perf.figures import Figure, MissingError


@dataclass(frozen=True, slots=True)
class Goals:
    """The figures of one group: what bytes are counted of and may be, and how many subjects there are."""

    group: str
    bytes: str
    unit: str
    most_bytes: float
    subjects: str
    few: int
    many: int


def figures(module: str, goals: Goals) -> Iterator[Figure]:
    """All figures; without a PostgreSQL they count as missed, and SQLite's are in the context."""
    sides = {"few": goals.few, "many": goals.many}
    found = {"sqlite": measure(module, environment={"DATABASE_URL": ""}, **sides)}
    missing = {}
    try:
        found["postgresql"] = measure(module, environment={"DATABASE_URL": postgres_url()}, **sides)
    except MissingError as error:
        missing = {"missing": str(error)}
    taken = {name: each["bytes"] for name, each in found.items()}
    yield _worst(f"{goals.group}.{goals.bytes}", goals.unit, goals.most_bytes, taken, missing)
    slowest = {name: max(each["many_ms"].values()) for name, each in found.items()}
    reads = {name: each["many_ms"] for name, each in found.items()}
    yield _worst(
        f"{goals.group}.read_ms_max", "ms of processor time, the slowest read", 50.0, slowest, missing, reads=reads
    )
    growth = {name: _growth(each) for name, each in found.items()}
    worst = {name: max(each.values()) for name, each in growth.items()}
    unit = f"log10 of the cost of a read at 10 times the {goals.subjects}"
    yield _worst(f"{goals.group}.growth_exponent", unit, 0.15, worst, missing, reads=growth)


def _growth(found: Mapping[str, Any]) -> dict[str, float]:
    few, many = found["few_ms"], found["many_ms"]
    return {name: round(math.log10(many[name] / few[name]), 3) for name in many if name not in found["of_many"]}


def _worst(
    bench: str, unit: str, goal: float, values: Mapping[str, float], missing: Mapping[str, str], **context: Any
) -> Figure:
    by_database = {database: round(value, 3) for database, value in values.items()}
    value = None if missing else max(values.values())
    return Figure(bench, value, unit, goal, context={"by_database": by_database, **context, **missing, **load()})
