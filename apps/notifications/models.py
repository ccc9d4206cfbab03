import uuid

from django.db import models

from apps.alerts.models import AlertRule
from apps.common.fields import EncryptedJSONField, EncryptedTextField
from apps.common.ids import encode_uuid
from apps.incidents.models import Incident, IncidentEvent
from apps.notifications import channels
from apps.notifications.kinds import ChannelKind, Style
from apps.projects.models import Project
from apps.workspaces.models import Membership, TenantModel


class Channel(TenantModel):
    """One place that messages can be sent to, with everything a sender needs."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    number = models.PositiveIntegerField()
    # Of one project's routing, where `key` names it; None: of the whole workspace.
    project = models.ForeignKey(Project, models.CASCADE, null=True, blank=True, related_name="channels")
    # Of one person: a browser of theirs.
    seat = models.ForeignKey(Membership, models.CASCADE, null=True, blank=True, related_name="channels")
    key = models.CharField(max_length=64)
    name = models.CharField(max_length=120, blank=True)
    kind = models.CharField(max_length=12, choices=ChannelKind)
    # As channels.KINDS[kind].clean made it: addresses and secrets.
    config = EncryptedJSONField(null=True)
    position = models.PositiveSmallIntegerField(default=0)
    enabled = models.BooleanField(default=True)
    # What came of the newest messages.
    last_ok_at = models.DateTimeField(null=True, blank=True)
    failing_since = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField()
    # When people last said it anew, where that is noted.
    updated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "number"], name="channel_number_once"),
            models.UniqueConstraint(
                fields=["project", "key"], condition=models.Q(project__isnull=False), name="channel_key_per_project"
            ),
        ]
        indexes = [
            # The few that fail, of all workspaces: for the operator.
            models.Index(
                fields=["failing_since"], name="channel_failing", condition=models.Q(failing_since__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.key

    @property
    def target(self) -> str:
        """How routing names it: `channel:ch_slack`."""
        return f"channel:{self.key}"


class Route(TenantModel):
    """Who hears about incidents: a workspace's rule of one kind, a project's routing, or a route of a surface."""

    class Scope(models.TextChoices):
        WORKSPACE = "workspace"
        PROJECT = "project"
        # Of a surface that speaks as another product does: about all nodes or containers, or about one rule.
        SURFACE = "surface"

    scope = models.CharField(max_length=10, choices=Scope, default=Scope.WORKSPACE)
    # Of a workspace's rule: email, sms or webhook. A project's routing has channels of many kinds.
    kind = models.CharField(max_length=12, choices=ChannelKind, blank=True)
    project = models.ForeignKey(Project, models.CASCADE, null=True, blank=True, related_name="routes")
    enabled = models.BooleanField(default=False)
    cooldown_min = models.PositiveIntegerField(default=30)
    # Addresses of an e-mail route (empty: the workspace owner's), or the number of an SMS route.
    recipients = models.JSONField(default=list, blank=True)
    # Of an SMS route: project keys to their own number.
    overrides = models.JSONField(default=dict, blank=True)
    url = models.CharField(max_length=2048, blank=True)
    secret = EncryptedTextField(null=True)
    # Of a project's routing: its alert-settings but for the channels (notifications.routing.document).
    policy = models.JSONField(default=dict, blank=True)
    # Of a surface's route: whom it tells, about which kind of subjects, and of which rule alone (None: of every one).
    channels = models.ManyToManyField(Channel, related_name="routes", blank=True)
    subject_kind = models.CharField(max_length=10, blank=True)
    rule = models.ForeignKey(AlertRule, models.CASCADE, null=True, blank=True, related_name="routes")
    style = models.CharField(max_length=8, choices=Style, default=Style.DASHMON)
    # Of style dockstat: the sentence with its placeholders; empty: the usual one.
    template = models.TextField(blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "kind"], condition=models.Q(scope="workspace"), name="route_once_per_kind"
            ),
            models.UniqueConstraint(
                fields=["workspace", "project"], condition=models.Q(scope="project"), name="route_once_per_project"
            ),
            models.UniqueConstraint(
                fields=["workspace", "style"],
                condition=models.Q(scope="surface", rule__isnull=True),
                name="route_once_per_style",
            ),
            models.UniqueConstraint(
                fields=["workspace", "rule"], condition=models.Q(rule__isnull=False), name="route_once_per_rule"
            ),
        ]

    def __str__(self) -> str:
        return self.kind or (f"routing of {self.project}" if self.project else f"route of {self.style}")

    @property
    def repeats(self) -> bool:
        """Whether it says trouble again and again while it lasts: a route of one rule, as that rule asks for."""
        return self.rule is not None and self.rule.repeat != AlertRule.Repeat.ONCE


class Escalation(TenantModel):
    """One incident under one project's routing: how far its steps have been taken, and when to look again.

    Steps are a pure function of the policy and the beginning (notifications.routing.timetable), so no row waits for
    each of them, and a policy that changes meanwhile decides what is still to come.
    """

    incident = models.ForeignKey(Incident, models.CASCADE, related_name="escalations")
    route = models.ForeignKey(Route, models.CASCADE, related_name="escalations")
    # The event that began it; a worsening begins it anew.
    event = models.ForeignKey(IncidentEvent, models.CASCADE, related_name="+")
    begun_at = models.DateTimeField()
    # Steps up to this instant have been taken or left out.
    handled_until = models.DateTimeField(null=True, blank=True)
    # The event that ended the incident, until everybody who was told has been told of it.
    ending = models.ForeignKey(IncidentEvent, models.CASCADE, null=True, blank=True, related_name="+")
    next_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "incident", "route"], name="escalation_once"),
        ]
        indexes = [
            # The sweep's only query: what has nothing left to do is not in it.
            models.Index(fields=["next_at"], name="escalation_due", condition=models.Q(next_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"escalation of {self.incident}"


class Delivery(TenantModel):
    """One message to one recipient: planned with the event, sent by a worker, kept as the log."""

    class Status(models.TextChoices):
        PLANNED = "planned"
        SENT = "sent"
        FAILED = "failed"
        # Due, and for a reason never sent: the log says which.
        DROPPED = "dropped"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    route = models.ForeignKey(Route, models.SET_NULL, null=True, related_name="deliveries")
    event = models.ForeignKey(IncidentEvent, models.SET_NULL, null=True, related_name="deliveries")
    incident = models.ForeignKey(Incident, models.SET_NULL, null=True, related_name="deliveries")
    channel = models.ForeignKey(Channel, models.SET_NULL, null=True, blank=True, related_name="deliveries")
    kind = models.CharField(max_length=12, choices=ChannelKind)
    # Whom the routing meant, and which of its steps: `channel:ch_slack`, `user:...`; empty for workspace rules.
    target = models.CharField(max_length=80, blank=True)
    step = models.PositiveSmallIntegerField(default=0)
    loop = models.PositiveSmallIntegerField(default=0)
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
            models.Index(fields=["incident", "route"], name="delivery_told"),
            # What was given up, of all workspaces: for the operator.
            models.Index(fields=["created_at"], name="delivery_failed", condition=models.Q(status="failed")),
        ]

    def __str__(self) -> str:
        return f"{self.event_name} by {self.kind}"

    @property
    def wire_id(self) -> str:
        """`dlv_` and 22 digits: the same for every attempt, so that a receiver can tell a repeat."""
        return encode_uuid("dlv", self.public_id)

    @property
    def told(self) -> str:
        """Who was told, for the incident's timeline: a channel by its name in the routing, else the recipient."""
        kind, _, name = self.target.partition(":")
        return name if kind == "channel" else self.shown_recipient

    @property
    def shown_recipient(self) -> str:
        """The recipient without what may be secret: of a webhook's address only scheme and host."""
        return channels.shown_recipient(self.kind, self.recipient)


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
