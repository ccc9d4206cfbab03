import uuid
from urllib.parse import urlsplit

from django.db import models

from apps.common.fields import EncryptedTextField
from apps.common.ids import encode_uuid
from apps.incidents.models import Incident, IncidentEvent
from apps.workspaces.models import TenantModel


class Route(TenantModel):
    """Who hears about incidents: one row per workspace and kind of workspace rule."""

    class Kind(models.TextChoices):
        EMAIL = "email"
        WEBHOOK = "webhook"

    kind = models.CharField(max_length=12, choices=Kind)
    enabled = models.BooleanField(default=False)
    cooldown_min = models.PositiveIntegerField(default=30)
    # Addresses of an e-mail route; empty means the workspace owner's.
    recipients = models.JSONField(default=list, blank=True)
    url = models.CharField(max_length=2048, blank=True)
    secret = EncryptedTextField(null=True)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "kind"], name="route_once_per_kind")]

    def __str__(self) -> str:
        return self.kind


class Delivery(TenantModel):
    """One message to one recipient: planned with the event, sent by a worker, kept as the log."""

    class Status(models.TextChoices):
        PLANNED = "planned"
        SENT = "sent"
        FAILED = "failed"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    route = models.ForeignKey(Route, models.SET_NULL, null=True, related_name="deliveries")
    event = models.ForeignKey(IncidentEvent, models.SET_NULL, null=True, related_name="deliveries")
    incident = models.ForeignKey(Incident, models.SET_NULL, null=True, related_name="deliveries")
    kind = models.CharField(max_length=12, choices=Route.Kind)
    event_name = models.CharField(max_length=32)
    # The subject it speaks of and the instant of its event: what the workspace rules remember. Empty for tests.
    subject_kind = models.CharField(max_length=10, blank=True)
    subject_id = models.BigIntegerField(null=True, blank=True)
    occurred_at = models.DateTimeField(null=True, blank=True)
    recipient = models.CharField(max_length=2048)
    # SHA-256 of kind and recipient: one recipient's messages leave in order, and a URL is too long for an index.
    recipient_key = models.CharField(max_length=64)
    # The message as it was decided: a retry repeats it word for word, whatever changed since.
    payload = models.JSONField(default=dict)
    # Same event, same route, same recipient: planned once, however often the planner runs.
    dedupe_key = models.CharField(max_length=64, unique=True)
    status = models.CharField(max_length=8, choices=Status, default=Status.PLANNED)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    result = models.CharField(max_length=500, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["next_at"], name="delivery_due", condition=models.Q(status="planned")),
            models.Index(fields=["workspace", "-created_at", "-id"], name="delivery_newest"),
            models.Index(
                fields=["workspace", "recipient_key", "id"],
                name="delivery_turn",
                condition=models.Q(status="planned"),
            ),
            models.Index(
                fields=["workspace", "subject_kind", "subject_id", "kind", "event_name", "-id"],
                name="delivery_memory",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_name} by {self.kind}"

    @property
    def wire_id(self) -> str:
        """`dlv_` and 22 digits: the same for every attempt, so that a receiver can tell a repeat."""
        return encode_uuid("dlv", self.public_id)

    @property
    def shown_recipient(self) -> str:
        """The recipient without what may be secret: of a webhook's address only scheme and host."""
        if self.kind != Route.Kind.WEBHOOK:
            return self.recipient
        parts = urlsplit(self.recipient)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


class DeliveryAttempt(TenantModel):
    """One try to send a delivery, kept for the log."""

    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="tries")
    at = models.DateTimeField()
    ok = models.BooleanField()
    result = models.CharField(max_length=500, blank=True)
    http_status = models.PositiveSmallIntegerField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["delivery", "at"], name="delivery_tries")]

    def __str__(self) -> str:
        return f"{'ok' if self.ok else 'failed'} {self.at:%F %T}"
