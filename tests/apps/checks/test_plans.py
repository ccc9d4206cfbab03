"""From a device's fields to what its check has to do (contract Dashmon 6, 6.1, 6.2)."""

from typing import Any

import pytest

from apps.checks.plans import (
    DnsPlan,
    DomainPlan,
    HttpPlan,
    LadderPlan,
    PingPlan,
    Plan,
    TcpPlan,
    TlsPlan,
    plan_for,
    plan_for_draft,
)
from apps.common.errors import UnsupportedError
from apps.devices.models import Device


def device(kind: str, **fields: Any) -> Device:
    return Device(kind=kind, **fields)


@pytest.mark.parametrize(
    ("fields", "plan"),
    [
        ({"url": "http://a.test/", "host": "b.test", "port": 22}, HttpPlan("http://a.test/")),
        ({"host": "b.test", "port": 22}, TcpPlan("b.test", 22)),
        ({"host": "b.test"}, LadderPlan("b.test")),
    ],
)
def test_a_class_of_hardware_is_probed_by_what_is_known_of_it(fields: dict[str, Any], plan: Plan) -> None:
    assert plan_for(device("auto", **fields)) == plan


def test_the_times_of_the_classes_are_those_of_the_contract() -> None:
    assert plan_for(device("auto", url="http://a.test/")).budget_s == 15
    assert plan_for(device("auto", host="a.test", port=22)).budget_s == 8
    assert plan_for(device("ping", host="a.test")).budget_s == 2
    assert plan_for(device("auto", host="a.test")).budget_s == 2 + 2 * 8


@pytest.mark.parametrize("kind", ["heartbeat", "agent"])
def test_what_nobody_probes_has_no_plan(kind: str) -> None:
    with pytest.raises(UnsupportedError):
        plan_for(device(kind, host="a.test"))


def test_a_synthetic_document_says_how_to_ask() -> None:
    tls, domain = {"enabled": True, "warnDays": 14}, {"enabled": True}
    synthetic = {
        "enabled": True,
        "request": {
            "method": "post",
            "url": "https://a.test/health",
            "headers": {"Accept": "application/json"},
            "body": "ü",
            "timeoutMs": 3000,
            "followRedirects": False,
            "maxRedirects": 0,
            "tlsVerify": False,
            "ipFamily": "6",
        },
        "tls": tls,
        "domain": domain,
    }

    plan = plan_for(device("http", url="http://other.test/", synthetic=synthetic))

    assert plan == HttpPlan(
        url="https://a.test/health",
        method="POST",
        headers=(("Accept", "application/json"),),
        body="ü".encode(),
        timeout_ms=3000,
        follow_redirects=False,
        max_redirects=0,
        verify=False,
        family="6",
        config=synthetic,
        tls=tls,
        domain=domain,
    )


def test_a_document_that_is_switched_off_says_nothing() -> None:
    synthetic = {"enabled": False, "request": {"url": "https://a.test/"}, "assertions": [{"id": "a"}]}

    plan = plan_for(device("http", url="http://b.test/", synthetic=synthetic))

    assert plan == HttpPlan("http://b.test/")


def test_parts_that_are_switched_off_are_left_out() -> None:
    synthetic = {"enabled": True, "tls": {"enabled": False}, "domain": {"enabled": False}}

    plan = plan_for(device("http", url="http://b.test/", synthetic=synthetic))

    assert isinstance(plan, HttpPlan)
    assert (plan.tls, plan.domain) == (None, None)


@pytest.mark.parametrize(
    ("host", "port", "url"),
    [
        ("a.test", None, "http://a.test"),
        ("a.test", 443, "https://a.test"),
        ("a.test", 8080, "http://a.test:8080"),
        ("2001:db8::1", 8080, "http://[2001:db8::1]:8080"),
    ],
)
def test_an_http_monitor_without_a_url_is_built_from_its_host(host: str, port: int | None, url: str) -> None:
    plan = plan_for(device("http", host=host, port=port))

    assert isinstance(plan, HttpPlan)
    assert plan.url == url


def test_tcp_and_ping_take_their_own_keys() -> None:
    synthetic = {
        "enabled": True,
        "request": {"timeoutMs": 4000},
        "tcp": {"send": "PING\r\n", "expect": "PONG"},
        "degradedMs": 100,
    }

    tcp = plan_for(device("tcp", host="a.test", port=6379, synthetic=synthetic))
    ping = plan_for(device("ping", host="a.test", synthetic=synthetic))

    assert tcp == TcpPlan("a.test", 6379, 4000, "PING\r\n", "PONG", synthetic)
    assert ping == PingPlan("a.test", 4000, config=synthetic)


@pytest.mark.parametrize(
    ("fields", "host", "port"),
    [
        ({"host": "a.test"}, "a.test", 443),
        ({"host": "a.test", "port": 8443}, "a.test", 8443),
        ({"url": "https://a.test:9443/x"}, "a.test", 9443),
        ({"url": "https://[2001:db8::1]:9443/x"}, "[2001:db8::1]", 9443),
        ({"url": "https://a.test?x=:1"}, "a.test", 443),
        ({"url": "no url"}, "no url", 443),
    ],
)
def test_a_tls_monitor_finds_its_host(fields: dict[str, Any], host: str, port: int) -> None:
    assert plan_for(device("tls", **fields)) == TlsPlan(host, port)


def test_a_domain_monitor_finds_its_host() -> None:
    assert plan_for(device("domain", url="https://www.a.test/x")) == DomainPlan("www.a.test")


def test_a_dns_monitor_reads_its_own_document() -> None:
    document = {
        "hostname": "a.test",
        "recordType": "mx",
        "resolvers": ["192.0.2.1", "system"],
        "timeoutMs": 700,
        "retries": 0,
    }

    plan = plan_for(device("dns", host="b.test", dns=document))

    assert plan == DnsPlan("a.test", "MX", ("192.0.2.1", "system"), 700, 0, document)
    assert plan.budget_s == 0.7


def test_a_dns_monitor_without_a_document_asks_for_addresses() -> None:
    assert plan_for(device("dns", host="b.test")) == DnsPlan("b.test")


def test_a_draft_is_read_like_a_device() -> None:
    assert plan_for_draft({"kind": "tcp", "host": "a.test", "port": 22}) == TcpPlan("a.test", 22)
    assert plan_for_draft({"url": "http://a.test/"}) == HttpPlan("http://a.test/")
    assert plan_for_draft({"kind": "dns", "dns": {"hostname": "a.test"}}) == DnsPlan(
        "a.test", config={"hostname": "a.test"}
    )
