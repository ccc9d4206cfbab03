"""Receivers that hang, never end, say yes and mean no, or ask for a patience that no clock knows."""

import gzip
import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.outbound import OutboundAnswer
from apps.notifications import channels
from apps.notifications.channels import ChannelError, answers, request, sms, web_push, webhook
from apps.notifications.retries import LONGEST_WAIT_S, next_try
from tests.apps.incidents.scene import T0
from tests.apps.notifications.envelopes import HTTP_KINDS, SECRETS, sent_through
from tests.sinks.http import HttpSink, running_http

pytestmark = pytest.mark.usefixtures("providers")
BOMB = gzip.compress(bytes(100_000_000), compresslevel=1)
EVERY_KIND = [*HTTP_KINDS, "sms", "web_push"]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (answers, request, sms, web_push, webhook):
        monkeypatch.setattr(module, "TIMEOUT_S", 0.3)


def refusal(kind: str, sink: HttpSink) -> ChannelError:
    with pytest.raises(ChannelError) as caught:
        channels.send(kind, sent_through(kind, sink))
    assert not any(secret in caught.value.reason for secret in SECRETS)
    return caught.value


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize("way", ["hang", "drip"])
def test_who_does_not_come_to_an_end_is_left_and_tried_again(kind: str, way: str, http_sink: HttpSink) -> None:
    http_sink.answers = [way]
    error = refusal(kind, http_sink)

    assert (error.reason, error.final) == ("No answer within 0.3 s.", False)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_a_body_without_end_is_not_read_to_its_end(kind: str, http_sink: HttpSink) -> None:
    http_sink.answers = ["flood"]

    assert channels.send(kind, sent_through(kind, http_sink)).http_status == 200


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_a_small_body_that_unpacks_to_a_huge_one_does_no_harm(kind: str, http_sink: HttpSink) -> None:
    http_sink.answer_headers = {"Content-Encoding": "gzip"}
    http_sink.answer_body = BOMB

    assert channels.send(kind, sent_through(kind, http_sink)).http_status == 200


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_a_redirect_leads_nowhere(kind: str, http_sink: HttpSink) -> None:
    with running_http() as elsewhere:
        http_sink.answers, http_sink.location = ["redirect"], f"{elsewhere.url}/x"
        error = refusal(kind, http_sink)

        assert (error.http_status, error.final) == (302, False)
        assert elsewhere.requests == []


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("telegram", {"ok": False, "description": "Bad Request: chat not found"}),
        ("slack", {"ok": False, "error": "not_authed"}),
        ("pushover", {"status": 0, "errors": ["application token is invalid"]}),
        ("pushbullet", {"error": {"code": "invalid_access_token"}}),
        ("sms", {"sid": "SM1", "error_code": 30007, "error_message": "Carrier violation"}),
    ],
)
def test_a_yes_that_says_no_inside_is_a_no(kind: str, said: dict[str, Any], http_sink: HttpSink) -> None:
    http_sink.answer_body = json.dumps(said).encode()
    error = refusal(kind, http_sink)

    assert (error.http_status, error.final) == (200, False)


@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"[" * 4000,
        b'"' + b"x" * 9000,
        b"\xff\xfe\x00",
        b'{"parameters": 7, "message": [], "sid": 9}',
    ],
)
@pytest.mark.parametrize("status", [200, 429])
def test_an_answer_of_any_shape_is_understood_by_its_status(
    kind: str, body: bytes, status: int, http_sink: HttpSink
) -> None:
    http_sink.status, http_sink.answer_body = status, body

    if status == 200:
        assert channels.send(kind, sent_through(kind, http_sink)).http_status == 200
    else:
        assert not refusal(kind, http_sink).final


@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize(
    ("asked", "date", "wait_s"),
    [
        ("120", "", 120),
        ("0", "", 0),
        ("-120", "", 0),
        ("1.5", "", 0),
        ("9" * 400, "", LONGEST_WAIT_S),
        ("soon", "", 0),
        ("Sun, 01 Mar 2026 10:20:00 GMT", "Sun, 01 Mar 2026 10:00:00 GMT", 1200),
        ("Sun, 01 Mar 2026 09:00:00 GMT", "Sun, 01 Mar 2026 10:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", "Sun, 01 Mar 2026 10:00:00 GMT", LONGEST_WAIT_S),
        ("Sun, 01 Mar 2026 10:20:00 GMT", "yesterday", 0),
        ("Sun, 01 Mar 2026 10:20:00 -0000", "Sun, 01 Mar 2026 10:00:00 GMT", 0),
    ],
)
def test_patience_is_what_was_asked_for_within_a_day(
    kind: str, asked: str, date: str, wait_s: float, http_sink: HttpSink
) -> None:
    http_sink.status, http_sink.answer_headers = 429, {"Retry-After": asked, "Date": date}
    error = refusal(kind, http_sink)
    again = next_try(attempts=1, now=T0, not_before_s=error.retry_after_s)

    assert again is not None
    # The usual first wait is 10 s.
    assert (again - T0).total_seconds() == max(10, wait_s)


def is_within_a_day(error: ChannelError) -> bool:
    again = next_try(attempts=1, now=T0, not_before_s=error.retry_after_s)
    return again is not None and timedelta(seconds=10) <= again - T0 <= timedelta(days=1)


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_header_can_put_the_next_try_off_for_longer_than_a_day(asked: str, date: str) -> None:
    assert is_within_a_day(answers.refused(OutboundAnswer(429, b"", {"retry-after": asked, "date": date})))


@pytest.mark.parametrize("digits", [1, 400])
@pytest.mark.parametrize("sign", [1, -1])
def test_no_number_of_telegrams_can_either(digits: int, sign: int, http_sink: HttpSink) -> None:
    http_sink.status = 429
    http_sink.answer_body = json.dumps({"ok": False, "parameters": {"retry_after": sign * 10**digits}}).encode()

    assert is_within_a_day(refusal("telegram", http_sink))


@pytest.mark.parametrize("parameters", [7, [], None, {"retry_after": "35"}, {"retry_after": True}, {"retry_after": {}}])
def test_what_is_no_number_is_none_of_telegrams_waits(parameters: object, http_sink: HttpSink) -> None:
    http_sink.status = 429
    http_sink.answer_body = json.dumps({"ok": False, "parameters": parameters}).encode()

    assert is_within_a_day(refusal("telegram", http_sink))


def test_words_of_the_other_side_can_be_kept_and_shown(http_sink: HttpSink) -> None:
    http_sink.status = 400
    http_sink.answer_body = json.dumps({"description": "no\x00such\u202e\r\nchat \ud800"}).encode()

    assert refusal("telegram", http_sink).reason == "Telegram refused it: no such chat"
