"""The response time chart: the same numbers as an SVG from the server, as JSON for the script, and as a table."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from django.utils import timezone

from apps.common.clock import from_epoch_ms
from apps.metrics.types import Chart, ChartPoint
from apps.web.presenters import words

RANGES: dict[str, tuple[str, timedelta]] = {
    "1h": ("1 h", timedelta(hours=1)),
    "24h": ("24 h", timedelta(hours=24)),
    "7d": ("7 d", timedelta(days=7)),
    "30d": ("30 d", timedelta(days=30)),
}
USUAL_RANGE = "24h"
# In the order in which a check spends its time; the last one is what is left of the whole.
PHASES = (
    ("dns", "Name lookup"),
    ("connect", "Connect"),
    ("tls", "TLS"),
    ("ttfb", "First byte"),
)
SPAN_WORDS = {"down": "Down", "degraded": "Degraded", "maintenance": "Maintenance"}
WIDTH, HEIGHT = 1000, 200
SpanStatus = Literal["down", "degraded", "maintenance"]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of trouble or of planned silence under the lines; seconds since 1970."""

    start: int
    end: int
    status: SpanStatus
    label: str
    x: float = 0
    width: float = 0


@dataclass(frozen=True, slots=True)
class Tick:
    """A value on the vertical axis and where it lies in the drawing."""

    label: str
    y: float


@dataclass(frozen=True, slots=True)
class Row:
    """One bucket of the table under the chart."""

    at: datetime
    average: str
    slowest: str
    up: str


@dataclass(frozen=True, slots=True)
class PhaseShare:
    """One phase's average and its place in the bar above the table."""

    key: str
    label: str
    text: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class ChartView:
    """Everything the chart's panel shows."""

    name: str
    points: int
    lines: Sequence[tuple[int, str, str]] = ()  # number, label, path
    ticks: Sequence[Tick] = ()
    times: Sequence[tuple[float, str]] = ()
    spans: Sequence[Span] = ()
    rows: Sequence[Row] = ()
    phases: Sequence[PhaseShare] = ()
    summary: str = ""
    rollup: str = ""
    series: dict[str, Any] = field(default_factory=dict)


def chart_view(chart: Chart, *, name: str) -> ChartView:
    """The view of one range; with no answer in it, only spans and an honest sentence."""
    points = chart.points
    average = [_ms(point.latency_avg_us) for point in points]
    slowest = [_ms(point.latency_max_us) for point in points]
    known = [value for value in slowest if value is not None]
    top = _ceiling(max(known, default=0.0))
    spans = _spans(points, step_ms=chart.step_ms)
    return ChartView(
        name=name,
        points=len(known),
        lines=[(2, "Slowest", _path(slowest, top)), (1, "Average", _path(average, top))],
        ticks=[Tick(_axis(top * part / 4), HEIGHT - HEIGHT * part / 4) for part in range(5)],
        times=_times(points),
        spans=spans,
        rows=_rows(points),
        phases=_phases(points),
        summary=_summary(average, known, spans),
        rollup=_rollup(chart),
        series=_series(chart, average, slowest, spans),
    )


def _ms(us: float | None) -> float | None:
    return None if us is None else round(us / 1000, 2)


def _ceiling(value: float) -> float:
    """The next round number above: 1, 2, 2.5 or 5 times a power of ten, at least 10 ms."""
    size = 10.0
    while True:
        for factor in (1, 2, 2.5, 5):
            if size * factor >= value * 1.05:
                return size * factor
        size *= 10


def _axis(value: float) -> str:
    return words.grouped(int(value)) if value == int(value) else f"{value:.1f}"


def _path(values: Sequence[float | None], top: float) -> str:
    """A line with gaps where nothing was measured."""
    step = WIDTH / max(1, len(values) - 1)
    parts, pen_down = [], False
    for index, value in enumerate(values):
        if value is None:
            pen_down = False
            continue
        parts.append(f"{'L' if pen_down else 'M'}{index * step:.1f} {HEIGHT - HEIGHT * value / top:.1f}")
        pen_down = True
    return "".join(parts)


def _status(point: ChartPoint) -> SpanStatus | None:
    times = point.times
    if times.down_ms:
        return "down"
    if times.warning_ms:
        return "degraded"
    return "maintenance" if times.maintenance_ms else None


def _spans(points: Sequence[ChartPoint], *, step_ms: int) -> list[Span]:
    """Neighbouring buckets of one status as one span."""
    spans: list[Span] = []
    begin = 0
    states = [_status(point) for point in points]
    for index in range(1, len(points) + 1):
        if index < len(points) and states[index] == states[begin]:
            continue
        state = states[begin]
        if state is not None:
            start, end = points[begin].bucket_ms, points[index - 1].bucket_ms + step_ms
            x, width = WIDTH * begin / len(points), WIDTH * (index - begin) / len(points)
            label = f"{SPAN_WORDS[state]} {words.duration(_lasted(points[begin:index], state))}"
            spans.append(Span(start // 1000, end // 1000, state, label, round(x, 1), round(width, 1)))
        begin = index
    return spans


def _lasted(points: Sequence[ChartPoint], state: SpanStatus) -> float:
    if state == "down":
        return sum(point.times.down_ms for point in points) / 1000
    if state == "degraded":
        return sum(point.times.warning_ms for point in points) / 1000
    return sum(point.times.maintenance_ms for point in points) / 1000


def _times(points: Sequence[ChartPoint]) -> list[tuple[float, str]]:
    if not points:
        return []
    long = points[-1].bucket_ms - points[0].bucket_ms > 2 * 86_400_000
    marks = []
    for part in range(4):
        local = timezone.localtime(from_epoch_ms(points[part * (len(points) - 1) // 4].bucket_ms))
        marks.append((25.0 * part, f"{local:%-d %b}" if long else f"{local:%H:%M}"))
    return [*marks, (100.0, "now")]


def _rows(points: Sequence[ChartPoint]) -> list[Row]:
    """At most 48 rows, newest first: enough to read, and every bucket keeps its own numbers."""
    return [
        Row(
            from_epoch_ms(point.bucket_ms),
            words.millis(point.latency_avg_us),
            words.millis(point.latency_max_us),
            words.share(point.times.fraction),
        )
        for point in list(reversed(points))[:48]
    ]


def _phases(points: Sequence[ChartPoint]) -> list[PhaseShare]:
    """Average per phase over the range, each bucket weighed by its checks; phases nobody measured are left out."""
    averages = {key: _weighed(points, f"{key}_us") for key, _ in PHASES}
    found = [(key, label, averages[key]) for key, label in PHASES]
    known = [(key, label, value) for key, label, value in found if value is not None]
    total = _weighed(points, "total_us")
    if known and total is not None and total > (parts := sum(value for *_, value in known)):
        known.append(("rest", "Download", total - parts))
    whole = sum(value for *_, value in known)
    shares, x = [], 0.0
    for key, label, value in known:
        width = 100 * value / whole if whole else 0.0
        shares.append(PhaseShare(key, label, words.millis(value), round(x, 2), round(width, 2)))
        x += width
    return shares


def _weighed(points: Sequence[ChartPoint], column: str) -> float | None:
    pairs = [
        (value, point.checks - point.fails) for point in points if (value := point.phases_us.get(column)) is not None
    ]
    weight = sum(count for _, count in pairs)
    return sum(value * count for value, count in pairs) / weight if weight else None


def _summary(average: Sequence[float | None], slowest: Sequence[float], spans: Sequence[Span]) -> str:
    known = [value for value in average if value is not None]
    if not known:
        return "Response time: no answer in this range"
    parts = [f"Response time: average {sum(known) / len(known):.0f} ms", f"slowest {max(slowest):.0f} ms"]
    parts += [
        f"{span.label} from {timezone.localtime(from_epoch_ms(span.start * 1000)):%-d %b %H:%M}" for span in spans[:5]
    ]
    return ", ".join(parts)


def _rollup(chart: Chart) -> str:
    step = words.interval(max(1, chart.step_ms // 1000))
    return f"{step} averages" if chart.rollup == "raw" else f"{step} averages of {chart.rollup} totals"


def _series(
    chart: Chart, average: Sequence[float | None], slowest: Sequence[float | None], spans: Sequence[Span]
) -> dict[str, Any]:
    return {
        "step": chart.step_ms // 1000,
        "times": [point.bucket_ms // 1000 for point in chart.points],
        "lines": [
            {"label": "Average", "values": list(average)},
            {"label": "Slowest", "values": list(slowest)},
        ],
        "spans": [{"from": span.start, "to": span.end, "status": span.status, "label": span.label} for span in spans],
    }
