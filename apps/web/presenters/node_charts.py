"""A node's charts: the same numbers as SVG from the server, as JSON for the script, and as tables.

All of a page share one time axis; a bucket without a report is a gap.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils import timezone

from apps.common.clock import from_epoch_ms
from apps.metrics.report_series import Point, Series
from apps.web.presenters import drawing, sizes, words
from apps.web.presenters.charts import Tick
from apps.web.presenters.drawing import HEIGHT

TABLE_ROWS = 48
MOST_INSTANCES = 6
# Interfaces with a chart of their own; the table below has them all.
MOST_INTERFACES = 4
Words = Callable[[float | None], str]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One chart: what its lines are called and which columns they draw. `unit` is a key of `UNITS`."""

    key: str
    title: str
    unit: str
    lines: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Unit:
    """How a unit is spelled, what a stored value is multiplied by, and the least that fills the height."""

    words: Words
    least: float
    factor: float = 1.0
    base: int = 1000


def _percent(value: float | None) -> str:
    return words.NOTHING if value is None else f"{sizes.figures(value)} %"


def _celsius(value: float | None) -> str:
    return words.NOTHING if value is None else f"{sizes.figures(value)} °C"


def _plain(value: float | None) -> str:
    return words.NOTHING if value is None else sizes.figures(value)


UNITS: Mapping[str, Unit] = {
    "percent": Unit(_percent, 100.0, 100.0),
    "plain": Unit(_plain, 1.0),
    "count": Unit(_plain, 10.0),
    "celsius": Unit(_celsius, 50.0),
    "bits": Unit(lambda value: sizes.bits(None if value is None else value / 8), 8000.0, 8.0),
    "bytes_rate": Unit(lambda value: words.NOTHING if value is None else f"{sizes.volume(value)}/s", 1000.0),
    "bytes": Unit(sizes.capacity, 1024.0**2, 1.0, 1024),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line, its place in the order of colours, and its newest value in words."""

    key: str
    label: str
    place: int
    values: Sequence[float | None]
    path: str
    usual: str


@dataclass(frozen=True, slots=True)
class NodeChart:
    """What one chart shows; without lines nothing was said in the range."""

    key: str
    title: str
    lines: Sequence[Line] = ()
    ticks: Sequence[Tick] = ()
    summary: str = ""
    rows: Sequence[tuple[datetime, Sequence[str]]] = ()
    unit: str = "plain"
    top: float = 1.0


@dataclass(frozen=True, slots=True)
class Axis:
    """The buckets that all charts share: starts in milliseconds, words below them, the width in words."""

    starts_ms: Sequence[int] = ()
    step_ms: int = 1000
    times: Sequence[str] = ()
    rollup: str = ""
    places: Mapping[int, int] = field(default_factory=dict)


def wanted_charts(sections: Mapping[str, Any]) -> list[Wanted]:
    """The charts of a machine, by what it has."""
    disks = sections.get("disks") or {}
    use = [(f"disk.ratio[{each['key']}]", _mount(each)) for each in disks.get("usage", ())][:MOST_INSTANCES]
    busy = [each["key"] for each in disks.get("io", ())][: MOST_INSTANCES // 2]
    sensors = (sections.get("thermal") or {}).get("sensors", ())[:MOST_INSTANCES]
    io = [(f"disk.{way}_rate[{key}]", f"{_short(key)} {way}") for key in busy for way in ("read", "write")]
    found = [
        Wanted("cpu", "Processor", "percent", [("cpu.ratio", "Busy")]),
        Wanted("load", "Load", "plain", [(f"cpu.load{span}", f"{span} min") for span in (1, 5, 15)]),
        Wanted("memory", "Memory", "bytes", [("mem.used_bytes", "Used"), ("mem.cached_bytes", "Cached"), SWAP]),
        Wanted("disks", "Disks, used", "percent", use),
        Wanted("io", "Disks, read and written", "bytes_rate", io),
        *_networks((sections.get("network") or {}).get("interfaces", ())),
        Wanted("temperature", "Temperature", "celsius", [(f"temp_c[{s['key']}]", s["name"]) for s in sensors]),
        Wanted("connections", "Connections", "count", [("conn.tcp", "TCP"), ("conn.udp", "UDP")]),
        Wanted("processes", "Processes", "count", [("proc.count", "Processes")]),
    ]
    return [chart for chart in found if chart.lines]


SWAP = ("swap.used_bytes", "Swap")


def _networks(names: Sequence[str]) -> list[Wanted]:
    return [
        Wanted(
            f"net-{place}",
            f"Network, {name}",
            "bits",
            [(f"net.rx_rate[{name}]", "In"), (f"net.tx_rate[{name}]", "Out")],
        )
        for place, name in enumerate(names[:MOST_INTERFACES])
    ]


def _mount(disk: Mapping[str, Any]) -> str:
    return str(disk.get("mountpoint") or disk.get("name") or disk["key"])


def _short(key: str) -> str:
    return key.rpartition(":")[2] or key


def columns_of(wanted: Sequence[Wanted]) -> Collection[str]:
    """Every column the charts draw."""
    return {column for chart in wanted for column, _ in chart.lines}


def axis_of(series: Series, *, start_ms: int, end_ms: int, live: bool) -> Axis:
    """Every bucket of the range, those without a report included."""
    step = series.step_ms
    starts = list(range(start_ms // step * step, end_ms, step))
    width = words.interval(max(1, step // 1000))
    rollup = f"{width} averages" if series.rollup == "raw" else f"{width} averages of {series.rollup} totals"
    places = {ts: at for at, ts in enumerate(series.starts_ms)}
    return Axis(starts, step, _times(starts, live=live), rollup, places)


def _times(starts: Sequence[int], *, live: bool) -> list[str]:
    if not starts:
        return []
    long = starts[-1] - starts[0] > 2 * 86_400_000
    marks = []
    for part in range(5):
        local = timezone.localtime(from_epoch_ms(starts[part * (len(starts) - 1) // 4]))
        marks.append(f"{local:%-d %b}" if long else f"{local:%H:%M}")
    return [*marks[:4], "now"] if live else marks


def charts(wanted: Sequence[Wanted], series: Series, axis: Axis) -> list[NodeChart]:
    """The charts in their order, those about which nothing was said left out."""
    drawn = (_chart(each, series, axis) for each in wanted)
    return [chart for chart in drawn if chart.lines]


def _chart(wanted: Wanted, series: Series, axis: Axis) -> NodeChart:
    unit = UNITS[wanted.unit]
    told = [(label, _values(series.points.get(column, ()), axis, unit)) for column, label in wanted.lines]
    found = [(label, values) for label, values in told if _last(values) is not None]
    highest = max((value for _, values in found for value in values if value is not None), default=0.0)
    top = _ceiling(max(highest, unit.least), unit.base)
    lines = [
        Line(f"{wanted.key}-{place}", label, place, values, drawing.line(values, top), unit.words(_last(values)))
        for place, (label, values) in enumerate(found, start=1)
    ]
    return NodeChart(
        wanted.key,
        wanted.title,
        lines,
        [Tick(unit.words(top * part / 4), HEIGHT - HEIGHT * part / 4) for part in range(5)],
        _summary(wanted.title, lines, unit),
        _rows(lines, axis, unit),
        wanted.unit,
        top,
    )


def _values(points: Sequence[Point | None], axis: Axis, unit: Unit) -> list[float | None]:
    found: list[float | None] = []
    for ts in axis.starts_ms:
        at = axis.places.get(ts)
        point = None if at is None or at >= len(points) else points[at]
        average = None if point is None else point.last if point.average is None else point.average
        found.append(None if average is None or average < 0 else round(average * unit.factor, 3))
    return found


def _ceiling(value: float, base: int) -> float:
    """The next round number at or above, in powers of the unit's base."""
    size = 1.0
    while size * base <= value:
        size *= base
    for factor in (1, 2, 2.5, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000):
        if size * factor >= value:
            return size * factor
    return size * base


def _last(values: Sequence[float | None]) -> float | None:
    return next((value for value in reversed(values) if value is not None), None)


def _summary(title: str, lines: Sequence[Line], unit: Unit) -> str:
    parts = []
    for line in lines:
        known = [value for value in line.values if value is not None]
        average = unit.words(sum(known) / len(known))
        parts.append(f"{line.label} average {average}, highest {unit.words(max(known))}")
    return f"{title}: {'; '.join(parts)}" if parts else title


def _rows(lines: Sequence[Line], axis: Axis, unit: Unit) -> list[tuple[datetime, Sequence[str]]]:
    """The newest buckets first: enough to read."""
    newest = list(enumerate(axis.starts_ms))[::-1][:TABLE_ROWS]
    return [(from_epoch_ms(ts), [unit.words(line.values[at]) for line in lines]) for at, ts in newest]


def numbers(found: Sequence[NodeChart], axis: Axis) -> dict[str, Any]:
    """The charts for the script that draws them."""
    return {
        "times": [ts // 1000 for ts in axis.starts_ms],
        "charts": [
            {
                "key": chart.key,
                "unit": chart.unit,
                "top": chart.top,
                "lines": [{"key": line.key, "label": line.label, "values": list(line.values)} for line in chart.lines],
            }
            for chart in found
        ],
    }
