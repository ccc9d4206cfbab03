"""How the installation is doing, looked up once for /metrics and the operator's page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from apps.checks.selectors import ScheduleFigures, schedule_figures
from apps.common.clock import epoch_ms
from apps.common.kept import Kept
from apps.operations import backlog, processes, storage
from apps.operations.backlog import Queue
from apps.operations.models import ProcessReport
from apps.workspaces.models import Workspace

KEPT_FOR = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Installation:
    """Everything as it was `at` that instant. Ages are counted from there, so one look agrees with itself."""

    at: datetime
    version: str
    schedule: ScheduleFigures
    queues: Sequence[Queue]
    processes: Sequence[ProcessReport]
    counters: Mapping[str, float]
    step_ages: Mapping[str, timedelta]
    storage: storage.Storage
    database: str
    database_size: int | None
    workspaces: int

    @property
    def running(self) -> Sequence[ProcessReport]:
        """Processes that are not known to have ended."""
        return [row for row in self.processes if row.kind != ProcessReport.Kind.ENDED]

    @property
    def slots(self) -> int:
        return sum(row.slots for row in self.running)

    @property
    def slots_used(self) -> int:
        return sum(row.slots_used for row in self.running)

    def labelled(self, name: str) -> Mapping[str, float]:
        """A counter with a label: the label's values to their sums, in order."""
        start = f"{name}/"
        found = {key.removeprefix(start): value for key, value in self.counters.items() if key.startswith(start)}
        return dict(sorted(found.items()))


def _look(now: datetime) -> Installation:
    schedule, rows = schedule_figures(now), processes.reports()
    marks = processes.newest(rows)
    return Installation(
        at=now,
        version=settings.VERSION,
        schedule=schedule,
        queues=[*_check_queues(schedule), *_others(now)],
        processes=rows,
        counters=processes.summed(rows),
        step_ages={step: timedelta(milliseconds=max(0, epoch_ms(now) - at)) for step, at in sorted(marks.items())},
        storage=storage.stored(now),
        database=storage.database_version(),
        database_size=storage.database_size(),
        workspaces=Workspace.objects.count(),
    )


def _check_queues(schedule: ScheduleFigures) -> Sequence[Queue]:
    return (
        Queue("checks", schedule.batches_waiting, schedule.check_lag, schedule.batches_leased, schedule.leases_expired),
        Queue("requests", schedule.requests_waiting, None, schedule.requests_leased),
    )


def _others(now: datetime) -> Sequence[Queue]:
    return [*backlog.store_queues(now), *backlog.message_queues(now), *backlog.other_queues(now)]


# Asked by scrapers every few seconds and by whoever has the page open: the statements run once for all of them.
installation = Kept(_look, ttl=KEPT_FOR)
