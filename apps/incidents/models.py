import uuid
from datetime import datetime

from django.conf import settings
from django.db import models

from apps.alerts.models import AlertRule
from apps.common.ids import encode_uuid
from apps.common.values import Ref
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
    # The subject's state that the incident last took note of: warning or down.
    state = models.CharField(max_length=8, blank=True)
    title = models.CharField(max_length=200)
    cause = models.CharField(max_length=32, blank=True)
    cause_text = models.CharField(max_length=500, blank=True)
    # What a rule about values found: told anew about once a minute while it lasts.
    metric = models.CharField(max_length=64, blank=True)
    value = models.FloatField(null=True, blank=True)
    threshold = models.FloatField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)
    # The rule's generation that opened it; 0 where that says nothing.
    generation = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField()
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    closed_at = models.DateTimeField(null=True, blank=True)
    close_reason = models.CharField(max_length=24, blank=True)
    # The open incident of something this subject depends on, found when this one opened (contract Dashmon 9.1).
    caused_by = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="consequences")
    # Nobody is told of it while its cause is open.
    muted = models.BooleanField(default=False)

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
            models.Index(fields=["workspace", "subject_kind", "subject_id", "-opened_at"], name="incident_of_subject"),
            # Closing what a changed rule has open.
            models.Index(fields=["rule"], name="incident_open_rule", condition=models.Q(closed_at__isnull=True)),
            # The few that are open: of one workspace for its overview, of one subject for every verdict.
            models.Index(
                fields=["workspace", "opened_at"],
                name="incident_open",
                condition=models.Q(closed_at__isnull=True),
            ),
            models.Index(
                fields=["subject_kind", "subject_id"],
                name="incident_open_of",
                condition=models.Q(closed_at__isnull=True),
            ),
            models.Index(fields=["caused_by"], name="incident_muted_by", condition=models.Q(muted=True)),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def ref(self) -> Ref:
        """What the incident is about."""
        return Ref(self.subject_kind, self.subject_id)  # type: ignore[arg-type]  # written from a Ref

    @property
    def wire_id(self) -> str:
        """`inc_` and 22 digits: how the incident is named in addresses, messages and answers."""
        return encode_uuid("inc", self.public_id)

    @property
    def status(self) -> str:
        """open, acknowledged or resolved (contract Dashmon 11)."""
        if self.closed_at is not None:
            return "resolved"
        return "open" if self.acknowledged_at is None else "acknowledged"

    def duration_s(self, now: datetime) -> int:
        """Whole seconds from opening to closing, or to now while it is open."""
        return max(0, int(((self.closed_at or now) - self.opened_at).total_seconds()))


class IncidentEvent(TenantModel):
    """One line of an incident's timeline, and the outbox that notifications read.

    Every change of a subject's state leaves exactly one row, also where no incident is open or opens
    (`changed`): who hears about a recovery is decided from the whole sequence, not from incidents alone.
    """

    class Kind(models.TextChoices):
        OPENED = "opened"
        WORSENED = "worsened"
        EASED = "eased"
        ACKNOWLEDGED = "acknowledged"
        NOTE = "note"
        NOTIFIED = "notified"
        CLOSED = "closed"
        CHANGED = "changed"
        # Too many changes: told once, then nothing until the subject has settled.
        FLAPPING = "flapping"
        # What kept it silent is over and the trouble is not: people hear of it now.
        RELEASED = "released"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    incident = models.ForeignKey(Incident, models.CASCADE, null=True, blank=True, related_name="events")
    subject_kind = models.CharField(max_length=10)
    subject_id = models.BigIntegerField()
    at = models.DateTimeField()
    # When the row was written: a fact can be older than our knowledge of it.
    written_at = models.DateTimeField()
    kind = models.CharField(max_length=12, choices=Kind)
    actor = models.CharField(max_length=160, blank=True)
    # State before and after, cause, text of a note, recipient and result of a notice.
    detail = models.JSONField(default=dict, blank=True)
    # Names the fact behind the row, so that the same fact handed in twice leaves one row; empty for people's acts.
    change_key = models.CharField(max_length=120, blank=True)
    # None until notifications has planned deliveries for it; rows that announce nothing are born fanned out.
    fanned_out_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="incident_event_has_incident",
                condition=models.Q(incident__isnull=False) | models.Q(kind="changed"),
            ),
            models.UniqueConstraint(
                fields=["workspace", "change_key"],
                condition=~models.Q(change_key=""),
                name="incident_event_fact_once",
            ),
        ]
        indexes = [
            # Whether an older event of the same subject still waits: events of one subject take turns.
            models.Index(
                fields=["workspace", "subject_kind", "subject_id", "id"],
                name="incident_event_turn",
                condition=models.Q(fanned_out_at__isnull=True),
            ),
            models.Index(fields=["id"], name="incident_event_outbox", condition=models.Q(fanned_out_at__isnull=True)),
            models.Index(fields=["incident", "at", "id"], name="incident_timeline"),
            # Changes that opened nothing, for as long as they are kept.
            models.Index(
                fields=["workspace", "written_at"],
                name="incident_event_stray",
                condition=models.Q(incident__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%F %T}"
