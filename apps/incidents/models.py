import uuid

from django.conf import settings
from django.db import models

from apps.alerts.models import AlertRule
from apps.projects.models import Project
from apps.workspaces.models import TenantModel


class Incident(TenantModel):
    """One stretch of trouble of one subject under one rule, from the first bad verdict to recovery."""

    class Severity(models.TextChoices):
        CRITICAL = "critical"
        WARNING = "warning"
        INFO = "info"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    number = models.PositiveIntegerField()
    rule = models.ForeignKey(AlertRule, models.CASCADE, related_name="incidents")
    subject_kind = models.CharField(max_length=10)
    subject_id = models.BigIntegerField()
    # As it was called when the incident opened: the subject may be renamed or gone later.
    subject_name = models.CharField(max_length=120)
    project = models.ForeignKey(Project, models.SET_NULL, null=True, related_name="incidents")
    severity = models.CharField(max_length=8, choices=Severity)
    title = models.CharField(max_length=200)
    cause = models.CharField(max_length=32, blank=True)
    cause_text = models.CharField(max_length=500, blank=True)
    opened_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)
    close_reason = models.CharField(max_length=24, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "number"], name="incident_number_once"),
            # A repeated fact changes nothing: at most one open incident per rule and subject.
            models.UniqueConstraint(
                fields=["rule", "subject_kind", "subject_id"],
                condition=models.Q(closed_at__isnull=True),
                name="incident_one_open",
            ),
        ]
        indexes = [
            models.Index(fields=["workspace", "-opened_at", "-id"], name="incident_newest"),
            models.Index(
                fields=["workspace", "subject_kind", "subject_id", "-opened_at"], name="incident_of_subject"
            ),
        ]

    def __str__(self) -> str:
        return self.title


class IncidentEvent(TenantModel):
    """One line of an incident's timeline, and the outbox that notifications read."""

    class Kind(models.TextChoices):
        OPENED = "opened"
        WORSENED = "worsened"
        EASED = "eased"
        ACKNOWLEDGED = "acknowledged"
        NOTE = "note"
        NOTIFIED = "notified"
        CLOSED = "closed"

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="events")
    at = models.DateTimeField()
    kind = models.CharField(max_length=12, choices=Kind)
    actor = models.CharField(max_length=160, blank=True)
    # State before and after, cause, text of a note, recipient and result of a notice.
    detail = models.JSONField(default=dict, blank=True)
    # None until notifications has planned deliveries for it; rows that announce nothing are born fanned out.
    fanned_out_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["id"], name="incident_event_outbox", condition=models.Q(fanned_out_at__isnull=True)
            ),
            models.Index(fields=["incident", "at", "id"], name="incident_timeline"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%F %T}"
