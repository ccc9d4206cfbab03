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
    """A secret that names one subject and may only write to it: a heartbeat token, a node's secret.

    One that we made is unguessable and unique everywhere. One that people chose means something inside its workspace
    only, so it can neither collide with nor be probed through another tenant.
    """

    class Subject(models.TextChoices):
        DEVICE = "device"
        NODE = "node"
        SEAT = "seat"

    subject = models.CharField(max_length=8, choices=Subject)
    subject_id = models.BigIntegerField()
    hash = models.CharField(max_length=64)
    # Shown again to whoever configures the sender, so it must be readable.
    secret = EncryptedTextField()
    generated = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    # The end of a key that another one follows; the key in force has none.
    valid_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "subject", "subject_id"],
                condition=models.Q(valid_until__isnull=True),
                name="agent_key_once_per_subject",
            ),
            # The hash first: what is sent names no workspace on the host of all of them.
            models.UniqueConstraint(fields=["hash", "workspace"], name="agent_key_once_per_workspace"),
            models.UniqueConstraint(
                fields=["hash"], condition=models.Q(generated=True), name="agent_key_generated_once"
            ),
        ]

    def __str__(self) -> str:
        return f"key of {self.subject} {self.subject_id}"


class Login(TenantModel):
    """A password that opens one surface of one workspace; nobody's account has it."""

    surface = models.CharField(max_length=12)
    password = models.CharField(max_length=160)  # as Django's hashers write it
    changed_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "surface"], name="login_once_per_surface"),
        ]

    def __str__(self) -> str:
        return f"{self.surface} of {self.workspace_id}"


class LoginSession(TenantModel):
    """Who came in with a login, from one browser, until its refresh token is over."""

    login = models.ForeignKey(Login, models.CASCADE, related_name="sessions")
    sid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # SHA-256 of the refresh token in force: each is good for one renewal.
    refresh_hash = models.CharField(max_length=64, unique=True)
    # Kept by the browser after it is closed.
    persistent = models.BooleanField()
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "login", "expires_at"], name="login_session_by_end"),
        ]

    def __str__(self) -> str:
        return f"session {self.sid}"

    def is_over(self, now: datetime) -> bool:
        return self.expires_at <= now
