"""What a month of check results costs to keep and to read, on both databases; the worse one counts.

* `results.bytes`: disk for one result, indexes and all roll-ups included.
* `results.read_ms_max`: the slowest of the reads that pages and the API make.
* `results.growth_exponent`: log10 of what a read of one monitor costs among ten times as many monitors; the worst.
"""

from collections.abc import Iterator

from tests.perf import both
from tests.perf.figures import Figure

GOALS = both.Goals("results", "bytes", "bytes of disk a result", 10.0, "monitors", few=10, many=100)


def figures() -> Iterator[Figure]:
    """All figures; without a PostgreSQL they count as missed."""
    yield from both.figures("store", GOALS)
