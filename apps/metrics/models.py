"""The column store's tables. No foreign keys: this volume may live in a database of its own.

All times are epoch milliseconds in UTC. `workspace_id` comes first in every key, so the tables can be distributed by
workspace without a change of code.
"""

from typing import Any, ClassVar, Self, TypeVar

from django.db import models

from apps.metrics.tiers import RAW, REPORTS

M = TypeVar("M", bound=models.Model)


class SeriesQuerySet(models.QuerySet[M]):
    def of(self, workspace_id: int) -> Self:
        """Rows of one workspace, and of no other."""
        return self.filter(workspace_id=workspace_id)


class SeriesModel(models.Model):
    """A row of one workspace that names it by number instead of by foreign key."""

    workspace_id = models.BigIntegerField()

    objects: ClassVar[Any] = SeriesQuerySet.as_manager()

    class Meta:
        abstract = True


class Source(SeriesModel):
    """One subject whose results are kept: device 17, or device 17 as seen from node 3."""

    class Kind(models.IntegerChoices):
        NODE = 1
        DEVICE = 2
        CONTAINER = 3
        INSTANCE = 4

    kind = models.SmallIntegerField(choices=Kind)
    ref = models.CharField(max_length=64)
    # Append-only: {"100": {"name": "queue.depth"}}; the columns every device has are constants of apps.metrics.columns.
    columns = models.JSONField(default=dict)
    # Interval in force at the newest sealed row; 0 for a state that holds until the next row.
    interval_ms = models.BigIntegerField(default=0)
    # Nothing is known before the oldest row.
    first_ms = models.BigIntegerField()
    # When the inbox of this source is looked at next.
    due_ms = models.BigIntegerField()

    class Meta:
        db_table = "ts_source"
        constraints = [models.UniqueConstraint(fields=["workspace_id", "kind", "ref"], name="ts_source_once")]
        indexes = [models.Index(fields=["due_ms"], name="ts_source_due")]

    def __str__(self) -> str:
        return f"{self.Kind(self.kind).label} {self.ref}"

    @property
    def reports(self) -> bool:
        """Whether it reports by itself; a device is probed, or only says that it is there."""
        return self.kind != self.Kind.DEVICE

    @property
    def raw_tier(self) -> int:
        """Where its raw rows are sealed."""
        return REPORTS if self.reports else RAW


class HeadRow(SeriesModel):
    """Inbox: one stored row of one source until it is sealed into a block. Inserted and deleted, never changed."""

    source_id = models.BigIntegerField()
    ts = models.BigIntegerField()
    payload = models.BinaryField()

    class Meta:
        db_table = "ts_head"
        constraints = [models.UniqueConstraint(fields=["workspace_id", "source_id", "ts"], name="ts_head_once")]

    def __str__(self) -> str:
        return f"{self.source_id} at {self.ts}"


class Block(SeriesModel):
    """One window of one source, column by column: raw rows (tier 0, reports tier 5) or buckets (tiers 1 to 4)."""

    source_id = models.BigIntegerField()
    tier = models.SmallIntegerField()
    t0 = models.BigIntegerField()
    n = models.IntegerField()
    payload = models.BinaryField()

    class Meta:
        db_table = "ts_block"
        constraints = [
            models.UniqueConstraint(fields=["workspace_id", "source_id", "tier", "t0"], name="ts_block_once"),
        ]
        indexes = [models.Index(fields=["tier", "t0"], name="ts_block_retention")]

    def __str__(self) -> str:
        return f"{self.source_id} tier {self.tier} at {self.t0}"


class LatestRow(SeriesModel):
    """The newest sealed row of a source, for lists; what is newer is at the end of the inbox."""

    source_id = models.BigIntegerField()
    ts = models.BigIntegerField()
    payload = models.BinaryField()

    class Meta:
        db_table = "ts_latest"
        constraints = [models.UniqueConstraint(fields=["workspace_id", "source_id"], name="ts_latest_once")]

    def __str__(self) -> str:
        return f"{self.source_id} at {self.ts}"


class DirtyWindow(SeriesModel):
    """A window of a tier whose finer rows changed since it was last computed."""

    source_id = models.BigIntegerField()
    tier = models.SmallIntegerField()
    t0 = models.BigIntegerField()
    # Drawn anew by every change: a rebuild that began before the change may not clear it.
    mark = models.BigIntegerField()

    class Meta:
        db_table = "ts_dirty"
        constraints = [
            models.UniqueConstraint(fields=["workspace_id", "source_id", "tier", "t0"], name="ts_dirty_once"),
        ]
        indexes = [models.Index(fields=["tier", "t0"], name="ts_dirty_oldest")]

    def __str__(self) -> str:
        return f"{self.source_id} tier {self.tier} at {self.t0}"


class DayTotals(SeriesModel):
    """One source's UTC day for ever: exact milliseconds per state, counts, latency and its histogram.

    `up_ms` includes `warning_ms`; up, down, maintenance and unknown add up to the day. `checks` and `fails` count every
    result, `samples` and `available` leave out those inside a maintenance window (contract Dashmon 11).
    """

    source_id = models.BigIntegerField()
    day = models.IntegerField()
    up_ms = models.IntegerField()
    warning_ms = models.IntegerField()
    down_ms = models.IntegerField()
    maintenance_ms = models.IntegerField()
    unknown_ms = models.IntegerField()
    checks = models.IntegerField()
    fails = models.IntegerField()
    samples = models.IntegerField()
    available = models.IntegerField()
    latency_count = models.IntegerField()
    lat_sum_us = models.BigIntegerField()
    lat_min_us = models.BigIntegerField(null=True)
    lat_max_us = models.BigIntegerField(null=True)
    sketch = models.BinaryField()

    class Meta:
        db_table = "ts_day"
        constraints = [models.UniqueConstraint(fields=["workspace_id", "source_id", "day"], name="ts_day_once")]

    def __str__(self) -> str:
        return f"{self.source_id} day {self.day}"


class HeartbeatPing(SeriesModel):
    """One received signal. Two of one millisecond are two; the newest 1,000 of a device are kept."""

    class Kind(models.IntegerChoices):
        PING = 0
        START = 1
        SUCCESS = 2
        FAIL = 3
        EXIT = 4
        LOG = 5

    device_id = models.BigIntegerField()
    received_at = models.BigIntegerField()
    kind = models.SmallIntegerField(choices=Kind)
    rid = models.UUIDField(null=True)
    exit_code = models.SmallIntegerField(null=True)
    duration_ms = models.BigIntegerField(null=True)
    method = models.CharField(max_length=8, blank=True)
    body = models.BinaryField(null=True)

    class Meta:
        db_table = "heartbeat_ping"
        indexes = [
            models.Index(fields=["workspace_id", "device_id", "id"], name="heartbeat_ping_newest"),
            models.Index(
                fields=["workspace_id", "device_id", "id"],
                name="heartbeat_ping_bodies",
                condition=models.Q(body__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.Kind(self.kind).label} of device {self.device_id}"
