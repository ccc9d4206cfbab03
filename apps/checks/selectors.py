"""How the schedule is doing: for the health answer, the operator page and /metrics."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q

from apps.checks.models import CheckBatch, CheckRequest, ShardCursor
from apps.common.clock import epoch_ms
from apps.common.kept import Kept
from apps.devices.models import Device

# No tick for this long means that nothing is scheduling.
STALLED = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class ScheduleFigures:
    """The schedule in numbers; lags in milliseconds.

    `lag_ms` is how far the slowest shard is behind now, `oldest_slot_ms_ago` how long the oldest slot that is not
    finished yet has been due (0 when there is none).
    """

    lag_ms: int
    oldest_slot_ms_ago: int
    batches_waiting: int
    batches_leased: int
    leases_expired: int
    retaken: int
    requests_waiting: int
    requests_leased: int
    due_per_second: float

    @property
    def check_lag(self) -> timedelta:
        """How long the oldest check that is not finished has been due, handed out or not."""
        return timedelta(milliseconds=max(self.lag_ms, self.oldest_slot_ms_ago))

    @property
    def stalled(self) -> bool:
        return self.lag_ms > STALLED / timedelta(milliseconds=1)


def schedule_lag(now: datetime) -> timedelta:
    """How far the slowest shard's cursor is behind; zero before the first tick."""
    slowest = ShardCursor.objects.aggregate(least=Min("cursor_ms"))["least"]
    return timedelta(milliseconds=0 if slowest is None else max(0, epoch_ms(now) - slowest))


def schedule_figures(now: datetime) -> ScheduleFigures:
    """Everything about the schedule in four statements."""
    leased = Q(lease_until__gt=now)
    batches = CheckBatch.objects.aggregate(
        total=Count("pk"),
        leased=Count("pk", filter=leased),
        expired=Count("pk", filter=Q(lease_until__lte=now)),
        retaken=Count("pk", filter=Q(attempt__gt=1)),
        oldest=Min("first_slot"),
    )
    asked = CheckRequest.objects.filter(done_at__isnull=True).aggregate(
        due=Count("pk", filter=Q(due_at__lte=now)), leased=Count("pk", filter=leased)
    )
    oldest = batches["oldest"]
    return ScheduleFigures(
        lag_ms=schedule_lag(now) // timedelta(milliseconds=1),
        oldest_slot_ms_ago=0 if oldest is None else max(0, epoch_ms(now) - oldest),
        batches_waiting=batches["total"] - batches["leased"],
        batches_leased=batches["leased"],
        leases_expired=batches["expired"],
        retaken=batches["retaken"],
        requests_waiting=asked["due"] - asked["leased"],
        requests_leased=asked["leased"],
        due_per_second=_load.get(now),
    )


def due_per_second() -> float:
    """How many checks the enabled devices need, on average."""
    rows = Device.objects.filter(enabled=True).values_list("interval_s").annotate(devices=Count("pk"))
    return float(sum(devices / interval for interval, devices in rows))


# Reads the index of all devices, and changes only when somebody edits monitors.
_load = Kept(lambda _: due_per_second(), ttl=timedelta(minutes=1))
