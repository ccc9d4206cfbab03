import uuid

from django.db import models

from apps.common.fields import LongListField
from apps.devices.models import Device
from apps.workspaces.models import TenantModel


class ShardCursor(models.Model):
    """How far the schedule of one shard has been turned into batches, in epoch milliseconds."""

    shard = models.PositiveSmallIntegerField(primary_key=True)
    cursor_ms = models.BigIntegerField()

    def __str__(self) -> str:
        return f"shard {self.shard}"


class CheckBatch(models.Model):
    """At most 500 due checks under one fenced lease; deleted by the transaction that stores their results."""

    shard = models.PositiveSmallIntegerField()
    # Parallel lists: a device's primary key and the slot it is due for, in epoch milliseconds.
    device_ids = LongListField()
    slots = LongListField()
    first_slot = models.BigIntegerField()
    lease_until = models.DateTimeField(null=True)
    token = models.UUIDField(null=True)
    # Who holds the lease, so that a worker that starts or stops can give back its own at once.
    owner = models.CharField(max_length=120, blank=True, default="")
    attempt = models.PositiveSmallIntegerField(default=0)

    class Meta:
        indexes = [models.Index(fields=["first_slot", "id"], name="check_batch_oldest")]

    def __str__(self) -> str:
        return f"batch {self.pk}"


class CheckRequest(TenantModel):
    """A check outside the schedule: somebody asked, or a failure is being confirmed.

    `draft` holds the configuration of a monitor that is not saved yet; its result goes only to the asker.
    """

    class Reason(models.TextChoices):
        ASKED = "asked"
        RETRY = "retry"
        DRAFT = "draft"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    device = models.ForeignKey(Device, models.CASCADE, null=True, related_name="check_requests")
    reason = models.CharField(max_length=6, choices=Reason)
    draft = models.JSONField(null=True)
    due_at = models.DateTimeField()
    created_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    token = models.UUIDField(null=True)
    owner = models.CharField(max_length=120, blank=True, default="")
    attempt = models.PositiveSmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True)
    result = models.JSONField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["device"],
                condition=models.Q(reason="retry", done_at__isnull=True),
                name="check_request_one_retry",
            ),
        ]
        indexes = [models.Index(fields=["due_at"], name="check_request_due", condition=models.Q(done_at__isnull=True))]

    def __str__(self) -> str:
        return f"{self.reason} {self.public_id}"
