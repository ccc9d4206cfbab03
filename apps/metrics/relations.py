"""Which columns of a device follow from others, so that a block only keeps the difference."""

from collections.abc import Mapping

from apps.metrics import columns
from apps.metrics.codec import Relation
from apps.metrics.gauge import Part


def _key(column: int, part: Part) -> int:
    return columns.gauge_key(column, part)


_BEFORE_THE_WAIT = (columns.DNS, columns.CONNECT, columns.TLS)

# The whole is the latency, the wait what the other phases leave of it, the run (in milliseconds) little more than it.
RAW_RELATIONS: Mapping[int, Relation] = {
    columns.TOTAL: Relation((columns.LATENCY,)),
    columns.TTFB: Relation((columns.LATENCY,), _BEFORE_THE_WAIT),
    columns.RUN: Relation((columns.LATENCY,), divisor=1000),
}
BUCKET_RELATIONS: Mapping[int, Relation] = {
    columns.SAMPLES: Relation((columns.CHECKS,)),
    columns.AVAILABLE: Relation((columns.CHECKS,), (columns.FAILS,)),
    # One result a bucket is its sum, its least and its greatest at once.
    **{_key(columns.LATENCY, part): Relation((_key(columns.LATENCY, Part.SUM),)) for part in (Part.MIN, Part.MAX)},
    **{_key(column, Part.COUNT): Relation((_key(columns.LATENCY, Part.COUNT),)) for column in columns.PHASES.values()},
    _key(columns.TOTAL, Part.SUM): Relation((_key(columns.LATENCY, Part.SUM),)),
    _key(columns.TTFB, Part.SUM): Relation(
        (_key(columns.LATENCY, Part.SUM),), tuple(_key(column, Part.SUM) for column in _BEFORE_THE_WAIT)
    ),
}
