"""A report as a value: what was measured, by monitor, project and workspace. Presenters spell it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from apps.metrics.figures import SampleCounts
from apps.metrics.sketch import Sketch
from apps.metrics.types import UptimeTotals
from apps.metrics.uptime import StateTimes
from apps.reports.periods import Period
from apps.reports.sla import Verdict, judge


@dataclass(frozen=True, slots=True)
class Figures:
    """What a report says about one stretch of time; latencies in microseconds, shares as exact fractions.

    `incidents` are those that began in it with the monitor down; `unborn_ms` is the part of the unknown time that
    passed before the monitor was made.
    """

    totals: UptimeTotals = field(default_factory=UptimeTotals)
    sketch: Sketch = field(default_factory=Sketch)
    incidents: int = 0
    unborn_ms: int = 0

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            self.totals + other.totals,
            self.sketch + other.sketch,
            self.incidents + other.incidents,
            self.unborn_ms + other.unborn_ms,
        )

    @property
    def times(self) -> StateTimes:
        return self.totals.times

    @property
    def counts(self) -> SampleCounts:
        """Results that count; each weighs the same, whatever its monitor or project."""
        return self.totals.counts

    @property
    def sampled(self) -> tuple[int, int] | None:
        """Uptime by results; None without any."""
        return (self.counts.available, self.counts.samples) if self.counts.samples else None

    @property
    def availability(self) -> tuple[int, int] | None:
        """Time known to be up, of all time outside maintenance since the monitor was made.

        What nobody measured counts against it.
        """
        demanded = self.times.up_ms + self.times.down_ms + self.times.unknown_ms - self.unborn_ms
        return (self.times.up_ms, demanded) if demanded else None

    @property
    def mttr_ms(self) -> float | None:
        """Mean time to recover: time down by incidents that began; None without one."""
        return self.times.down_ms / self.incidents if self.incidents else None

    @property
    def mtbf_ms(self) -> float | None:
        """Mean time between failures: time up by incidents that began; None without one."""
        return self.times.up_ms / self.incidents if self.incidents else None

    def percentile_us(self, percent: int) -> float | None:
        """Response time of the answers that count, within 1 % of the nearest rank."""
        return self.sketch.quantile(percent)

    def against(self, target: int) -> Verdict:
        return judge(self.times, target=target)


def summed(parts: Iterable[Figures]) -> Figures:
    """Several monitors as one: times, results and incidents add up, histograms merge."""
    return sum(parts, Figures())


@dataclass(frozen=True, slots=True)
class MonitorLine:
    """One monitor of a report; `device_id` is its public id."""

    device_id: UUID
    name: str
    kind: str
    host: str
    url: str
    figures: Figures


@dataclass(frozen=True, slots=True)
class ProjectLine:
    """One project with its monitors, oldest first."""

    key: str
    name: str
    monitors: Sequence[MonitorLine]
    figures: Figures


@dataclass(frozen=True, slots=True)
class Report:
    """Projects oldest first. `days`: time of all monitors together, by start of the UTC day, in milliseconds."""

    workspace: str
    period: Period
    generated_at: datetime
    target: int
    projects: Sequence[ProjectLine]
    days: Mapping[int, StateTimes]
    figures: Figures

    @property
    def monitors(self) -> int:
        return sum(len(project.monitors) for project in self.projects)

    @property
    def judged(self) -> tuple[int, int]:
        """How many monitors met the target, and of how many anything was measured."""
        found = [line.figures.against(self.target).met for project in self.projects for line in project.monitors]
        return found.count(True), len(found) - found.count(None)
