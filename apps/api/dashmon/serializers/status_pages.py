"""Status pages as the contract spells them (section 10)."""

from typing import Any

from rest_framework import serializers

from apps.api.dashmon.serializers.fields import Choice, Instant, Text, Texts, Truth, Whole
from apps.statuspages.links import url_of
from apps.statuspages.models import StatusPage, StatusUpdate, Subscriber
from apps.statuspages.settings_rules import LOCALES, THEMES, VISIBILITIES


class StatusPageAnswer(serializers.Serializer[StatusPage]):
    """A page's settings; its token is kept as a fingerprint and never answered."""

    id = serializers.CharField(source="wire_id")
    slug = serializers.CharField()
    name = serializers.CharField()
    visibility = serializers.CharField()
    projectIds = serializers.SerializerMethodField()
    description = serializers.CharField()
    url = serializers.SerializerMethodField()
    customDomain = serializers.SerializerMethodField()
    theme = serializers.CharField()
    accentColor = serializers.SerializerMethodField()
    logoUrl = serializers.SerializerMethodField()
    locale = serializers.CharField()
    timezone = serializers.CharField()
    showUptimeDays = serializers.IntegerField(source="days")
    showLatency = serializers.BooleanField(source="show_latency")
    allowIndexing = serializers.BooleanField(source="allow_indexing")
    subscribersEnabled = serializers.BooleanField(source="subscribers_enabled")
    hasToken = serializers.SerializerMethodField()
    createdAt = Instant(source="created_at")
    updatedAt = Instant(source="updated_at")

    def get_projectIds(self, page: StatusPage) -> list[str]:  # noqa: N802  # the wire name
        # Prefetched in order by whoever lists pages.
        return [row.project.key for row in page.components.all() if row.project is not None]

    def get_url(self, page: StatusPage) -> str:
        return url_of(page)

    def get_customDomain(self, page: StatusPage) -> str | None:  # noqa: N802  # the wire name
        domain = self.context["domains"].get(page.pk)
        return None if domain is None else str(domain.hostname)

    def get_accentColor(self, page: StatusPage) -> str | None:  # noqa: N802  # the wire name
        return page.accent or None

    def get_logoUrl(self, page: StatusPage) -> str | None:  # noqa: N802  # the wire name
        logo = getattr(page, "logo", None)
        return None if logo is None else f"{url_of(page)}/logo.png?v={logo.digest}"

    def get_hasToken(self, page: StatusPage) -> bool:  # noqa: N802  # the wire name
        return bool(page.token_hash)


class UpdateAnswer(serializers.Serializer[StatusUpdate]):
    """One post."""

    id = serializers.CharField(source="wire_id")
    status = serializers.CharField()
    title = serializers.CharField()
    body = serializers.CharField()
    projectIds = serializers.SerializerMethodField()
    incidentKey = serializers.CharField(source="thread")
    notifySubscribers = serializers.BooleanField(source="notify")
    startsAt = Instant(source="starts_at", allow_null=True)
    endsAt = Instant(source="ends_at", allow_null=True)
    publishedAt = Instant(source="published_at")

    def get_projectIds(self, update: StatusUpdate) -> list[str]:  # noqa: N802  # the wire name
        return sorted(project.key for project in update.projects.all())


class SubscriberAnswer(serializers.Serializer[Subscriber]):
    """An address that said yes."""

    kind = serializers.CharField()
    address = serializers.CharField()
    confirmedAt = Instant(source="confirmed_at")


class PageChangeBody(serializers.Serializer[Any]):
    """What may be changed; what is absent stays."""

    name = Text(required=False)
    slug = Text(required=False)
    visibility = Choice(required=False, choices=VISIBILITIES)
    projectIds = Texts(required=False, max_length=500)
    description = Text(required=False, allow_blank=True)
    customDomain = Text(required=False, allow_null=True, allow_blank=True, max_length=253)
    theme = Choice(required=False, choices=THEMES)
    accentColor = Text(required=False, allow_null=True, allow_blank=True)
    locale = Choice(required=False, choices=LOCALES)
    timezone = Text(required=False)
    showUptimeDays = Whole(required=False)
    showLatency = Truth(required=False)
    allowIndexing = Truth(required=False)
    subscribersEnabled = Truth(required=False)


class PageBody(PageChangeBody):
    """A new page; without a slug one is made from the name."""

    name = Text()
    slug = Text(required=False, allow_null=True)


class UpdateBody(serializers.Serializer[Any]):
    """A post; with an earlier one's `incidentKey` it continues that story."""

    status = Text()
    title = Text()
    body = Text(required=False, allow_blank=True, trim_whitespace=False)
    projectIds = Texts(required=False, max_length=500)
    incidentKey = Text(required=False, allow_null=True, allow_blank=True)
    notifySubscribers = Truth(required=False)
    startsAt = Instant(required=False, allow_null=True)
    endsAt = Instant(required=False, allow_null=True)
