"""A workspace with fifty monitors that have been watched for ninety days, made straight in the tables."""

from datetime import datetime, timedelta

from django.db import transaction

from apps.common.clock import epoch_ms, from_epoch_ms
from apps.common.values import Observation, SourceRef
from apps.devices.models import Device, DeviceState
from apps.metrics import services as metrics
from apps.metrics.models import DayTotals, Source
from apps.projects.models import Project
from apps.workspaces.models import Workspace
from tests import factories

DAY_MS = 86_400_000
DAYS = 90
INTERVAL_MS = 60_000
BATCH = 500


def fill(workspace: Workspace, *, projects: int = 5, monitors: int = 50, now: datetime) -> list[Project]:
    """Projects with monitors between them: a check a minute for two days, and the days before as they are kept."""
    made = [factories.make_project(workspace, f"shop-{number}", now=now) for number in range(projects)]
    for number in range(monitors):
        name = f"Storefront of region {number}"
        device = factories.make_device(made[number % projects], name, now=now - timedelta(days=DAYS))
        _watch(device, number, now=now)
    while metrics.seal_due(now=now, limit=200).sources:
        pass
    while metrics.rebuild_dirty(now=now, limit=500).written:
        pass
    for source in Source.objects.all():
        _remember(source, now=now)
    DeviceState.objects.update(state="up", rank=0)
    # Nobody probes them while something else is measured.
    Device.objects.update(enabled=False)
    return made


def _watch(device: Device, number: int, *, now: datetime) -> None:
    last = epoch_ms(now)
    today = last - last % DAY_MS
    rows = [
        Observation(
            workspace_id=device.workspace_id,
            source=SourceRef(device.ref),
            at=from_epoch_ms(at),
            values={
                "state": 3 if number % 10 == 0 and at % (400 * INTERVAL_MS) == 0 else 1,
                "interval_ms": INTERVAL_MS,
                "latency_us": 88_000 + at % 7919,
            },
        )
        for at in range(today - DAY_MS, last, INTERVAL_MS)
    ]
    for start in range(0, len(rows), BATCH):
        with transaction.atomic():
            metrics.append(rows=rows[start : start + BATCH], now=now)


def _remember(source: Source, *, now: datetime) -> None:
    """Older days as their rows would stand: one in twenty with a quarter of an hour down."""
    today = epoch_ms(now) // DAY_MS
    rows = []
    for day in range(today - DAYS, today - 1):
        down = 900_000 if (day * 7 + source.pk * 3) % 20 == 0 else 0
        rows.append(
            DayTotals(
                workspace_id=source.workspace_id,
                source_id=source.pk,
                day=day,
                up_ms=DAY_MS - down,
                warning_ms=0,
                down_ms=down,
                maintenance_ms=0,
                unknown_ms=0,
                checks=1440,
                fails=down // INTERVAL_MS,
                samples=1440,
                available=1440 - down // INTERVAL_MS,
                latency_count=1440,
                lat_sum_us=1440 * 88_000,
                lat_min_us=80_000,
                lat_max_us=99_000,
                sketch=b"",
            )
        )
    DayTotals.objects.bulk_create(rows, ignore_conflicts=True)
    Source.objects.filter(pk=source.pk).update(first_ms=(today - DAYS) * DAY_MS)
