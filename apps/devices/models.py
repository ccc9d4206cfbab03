import uuid
from datetime import datetime
from typing import ClassVar

from django.db import models

from apps.common.clock import epoch_ms
from apps.common.values import Ref
from apps.devices.querysets import DeviceQuerySet
from apps.projects.models import Project, Tag
from apps.workspaces.models import Membership, TenantModel, Workspace

SHARDS = 16
# `shard % SHARDS` is the cursor, `shard // SHARDS` the crowd (monitors of one host, scheduled together), 0 is none.
CROWDS = 2046


class Device(TenantModel):
    """One monitored thing: a URL, a DNS name, a port, a host, a heartbeat."""

    class Kind(models.TextChoices):
        AUTO = "auto"  # a class of hardware: url, else port, else ping decides
        HTTP = "http"
        PING = "ping"
        TCP = "tcp"
        DNS = "dns"
        HEARTBEAT = "heartbeat"
        TLS = "tls"
        DOMAIN = "domain"
        AGENT = "agent"

    class PauseReason(models.TextChoices):
        NONE = ""
        MANUAL = "manual"
        PREMIUM = "premium_required"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    number = models.PositiveIntegerField()
    project = models.ForeignKey(Project, models.CASCADE, related_name="devices")
    owner = models.ForeignKey(Membership, models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=12, choices=Kind)
    # What people call the type: `posserver`, `fortigate`, or the kind itself.
    label = models.CharField(max_length=40)
    host = models.CharField(max_length=253, blank=True)
    port = models.PositiveIntegerField(null=True, blank=True)
    url = models.CharField(max_length=2048, blank=True)
    notes = models.TextField(max_length=4000, null=True, blank=True)  # noqa: DJ001  # the wire tells null from ""
    # One document per concern, each with its own module: synthetic, dns_config, heartbeat_config.
    synthetic = models.JSONField(null=True, blank=True)
    dns = models.JSONField(null=True, blank=True)
    heartbeat = models.JSONField(null=True, blank=True)
    # What people asked for, None for the usual; interval_s is what the plan makes of it, and follows the plan.
    asked_interval_s = models.PositiveIntegerField(null=True, blank=True)
    interval_s = models.PositiveIntegerField(default=60)
    # Due times are a function of interval and phase; nothing is written to schedule a check.
    phase_ms = models.PositiveIntegerField(editable=False)
    shard = models.PositiveSmallIntegerField(editable=False)
    retries = models.PositiveSmallIntegerField(default=0)
    retry_interval_s = models.PositiveIntegerField(default=60)
    severity = models.CharField(max_length=8, blank=True)
    parents = models.ManyToManyField("self", symmetrical=False, related_name="children", blank=True)
    tags = models.ManyToManyField(Tag, related_name="devices", blank=True)
    # False while paused; heartbeats and agents are never scheduled, whatever this says.
    enabled = models.BooleanField(default=True)
    paused = models.BooleanField(default=False)
    pause_reason = models.CharField(max_length=16, choices=PauseReason, blank=True, default="")
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    objects: ClassVar[DeviceQuerySet] = DeviceQuerySet.as_manager()  # type: ignore[assignment]  # narrower than TenantModel's

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "number"], name="device_number_once"),
        ]
        indexes = [
            # The scheduler's only query: paused rows and rows that nobody probes never enter it.
            models.Index(
                fields=["shard", "interval_s", "phase_ms"],
                name="device_due",
                include=["id"],
                condition=models.Q(enabled=True),
            ),
            # The scheduler steps through the distinct intervals with it, one probe each.
            models.Index(fields=["interval_s"], name="device_intervals", condition=models.Q(enabled=True)),
            models.Index(fields=["project", "name"], name="device_of_project"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def ref(self) -> Ref:
        return Ref("device", self.pk)

    def slot_at(self, now: datetime) -> int:
        """Start of the check slot that covers `now`, in epoch milliseconds."""
        interval = self.interval_s * 1000
        return (epoch_ms(now) - self.phase_ms) // interval * interval + self.phase_ms


class DeviceState(TenantModel):
    """What we know of a device now. Written when it changes, never for every check."""

    class State(models.TextChoices):
        UNKNOWN = "unknown"
        UP = "up"
        WARNING = "warning"
        DOWN = "down"

    # No index of its own: `state_worst_first` begins with it, and every one more is moved by every change.
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="+", db_index=False)
    device = models.OneToOneField(Device, models.CASCADE, primary_key=True, related_name="state")
    state = models.CharField(max_length=8, choices=State, default=State.UNKNOWN)
    # Worst first without a CASE in every list: down 3, warning 2, unknown 1, up 0.
    rank = models.PositiveSmallIntegerField(default=1)
    since = models.DateTimeField()
    # Failures in a row since the last success, while retries confirm a fault.
    streak = models.PositiveSmallIntegerField(default=0)
    failed_at = models.DateTimeField(null=True, blank=True)
    # The state people were last told of, where it differs: while a fault is confirmed or a heartbeat is late.
    announced = models.CharField(max_length=8, choices=State, blank=True, default="")
    # How loud a warning was when people were last told of it: a certificate that runs out grows critical in its state.
    severity = models.CharField(max_length=8, blank=True)
    cause = models.CharField(max_length=32, blank=True)
    cause_text = models.CharField(max_length=500, blank=True)
    # The newest changes in epoch milliseconds, since when they are too many, and when they will have settled.
    flips = models.JSONField(default=list, blank=True)
    flapping_since = models.DateTimeField(null=True, blank=True)
    settles_at = models.DateTimeField(null=True, blank=True)
    # The newest result of each batch that changed nothing else is not written here: metrics knows it.
    certificate_expires_at = models.DateTimeField(null=True, blank=True)
    certificate_issuer = models.CharField(max_length=200, blank=True)
    domain_expires_at = models.DateTimeField(null=True, blank=True)
    # Heartbeats only: devices.heartbeat's stored half of the machine, and the instant its sweep must look.
    heartbeat = models.JSONField(default=dict, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)
    version = models.PositiveIntegerField(default=0)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], name="heartbeat_due", condition=models.Q(due_at__isnull=False)),
            models.Index(fields=["workspace", "-rank", "since"], name="state_worst_first"),
            models.Index(fields=["settles_at"], name="state_settles", condition=models.Q(settles_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.state
