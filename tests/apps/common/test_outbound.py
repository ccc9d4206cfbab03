"""The blocking client, against the farm's real sockets."""

from pathlib import Path
from typing import Any

import pytest

from apps.common.egress import Guard
from apps.common.outbound import BODY_START, OutboundError, post, request
from tests.farm.land import CANARY_NETWORK, Farm

GUARD = Guard.build(profile="self_hosted", allow=None, deny=[CANARY_NETWORK], services=())


@pytest.fixture(autouse=True)
def _own_world(farm: Farm, settings: Any, tmp_path_factory: Any) -> None:
    settings.PROBE_RESOLVERS = [farm.resolver]
    settings.PROBE_CA_FILE = str(farm.authority.ca_file)
    settings.DATA_DIR = Path(tmp_path_factory.getbasetemp())


def test_a_post_brings_status_and_the_start_of_the_body(farm: Farm) -> None:
    answer = post(farm.url("/echo"), b'{"a": 1}', {"Content-Type": "application/json"}, 5, GUARD)

    assert answer.status == 200
    assert answer.body_start.endswith(b'\n{"a": 1}')
    assert b'"method": "POST"' in answer.body_start
    assert b'"content-type": "application/json"' in answer.body_start


def test_names_are_resolved_by_the_configured_servers(farm: Farm) -> None:
    assert post(farm.url("/ok", "good.test"), b"", {}, 5, GUARD).status == 200


def test_certificates_are_verified_with_the_extra_authority(farm: Farm) -> None:
    assert post(farm.secure_url("good"), b"", {}, 5, GUARD).status == 200
    for case in ("expired", "untrusted", "other_host"):
        with pytest.raises(OutboundError) as caught:
            post(farm.secure_url(case), b"", {}, 5, GUARD)
        assert caught.value.reason == "tls"


def test_a_refusal_of_the_other_side_is_an_answer(farm: Farm) -> None:
    assert post(farm.url("/status/503"), b"", {}, 5, GUARD).status == 503


def test_a_redirect_is_an_answer_and_is_not_followed(farm: Farm) -> None:
    farm.http.seen.clear()

    answer = post(farm.url("/redirect"), b"", {}, 5, GUARD)

    assert answer.status == 302
    assert answer.headers["location"] == "/ok"
    assert [seen.path for seen in farm.http.seen] == ["/redirect"]


def test_a_long_body_is_cut_and_still_an_answer(farm: Farm) -> None:
    answer = post(farm.url("/large"), b"", {}, 5, GUARD)

    assert (answer.status, len(answer.body_start)) == (200, BODY_START)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://nx.test/", "dns"),
        ("http://silent.test/", "dns"),
        ("http://canary.test:{canary}/", "blocked"),
        ("http://mixed.test:{canary}/", "blocked"),
        ("http://metadata.test/", "blocked"),
        ("http://127.66.0.1:{canary}/", "blocked"),
        ("ftp://good.test/", "blocked"),
        ("http://127.0.0.1:{refused}/", "connect"),
        ("http://127.0.0.1:{http}/slow", "timeout"),
        ("http://127.0.0.1:{http}/not-http", "protocol"),
        ("http://127.0.0.1:{http}/silent-close", "protocol"),
        ("http://127.0.0.1:{http}/header-flood", "protocol"),
    ],
)
def test_what_brings_no_answer_says_why(farm: Farm, url: str, reason: str) -> None:
    ports = {"canary": farm.canary_port, "refused": farm.tcp_ports["refused"], "http": farm.http_port}

    with pytest.raises(OutboundError) as caught:
        post(url.format(**ports), b"", {}, 1, GUARD)

    assert caught.value.reason == reason
    assert farm.canary_hits == []


def test_a_line_break_in_a_header_is_refused_before_anything_is_sent(farm: Farm) -> None:
    farm.http.seen.clear()

    with pytest.raises(OutboundError):
        post(farm.url("/ok"), b"", {"X-Evil": "a\r\nHost: inner"}, 5, GUARD)

    assert farm.http.seen == []


def test_other_methods_work_alike(farm: Farm) -> None:
    assert request("HEAD", farm.url("/ok"), guard=GUARD).status == 200
    assert request("GET", farm.url("/ok"), guard=GUARD).body_start == b"all is well"
    assert b'"method": "PUT"' in request("PUT", farm.url("/echo"), body=b"x", guard=GUARD).body_start
