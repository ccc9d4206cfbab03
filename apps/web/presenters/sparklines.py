"""Sparklines: 24 hours of response time in 96 by 20, drawn from zero so that sizes can be compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from apps.web.presenters import words

WIDTH, TOP, BOTTOM = 96.0, 2.0, 19.0
# A calm 12 ms stays near the ground: nothing below this fills the height.
LEAST_SCALE_US = 200_000


@dataclass(frozen=True, slots=True)
class Spark:
    """The path of an SVG and its summary; an empty path means no answer in 24 hours."""

    path: str
    summary: str


def spark(values: Sequence[int | None]) -> Spark:
    """Buckets of microseconds, oldest first, None where nothing was measured: a gap, never a line to zero."""
    known = [value for value in values if value is not None]
    if not known:
        return Spark("", "no answer in 24 h")
    scale = max(*known, LEAST_SCALE_US)
    step = WIDTH / max(1, len(values) - 1)
    parts, pen_down = [], False
    for index, value in enumerate(values):
        if value is None:
            pen_down = False
            continue
        x, y = index * step, BOTTOM - (BOTTOM - TOP) * value / scale
        # A lone bucket between gaps is a dot: a line of no length with round ends.
        parts.append(f"{'L' if pen_down else 'M'}{x:.1f} {y:.1f}{'' if pen_down else 'h.1'}")
        pen_down = True
    summary = f"min {words.millis(min(known))}, median {words.millis(median(known))}, max {words.millis(max(known))}"
    return Spark("".join(parts), summary)
