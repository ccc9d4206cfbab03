from django.db import models

from apps.workspaces.models import TenantModel


class ProcessReport(models.Model):
    """One process of the installation and what it has done, written by itself every few seconds.

    The row of a process that ended is added to one row of kind `ended`, so that sums over all rows never fall.
    """

    class Kind(models.TextChoices):
        SERVER = "server"  # pages, and the background as threads where there is no Celery
        BACKGROUND = "background"  # the background in a process of its own
        WORKER = "worker"
        BEAT = "beat"
        ENDED = "ended"

    id = models.UUIDField(primary_key=True, editable=False)
    kind = models.CharField(max_length=10, choices=Kind)
    host = models.CharField(max_length=120)
    pid = models.PositiveIntegerField()
    version = models.CharField(max_length=32)
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    rss_bytes = models.BigIntegerField(default=0)
    cpu_s = models.FloatField(default=0)
    # Checks that can be under way at once here, and how many are.
    slots = models.PositiveIntegerField(default=0)
    slots_used = models.PositiveIntegerField(default=0)
    # Name of a counter (apps.common.counters) to its value since the start.
    # None ever falls, but for `ingest_waiting`: what waits now.
    counters = models.JSONField(default=dict)
    # Name of a step to the end of its last good run, in epoch milliseconds.
    marks = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["seen_at"], name="process_report_seen")]

    def __str__(self) -> str:
        return f"{self.kind} {self.host}:{self.pid}"


class Erasure(TenantModel):
    """A closed workspace on its way out: when its rows begin to go, and who is at it."""

    due_at = models.DateTimeField()
    # Once set there is no way back.
    begun_at = models.DateTimeField(null=True)
    token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace"], name="erasure_once")]
        indexes = [models.Index(fields=["due_at"], name="erasure_due")]

    def __str__(self) -> str:
        return f"{self.workspace_id} from {self.due_at:%F %T}"


class StorageSize(models.Model):
    """How large one table, or one tier of the results, was at one measurement."""

    measured_at = models.DateTimeField()
    table = models.CharField(max_length=64)
    # Of ts_block only: raw rows (0) and the roll-ups above them.
    tier = models.SmallIntegerField(null=True)
    # None where the database has no estimate yet and counting would read the whole table.
    rows = models.BigIntegerField(null=True)
    # With its indexes, on disk; None where the database cannot tell.
    size = models.BigIntegerField(null=True)

    class Meta:
        indexes = [models.Index(fields=["measured_at"], name="storage_size_when")]

    def __str__(self) -> str:
        return f"{self.table} {self.measured_at:%F %T}"
