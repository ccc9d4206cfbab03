"""SMS through a provider that speaks like Twilio: the form, its length, and what becomes of refusals."""

import base64
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.core.exceptions import ImproperlyConfigured
from hypothesis import given
from hypothesis import strategies as st

from apps.common.errors import UnsupportedError
from apps.devices.models import Device
from apps.notifications import services
from apps.notifications.channels import sms
from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Delivery
from apps.workspaces.models import Workspace
from dashmon.environment import SmsProvider, sms_provider
from tests.apps.incidents.scene import T0, change, go_down, minutes, tell
from tests.sinks.http import HttpSink

NUMBER = "+491511234567"


@pytest.fixture
def provider(http_sink: HttpSink, settings: Any) -> HttpSink:
    settings.SMS = sms_provider(f"twilio://AC1:t%3Aken@127.0.0.1:{http_sink.port}/?from=%2B15551230000&scheme=http")
    settings.BASE_URL = "https://watch.example"
    return http_sink


def enable(workspace: Workspace, **fields: Any) -> None:
    rule: dict[str, Any] = {"enabled": True, "to": NUMBER, "cooldown_minutes": 30, "overrides": None} | fields
    services.set_sms_rule(workspace=workspace, actor="owner", now=T0, **rule)


def run(at: float = 0) -> None:
    services.fan_out(now=minutes(at), limit=100)
    services.deliver_due(now=minutes(at), limit=100)


def forms(sink: HttpSink) -> list[dict[str, str]]:
    return [{name: one[0] for name, one in parse_qs(got.body.decode()).items()} for got in sink.requests]


def test_down_and_up_are_told_by_sms(workspace: Workspace, device: Device, provider: HttpSink) -> None:
    enable(workspace)
    incident = go_down(device)
    run()
    tell(change(device, "down", "up", minutes(15)))
    run(15)

    down, up = forms(provider)
    assert (down["To"], down["From"]) == (NUMBER, "+15551230000")
    link = f"https://watch.example/app/incidents/{incident.wire_id}"
    assert down["Body"] == f"Down: Till 1 (Berlin branch)\nconnection refused\n{link}"
    assert up["Body"].startswith("Up: Till 1")
    got = provider.requests[0]
    assert got.path == "/2010-04-01/Accounts/AC1/Messages.json"
    assert base64.b64decode(got.headers["Authorization"].removeprefix("Basic ")) == b"AC1:t:ken"


def test_a_projects_own_number_replaces_the_global_one(
    workspace: Workspace, device: Device, provider: HttpSink
) -> None:
    enable(workspace, overrides={"berlin-01": {"enabled": True, "to": "+61400111222"}})
    go_down(device)
    run()

    assert [form["To"] for form in forms(provider)] == ["+61400111222"]


def test_a_number_that_cannot_be_reached_is_given_up_at_once(
    workspace: Workspace, device: Device, provider: HttpSink
) -> None:
    provider.status = 400
    enable(workspace)
    go_down(device)
    run()

    delivery = Delivery.objects.get(kind="sms")
    assert (delivery.status, delivery.attempts, delivery.http_status) == ("failed", 1, 400)


def test_a_provider_in_trouble_is_tried_again(workspace: Workspace, device: Device, provider: HttpSink) -> None:
    provider.answers = [500]
    enable(workspace)
    go_down(device)
    run()
    run(1)

    assert Delivery.objects.get(kind="sms").status == "sent"
    assert len(provider.requests) == 2


@pytest.mark.usefixtures("db")
def test_without_a_provider_a_test_says_so(workspace: Workspace, settings: Any) -> None:
    settings.SMS = None

    with pytest.raises(UnsupportedError):
        services.send_test(workspace=workspace, kind=ChannelKind.SMS, to=NUMBER, now=T0)


def test_the_token_is_in_no_log(workspace: Workspace, device: Device, provider: HttpSink) -> None:
    provider.answers = ["garbage", "drop", 401]
    enable(workspace)
    go_down(device)
    for minute in (0, 1, 3):
        run(minute)

    delivery = Delivery.objects.get(kind="sms")
    told = [delivery.result, *delivery.tries.values_list("result", flat=True)]
    assert len(told) == 4
    assert not any("t:ken" in words or "AC1" in words for words in told)


@given(st.text(max_size=1200), st.sampled_from(["", "https://watch.example/app/incidents/inc_1", "x" * 500]))
def test_no_text_takes_more_than_three_segments(text: str, link: str) -> None:
    fitted = sms.fitted(text, link)

    gsm = all(character in sms.GSM or character in sms.GSM_TWICE for character in fitted)
    if gsm:
        assert sum(2 if character in sms.GSM_TWICE else 1 for character in fitted) <= 3 * 153
    else:
        assert len(fitted.encode("utf-16-be")) // 2 <= 3 * 67
        fitted.encode("utf-8")


def test_what_fits_is_sent_as_it_is() -> None:
    assert sms.fitted("a" * 459) == "a" * 459
    assert sms.fitted("a" * 460) == "a" * 456 + "..."
    assert sms.fitted("😀" * 101).endswith("...")


def test_a_long_cause_is_cut_and_the_link_stays() -> None:
    cause = "connection refused; " * 25
    said = sms.text_of({"title": "Down: Till 1", "facts": [("Cause", cause)], "url": "https://watch.example/i/1"})

    assert said.startswith("Down: Till 1\nconnection refused; ")
    assert said.endswith("...\nhttps://watch.example/i/1")
    assert len(said) == 3 * 153


@pytest.mark.parametrize(
    "url", ["nexmo://a:b@x/?from=1", "twilio://a@x/?from=1", "twilio://a:b@x/", "twilio://a:b@/?from=1"]
)
def test_a_slip_in_the_address_of_the_provider_stops_the_start(url: str) -> None:
    with pytest.raises(ImproperlyConfigured):
        sms_provider(url)


def test_the_address_of_the_provider_names_account_and_sender() -> None:
    assert sms_provider("") is None
    assert sms_provider("twilio://AC1:se%40cret@api.example.com/?from=%2B15551230000") == SmsProvider(
        "https://api.example.com", "AC1", "se@cret", "+15551230000"
    )
