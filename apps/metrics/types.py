"""Plain values that the store hands on."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, NamedTuple
from uuid import UUID

from apps.common.values import Observation
from apps.metrics.figures import SampleCounts
from apps.metrics.tiers import RollUp
from apps.metrics.uptime import StateTimes

StateName = Literal["unknown", "up", "warning", "down"]
STATE_NAMES: tuple[StateName, ...] = ("unknown", "up", "warning", "down")


@dataclass(frozen=True, slots=True)
class Appended:
    """What became of a batch: new rows, exact repeats, rows that contradict a stored one, rows refused.

    `fresh` are the new reports themselves, in the order of their sources and instants; `newest` those among them that
    are now the newest of their source. Results of devices are only counted.
    """

    stored: int = 0
    duplicates: int = 0
    conflicts: int = 0
    refused: int = 0
    fresh: tuple[Observation, ...] = field(default=(), compare=False)
    newest: tuple[Observation, ...] = field(default=(), compare=False)

    def __add__(self, other: "Appended") -> "Appended":
        return Appended(
            self.stored + other.stored,
            self.duplicates + other.duplicates,
            self.conflicts + other.conflicts,
            self.refused + other.refused,
            self.fresh + other.fresh,
            self.newest + other.newest,
        )


class PlainResult(NamedTuple):
    """A result of a device on its way in that is nothing but whole numbers (within 64 bits) of standard columns.

    Nearly every result is one, and takes a shorter way. `state` is among the values, and no None.
    """

    workspace_id: int
    device_id: int
    at_ms: int
    values: Mapping[str, int]


class ResultRow(NamedTuple):
    """One result as it was stored. Durations in microseconds; None where the phase did not happen.

    `latency_us` and `total_us` are exact, `dns_us` to `ttfb_us` multiples of 100 unless an earlier release stored them.
    `in_maintenance`: the instant lies in a maintenance window, both ends inside. `others` holds every further number by
    column name: `cert.days`, `domain.days`, `dns.ttl_s`, `run_ms` and whatever the device's kind adds.
    """

    ts_ms: int
    state: StateName
    interval_ms: int = 0
    latency_us: int | None = None
    dns_us: int | None = None
    connect_us: int | None = None
    tls_us: int | None = None
    ttfb_us: int | None = None
    total_us: int | None = None
    status_code: int | None = None
    detail: Mapping[str, Any] = MappingProxyType({})
    others: Mapping[str, int | float] = MappingProxyType({})
    in_maintenance: bool = False


@dataclass(frozen=True, slots=True)
class UptimeTotals:
    """A window of one source: milliseconds per state, and counts of results.

    `checks` and `fails` count every result; `counts` leaves out those inside maintenance (contract Dashmon 11).
    Latencies are those of the available results in `counts`; `latency_avg_us` is unrounded.
    """

    times: StateTimes = field(default_factory=StateTimes)
    checks: int = 0
    fails: int = 0
    counts: SampleCounts = field(default_factory=SampleCounts)
    latency_count: int = 0
    latency_sum_us: int = 0
    latency_min_us: int | None = None
    latency_max_us: int | None = None

    @property
    def latency_avg_us(self) -> float | None:
        return self.latency_sum_us / self.latency_count if self.latency_count else None

    def __add__(self, other: "UptimeTotals") -> "UptimeTotals":
        lows = [low for low in (self.latency_min_us, other.latency_min_us) if low is not None]
        highs = [high for high in (self.latency_max_us, other.latency_max_us) if high is not None]
        return UptimeTotals(
            self.times + other.times,
            self.checks + other.checks,
            self.fails + other.fails,
            self.counts + other.counts,
            self.latency_count + other.latency_count,
            self.latency_sum_us + other.latency_sum_us,
            min(lows, default=None),
            max(highs, default=None),
        )


@dataclass(frozen=True, slots=True)
class LatencyStats:
    """Latencies of a window in microseconds, over available results outside maintenance; None for no values.

    `exact` is False when part of the window is older than its raw rows: percentiles then come from the log histogram,
    within 1 % of the nearest rank.
    """

    samples: int
    p50_us: float | None
    p95_us: float | None
    p99_us: float | None
    min_us: int | None
    max_us: int | None
    avg_us: float | None
    exact: bool


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """One bucket: `times` in milliseconds per state, latency and average per phase in microseconds."""

    bucket_ms: int
    times: StateTimes
    checks: int
    fails: int
    latency_min_us: int | None
    latency_avg_us: float | None
    latency_max_us: int | None
    phases_us: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """Buckets of `step_ms`, oldest first, every bucket of the range present.

    `rollup` names the coarsest stored tier that was read: `raw`, `5m`, `1h` or `1d`.
    """

    step_ms: int
    rollup: RollUp
    points: tuple[ChartPoint, ...]


@dataclass(frozen=True, slots=True)
class DayBar:
    """One UTC day of one device; the last one ends now."""

    day_ms: int
    times: StateTimes
    checks: int
    fails: int

    @property
    def state(self) -> Literal["none", "up", "warning", "down", "maintenance"]:
        """The word for the day: the worst thing that was seen, maintenance when there was nothing else."""
        if self.times.down_ms:
            return "down"
        if self.times.warning_ms:
            return "warning"
        if self.times.up_ms:
            return "up"
        return "maintenance" if self.times.maintenance_ms else "none"


PingKind = Literal["ping", "start", "success", "fail", "exit", "log"]


class NewPing(NamedTuple):
    """A heartbeat signal on its way into the log."""

    workspace_id: int
    device_id: int
    received_at: datetime
    kind: PingKind
    rid: UUID | None = None
    exit_code: int | None = None
    duration_ms: int | None = None
    method: str = ""
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Ping:
    """One received heartbeat signal; `body` only for the newest twenty of a device."""

    id: int
    received_ms: int
    kind: PingKind
    rid: UUID | None
    exit_code: int | None
    duration_ms: int | None
    method: str
    body: bytes | None


@dataclass(frozen=True, slots=True)
class TableSize:
    """Rows and payload bytes of a table or of one tier in it; `disk_bytes`: the whole table with its indexes."""

    table: str
    tier: int | None
    rows: int
    payload_bytes: int
    disk_bytes: int | None
