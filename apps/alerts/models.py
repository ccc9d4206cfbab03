from django.db import models

from apps.workspaces.models import Membership, TenantModel


class AlertRule(TenantModel):
    """When something is bad enough to open an incident. Built-in rules carry fixed negative numbers."""

    class Severity(models.TextChoices):
        CRITICAL = "critical"
        WARNING = "warning"
        INFO = "info"

    class Repeat(models.TextChoices):
        ONCE = "once"
        LADDER = "ladder"
        # While it lasts, triggers are offered again every three seconds.
        TICK = "tick"

    class Stale(models.TextChoices):
        HOLD = "hold"
        CLOSE = "close"

    number = models.IntegerField()
    key = models.CharField(max_length=48, blank=True)
    name = models.CharField(max_length=120)
    subject_kind = models.CharField(max_length=10, default="device")
    # The seat whose reach cuts the rule's covers down; None reaches all.
    owner = models.ForeignKey(Membership, models.SET_NULL, null=True, blank=True, related_name="+")
    enabled = models.BooleanField(default=True)
    # Documents of `documents.to_json`, all of which must be bad; none where facts are told to the rule.
    conditions = models.JSONField(default=list, blank=True)
    severity = models.CharField(max_length=8, choices=Severity, default=Severity.WARNING)
    repeat = models.CharField(max_length=6, choices=Repeat, default=Repeat.ONCE)
    cooldown_s = models.PositiveIntegerField(default=0)
    # What becomes of open trouble when the subject falls silent.
    stale = models.CharField(max_length=5, choices=Stale, default=Stale.HOLD)
    # Raised by every change but that of the name; what was judged under an older one says nothing any more.
    generation = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField()
    # Of any change; `changed_at` began the generation.
    updated_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    # A deleted rule stays for the incidents that it opened.
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "number"], name="alert_rule_number_once")]
        indexes = [
            # What judging reads for every batch of one kind.
            models.Index(
                fields=["workspace", "subject_kind"],
                name="alert_rule_in_force",
                condition=models.Q(enabled=True, deleted_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def built_in(self) -> bool:
        return self.number < 0


class RuleState(TenantModel):
    """Where one rule stands with one subject. There is a row only while that is not idle."""

    class Phase(models.TextChoices):
        PENDING = "pending"
        FIRING = "firing"
        COOLDOWN = "cooldown"

    rule = models.ForeignKey(AlertRule, models.CASCADE, related_name="states")
    generation = models.PositiveIntegerField()
    subject_kind = models.CharField(max_length=10)
    subject_id = models.BigIntegerField()
    phase = models.CharField(max_length=8, choices=Phase)
    since = models.DateTimeField(null=True, blank=True)
    until = models.DateTimeField(null=True, blank=True)
    # One document of `memory.Memory` per condition.
    memories = models.JSONField(default=list, blank=True)
    # When the incident was last told the newest value.
    refreshed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            # Also how a batch finds what it goes on from.
            models.UniqueConstraint(fields=["workspace", "subject_kind", "subject_id", "rule"], name="rule_state_once"),
        ]

    def __str__(self) -> str:
        return f"{self.rule_id} {self.phase} {self.subject_kind} {self.subject_id}"


class SubjectClock(TenantModel):
    """The newest report of one subject that rules have judged.

    What is older is not judged again, however often it is told; and writers about one subject queue on this row.
    """

    subject_kind = models.CharField(max_length=10)
    subject_id = models.BigIntegerField()
    # The first report that was judged: since then a tick without trouble is known to have been fine.
    judged_since = models.DateTimeField()
    judged_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "subject_kind", "subject_id"], name="subject_clock_once"),
        ]

    def __str__(self) -> str:
        return f"{self.subject_kind} {self.subject_id} {self.judged_at:%F %T}"
