"""What facts add up to: bytes, valid samples, percentiles and peaks of a stretch."""

from dataclasses import dataclass
from operator import add

from apps.traffic.facts import NO_RATE, Facts, Rate
from apps.traffic.p95 import percentile_and_peak


@dataclass(frozen=True, slots=True)
class Figures:
    """Sums of a stretch. `samples` are valid buckets; percentiles are None for fewer than twenty of them.

    `both` is reckoned from the sums of each bucket, not from the sums of the results.
    """

    in_bytes: int = 0
    out_bytes: int = 0
    samples: int = 0
    gaps: int = 0
    resets: int = 0
    reset_in_bytes: int = 0
    reset_out_bytes: int = 0
    p95_in: Rate | None = None
    p95_out: Rate | None = None
    p95_both: Rate | None = None
    peak_in: Rate = NO_RATE
    peak_out: Rate = NO_RATE
    peak_both: Rate = NO_RATE


def figures_of(facts: Facts) -> Figures:
    """The figures of some facts."""
    valid = facts.valid()
    received, sent, times = (
        [facts.columns[name][index] for index in valid] for name in ("in_bytes", "out_bytes", "covered_ms")
    )
    p95_in, peak_in = percentile_and_peak(received, times)
    p95_out, peak_out = percentile_and_peak(sent, times)
    p95_both, peak_both = percentile_and_peak(list(map(add, received, sent)), times)
    return Figures(
        in_bytes=facts.total("in_bytes"),
        out_bytes=facts.total("out_bytes"),
        samples=len(valid),
        gaps=facts.total("gaps"),
        resets=facts.total("resets"),
        reset_in_bytes=facts.total("reset_in_bytes"),
        reset_out_bytes=facts.total("reset_out_bytes"),
        p95_in=p95_in,
        p95_out=p95_out,
        p95_both=p95_both,
        peak_in=peak_in,
        peak_out=peak_out,
        peak_both=peak_both,
    )
