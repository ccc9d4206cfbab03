"""Sample-based figures of a window, and their roll-up to projects (contract Dashmon 11, vectors dashmon_uptime)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apps.metrics.percentiles import linear
from apps.metrics.uptime import AVAILABLE, CHECKED, FAILED, Sample, Span, State, StateTimes, is_inside, state_times

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class SampleCounts:
    """Samples that count (not unknown, paused or in maintenance), and how many of them were available."""

    samples: int = 0
    available: int = 0

    def __add__(self, other: "SampleCounts") -> "SampleCounts":
        return SampleCounts(self.samples + other.samples, self.available + other.available)

    @property
    def uptime_pct(self) -> float | None:
        """Share of available samples in percent, unrounded; None without samples."""
        return self.available * 100 / self.samples if self.samples else None


@dataclass(frozen=True, slots=True)
class WindowFigures:
    """Everything the analytics of one device and window say; latencies in microseconds, percentiles interpolated."""

    counts: SampleCounts
    average_us: float | None
    incidents: int
    downtime_minutes: int
    times: StateTimes
    p50_us: float | None
    p95_us: float | None
    p99_us: float | None


def summed(parts: Iterable[SampleCounts]) -> SampleCounts:
    """Counts of a project or a workspace: every sample weighs the same."""
    return sum(parts, SampleCounts())


def kept_samples(samples: Sequence[Sample], *, windows: Sequence[Span], start_ms: int, end_ms: int) -> list[Sample]:
    """Samples of [start, end) that count: checked, and outside every window (its two ends are inside)."""
    kept = [sample for sample in samples if sample.state in CHECKED and start_ms <= sample.ts_ms < end_ms]
    return [sample for sample in kept if not is_inside(sample.ts_ms, windows)] if windows else kept


def latencies(kept: Iterable[Sample]) -> list[float]:
    """Latencies of the available samples that have one, ascending."""
    return sorted([sample.latency_us for sample in kept if sample.state in AVAILABLE and sample.latency_us is not None])


def incident_count(kept: Sequence[Sample]) -> int:
    """Changes from not-down to down between neighbours; a first sample that is down opens none."""
    return sum(kept[index - 1].state != State.DOWN for index in _downs(kept))


def downtime_minutes(kept: Sequence[Sample]) -> int:
    """Minutes between each down sample and the one before it, the sum rounded half up."""
    total = sum(kept[index].ts_ms - kept[index - 1].ts_ms for index in _downs(kept))
    return (2 * total + MINUTE_MS) // (2 * MINUTE_MS)


def _downs(kept: Sequence[Sample]) -> list[int]:
    """Where the down samples are that have one before them."""
    return [index for index, sample in enumerate(kept) if index and sample.state in FAILED]


def window_figures(samples: Sequence[Sample], *, windows: Sequence[Span], start_ms: int, end_ms: int) -> WindowFigures:
    """The figures of [start, end). `samples` ascend, one before the window included; `windows` are merged."""
    kept = kept_samples(samples, windows=windows, start_ms=start_ms, end_ms=end_ms)
    values = latencies(kept)
    return WindowFigures(
        counts=SampleCounts(len(kept), sum(sample.state in AVAILABLE for sample in kept)),
        average_us=sum(values) / len(values) if values else None,
        incidents=incident_count(kept),
        downtime_minutes=downtime_minutes(kept),
        times=state_times(samples, windows=windows, start_ms=start_ms, end_ms=end_ms),
        p50_us=linear(values, 50),
        p95_us=linear(values, 95),
        p99_us=linear(values, 99),
    )
