"""Every behaviour of the farm, and the one right answer to it. All of them have to hold."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from apps.checks.plans import DnsPlan, HttpPlan, LadderPlan, PingPlan, Plan, TcpPlan, TlsPlan
from tests.apps.checks.engine.conftest import Run, can_ping
from tests.farm.land import Farm

TLS_RULES = {"enabled": True, "warnDays": 30, "criticalDays": 7}


@dataclass(frozen=True)
class Truth:
    """A plan for a target, and what its check has to say."""

    plan: Callable[[Farm], Plan]
    status: str
    error: str | None = None
    reason: str | None = None
    status_code: int | None = None
    more: Mapping[str, Any] = field(default_factory=dict)


def http(path: str, **options: Any) -> Callable[[Farm], Plan]:
    return lambda farm: HttpPlan(farm.url(path), **{"timeout_ms": 5000} | options)


def https(case: str, *, host: str = "good.test", **options: Any) -> Callable[[Farm], Plan]:
    return lambda farm: HttpPlan(farm.secure_url(case, host=host), **{"timeout_ms": 5000} | options)


def tls(case: str, *, host: str = "good.test", **rules: Any) -> Callable[[Farm], Plan]:
    return lambda farm: TlsPlan(host, farm.tls_ports[case], 5000, {**TLS_RULES, **rules})


def tcp(name: str, **options: Any) -> Callable[[Farm], Plan]:
    return lambda farm: TcpPlan("127.0.0.1", farm.tcp_ports[name], **{"timeout_ms": 3000} | options)


def dns(name: str, kind: str = "A", match: str = "any_answer", **rules: Any) -> Callable[[Farm], Plan]:
    config = {"recordType": kind, "match": match, **rules}
    return lambda farm: DnsPlan(name, kind, (farm.resolver,), 300, 1, config)


def to(location: str, status: int = 302) -> str:
    return f"/redirect?status={status}&to={location}"


def asserting(*assertions: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    numbered = [{"id": f"a{n}", **each} for n, each in enumerate(assertions, 1)]
    return {"config": {"assertions": numbered, **more}}


HTTP: dict[str, Truth] = {
    "ok": Truth(http("/ok"), "up", status_code=200),
    "head": Truth(http("/ok", method="HEAD"), "up", status_code=200),
    "404 is below 500": Truth(http("/status/404"), "up", status_code=404),
    "503": Truth(http("/status/503"), "down", "assertion", "assertion", 503),
    "204": Truth(http("/status/204"), "up", status_code=204),
    "status in range": Truth(
        http("/status/404", **asserting({"source": "status_code", "op": "in", "value": ["200-299"]})),
        "down",
        "assertion",
        "assertion",
        404,
    ),
    "warning assertion": Truth(
        http("/ok", **asserting({"source": "body", "op": "contains", "value": "nope", "severity": "warning"})),
        "warning",
        "assertion",
        "assertion",
        200,
    ),
    "json holds": Truth(
        http("/json", **asserting({"source": "json", "path": "$.db.status", "op": "eq", "value": "ok"})),
        "up",
        status_code=200,
    ),
    "json too deep": Truth(
        http("/deep-json", **asserting({"source": "json", "path": "$.a", "op": "exists"})),
        "down",
        "assertion",
        "assertion",
        200,
    ),
    "header": Truth(
        http("/json", **asserting({"source": "header", "name": "x-node", "op": "eq", "value": "a1"})),
        "up",
        status_code=200,
    ),
    "degraded": Truth(http("/wait?s=0.3", config={"degradedMs": 50}), "warning", None, "degraded", 200),
    "slow": Truth(http("/slow", timeout_ms=1000), "down", "timeout", "timeout"),
    "trickle": Truth(http("/trickle", timeout_ms=1000), "down", "timeout", "timeout", 200),
    "large body is cut": Truth(
        http("/large", **asserting({"source": "body", "op": "contains", "value": "needle"})),
        "up",
        status_code=200,
    ),
    "gzip": Truth(
        http("/gzip", **asserting({"source": "body", "op": "eq", "value": "packed words"})), "up", status_code=200
    ),
    "long gzip": Truth(http("/long-gzip"), "up", status_code=200),
    "gzip bomb": Truth(http("/bomb"), "down", "protocol", "too_large", 200),
    "bad gzip": Truth(http("/bad-gzip"), "down", "protocol", "protocol", 200),
    "truncated": Truth(http("/truncated"), "down", "protocol", "truncated", 200),
    "truncated chunks": Truth(http("/truncated-chunks"), "down", "protocol", "truncated", 200),
    "half a header": Truth(http("/half-header"), "down", "protocol", "truncated", 200),
    "reset in the body": Truth(http("/reset-body"), "down", "protocol", "reset", 200),
    "closed without answer": Truth(http("/silent-close"), "down", "protocol", "protocol"),
    "not http": Truth(http("/not-http"), "down", "protocol", "protocol"),
    "early hints": Truth(
        http("/early-hints", **asserting({"source": "body", "op": "eq", "value": "after hints"})),
        "up",
        status_code=200,
    ),
    "header flood": Truth(http("/header-flood"), "down", "protocol", "too_large", 200),
    "endless header": Truth(http("/endless-header"), "down", "protocol", "too_large", 200),
    "another character set": Truth(
        http("/latin", **asserting({"source": "body", "op": "eq", "value": "Grüße"})), "up", status_code=200
    ),
    "redirect": Truth(http("/redirect"), "up", status_code=200, more={"redirects": 1}),
    "relative redirect": Truth(http(to("../ok")), "up", status_code=200),
    "blank in location": Truth(http(to("/ok%3Fa%3D1%202")), "up", status_code=200),
    "ten hops": Truth(http("/hops/10"), "up", status_code=200, more={"redirects": 10}),
    "eleven hops": Truth(http("/hops/11"), "down", "too_many_redirects", "too_many_redirects", 302),
    "loop": Truth(http("/loop"), "down", "too_many_redirects", "too_many_redirects", 302),
    "redirects not followed": Truth(http("/redirect", follow_redirects=False), "up", status_code=302),
    "no redirects allowed": Truth(
        http("/redirect", max_redirects=0), "down", "too_many_redirects", "too_many_redirects", 302
    ),
    "redirect without location": Truth(http("/no-location"), "up", status_code=302),
    "redirect to another scheme": Truth(http(to("ftp://good.test/")), "down", "connect", "blocked", 302),
    "redirect with userinfo": Truth(http(to("http://a@good.test/")), "down", "connect", "blocked", 302),
    "refused": Truth(
        lambda farm: HttpPlan(f"http://127.0.0.1:{farm.tcp_ports['refused']}/"), "down", "connect", "refused"
    ),
    "reset": Truth(lambda farm: HttpPlan(f"http://127.0.0.1:{farm.tcp_ports['reset']}/"), "down", "connect", "reset"),
    "full backlog": Truth(
        lambda farm: HttpPlan(f"http://127.0.0.1:{farm.tcp_ports['full']}/", timeout_ms=1000),
        "down",
        "connect",
        "timeout",
    ),
    "by name": Truth(lambda farm: HttpPlan(farm.url("/ok", "good.test")), "up", status_code=200),
    "second address answers": Truth(lambda farm: HttpPlan(farm.url("/ok", "two.test")), "up", status_code=200),
    "localhost": Truth(lambda farm: HttpPlan(farm.url("/ok", "localhost")), "up", status_code=200),
    "IPv6 by literal": Truth(lambda farm: HttpPlan(f"http://[::1]:{farm.http6_port}/ok"), "up", status_code=200),
    "IPv6 by name": Truth(lambda farm: HttpPlan(f"http://only6.test:{farm.http6_port}/ok"), "up", status_code=200),
    "IPv4 only, and the name has none": Truth(
        lambda farm: HttpPlan(f"http://only6.test:{farm.http6_port}/ok", family="4"), "down", "dns", "no_answer"
    ),
    "nxdomain": Truth(lambda _: HttpPlan("http://nx.test/"), "down", "dns", "nxdomain"),
    "servfail": Truth(lambda _: HttpPlan("http://servfail.test/"), "down", "dns", "servfail"),
    "refused by the name server": Truth(lambda _: HttpPlan("http://refused.test/"), "down", "dns", "refused"),
    "no address": Truth(lambda _: HttpPlan("http://empty.test/"), "down", "dns", "no_answer"),
    "silent name server": Truth(lambda _: HttpPlan("http://silent.test/", timeout_ms=1000), "down", "dns", "timeout"),
    "a scheme of its own": Truth(lambda _: HttpPlan("file:///etc/passwd"), "down", "connect", "blocked"),
}

TLS: dict[str, Truth] = {
    "good": Truth(https("good"), "up", status_code=200),
    "good by wildcard": Truth(https("good", host="a.wild.test"), "down", "dns", "nxdomain"),
    "good by address": Truth(https("good", host="127.0.0.1"), "up", status_code=200),
    "good with rules": Truth(https("good", tls=TLS_RULES), "up", status_code=200),
    "expiring": Truth(https("expiring", tls=TLS_RULES), "warning", None, "expires_soon", 200),
    "soon": Truth(https("soon", tls=TLS_RULES), "warning", None, "expires_soon", 200),
    "expired": Truth(https("expired"), "down", "tls", "expired"),
    "expired with rules": Truth(https("expired", tls=TLS_RULES), "down", "tls", "expired"),
    "expired, unverified": Truth(https("expired", verify=False), "up", status_code=200),
    "expired, unverified, but judged": Truth(
        https("expired", verify=False, tls=TLS_RULES), "down", "tls", "expired", 200
    ),
    "good, unverified, but judged": Truth(https("good", verify=False, tls=TLS_RULES), "up", status_code=200),
    "untrusted, unverified, but judged": Truth(
        https("untrusted", verify=False, tls=TLS_RULES), "down", "tls", "untrusted_chain", 200
    ),
    "untrusted, chain waived": Truth(
        https("untrusted", tls={**TLS_RULES, "requireTrustedChain": False}), "up", status_code=200
    ),
    "other host, name waived": Truth(
        https("other_host", tls={**TLS_RULES, "checkHostname": False}), "up", status_code=200
    ),
    "not yet valid": Truth(https("future"), "down", "tls", "not_yet_valid"),
    "other host": Truth(https("other_host"), "down", "tls", "hostname_mismatch"),
    "untrusted": Truth(https("untrusted"), "down", "tls", "untrusted_chain"),
    "self-signed": Truth(https("self_signed"), "down", "tls", "untrusted_chain"),
    "missing intermediate": Truth(https("no_intermediate"), "down", "tls", "untrusted_chain"),
    "old version": Truth(https("old_tls"), "down", "tls", "handshake"),
    "old version allowed": Truth(https("old_tls", tls={**TLS_RULES, "minVersion": "TLSv1.1"}), "up", status_code=200),
    "TLS 1.2 below a minimum of 1.3": Truth(
        https("tls12", tls={**TLS_RULES, "minVersion": "TLSv1.3"}), "down", "tls", "handshake"
    ),
    "plain text on the TLS port": Truth(
        lambda farm: HttpPlan(f"https://127.0.0.1:{farm.tcp_ports['banner']}/"), "down", "tls", "handshake"
    ),
    "no answer to the handshake": Truth(
        lambda farm: HttpPlan(f"https://127.0.0.1:{farm.tcp_ports['silent']}/", timeout_ms=1000),
        "down",
        "tls",
        "timeout",
    ),
    "tls monitor: good": Truth(tls("good"), "up"),
    "tls monitor: expiring": Truth(tls("expiring"), "warning", None, "expires_soon"),
    "tls monitor: expired": Truth(tls("expired"), "down", "tls", "expired"),
    "tls monitor: not yet valid": Truth(tls("future"), "down", "tls", "not_yet_valid"),
    "tls monitor: other host": Truth(tls("other_host"), "down", "tls", "hostname_mismatch"),
    "tls monitor: untrusted": Truth(tls("untrusted"), "down", "tls", "untrusted_chain"),
    "tls monitor: untrusted and expired": Truth(tls("untrusted_expired"), "down", "tls", "expired"),
    "tls monitor: self-signed": Truth(tls("self_signed"), "down", "tls", "untrusted_chain"),
    "tls monitor: missing intermediate": Truth(tls("no_intermediate"), "down", "tls", "untrusted_chain"),
    "tls monitor: chain waived": Truth(tls("untrusted", requireTrustedChain=False), "up"),
    "tls monitor: old version": Truth(tls("old_tls"), "down", "tls", "protocol_too_old"),
    "tls monitor: old version allowed": Truth(tls("old_tls", minVersion="TLSv1.1"), "up"),
    "tls monitor: refused": Truth(
        lambda farm: TlsPlan("127.0.0.1", farm.tcp_ports["refused"]), "down", "connect", "refused"
    ),
}

HOSTS: dict[str, Truth] = {
    "tcp": Truth(tcp("silent"), "up"),
    "tcp refused": Truth(tcp("refused"), "down", "connect", "refused"),
    "tcp full backlog": Truth(tcp("full", timeout_ms=1000), "down", "connect", "timeout"),
    "tcp reset": Truth(tcp("reset", expect="x"), "down", "connect", "reset"),
    "tcp banner": Truth(tcp("banner", expect="SSH-2.0"), "up"),
    "tcp other banner": Truth(tcp("banner", expect="220 mail", timeout_ms=3000), "down", "protocol", "banner"),
    "tcp talk": Truth(tcp("talk", send="PING\r\n", expect="+PONG"), "up"),
    "tcp talk, wrong word": Truth(tcp("talk", send="HELLO\r\n", expect="+PONG"), "down", "protocol", "banner"),
    "tcp silent": Truth(tcp("silent", expect="hello", timeout_ms=500), "down", "timeout", "banner"),
    "tcp banner beyond 4 KiB": Truth(tcp("long", expect="too late"), "down", "protocol", "banner"),
    "tcp closed at once": Truth(tcp("closing", expect="hello"), "down", "protocol", "banner"),
    "tcp by name": Truth(lambda farm: TcpPlan("good.test", farm.http_port), "up"),
    "tcp by a name that is none": Truth(lambda _: TcpPlan("nx.test", 80), "down", "dns", "nxdomain"),
    "tcp by a spelling that is none": Truth(lambda _: TcpPlan("a b", 80), "down", "connect", "blocked"),
    "ping": Truth(lambda _: PingPlan("127.0.0.1"), "up"),
    "ping IPv6": Truth(lambda _: PingPlan("::1"), "up"),
    "ping a name that is none": Truth(lambda _: PingPlan("nx.test"), "down", "dns", "nxdomain"),
    "ladder": Truth(lambda _: LadderPlan("127.0.0.1"), "up"),
    "ladder with a name that is none": Truth(lambda _: LadderPlan("nx.test"), "down", "dns", "nxdomain"),
}

NAMES: dict[str, Truth] = {
    "A": Truth(
        dns("all.test", match="exact", expected=["192.0.2.11", "192.0.2.10"]),
        "up",
        more={"answer": ["192.0.2.10", "192.0.2.11"]},
    ),
    "AAAA": Truth(dns("all.test", "AAAA"), "up", more={"answer": ["2001:db8::1"]}),
    "CNAME": Truth(dns("www.all.test", "CNAME"), "up", more={"answer": ["all.test"]}),
    "A behind a CNAME": Truth(dns("www.all.test"), "up", more={"answer": ["192.0.2.10", "192.0.2.11"]}),
    "MX": Truth(dns("all.test", "MX"), "up", more={"answer": ["10 mail.all.test", "20 backup.all.test"]}),
    "TXT": Truth(
        dns("all.test", "TXT", "contains_all", expected=["v=spf1 -all"]),
        "up",
        more={"answer": ['he said "hi"', "v=spf1 -all"]},
    ),
    "NS": Truth(dns("all.test", "NS"), "up", more={"answer": ["ns1.all.test", "ns2.all.test"]}),
    "SOA": Truth(
        dns("all.test", "SOA"),
        "up",
        more={"answer": ["ns1.all.test root.all.test 2026010101 7200 3600 1209600 300"]},
    ),
    "SRV": Truth(dns("_sip._tcp.all.test", "SRV"), "up", more={"answer": ["10 5 5060 sip.all.test"]}),
    "CAA": Truth(
        dns("all.test", "CAA"), "up", more={"answer": ["0 issue letsencrypt.org", "128 iodef mailto:sec@all.test"]}
    ),
    "PTR": Truth(dns("192.0.2.7", "PTR"), "up", more={"answer": ["host7.all.test"]}),
    "upper case": Truth(dns("ALL.Test."), "up"),
    "mismatch": Truth(dns("all.test", match="exact", expected=["192.0.2.10"]), "down", "assertion", "mismatch"),
    "nxdomain": Truth(dns("nx.test"), "down", "dns", "nxdomain"),
    "nxdomain wanted": Truth(dns("nx.test", match="no_answer"), "up"),
    "no record": Truth(dns("all.test", "PTR"), "down", "dns", "no_answer"),
    "empty": Truth(dns("empty.test"), "down", "dns", "no_answer"),
    "unwanted": Truth(dns("all.test", match="no_answer"), "down", "assertion", "unexpected_answer"),
    "servfail": Truth(dns("servfail.test"), "down", "dns", "servfail"),
    "refused": Truth(dns("refused.test"), "down", "dns", "refused"),
    "timeout": Truth(dns("silent.test"), "down", "dns", "timeout"),
    "wrong id": Truth(dns("wrongid.test"), "down", "dns", "timeout"),
    "wrong question": Truth(dns("wrongquestion.test"), "down", "dns", "timeout"),
    "wrong sender": Truth(dns("wrongsender.test"), "down", "dns", "timeout"),
    "the truth after lies": Truth(dns("forged.test"), "up", more={"answer": ["192.0.2.1"]}),
    "TCP after truncation": Truth(dns("big.test", "TXT"), "up"),
    "a server without EDNS": Truth(dns("old.test"), "up", more={"answer": ["192.0.2.1"]}),
    "a lost packet": Truth(dns("flaky.test"), "up"),
    "TTL too short": Truth(dns("ad.test", ttl={"min": 60, "max": None}), "warning", None, "ttl_out_of_range"),
    "TTL too long": Truth(dns("long.test", ttl={"min": None, "max": 3600}), "warning", None, "ttl_out_of_range"),
    "authenticated": Truth(dns("ad.test", requireAuthenticated=True), "up"),
    "not authenticated": Truth(dns("long.test", requireAuthenticated=True), "down", "assertion", "not_authenticated"),
    "system resolver": Truth(
        lambda _: DnsPlan("ad.test", "A", ("system",), config={"recordType": "A", "match": "any_answer"}), "up"
    ),
    "DNS over HTTPS": Truth(
        lambda farm: DnsPlan(
            "all.test",
            "A",
            (farm.secure_url("good", "/dns-query"),),
            config={"recordType": "A", "match": "contains_any", "expected": ["192.0.2.10"]},
        ),
        "up",
    ),
    "DNS over HTTPS without an answer": Truth(
        lambda farm: DnsPlan("all.test", "A", (farm.secure_url("good", "/status/500"),), 1000, 0),
        "down",
        "dns",
        "timeout",
    ),
    "a closed port": Truth(
        lambda farm: DnsPlan("all.test", "A", (f"127.0.0.1:{farm.tcp_ports['refused']}",), 300),
        "down",
        "dns",
        "timeout",
    ),
    "one of two resolvers fails": Truth(
        lambda farm: DnsPlan(
            "ad.test",
            "A",
            (farm.resolver, f"127.0.0.1:{farm.tcp_ports['refused']}"),
            300,
            0,
            {"recordType": "A", "match": "any_answer"},
        ),
        "down",
        "dns",
        "timeout",
    ),
}

ALL = {
    **{f"http: {name}": truth for name, truth in HTTP.items()},
    **{f"https: {name}": truth for name, truth in TLS.items()},
    **{f"host: {name}": truth for name, truth in HOSTS.items()},
    **{f"dns: {name}": truth for name, truth in NAMES.items()},
}


@pytest.mark.parametrize("name", ALL)
def test_the_farm_is_told_as_it_is(name: str, farm: Farm, run: Run) -> None:
    if "ping" in name and not can_ping():
        pytest.skip("this machine allows no ICMP socket")
    if "IPv6" in name and not farm.http6_port:
        pytest.skip("this machine has no IPv6")
    truth = ALL[name]
    farm.names.asked.clear()

    result = run(truth.plan(farm))

    said = (result.status, result.detail.get("error"), result.detail.get("reason"), result.status_code)
    assert said == (truth.status, truth.error, truth.reason, truth.status_code), result
    assert truth.more.items() <= result.detail.items()
    assert result.measured
    assert (result.latency_us is None) == (result.status == "down")
    assert bool(result.message) == (result.status != "up")
    assert ("attempt_ms" in result.detail) == (result.status == "down")


def test_no_check_has_reached_the_canary(farm: Farm) -> None:
    assert farm.canary_hits == []
