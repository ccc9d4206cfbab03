"""What is said about a cycle or a day (contract Dash 8.3, 8.6, 8.8 and 8.9): every figure, ready to be spelled."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Literal, TypeVar

from apps.common.clock import epoch_ms, from_epoch_ms
from apps.traffic.cycles import Cycle
from apps.traffic.facts import BUCKET_MS, Rate, bucket_of
from apps.traffic.figures import Figures
from apps.traffic.lite import LiteTotals
from apps.traffic.p95 import MIN_SAMPLES

GRACE = timedelta(hours=48)

Direction = Literal["out", "both", "max"]
Chosen = Literal["in", "out", "total", ""]
P95Status = Literal["available", "disabled", "lite_mode", "insufficient_samples", "snapshot_without_p95"]
Status = Literal["provisional", "grace", "sealed", "stale"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scope:
    """The stretch that figures are about, and what is known of its end.

    `start_ms` and `end_ms` are effective: no earlier than the first sample, no later than the bucket that holds now.
    `complete`: it is over. `status` is that of its cycle.
    """

    start_ms: int
    end_ms: int
    complete: bool
    status: Status = "provisional"

    @property
    def expected(self) -> int:
        """How many buckets it has, a part of one counted whole."""
        return -(-max(0, self.end_ms - self.start_ms) // BUCKET_MS)


@dataclass(frozen=True, slots=True)
class Shown(Generic[T]):
    """One figure in both directions, and the one that the direction of the node chose.

    `direction` says what was chosen: empty, or None for a percentile, where there is no data at all.
    """

    received: T
    sent: T
    selected: T
    direction: Chosen | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of what could be known is known; `complete`: every sample, no gap, no reset."""

    samples: int
    expected: int
    ratio: float
    gaps: int
    resets: int
    complete: bool


@dataclass(frozen=True, slots=True)
class TrafficStats:
    """The figures of one stretch under one direction; rates in bytes a second, None where there is no percentile."""

    bytes: Shown[int]
    p95: Shown[float | None]
    peak: Shown[float]
    p95_enabled: bool
    p95_status: P95Status
    coverage: Coverage
    effective_start: datetime
    effective_end: datetime
    covered_until: datetime
    cycle_complete: bool
    status: Status

    @property
    def partial(self) -> bool:
        return not self.coverage.complete

    @property
    def p95_unavailable_reason(self) -> P95Status | None:
        return None if self.p95_status == "available" else self.p95_status


def scope_of(cycle: Cycle, *, now: datetime, since: tuple[int | None, ...] = ()) -> Scope:
    """The effective part of a cycle. `since`: when the node was made and the interface first seen, where known."""
    end_ms = min(epoch_ms(cycle.end), bucket_of(epoch_ms(now)))
    known = [bucket_of(ms) for ms in since if ms is not None]
    start_ms = max([epoch_ms(cycle.start), *(ms for ms in known if ms < end_ms)])
    return Scope(start_ms, end_ms, complete=now >= cycle.end)


def status_of(cycle: Cycle, *, now: datetime, data_complete: bool, raw_since_ms: int | None) -> Status:
    """How final a cycle's figures are. `raw_since_ms`: raw samples older than this have been let go."""
    if now < cycle.end:
        return "provisional"
    if not data_complete and raw_since_ms is not None and epoch_ms(cycle.end) <= raw_since_ms:
        return "stale"
    return "sealed" if now >= cycle.end + GRACE else "grace"


def is_complete(found: Figures | LiteTotals, scope: Scope) -> bool:
    """Whether every expected sample is there and nothing was missed; of running totals no sample is expected."""
    expected = scope.expected if isinstance(found, Figures) else 0
    return found.samples >= expected and not (found.gaps or found.resets)


def billing_stats(figures: Figures, scope: Scope, *, direction: Direction, p95_enabled: bool) -> TrafficStats:
    """The exact figures of a stretch."""
    status = _p95_status(figures, enabled=p95_enabled)
    ratio = min(1.0, figures.samples / scope.expected) if scope.expected else 1.0
    complete = is_complete(figures, scope)
    return TrafficStats(
        bytes=_bytes(direction, figures),
        p95=_p95(direction, figures, shown=status == "available"),
        peak=_peak(direction, figures),
        p95_enabled=p95_enabled,
        p95_status=status,
        coverage=Coverage(figures.samples, scope.expected, ratio, figures.gaps, figures.resets, complete),
        effective_start=from_epoch_ms(scope.start_ms),
        effective_end=from_epoch_ms(scope.end_ms),
        covered_until=from_epoch_ms(scope.end_ms),
        cycle_complete=scope.complete,
        status=scope.status,
    )


def lite_stats(totals: LiteTotals, scope: Scope, *, direction: Direction) -> TrafficStats:
    """The running totals of a cycle: nothing is expected of them, and a gap or a reset leaves no coverage."""
    whole = is_complete(totals, scope)
    until_ms = scope.end_ms if totals.until_ms is None else totals.until_ms
    return TrafficStats(
        bytes=_bytes(direction, totals),
        p95=_p95(direction, Figures(), shown=False),
        peak=_peak(direction, totals),
        p95_enabled=False,
        p95_status="lite_mode",
        coverage=Coverage(totals.samples, 0, float(whole), totals.gaps, totals.resets, whole),
        effective_start=from_epoch_ms(scope.start_ms),
        effective_end=from_epoch_ms(scope.end_ms),
        covered_until=from_epoch_ms(until_ms),
        cycle_complete=scope.complete,
        status=scope.status,
    )


def no_stats(scope: Scope, *, p95_enabled: bool, lite: bool) -> TrafficStats:
    """What is said of an interface about which nothing is known."""
    enabled = p95_enabled and not lite
    return TrafficStats(
        bytes=Shown(0, 0, 0, ""),
        p95=Shown(None, None, None, None),
        peak=Shown(0.0, 0.0, 0.0, ""),
        p95_enabled=enabled,
        p95_status="lite_mode" if lite else _p95_status(Figures(), enabled=enabled),
        coverage=Coverage(0, scope.expected, float(not scope.expected), 0, 0, not scope.expected),
        effective_start=from_epoch_ms(scope.start_ms),
        effective_end=from_epoch_ms(scope.end_ms),
        covered_until=from_epoch_ms(scope.end_ms),
        cycle_complete=scope.complete,
        status=scope.status,
    )


def _p95_status(figures: Figures, *, enabled: bool) -> P95Status:
    if not enabled:
        return "disabled"
    if figures.samples < MIN_SAMPLES:
        return "insufficient_samples"
    return "snapshot_without_p95" if figures.p95_in is None else "available"


def _bytes(direction: Direction, figures: Figures | LiteTotals) -> Shown[int]:
    total = figures.in_bytes + figures.out_bytes
    chosen = _choice(direction, inward=figures.in_bytes > figures.out_bytes)
    selected = {"in": figures.in_bytes, "out": figures.out_bytes, "total": total}[chosen]
    return Shown(figures.in_bytes, figures.out_bytes, selected, chosen)


def _peak(direction: Direction, figures: Figures | LiteTotals) -> Shown[float]:
    return _rates(direction, figures.peak_in, figures.peak_out, figures.peak_both)


def _p95(direction: Direction, figures: Figures, *, shown: bool) -> Shown[float | None]:
    received, sent, both = figures.p95_in, figures.p95_out, figures.p95_both
    if not shown or received is None or sent is None or both is None:
        # A tie of nothing with nothing.
        return Shown(None, None, None, _choice(direction, inward=False))
    rates = _rates(direction, received, sent, both)
    return Shown(rates.received, rates.sent, rates.selected, rates.direction)


def _rates(direction: Direction, received: Rate, sent: Rate, both: Rate) -> Shown[float]:
    chosen = _choice(direction, inward=received.exceeds(sent))
    selected = {"in": received, "out": sent, "total": both}[chosen]
    return Shown(received.per_second, sent.per_second, selected.per_second, chosen)


def _choice(direction: Direction, *, inward: bool) -> Literal["in", "out", "total"]:
    """What a direction chooses of a figure; with `max` what goes out wins a tie."""
    if direction == "both":
        return "total"
    return "in" if direction == "max" and inward else "out"
