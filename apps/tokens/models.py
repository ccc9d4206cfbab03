import uuid
from datetime import datetime

from django.db import models

from apps.common.fields import EncryptedTextField
from apps.workspaces.models import Membership, TenantModel


class ApiToken(TenantModel):
    """A bearer token of the Dashmon API: only its SHA-256 is stored, the raw value is shown once."""

    class Access(models.TextChoices):
        READ_ONLY = "read_only"
        READ_WRITE = "read_write"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    seat = models.ForeignKey(Membership, models.SET_NULL, null=True, related_name="+")
    label = models.CharField(max_length=80)
    prefix = models.CharField(max_length=12)
    hash = models.CharField(max_length=64, unique=True)
    access = models.CharField(max_length=12, choices=Access, default=Access.READ_ONLY)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "-created_at"], name="api_token_newest"),
        ]

    def __str__(self) -> str:
        return self.label

    def is_expired(self, now: datetime) -> bool:
        return self.expires_at is not None and self.expires_at <= now


class AgentKey(TenantModel):
    """A secret that names one subject and may only write to it: a heartbeat token, later node secrets."""

    class Subject(models.TextChoices):
        DEVICE = "device"
        NODE = "node"
        SEAT = "seat"

    subject = models.CharField(max_length=8, choices=Subject)
    subject_id = models.BigIntegerField()
    hash = models.CharField(max_length=64, unique=True)
    # Shown again to whoever configures the sender, so it must be readable.
    secret = EncryptedTextField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "subject", "subject_id"], name="agent_key_once_per_subject"),
        ]

    def __str__(self) -> str:
        return f"key of {self.subject} {self.subject_id}"
