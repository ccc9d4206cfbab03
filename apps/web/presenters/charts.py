"""The response time chart: the same numbers as an SVG from the server, as JSON for the script, and as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from django.utils import timezone

from apps.common.clock import from_epoch_ms
from apps.metrics.types import Chart, ChartPoint
from apps.web.presenters import drawing, words
from apps.web.presenters.drawing import HEIGHT, WIDTH, Values
from apps.web.presenters.layers import Layer, PhaseShare, average_us, layers, shares

SPAN_WORDS = {"down": "Down", "degraded": "Degraded", "maintenance": "Maintenance"}
TABLE_ROWS = 48
# A limit far above every answer would press the lines to the ground: it is told in words then.
LIMIT_REACH = 2.5
# Share of the drawing's width that a span's label may need before the next one.
LABEL_ROOM = 20.0
SpanStatus = Literal["down", "degraded", "maintenance"]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of trouble or planned silence; seconds since 1970. `place` is its label's, in percent of the width."""

    start: int
    end: int
    status: SpanStatus
    label: str
    x: float
    width: float
    place: float | None = None
    anchor: Literal["start", "end"] = "start"


@dataclass(frozen=True, slots=True)
class Tick:
    """A value on the vertical axis and where it lies in the drawing."""

    label: str
    y: float


@dataclass(frozen=True, slots=True)
class Line:
    """One line over the layers, and what its legend says while no cursor points at a bucket."""

    key: str
    label: str
    values: Values
    path: str
    usual: str


@dataclass(frozen=True, slots=True)
class Limit:
    """The response time above which an answer counts as degraded; `y` and `percent` when it lies in the drawing."""

    text: str
    y: float | None
    percent: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """One bucket of the table under the chart."""

    at: datetime
    average: str
    slowest: str
    phases: Sequence[str]
    up: str


@dataclass(frozen=True, slots=True)
class ChartView:
    """Everything the chart's panel shows. `areas`: key, label and path of each phase, the first one lowest."""

    name: str
    points: int
    lines: Sequence[Line] = ()
    areas: Sequence[tuple[str, str, str]] = ()
    ticks: Sequence[Tick] = ()
    times: Sequence[str] = ()
    spans: Sequence[Span] = ()
    rows: Sequence[Row] = ()
    phases: Sequence[PhaseShare] = ()
    limit: Limit | None = None
    summary: str = ""
    rollup: str = ""
    series: dict[str, Any] = field(default_factory=dict)

    @property
    def legend(self) -> list[tuple[str, str, str]]:
        """Key, label and usual value of all that the cursor tells: the lines, then the phases."""
        usual = {share.key: share.text for share in self.phases}
        return [
            *((line.key, line.label, line.usual) for line in self.lines),
            *((key, label, usual.get(key, words.NOTHING)) for key, label, _ in self.areas),
        ]


def limit_of(synthetic: Mapping[str, Any] | None) -> int | None:
    """The `degradedMs` a monitor is judged by (contract Dashmon 6.1); None when it has none."""
    limit = (synthetic or {}).get("degradedMs")
    return limit if isinstance(limit, int) else None


def chart_view(chart: Chart, *, name: str, limit_ms: int | None = None, live: bool = True) -> ChartView:
    """The view of one range; with no answer in it, only spans and an honest sentence. `live`: it ends now."""
    points = chart.points
    average = [_ms(point.latency_avg_us) for point in points]
    slowest = [_ms(point.latency_max_us) for point in points]
    known = [value for value in slowest if value is not None]
    drawn = limit_ms is not None and limit_ms <= LIMIT_REACH * max(known, default=0.0)
    top = drawing.ceiling(max([*known, limit_ms if drawn and limit_ms else 0.0]))
    spans = _spans(points, step_ms=chart.step_ms)
    stack = layers(points)
    return ChartView(
        name=name,
        points=len(known),
        lines=_lines(average, slowest, top, usual_us=average_us(points)),
        areas=[(layer.key, layer.label, layer.path(top)) for layer in stack],
        ticks=[Tick(_axis(top * part / 4), HEIGHT - HEIGHT * part / 4) for part in range(5)],
        times=_times(points, live=live),
        spans=spans,
        rows=_rows(points, stack),
        phases=shares(points),
        limit=_limit(limit_ms, top, drawn=drawn),
        summary=_summary(average_us(points), known, spans),
        rollup=_rollup(chart),
        series=_series(chart, average, slowest) | _overlays(stack, spans, limit_ms if drawn else None),
    )


def _ms(us: float | None) -> float | None:
    return None if us is None else round(us / 1000, 2)


def _axis(value: float) -> str:
    return words.grouped(int(value)) if value == int(value) else f"{value:.1f}"


def _lines(average: Values, slowest: Values, top: float, *, usual_us: float | None) -> list[Line]:
    worst = max((value for value in slowest if value is not None), default=None)
    return [
        Line("average", "Average", average, drawing.line(average, top), words.millis(usual_us)),
        Line("slowest", "Slowest", slowest, drawing.line(slowest, top), words.millis(worst and worst * 1000)),
    ]


def _limit(limit_ms: int | None, top: float, *, drawn: bool) -> Limit | None:
    if limit_ms is None:
        return None
    text = f"Degraded above {words.millis(limit_ms * 1000)}"
    y = drawing.height_of(limit_ms, top) if drawn else None
    return Limit(text, y, None if y is None else round(100 * y / HEIGHT, 1))


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
    begin, free = 0, 0.0
    states = [_status(point) for point in points]
    for index in range(1, len(points) + 1):
        if index < len(points) and states[index] == states[begin]:
            continue
        state = states[begin]
        if state is not None:
            spans.append(_span(points, begin, index, state, step_ms=step_ms, free=free))
            free = max(free, (spans[-1].place or 0.0) + LABEL_ROOM) if spans[-1].place is not None else free
        begin = index
    return spans


def _span(points: Sequence[ChartPoint], begin: int, end: int, state: SpanStatus, *, step_ms: int, free: float) -> Span:
    """One span; its label is left out where it would lie on the one before (the incidents' list has them all)."""
    at = round(100 * begin / len(points), 1)
    late = at > 100 - LABEL_ROOM
    place = at if not late else round(100 * end / len(points), 1)
    return Span(
        start=points[begin].bucket_ms // 1000,
        end=(points[end - 1].bucket_ms + step_ms) // 1000,
        status=state,
        label=f"{SPAN_WORDS[state]} {words.duration(_lasted(points[begin:end], state))}",
        x=round(WIDTH * begin / len(points), 1),
        width=round(WIDTH * (end - begin) / len(points), 1),
        place=place if (place - LABEL_ROOM if late else place) >= free else None,
        anchor="end" if late else "start",
    )


def _lasted(points: Sequence[ChartPoint], state: SpanStatus) -> float:
    if state == "down":
        return sum(point.times.down_ms for point in points) / 1000
    if state == "degraded":
        return sum(point.times.warning_ms for point in points) / 1000
    return sum(point.times.maintenance_ms for point in points) / 1000


def _times(points: Sequence[ChartPoint], *, live: bool) -> list[str]:
    if not points:
        return []
    long = points[-1].bucket_ms - points[0].bucket_ms > 2 * 86_400_000
    marks = []
    for part in range(5):
        local = timezone.localtime(from_epoch_ms(points[part * (len(points) - 1) // 4].bucket_ms))
        marks.append(f"{local:%-d %b}" if long else f"{local:%H:%M}")
    return [*marks[:4], "now"] if live else marks


def _rows(points: Sequence[ChartPoint], stack: Sequence[Layer]) -> list[Row]:
    """The newest buckets first: enough to read, and every bucket keeps its own numbers."""
    newest = list(enumerate(points))[::-1][:TABLE_ROWS]
    return [
        Row(
            from_epoch_ms(point.bucket_ms),
            words.millis(point.latency_avg_us),
            words.millis(point.latency_max_us),
            [_cell(layer.values[index]) for layer in stack],
            words.share(point.times.fraction),
        )
        for index, point in newest
    ]


def _cell(value: float | None) -> str:
    return words.millis(None if value is None else value * 1000)


def _summary(usual_us: float | None, slowest: Sequence[float], spans: Sequence[Span]) -> str:
    if usual_us is None:
        return "Response time: no answer in this range"
    parts = [f"Response time: average {words.millis(usual_us)}", f"slowest {max(slowest):.0f} ms"]
    parts += [
        f"{span.label} from {timezone.localtime(from_epoch_ms(span.start * 1000)):%-d %b %H:%M}" for span in spans[:5]
    ]
    return ", ".join(parts)


def _rollup(chart: Chart) -> str:
    step = words.interval(max(1, chart.step_ms // 1000))
    return f"{step} averages" if chart.rollup == "raw" else f"{step} averages of {chart.rollup} totals"


def _series(chart: Chart, average: Values, slowest: Values) -> dict[str, Any]:
    return {
        "step": chart.step_ms // 1000,
        "times": [point.bucket_ms // 1000 for point in chart.points],
        "lines": [
            {"key": "average", "label": "Average", "values": list(average)},
            {"key": "slowest", "label": "Slowest", "values": list(slowest)},
        ],
    }


def _overlays(stack: Sequence[Layer], spans: Sequence[Span], limit_ms: int | None) -> dict[str, Any]:
    return {
        "layers": [{"key": layer.key, "label": layer.label, "values": list(layer.values)} for layer in stack],
        "limit": limit_ms,
        "spans": [{"from": span.start, "to": span.end, "status": span.status, "label": span.label} for span in spans],
    }
