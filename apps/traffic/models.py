"""What traffic keeps beside the facts, which are blocks of the metrics store (tier FACTS).

Like the store's own tables these have no foreign keys: their volume may live in a database of its own. Times are epoch
milliseconds in UTC, `workspace_id` comes first in every key. A rate is a pair of columns, `_num` bytes in `_den`
milliseconds; a percentile that does not exist is null.
"""

from typing import Any, ClassVar

from django.db import models

from apps.metrics.models import SeriesModel, SeriesQuerySet
from apps.traffic.facts import Fact, Sample
from apps.traffic.plans import CyclePlan, Mode
from apps.workspaces.models import TenantModel

LONGEST_NAME = 320


def _bytes() -> "models.BigIntegerField[int, int]":
    return models.BigIntegerField(default=0)


def _known() -> "models.BigIntegerField[int | None, int | None]":
    return models.BigIntegerField(null=True)


class Interface(SeriesModel):
    """One interface of one source: its newest counters and the bucket they lie in, from which facts go on."""

    source_id = models.BigIntegerField()
    name = models.CharField(max_length=LONGEST_NAME)
    # Names its columns in the source's blocks of facts; never given to another interface.
    number = models.PositiveSmallIntegerField()
    first_ms = models.BigIntegerField()
    last_ms = models.BigIntegerField()
    received = models.BigIntegerField()
    sent = models.BigIntegerField()
    # The open bucket, field by field.
    open = models.JSONField()

    objects: ClassVar[Any] = SeriesQuerySet.as_manager()

    class Meta:
        db_table = "traffic_interface"
        constraints = [
            models.UniqueConstraint(fields=["workspace_id", "source_id", "name"], name="traffic_interface_once"),
            models.UniqueConstraint(fields=["workspace_id", "source_id", "number"], name="traffic_interface_number"),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.source_id}"

    @property
    def last(self) -> Sample:
        return Sample(self.last_ms, self.received, self.sent)

    @property
    def open_fact(self) -> Fact:
        return Fact(*self.open)


class CycleRecord(SeriesModel):
    """The figures of one interface and billing cycle, for ever.

    A cycle is its two ends: whatever plan led to them, the figures are the same.
    """

    class Status(models.IntegerChoices):
        GRACE = 1
        SEALED = 2
        STALE = 3

    source_id = models.BigIntegerField()
    iface = models.CharField(max_length=LONGEST_NAME)
    cycle_start = models.BigIntegerField()
    cycle_end = models.BigIntegerField()
    # The effective part of it.
    since = models.BigIntegerField()
    until = models.BigIntegerField()
    status = models.SmallIntegerField(choices=Status)

    in_bytes = _bytes()
    out_bytes = _bytes()
    reset_in_bytes = _bytes()
    reset_out_bytes = _bytes()
    samples = models.IntegerField(default=0)
    expected = models.IntegerField(default=0)
    gaps = models.IntegerField(default=0)
    resets = models.IntegerField(default=0)
    p95_in_num = _known()
    p95_in_den = _known()
    p95_out_num = _known()
    p95_out_den = _known()
    p95_both_num = _known()
    p95_both_den = _known()
    peak_in_num = _bytes()
    peak_in_den = _bytes()
    peak_out_num = _bytes()
    peak_out_den = _bytes()
    peak_both_num = _bytes()
    peak_both_den = _bytes()

    # What lite mode says of the cycle: pairs of samples, and the greatest rates among them.
    lite_samples = models.IntegerField(default=0)
    lite_gaps = models.IntegerField(default=0)
    lite_until = _known()
    lite_peak_in_num = _bytes()
    lite_peak_in_den = _bytes()
    lite_peak_out_num = _bytes()
    lite_peak_out_den = _bytes()
    lite_peak_both_num = _bytes()
    lite_peak_both_den = _bytes()

    objects: ClassVar[Any] = SeriesQuerySet.as_manager()

    class Meta:
        db_table = "traffic_cycle"
        constraints = [
            models.UniqueConstraint(
                fields=["workspace_id", "source_id", "iface", "cycle_start", "cycle_end"], name="traffic_cycle_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.iface} of {self.source_id}, {self.cycle_start} to {self.cycle_end}"

    @property
    def final(self) -> bool:
        """Whether it is used as it is."""
        return self.status in {self.Status.SEALED, self.Status.STALE}


class Settings(TenantModel):
    """How a workspace counts its traffic; without a row as the defaults say."""

    class Usage(models.TextChoices):
        LITE = "lite"
        BILLING = "billing"

    class Direction(models.TextChoices):
        OUT = "out"
        BOTH = "both"
        MAX = "max"

    # Whether guests may read the traffic of nodes that they may see.
    guests_by_node = models.BooleanField(default=False)
    usage = models.CharField(max_length=8, choices=Usage, default=Usage.LITE)
    direction = models.CharField(max_length=8, choices=Direction, default=Direction.OUT)
    mode = models.CharField(max_length=20, default=Mode.CALENDAR)
    start_day = models.PositiveSmallIntegerField(default=1)
    anchor = models.DateField(null=True)
    # Empty: the workspace's.
    zone = models.CharField(max_length=64, blank=True)

    class Meta:
        db_table = "traffic_settings"
        constraints = [models.UniqueConstraint(fields=["workspace"], name="traffic_settings_once")]

    def __str__(self) -> str:
        return f"{self.usage} {self.mode}"

    @property
    def plan(self) -> CyclePlan:
        return CyclePlan(Mode(self.mode), self.start_day, self.anchor, self.zone)


class Rebuild(TenantModel):
    """The workspace's newest rebuild of facts from raw samples; there is one at a time."""

    class Status(models.TextChoices):
        RUNNING = "running"
        COMPLETED = "completed"
        FAILED = "failed"

    node_id = models.BigIntegerField()
    source_id = models.BigIntegerField()
    status = models.CharField(max_length=12, choices=Status)
    # Why it failed: failed, timeout or canceled.
    reason = models.CharField(max_length=12, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    first_ms = models.BigIntegerField()
    # Facts before this instant are done.
    next_ms = models.BigIntegerField()
    end_ms = models.BigIntegerField()
    # Whoever runs it has it until then; after a crash it is anybody's.
    lease_until = models.DateTimeField()

    class Meta:
        db_table = "traffic_rebuild"
        constraints = [models.UniqueConstraint(fields=["workspace"], name="traffic_rebuild_once")]
        indexes = [
            models.Index(fields=["lease_until"], name="traffic_rebuild_due", condition=models.Q(status="running")),
        ]

    def __str__(self) -> str:
        return f"{self.status} rebuild of node {self.node_id}"
