"""One monitor in numbers: how much was up, how long trouble lasts, and how response times are spread."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.metrics.figures import WindowFigures
from apps.metrics.sketch import Sketch, estimate
from apps.metrics.types import LatencyStats
from apps.web.presenters import drawing, words
from apps.web.presenters.charts import Tick
from apps.web.presenters.drawing import HEIGHT, WIDTH
from apps.web.presenters.monitor import Fact, split_unit

BARS = 24
# The slowest answers would press all others to the left: what is beyond this multiple of the p95 is counted together.
REACH = 1.6


@dataclass(frozen=True, slots=True)
class Bar:
    """Answers of one span of response times."""

    x: float
    y: float
    width: float
    height: float
    span: str
    count: int
    share: str


@dataclass(frozen=True, slots=True)
class Histogram:
    """Answers by response time, the fastest first; the last bar holds all slower ones."""

    bars: Sequence[Bar]
    ticks: Sequence[Tick]
    labels: Sequence[str]
    summary: str


def facts(figures: WindowFigures) -> list[Fact]:
    """Uptime in its two ways, and what failures cost; each says what it means."""
    times, counts = figures.times, figures.counts
    each = figures.incidents
    return [
        _fact("Uptime by time", words.share(times.fraction), "share of the measured time; warning counts as up"),
        _fact(
            "Uptime by checks",
            words.share((counts.available, counts.samples) if counts.samples else None),
            f"{words.grouped(counts.available)} of {words.plural(counts.samples, 'check')} answered",
        ),
        _fact("Down", words.duration(times.down_ms / 1000), words.plural(each, "failure")),
        _fact("Down by checks", words.duration(figures.downtime_minutes * 60), "from failed checks to the ones before"),
        _fact("Mean time to recover", _each(times.down_ms, each), "time down for each failure"),
        _fact("Mean time between failures", _each(times.up_ms, each), "time up for each failure"),
        _fact("Maintenance", words.duration(times.maintenance_ms / 1000), "counts as neither up nor down"),
        _fact("Not measured", words.duration(times.unknown_ms / 1000), "counts as neither up nor down"),
    ]


def latency_facts(stats: LatencyStats) -> list[Fact]:
    """Percentiles and extremes of the answers."""
    rows = (
        ("p50", stats.p50_us, "half of the answers are faster"),
        ("p95", stats.p95_us, "19 of 20 are faster"),
        ("p99", stats.p99_us, "99 of 100 are faster"),
        ("Fastest", stats.min_us, ""),
        ("Slowest", stats.max_us, ""),
        ("Average", stats.avg_us, f"of {words.plural(stats.samples, 'answer')}"),
    )
    return [Fact(label, *split_unit(words.millis(us)), note) for label, us, note in rows]


def histogram(sketch: Sketch, stats: LatencyStats) -> Histogram | None:
    """None without an answer. Counts are exact; where a span begins is within 1 %."""
    if not sketch.count or stats.p95_us is None or stats.max_us is None:
        return None
    top = drawing.ceiling(min(stats.max_us, REACH * stats.p95_us) / 1000)
    counts = _counts(sketch, top)
    tallest = drawing.ceiling(max(counts))
    step = WIDTH / len(counts)
    bars = [
        Bar(
            round(index * step + 2, 1),
            drawing.height_of(count, tallest),
            round(step - 4, 1),
            round(HEIGHT * count / tallest, 1),
            _span(index, top),
            count,
            words.share((count, sketch.count)),
        )
        for index, count in enumerate(counts)
    ]
    ticks = [Tick(f"{tallest * part / 4:g}", HEIGHT - HEIGHT * part / 4) for part in range(5)]
    labels = [f"{top * part / 4:g} ms" for part in range(5)]
    return Histogram(bars, ticks, labels, _summary(stats))


def _counts(sketch: Sketch, top_ms: float) -> list[int]:
    counts = [0] * (BARS + 1)
    counts[0] = sketch.zeros
    for index, count in sketch.bins.items():
        counts[min(BARS, int(estimate(index) / 1000 / top_ms * BARS))] += count
    return counts if counts[BARS] else counts[:BARS]


def _span(index: int, top_ms: float) -> str:
    step = top_ms / BARS
    if index == BARS:
        return f"{top_ms:g} ms and more"
    return f"{index * step:.4g} to {(index + 1) * step:.4g} ms"


def _summary(stats: LatencyStats) -> str:
    p50, p95 = words.millis(stats.p50_us), words.millis(stats.p95_us)
    return f"Answers by response time: half within {p50}, 19 of 20 within {p95}, slowest {words.millis(stats.max_us)}"


def _fact(label: str, text: str, note: str) -> Fact:
    value, unit = split_unit(text) if text.endswith("%") else (text, "")
    return Fact(label, value, unit, note)


def _each(ms: int, failures: int) -> str:
    return words.duration(ms / 1000 / failures) if failures else words.NOTHING
