import uuid
from datetime import datetime

from django.db import models

from apps.workspaces.models import Membership, TenantModel


class Project(TenantModel):
    """A place or a service whose devices belong together; members can be limited to some projects."""

    # Chosen by people and unique inside the workspace only; the primary key stays on the server.
    key = models.CharField(max_length=64)
    name = models.CharField(max_length=120)
    location = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001  # the wire tells null from ""
    notes = models.TextField(max_length=4000, null=True, blank=True)  # noqa: DJ001  # the wire tells null from ""
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "key"], name="project_key_once")]
        indexes = [models.Index(fields=["workspace", "-created_at", "-id"], name="project_newest")]

    def __str__(self) -> str:
        return self.name


class ProjectMember(TenantModel):
    """One project that a seat with reach `projects` may see."""

    project = models.ForeignKey(Project, models.CASCADE, related_name="scoped_seats")
    seat = models.ForeignKey(Membership, models.CASCADE, related_name="scoped_projects")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["seat", "project"], name="project_scope_once")]

    def __str__(self) -> str:
        return f"{self.seat_id} in {self.project_id}"


class Tag(TenantModel):
    """A word that groups devices across projects."""

    text = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "text"], name="tag_once")]

    def __str__(self) -> str:
        return self.text


class MaintenanceWindow(TenantModel):
    """A planned silence of a project or of one subject. Kept after its end: the time accounting reads it.

    Alerts treat both ends as inside; time accounting is half-open. An open end lasts until it is cleared.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    project = models.ForeignKey(Project, models.CASCADE, null=True, related_name="windows")
    subject_kind = models.CharField(max_length=10, blank=True)
    subject_id = models.BigIntegerField(null=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    # The one window per target that the Dashmon API sets and clears; None once it is history.
    manual = models.BooleanField(null=True)
    created_at = models.DateTimeField()
    # When its end was looked at: whatever is down then has its incident opened (contract Dashmon 8).
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="maintenance_one_target",
                condition=(
                    models.Q(project__isnull=False, subject_id__isnull=True)
                    | models.Q(project__isnull=True, subject_id__isnull=False)
                ),
            ),
            models.CheckConstraint(
                name="maintenance_ends_after_start",
                condition=models.Q(ends_at__isnull=True) | models.Q(ends_at__gt=models.F("starts_at")),
            ),
            models.UniqueConstraint(
                fields=["project"], condition=models.Q(manual=True), name="maintenance_manual_project"
            ),
            models.UniqueConstraint(
                fields=["workspace", "subject_kind", "subject_id"],
                condition=models.Q(manual=True, project__isnull=True),
                name="maintenance_manual_subject",
            ),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "subject_kind", "subject_id", "starts_at"], name="maintenance_of_subject"
            ),
            models.Index(fields=["project", "starts_at"], name="maintenance_of_project"),
            models.Index(
                fields=["ends_at"],
                name="maintenance_to_settle",
                condition=models.Q(settled_at__isnull=True, ends_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.starts_at:%F %T} to {self.ends_at or 'open end'}"

    def covers(self, at: datetime) -> bool:
        """Whether an alert at this instant is silenced: both ends are inside."""
        return self.starts_at <= at and (self.ends_at is None or at <= self.ends_at)
