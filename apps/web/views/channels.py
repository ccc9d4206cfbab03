"""Every channel within reach: how it fares, a test that says what really came of it, and its switch."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.http import HttpResponse

from apps.common.errors import DomainError, ForbiddenError, PremiumRequiredError, RateLimitedError
from apps.common.ids import parse_uuid
from apps.notifications import services
from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Channel
from apps.notifications.selectors import channel_by_public_id, channels_in
from apps.notifications.types import TestOutcome
from apps.web.presenters import channels as presenter
from apps.web.views.alerts import AlertsPage
from apps.workspaces.usage import plan_of


class ChannelsPage(AlertsPage):
    """The list, with the answers to a test beside the channel that was tested."""

    tab = "channels"
    write_permission = "alertSettings.write"

    def page(
        self,
        *,
        tested: Channel | None = None,
        outcomes: Sequence[TestOutcome] = (),
        refusal: str = "",
        status: int = 200,
    ) -> HttpResponse:
        found = channels_in(self.workspace, projects=self.actor.projects)
        rows = presenter.rows(found, reveal=self.may("secrets.read"))
        context = {"rows": rows, "tested": tested, "outcomes": outcomes, "refusal": refusal}
        return self.show("web/alerts_channels.html", context, status=status)

    def channel(self, name: str) -> Channel:
        channel = channel_by_public_id(self.workspace, parse_uuid(name), projects=self.actor.projects)
        if channel.project is None:
            raise ForbiddenError("Your role does not allow this.")
        return channel


class Channels(ChannelsPage):
    """Which channels there are."""

    def get(self, *_: Any) -> HttpResponse:
        return self.page()


class TestChannel(ChannelsPage):
    """Send a real message through a channel now."""

    __test__ = False
    # A test changes nothing; it may show why nobody hears.
    obeys_lock = False

    def post(self, _: Any, channel: str) -> HttpResponse:
        row = self.channel(channel)
        try:
            if row.kind == ChannelKind.SMS and plan_of(self.workspace, now=self.now) == "free":
                raise PremiumRequiredError("SMS needs the Premium plan.")
            outcomes = services.send_channel_test(channel=row, now=self.now)
        except RateLimitedError as error:
            return self.page(tested=row, refusal=error.message, status=429)
        except DomainError as error:
            return self.page(tested=row, refusal=error.message, status=400)
        return self.page(tested=row, outcomes=outcomes)


class SwitchChannel(ChannelsPage):
    """On or off; its settings stay."""

    @transaction.atomic
    def post(self, _: Any, channel: str) -> HttpResponse:
        row = self.channel(channel)
        enabled = self.request.POST.get("enabled") == "on"
        services.set_channel_enabled(channel=row, enabled=enabled, actor=self.actor.label, now=self.now)
        return self.done(f"{row} is {'on' if enabled else 'off'}.", self.address("channels"))
