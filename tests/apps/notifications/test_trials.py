"""Test messages are limited for a workspace as a whole, wherever they are asked for."""

from datetime import timedelta

import pytest

from apps.common.errors import InvalidInputError, RateLimitedError
from apps.devices.models import Device
from apps.notifications import services
from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Channel, Delivery
from apps.workspaces.models import Workspace
from tests.apps.incidents.scene import T0, make_workspace
from tests.sinks.http import HttpSink
from tests.sinks.smtp import SmtpSink


@pytest.fixture
def channel(device: Device, http_sink: HttpSink) -> Channel:
    document = {"channels": [{"id": "ch_hook", "type": "webhook", "url": http_sink.url}]}
    services.set_alert_settings(project=device.project, document=document, actor="owner", now=T0)
    return Channel.objects.of(device.workspace_id).get()


def by_rule(workspace: Workspace, minute: float = 0) -> None:
    services.send_test(workspace=workspace, kind=ChannelKind.EMAIL, now=T0 + timedelta(minutes=minute))


def test_all_ways_to_ask_for_a_test_share_five_a_minute(
    workspace: Workspace, channel: Channel, smtp_sink: SmtpSink
) -> None:
    asking = {"kind": "webhook", "key": "ch_hook", "fallback_email": "", "now": T0}
    assert channel.project is not None
    by_rule(workspace)
    by_rule(workspace)
    services.send_channel_test(channel=channel, now=T0)
    services.send_channel_test(channel=channel, now=T0)
    services.queue_test(project=channel.project, **asking)

    with pytest.raises(RateLimitedError) as refused:
        by_rule(workspace)
    assert refused.value.message == "Too many test messages: at most 5 a minute and 50 a day."
    with pytest.raises(RateLimitedError):
        services.send_channel_test(channel=channel, now=T0)
    with pytest.raises(RateLimitedError):
        services.queue_test(project=channel.project, **asking)

    assert Delivery.objects.of(workspace).count() == 5
    by_rule(make_workspace("globex"))
    by_rule(workspace, minute=1)
    assert len(smtp_sink.messages) == 4


def test_fifty_tests_a_day_are_enough_even_when_they_reach_nobody(workspace: Workspace) -> None:
    for n in range(50):
        with pytest.raises(InvalidInputError):
            services.send_test(workspace=workspace, kind=ChannelKind.WEBHOOK, now=T0 + timedelta(minutes=n))

    with pytest.raises(RateLimitedError):
        by_rule(workspace, minute=50)
    with pytest.raises(InvalidInputError):
        services.send_test(workspace=workspace, kind=ChannelKind.WEBHOOK, now=T0 + timedelta(days=1))
