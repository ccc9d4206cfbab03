"""Where the time of a check goes: its phases over a range as layers that lie on each other, and as shares of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.metrics.columns import PHASE_STEP_US
from apps.metrics.types import ChartPoint
from apps.web.presenters import drawing, words

# In the order in which a check spends its time.
PHASES = (
    ("dns", "Name lookup"),
    ("connect", "Connect"),
    ("tls", "TLS"),
    ("ttfb", "First byte"),
)
REST = ("rest", "Download")


@dataclass(frozen=True, slots=True)
class Layer:
    """One phase per bucket in milliseconds; `floor` is what the layers below add up to. None: no answer."""

    key: str
    label: str
    values: Sequence[float | None]
    floor: Sequence[float | None]

    def path(self, top: float) -> str:
        """The layer as closed shapes."""
        return drawing.area(self.floor, self.ceiling, top)

    @property
    def ceiling(self) -> list[float | None]:
        """What this layer and those below add up to."""
        pairs = zip(self.floor, self.values, strict=True)
        return [None if low is None or value is None else round(low + value, 2) for low, value in pairs]


@dataclass(frozen=True, slots=True)
class PhaseShare:
    """One phase's average and its place in the bar of the whole."""

    key: str
    label: str
    text: str
    x: float
    width: float


def layers(points: Sequence[ChartPoint]) -> list[Layer]:
    """The phases that were measured and what is left of the whole; nothing for a kind with fewer than two phases."""
    found: list[Layer] = []
    floor: Sequence[float | None] = [None if point.latency_avg_us is None else 0.0 for point in points]
    for key, label in [*PHASES, REST]:
        values = [_spent(point, key) for point in points]
        if any(values):
            found.append(Layer(key, label, values, floor))
            floor = found[-1].ceiling
    return found if len(found) > 1 else []


def _spent(point: ChartPoint, key: str) -> float | None:
    """Milliseconds of a phase in a bucket that was answered; the rest is what the phases leave of the response time."""
    if point.latency_avg_us is None:
        return None
    spent = {name: us for name, _ in PHASES if (us := point.phases_us.get(f"{name}_us")) is not None}
    us = _rest(point.latency_avg_us, list(spent.values())) if key == REST[0] else spent.get(key, 0.0)
    return round(us / 1000, 2)


def _rest(whole_us: float, parts_us: Sequence[float]) -> float:
    """What the phases leave of the whole: none of it where keeping them in steps may be all that left it."""
    rest = whole_us - sum(parts_us)
    return rest if rest > len(parts_us) * PHASE_STEP_US / 2 else 0.0


def shares(points: Sequence[ChartPoint]) -> list[PhaseShare]:
    """Average per phase over the range, each bucket weighed by its answers; phases nobody measured are left out."""
    known = [(key, label, value) for key, label in PHASES if (value := _weighed(points, f"{key}_us")) is not None]
    total = _weighed(points, "total_us")
    if known and total is not None and (rest := _rest(total, [value for *_, value in known])):
        known.append((*REST, rest))
    whole = sum(value for *_, value in known)
    found, x = [], 0.0
    for key, label, value in known:
        width = 100 * value / whole if whole else 0.0
        found.append(PhaseShare(key, label, words.millis(value), round(x, 2), round(width, 2)))
        x += width
    return found


def average_us(points: Sequence[ChartPoint]) -> float | None:
    """The average response time of a range, each bucket weighed by its answers."""
    return _mean([(point.latency_avg_us, point.checks - point.fails) for point in points])


def _weighed(points: Sequence[ChartPoint], column: str) -> float | None:
    return _mean([(point.phases_us.get(column), point.checks - point.fails) for point in points])


def _mean(pairs: Sequence[tuple[float | None, int]]) -> float | None:
    known = [(value, count) for value, count in pairs if value is not None]
    weight = sum(count for _, count in known)
    return sum(value * count for value, count in known) / weight if weight else None
