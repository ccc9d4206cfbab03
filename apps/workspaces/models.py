import uuid
from datetime import datetime
from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower

from apps.workspaces.querysets import TenantQuerySet


class Workspace(models.Model):
    """A team's whole world: everything but users, host names and the hosting catalogue is inside one."""

    class Plan(models.TextChoices):
        FREE = "free"
        PREMIUM = "premium"

    # Equals the owner's public id for a person's first workspace, so old clients keep their name for it.
    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    slug = models.CharField(max_length=48, unique=True)
    name = models.CharField(max_length=120)
    plan = models.CharField(max_length=16, choices=Plan, default=Plan.FREE)
    plan_status = models.CharField(max_length=16, default="active")
    plan_source = models.CharField(max_length=16, default="admin")
    premium_until = models.DateTimeField(null=True, blank=True)
    # Limits an operator changed for this workspace: a name of plans.LIMITS to a number, or None for no limit.
    limit_overrides = models.JSONField(default=dict, blank=True)
    timezone = models.CharField(max_length=64, default="UTC")
    language = models.CharField(max_length=8, default="en")
    locked_since = models.DateTimeField(null=True, blank=True)
    refreshed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    # From this instant on it answers to nobody; its rows go some days later (operations.erasure).
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            # Background steps leave these few out.
            models.Index(fields=["id"], name="workspace_closed", condition=models.Q(closed_at__isnull=False)),
            # The sweep that ends terms looks at nothing else.
            models.Index(
                fields=["premium_until"],
                name="workspace_term_ends",
                condition=models.Q(premium_until__isnull=False, plan="premium", plan_status="active"),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TenantModel(models.Model):
    """A row that belongs to one workspace."""

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+")

    objects: ClassVar[Any] = TenantQuerySet.as_manager()

    class Meta:
        abstract = True


class Counter(TenantModel):
    """The last number given to one kind of row in one workspace; numbers are never reused."""

    kind = models.CharField(max_length=24)
    last = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "kind"], name="counter_once_per_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.last}"


class Membership(TenantModel):
    """A seat: a place in a workspace, usually taken by a user."""

    class Role(models.TextChoices):
        OWNER = "owner"
        ADMIN = "admin"
        EDITOR = "editor"
        VIEWER = "viewer"

    class Reach(models.TextChoices):
        ALL = "all"
        PROJECTS = "projects"

    number = models.PositiveIntegerField()
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role)
    reach = models.CharField(max_length=8, choices=Reach, default=Reach.ALL)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "user"], name="seat_once_per_user"),
            models.UniqueConstraint(fields=["workspace", "number"], name="seat_number_once"),
            models.UniqueConstraint(fields=["workspace"], condition=models.Q(role="owner"), name="seat_one_owner"),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.number}"


class Invitation(TenantModel):
    """A seat offered to an e-mail address for seven days."""

    class Status(models.TextChoices):
        PENDING = "pending"
        ACCEPTED = "accepted"
        CANCELLED = "cancelled"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=8, choices=Membership.Role)
    # Keys of projects, or None for all: projects live above this app, so they are named, not linked.
    project_keys = models.JSONField(null=True, blank=True)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    status = models.CharField(max_length=12, choices=Status, default=Status.PENDING)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                "workspace",
                Lower("email"),
                condition=models.Q(status="pending"),
                name="invitation_pending_once",
            ),
        ]

    def __str__(self) -> str:
        return self.email

    def status_at(self, now: datetime) -> str:
        """As stored, but a pending one that has run out says `expired`."""
        if self.status == self.Status.PENDING and self.expires_at <= now:
            return "expired"
        return self.status


class SurfaceSetting(TenantModel):
    """What only one API's clients know of: kept as it is said, and read by nobody else."""

    surface = models.CharField(max_length=12)
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "surface"], name="surface_setting_once"),
        ]

    def __str__(self) -> str:
        return f"{self.surface} of {self.workspace_id}"


class SurfaceTheme(TenantModel):
    """A look for one API's front end that somebody uploaded, as it is served."""

    surface = models.CharField(max_length=12)
    key = models.CharField(max_length=64)
    manifest = models.JSONField()
    css = models.TextField(blank=True)
    # Not read where rows are listed; `has_preview` says whether there is one.
    preview = models.BinaryField(null=True, blank=True)
    has_preview = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "surface", "key"], name="surface_theme_once"),
        ]

    def __str__(self) -> str:
        return self.key


class Domain(TenantModel):
    """A host name of a workspace's own. One table, so that no tenant can serve under another's name."""

    class Use(models.TextChoices):
        STATUS_PAGE = "status_page"

    hostname = models.CharField(max_length=253, unique=True)
    use = models.CharField(max_length=16, choices=Use, default=Use.STATUS_PAGE)
    # The primary key of what is served there; such rows live above this app, so they are named, not linked.
    target_id = models.BigIntegerField()
    # What the TXT record has to say; nothing is served before it was seen.
    proof = models.CharField(max_length=64)
    verified_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "use", "target_id"], name="domain_once_per_target"),
        ]

    def __str__(self) -> str:
        return self.hostname


class Installation(models.Model):
    """The one row of settings that belong to the whole installation."""

    default_workspace = models.ForeignKey(Workspace, models.SET_NULL, null=True, related_name="+")
    first_run_token_hash = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return "installation"
