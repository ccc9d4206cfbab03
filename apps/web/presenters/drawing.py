"""Geometry of the server's charts: round scales, lines and areas with gaps where nothing was measured."""

from collections.abc import Sequence

WIDTH, HEIGHT = 1000, 200
Values = Sequence[float | None]


def ceiling(value: float) -> float:
    """The next round number above: 1, 2, 2.5 or 5 times a power of ten, at least 10."""
    size = 10.0
    while True:
        for factor in (1, 2, 2.5, 5):
            if size * factor >= value * 1.05:
                return size * factor
        size *= 10


def line(values: Values, top: float) -> str:
    """A path through the values; a value between two gaps is a dot."""
    return "".join(_stroke(run) for run in _runs(values, top))


def area(lower: Values, upper: Values, top: float) -> str:
    """Closed shapes between two lines that have the same gaps."""
    pairs = zip(_runs(upper, top), _runs(lower, top), strict=True)
    return "".join(f"{_stroke(above)}{_stroke(below[::-1], pen='L')}Z" for above, below in pairs)


def height_of(value: float, top: float) -> float:
    """Where a value lies in the drawing, from above."""
    return round(HEIGHT - HEIGHT * value / top, 1)


def _runs(values: Values, top: float) -> list[list[tuple[float, float]]]:
    """Neighbouring known values as places in the drawing."""
    step = WIDTH / max(1, len(values) - 1)
    runs: list[list[tuple[float, float]]] = []
    known = False
    for index, value in enumerate(values):
        if value is not None:
            if not known:
                runs.append([])
            runs[-1].append((round(index * step, 1), height_of(value, top)))
        known = value is not None
    return runs


def _stroke(run: Sequence[tuple[float, float]], *, pen: str = "M") -> str:
    path = "".join(f"{'L' if index else pen}{x} {y}" for index, (x, y) in enumerate(run))
    # Without a length a stroke is not drawn; with round ends the shortest one is a dot.
    return path if len(run) > 1 else f"{path}h0.1"
