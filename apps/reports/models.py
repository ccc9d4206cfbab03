import uuid
from typing import cast

from django.db import models

from apps.common.ids import encode_uuid
from apps.projects.models import Project
from apps.reports.periods import zone_named
from apps.reports.rhythm import Frequency as FrequencyName
from apps.reports.rhythm import Rhythm
from apps.reports.sla import DEFAULT_TARGET
from apps.workspaces.models import TenantModel


class ReportSchedule(TenantModel):
    """A report that is sent by e-mail again and again."""

    class Frequency(models.TextChoices):
        DAILY = "daily"
        WEEKLY = "weekly"
        MONTHLY = "monthly"

    class Format(models.TextChoices):
        PDF = "pdf"
        CSV = "csv"
        HTML = "html"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=120)
    frequency = models.CharField(max_length=8, choices=Frequency)
    # Monday is 0; speaks for weekly reports only, as `day` (of the month) for monthly ones.
    weekday = models.PositiveSmallIntegerField(default=0)
    day = models.PositiveSmallIntegerField(default=1)
    hour = models.PositiveSmallIntegerField(default=8)
    timezone = models.CharField(max_length=64, default="UTC")
    recipients = models.JSONField(default=list)
    format = models.CharField(max_length=4, choices=Format, default=Format.PDF)
    # Empty while all projects are wanted, future ones too.
    projects = models.ManyToManyField(Project, related_name="+", blank=True)
    all_projects = models.BooleanField(default=True)
    # Thousandths of a percent.
    target = models.PositiveIntegerField(default=DEFAULT_TARGET)
    enabled = models.BooleanField(default=True)
    next_at = models.DateTimeField()
    last_sent_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(name="report_hour_of_a_day", condition=models.Q(hour__lte=23)),
            models.CheckConstraint(name="report_weekday_of_a_week", condition=models.Q(weekday__lte=6)),
            models.CheckConstraint(name="report_day_of_a_month", condition=models.Q(day__gte=1, day__lte=31)),
        ]
        indexes = [
            models.Index(fields=["workspace", "name", "id"], name="report_schedule_by_name"),
            models.Index(fields=["next_at"], name="report_schedule_due", condition=models.Q(enabled=True)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def wire_id(self) -> str:
        """`rep_` and 22 digits: how the schedule is named in addresses."""
        return encode_uuid("rep", self.public_id)

    @property
    def rhythm(self) -> Rhythm:
        """When it is due."""
        frequency = cast("FrequencyName", self.frequency)
        return Rhythm(frequency, self.hour, zone_named(self.timezone), self.weekday, self.day)
