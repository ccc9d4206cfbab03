"""What reports of nodes cost to keep and to read, on both databases; the worse one counts.

* `metrics.bytes_per_sample`: disk for one value of a report, indexes and all roll-ups of its time included.
* `metrics.read_ms_max`: the slowest of the reads that pages and the API make among 1,000 nodes.
* `metrics.growth_exponent`: log10 of what a read of one node costs among ten times as many nodes; the worst.
"""

from collections.abc import Iterator

from tests.perf import both
from tests.perf.figures import Figure

GOALS = both.Goals("metrics", "bytes_per_sample", "bytes of disk a sample", 2.3, "nodes", few=100, many=1000)


def figures() -> Iterator[Figure]:
    """All figures; without a PostgreSQL they count as missed."""
    yield from both.figures("nodes", GOALS)
