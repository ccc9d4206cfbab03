import uuid
from typing import Any

from django.db import models

from apps.common.ids import encode_uuid
from apps.devices.models import Device
from apps.projects.models import Project, Tag
from apps.workspaces.models import TenantModel


class StatusPage(TenantModel):
    """What a workspace shows of itself to the public, or to whoever holds the page's token."""

    class Visibility(models.TextChoices):
        PUBLIC = "public"
        PRIVATE = "private_token"

    class Theme(models.TextChoices):
        AUTO = "auto"
        LIGHT = "light"
        DARK = "dark"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # A public name: unique on the whole server.
    slug = models.CharField(max_length=48, unique=True)
    name = models.CharField(max_length=120)
    description = models.CharField(max_length=500, blank=True)
    visibility = models.CharField(max_length=16, choices=Visibility, default=Visibility.PUBLIC)
    token_hash = models.CharField(max_length=64, blank=True)
    theme = models.CharField(max_length=8, choices=Theme, default=Theme.AUTO)
    accent = models.CharField(max_length=7, blank=True)
    # A language of apps.statuspages.words, or `auto`: the visitor's.
    locale = models.CharField(max_length=8, default="en")
    timezone = models.CharField(max_length=64, default="UTC")
    days = models.PositiveSmallIntegerField(default=90)
    show_latency = models.BooleanField(default=False)
    allow_indexing = models.BooleanField(default=True)
    subscribers_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["workspace", "-created_at", "-id"], name="status_page_newest")]

    def __str__(self) -> str:
        return self.name

    @property
    def wire_id(self) -> str:
        """`sp_` and 22 digits."""
        return encode_uuid("sp", self.public_id)

    @property
    def is_private(self) -> bool:
        return self.visibility == self.Visibility.PRIVATE


class StatusLogo(TenantModel):
    """A page's logo, drawn anew from what was uploaded; in the database, so that every process has it."""

    page = models.OneToOneField(StatusPage, models.CASCADE, related_name="logo")
    png = models.BinaryField()
    digest = models.CharField(max_length=16)
    width = models.PositiveSmallIntegerField()
    height = models.PositiveSmallIntegerField()

    class Meta:
        indexes = [models.Index(fields=["workspace", "page"], name="status_logo_of_page")]

    def __str__(self) -> str:
        return self.digest


class StatusComponent(TenantModel):
    """One thing a page shows: a project, all monitors with a tag, or one monitor; in an order, maybe in a group."""

    page = models.ForeignKey(StatusPage, models.CASCADE, related_name="components")
    project = models.ForeignKey(Project, models.CASCADE, null=True, related_name="+")
    tag = models.ForeignKey(Tag, models.CASCADE, null=True, related_name="+")
    device = models.ForeignKey(Device, models.CASCADE, null=True, related_name="+")
    # What visitors read; blank: the thing's own name.
    name = models.CharField(max_length=120, blank=True)
    group = models.CharField(max_length=120, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="status_component_one_target",
                condition=(
                    models.Q(project__isnull=False, tag__isnull=True, device__isnull=True)
                    | models.Q(project__isnull=True, tag__isnull=False, device__isnull=True)
                    | models.Q(project__isnull=True, tag__isnull=True, device__isnull=False)
                ),
            ),
        ]
        indexes = [models.Index(fields=["workspace", "page", "position", "id"], name="status_component_order")]

    def __str__(self) -> str:
        return self.shown_name

    @property
    def target(self) -> Project | Tag | Device:
        found: Any = self.project or self.tag or self.device
        assert found is not None, "the database sees to it"
        return found  # type: ignore[no-any-return]  # one of the three by the constraint

    @property
    def shown_name(self) -> str:
        return self.name or str(self.target)


class StatusUpdate(TenantModel):
    """One post of a page; posts with one `thread` tell one story, `resolved` ends it."""

    class Status(models.TextChoices):
        INVESTIGATING = "investigating"
        IDENTIFIED = "identified"
        MONITORING = "monitoring"
        RESOLVED = "resolved"
        MAINTENANCE = "maintenance"
        INFO = "info"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    page = models.ForeignKey(StatusPage, models.CASCADE, related_name="updates")
    status = models.CharField(max_length=16, choices=Status)
    title = models.CharField(max_length=200)
    # Markdown as it was written, and what visitors get: rendered and cleaned when it was published.
    body = models.TextField(max_length=10_000, blank=True)
    html = models.TextField(blank=True)
    projects = models.ManyToManyField(Project, related_name="+", blank=True)
    # `incidentKey` on the wire: given by the author, else the first post's own id.
    thread = models.CharField(max_length=64)
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    published_at = models.DateTimeField()
    notify = models.BooleanField(default=False)
    # The last subscriber a message was queued for; the step goes on behind it.
    notified_through = models.BigIntegerField(default=0)
    notified_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["workspace", "page", "-published_at", "-id"], name="status_update_newest"),
            models.Index(fields=["page", "thread"], name="status_update_thread"),
            models.Index(
                fields=["id"],
                name="status_update_to_tell",
                condition=models.Q(notify=True, notified_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def wire_id(self) -> str:
        """`upd_` and 22 digits."""
        return encode_uuid("upd", self.public_id)


class Subscriber(TenantModel):
    """Somebody who asked for a page's updates: told nothing until the address has said yes."""

    class Kind(models.TextChoices):
        EMAIL = "email"
        WEBHOOK = "webhook"

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    page = models.ForeignKey(StatusPage, models.CASCADE, related_name="subscribers")
    kind = models.CharField(max_length=8, choices=Kind)
    address = models.CharField(max_length=2048)
    # A URL is too long for an index.
    address_hash = models.CharField(max_length=64)
    language = models.CharField(max_length=8, default="en")
    confirm_hash = models.CharField(max_length=64, blank=True)
    unsubscribe_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()
    asked_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "page", "kind", "address_hash"], name="subscriber_once"),
        ]
        indexes = [
            models.Index(fields=["page", "id"], name="subscriber_turn", condition=models.Q(confirmed_at__isnull=False)),
            models.Index(fields=["confirm_hash"], name="subscriber_asked", condition=~models.Q(confirm_hash="")),
        ]

    def __str__(self) -> str:
        return self.kind
