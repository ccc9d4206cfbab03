"""Running totals of a cycle, as Dash's lite mode shows them (contract Dash 8.9), from the facts of the cycle.

A pair across the border of two cycles is split by time and counts in both.
"""

from dataclasses import dataclass

from apps.traffic.facts import GAP, MOVED, NO_RATE, NOTHING, Facts, Rate


@dataclass(frozen=True, slots=True)
class LiteTotals:
    """What passed in a cycle; `samples` are pairs that moved bytes, peaks the greatest rates of single pairs.

    `until_ms` is where the last of them ends, None when there was none.
    """

    in_bytes: int = 0
    out_bytes: int = 0
    samples: int = 0
    gaps: int = 0
    resets: int = 0
    peak_in: Rate = NO_RATE
    peak_out: Rate = NO_RATE
    peak_both: Rate = NO_RATE
    until_ms: int | None = None


def lite_totals(facts: Facts, start_ms: int) -> LiteTotals:
    """The totals of a cycle that begins at `start_ms` from its facts."""
    # Pairs are counted where they begin; the one that comes in over the border began in the cycle before.
    carried = facts.columns["carried"][0] if facts.bucket_ms[:1] == [start_ms] else NOTHING
    reached = zip(reversed(facts.bucket_ms), reversed(facts.columns["moved_ms"]), strict=True)
    return LiteTotals(
        in_bytes=facts.total("in_bytes"),
        out_bytes=facts.total("out_bytes"),
        samples=facts.total("moves") + (carried == MOVED),
        gaps=facts.total("gaps") + (carried == GAP),
        resets=facts.total("resets"),
        peak_in=_greatest(facts, "peak_in"),
        peak_out=_greatest(facts, "peak_out"),
        peak_both=_greatest(facts, "peak_both"),
        until_ms=next((bucket + moved for bucket, moved in reached if moved), None),
    )


def _greatest(facts: Facts, name: str) -> Rate:
    found = NO_RATE
    for volume, ms in zip(facts.columns[f"{name}_bytes"], facts.columns[f"{name}_ms"], strict=True):
        if volume * (found.ms or 1) > found.bytes * ms:
            found = Rate(volume, ms)
    return found
