"""The services behind Apprise: what an address may name, where it may lead, and how long it may take."""

import json
from typing import Any

import pytest

from apps.common.errors import InvalidInputError
from apps.notifications import channels
from apps.notifications.channels import ChannelError, apprise, guarded
from tests.apps.notifications.envelopes import KEY, envelope
from tests.sinks.http import HttpSink, running_http


@pytest.mark.parametrize(
    "url", ["syslog://localhost", "mailto://a:b@example.com", "json://127.0.0.1", "file:///etc/passwd"]
)
def test_apprise_has_no_way_to_this_machine(url: str) -> None:
    with pytest.raises(InvalidInputError):
        channels.clean("apprise", {"url": url}, kept={})
    with pytest.raises(ChannelError) as caught:
        apprise.send(envelope(url))
    assert caught.value.final


def test_apprise_reaches_nothing_that_the_guard_forbids(
    http_sink: HttpSink, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_http() as canary:
        settings.EGRESS_DENY = [f"127.0.0.1:{canary.port}"]
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{canary.port}")
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{canary.port}")
        for host in ("127.0.0.1", "localhost"):
            with pytest.raises(ChannelError) as caught:
                apprise.send(envelope(f"gotify://{host}:{canary.port}/{KEY}"))
            # The name may lead to another address of this machine, where nobody listens.
            assert host == "localhost" or caught.value.reason == "The address may not be reached from here."
        http_sink.answers, http_sink.location = ["redirect"], f"http://127.0.0.1:{canary.port}/inner"
        with pytest.raises(ChannelError):
            apprise.send(envelope(f"gotify://127.0.0.1:{http_sink.port}/{KEY}"))

        assert len(http_sink.requests) == 1
        assert canary.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "workflows://127.0.0.1/id/sig/?template=/etc/hostname",
        "workflows://127.0.0.1/id/sig/",
        f"gotify://127.0.0.1/{KEY}?rto=100000",
        f"gotify://127.0.0.1/{KEY}?redirect=yes",
        "ntfys://topic?attach=/etc/hostname",
        "ntfys://topic?+X=1",
    ],
)
def test_an_apprise_address_names_no_file_no_wait_and_no_header(url: str) -> None:
    with pytest.raises(InvalidInputError):
        channels.clean("apprise", {"url": url}, kept={})
    with pytest.raises(ChannelError):
        apprise.send(envelope(url))


def test_apprise_follows_no_redirect_and_asks_no_proxy(http_sink: HttpSink, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_http() as proxy, running_http() as elsewhere:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        http_sink.answers, http_sink.location = ["redirect"], f"http://127.0.0.1:{elsewhere.port}/inner"
        with pytest.raises(ChannelError):
            apprise.send(envelope(f"gotify://127.0.0.1:{http_sink.port}/{KEY}"))

        assert (len(http_sink.requests), proxy.requests, elsewhere.requests) == (1, [], [])


def test_apprise_waits_no_longer_than_its_deadline(http_sink: HttpSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded, "DEADLINE_S", 0.3)
    http_sink.answers = ["hang"]

    with pytest.raises(ChannelError) as caught:
        apprise.send(envelope(f"gotify://127.0.0.1:{http_sink.port}/{KEY}"))

    assert caught.value.reason == "The service did not answer in time."


def test_a_yes_whose_end_never_comes_is_a_yes(http_sink: HttpSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded, "DEADLINE_S", 0.3)
    http_sink.answers = ["drip"]

    assert apprise.send(envelope(f"gotify://127.0.0.1:{http_sink.port}/{KEY}")).result == "Accepted by the service."


def test_a_long_answer_is_read_to_its_bound(http_sink: HttpSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded, "LONGEST_ANSWER", 1000)
    http_sink.answer_body = b"x" * 5_000_000

    assert apprise.send(envelope(f"gotify://127.0.0.1:{http_sink.port}/{KEY}")).result == "Accepted by the service."


def test_a_service_with_many_places_gets_no_more_time_than_one_with_one(
    http_sink: HttpSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guarded, "DEADLINE_S", 0.3)
    http_sink.answers = ["hang", "hang", "hang", "hang"]

    with pytest.raises(ChannelError) as caught:
        apprise.send(envelope(f"ntfy://127.0.0.1:{http_sink.port}/one/two/three/four"))

    assert caught.value.reason == "The service did not answer in time."
    assert len(http_sink.requests) == 1


@pytest.mark.parametrize("wait_ms", [10**9, 10**30, -5, "soon", None])
def test_a_service_that_asks_for_a_long_pause_holds_nobody_up(
    http_sink: HttpSink, monkeypatch: pytest.MonkeyPatch, wait_ms: object
) -> None:
    monkeypatch.setattr(guarded, "DEADLINE_S", 0.3)
    http_sink.status = 429
    http_sink.answer_body = json.dumps({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": wait_ms}).encode()

    with pytest.raises(ChannelError) as caught:
        apprise.send(envelope(f"matrix://ana:secret@127.0.0.1:{http_sink.port}/!room:watch.example"))

    assert not caught.value.final


@pytest.mark.parametrize("body", [b"[]", b"null", b"{", b'"x"', b"[" * 4000, b"\xff\xfe"])
@pytest.mark.parametrize("address", ["matrix://ana:secret@{}/!room:watch.example", "ntfy://{}/topic", "gotify://{}/k"])
def test_an_answer_that_is_nonsense_breaks_nothing(
    http_sink: HttpSink, monkeypatch: pytest.MonkeyPatch, address: str, body: bytes
) -> None:
    monkeypatch.setattr(guarded, "DEADLINE_S", 2.0)
    http_sink.answer_body = body

    assert said(address.format(f"127.0.0.1:{http_sink.port}")) in {
        "Accepted by the service.",
        "The service did not take the message.",
        "The answer of the service was not understood.",
    }


def said(address: str) -> str:
    try:
        return apprise.send(envelope(address)).result
    except ChannelError as error:
        return error.reason
