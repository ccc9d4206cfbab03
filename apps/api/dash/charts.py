"""Metrics of Dash's charts, in columns of the store (contract Dash 6)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import attrgetter, itemgetter
from typing import Any, Literal

from apps.api.dash.errors import InvalidRequestError
from apps.api.dash.ranges import HISTORY, ONLINE, OnlinePoint, online_point, online_steps
from apps.common.clock import epoch_ms, from_epoch_ms
from apps.metrics.report_series import Point, report_series
from apps.nodes.models import Node
from apps.nodes.selectors import disk_instance, sections_of

Part = Literal["", "io", "usage", "smart"]
PRESSURE_DECIMALS = 4
# What each reads of a bucket, and what it makes of several.
AGGREGATES: Mapping[str, tuple[Callable[[Point], float | None], Callable[[Sequence[float]], float]]] = {
    "avg": (attrgetter("average"), lambda values: values[0] if len(values) == 1 else sum(values) / len(values)),
    "max": (attrgetter("maximum"), max),
    "min": (attrgetter("minimum"), min),
    "last": (attrgetter("last"), itemgetter(-1)),
}
# Ranges that are made of narrower buckets than they show, and what is never made of any.
READ_STEP_S = {"15d": 900}
NEVER_ROLLED = frozenset({"cpu.temp_c", "disk.temp_c"})
PRESSURE = {
    f"pressure.{what}.{how}_avg{span}": f"psi.{what}.{how}{span}"
    for what, hows in (("cpu", ("some",)), ("memory", ("some", "full")), ("io", ("some", "full")))
    for how in hows
    for span in (10, 60, 300)
}
PLAIN = {
    "cpu.usage_ratio": "cpu.ratio",
    "cpu.load1": "cpu.load1",
    "cpu.load5": "cpu.load5",
    "cpu.load15": "cpu.load15",
    "cpu.temp_c": "cpu.temp_c",
    "mem.used": "mem.used_bytes",
    "mem.used_ratio": "mem.ratio",
    "proc.count": "proc.count",
    "conn.tcp": "conn.tcp",
    "conn.udp": "conn.udp",
    "net.recv_bps": "net.rx_rate",
    "net.sent_bps": "net.tx_rate",
    **PRESSURE,
}
# Metrics of one disk, and by which of a node's documents it is found.
OF_A_DISK: Mapping[str, tuple[str, Part]] = {
    "disk.read_bps": ("disk.read_rate", "io"),
    "disk.write_bps": ("disk.write_rate", "io"),
    "disk.read_iops": ("disk.read_iops", "io"),
    "disk.write_iops": ("disk.write_iops", "io"),
    "disk.iops": ("disk.iops", "io"),
    "disk.used": ("disk.used_bytes", "usage"),
    "disk.used_ratio": ("disk.ratio", "usage"),
    "disk.temp_c": ("disk.temp_c", "smart"),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One chart: a metric that there is, with the device where it is one of a disk."""

    metric: str
    device: str
    range: str
    agg: str

    def __post_init__(self) -> None:
        if self.metric not in PLAIN and self.metric not in OF_A_DISK:
            raise InvalidRequestError("metric is not one that is kept.")
        if self.metric in OF_A_DISK and not self.device:
            raise InvalidRequestError("device is required for a metric of a disk.")

    @property
    def step_s(self) -> int:
        return HISTORY[self.range].step_s

    @property
    def read_step_s(self) -> int:
        """The width of the buckets that are read: fifteen days are made of quarters of an hour."""
        return self.step_s if self.metric in NEVER_ROLLED else READ_STEP_S.get(self.range, self.step_s)


def history(asked: Asked, node: Node, *, now: datetime) -> list[tuple[datetime, float | None]]:
    """Bucket starts with the value of each, oldest first; buckets without a report are left out.

    So are those without a word about the disk, where one is asked for; what a machine does not measure is None.
    """
    column = _column(asked, node)
    found = report_series(
        workspace_id=node.workspace_id,
        ref=node.ref,
        columns=[column],
        start=now - timedelta(seconds=HISTORY[asked.range].length_s),
        end=now,
        step_s=asked.read_step_s,
    )
    points = found.points.get(column) or [None] * len(found.starts_ms)
    buckets: dict[int, list[Point | None]] = {}
    for start_ms, point in zip(found.starts_ms, points, strict=True):
        buckets.setdefault(start_ms // 1000 // asked.step_s * asked.step_s, []).append(point)
    return [
        (from_epoch_ms(start_s * 1000), _value(found_there, asked))
        for start_s, found_there in buckets.items()
        if any(found_there) or asked.metric in PLAIN
    ]


def online(name: str, node: Node, *, now: datetime) -> list[tuple[datetime, OnlinePoint]]:
    """The last 48 whole steps of a range, oldest first, with what came of the reports that were due."""
    step_s = ONLINE[name].step_s
    starts = [start * 1000 for start in online_steps(name, epoch_ms(now) // 1000)]
    found = report_series(
        workspace_id=node.workspace_id,
        ref=node.ref,
        columns=[],
        start=from_epoch_ms(starts[0]),
        end=from_epoch_ms(starts[-1] + step_s * 1000),
        step_s=step_s,
    )
    came = dict(zip(found.starts_ms, found.reports, strict=True))
    interval_s = node.report_interval_s
    return [
        (from_epoch_ms(start), online_point(samples=came.get(start, 0), step_s=step_s, interval_s=interval_s))
        for start in starts
    ]


def _column(asked: Asked, node: Node) -> str:
    if asked.metric in PLAIN:
        return PLAIN[asked.metric]
    column, part = OF_A_DISK[asked.metric]
    sections = sections_of(node.workspace_id, [node.pk])[node.pk]
    instance = _smart_name(sections, asked.device) if part == "smart" else disk_instance(sections, part, asked.device)
    # A disk that is gone has its history under the name it had.
    return f"{column}[{instance or asked.device}]"


def _smart_name(sections: Mapping[str, Any], device: str) -> str | None:
    for each in (sections.get("smart") or {}).get("devices", ()):
        if device in {each.get(name) for name in ("name", "ref", "device_path")}:
            return str(each["name"]).strip()
    return None


def _value(points: Iterable[Point | None], asked: Asked) -> float | None:
    """What a bucket says; made of several, each counts as much as another (an average is one of averages)."""
    read, fold = AGGREGATES[asked.agg]
    said = [value for value in (read(point) for point in points if point is not None) if value is not None]
    value = fold(said) if said else None
    # Shares of time are kept as ratios, and shown as percent.
    return round(value * 100, PRESSURE_DECIMALS) if value is not None and asked.metric in PRESSURE else value
