"""What an HTTP check tells beyond its status: phases, certificates, redirects, registrations."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.checks.engine.fetch import Request, redirected
from apps.checks.plans import HttpPlan, TlsPlan
from tests.apps.checks.engine.conftest import MakeEngine, Run, drain
from tests.farm.http import Seen
from tests.farm.land import Farm

DOMAIN_RULES = {"enabled": True, "warnDays": 30, "criticalDays": 7}


def last_seen(farm: Farm) -> Seen:
    return farm.http.seen[-1]


def test_a_request_carries_method_headers_and_body(farm: Farm, run: Run) -> None:
    headers = (("X-Token", "secret"), ("Content-Type", "application/json"), ("X-Empty", ""))
    run(HttpPlan(farm.url("/echo?a=1"), "PATCH", headers, b'{"a": 1}'))

    seen = last_seen(farm)
    assert (seen.method, seen.target, seen.body) == ("PATCH", "/echo?a=1", b'{"a": 1}')
    assert seen.headers["x-token"] == "secret"
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["x-empty"] == ""
    assert seen.headers["user-agent"].startswith("Dashmon/")
    assert seen.headers["host"] == f"127.0.0.1:{farm.http_port}"
    assert "expect" not in seen.headers


def test_nothing_of_one_request_is_left_in_the_next(farm: Farm, engine: Any) -> None:
    plans = [
        HttpPlan(farm.url("/echo"), "POST", (("X-Token", "secret"),), b"body"),
        HttpPlan(farm.url("/ok")),
        HttpPlan(farm.url("/ok"), "HEAD"),
        HttpPlan(farm.url("/ok")),
    ]
    farm.http.seen.clear()

    for number, plan in enumerate(plans):
        engine.start(plan, number)
        drain(engine, 1)

    assert [seen.method for seen in farm.http.seen] == ["POST", "GET", "HEAD", "GET"]
    assert all("x-token" not in seen.headers and seen.body == b"" for seen in farm.http.seen[1:])


def test_the_phases_of_a_check_add_up(farm: Farm, run: Run) -> None:
    phases = run(HttpPlan(farm.secure_url("good"))).phases

    assert phases.total_us is not None
    parts = (phases.dns_us, phases.connect_us, phases.tls_us, phases.ttfb_us)
    assert all(part is not None and part > 0 for part in parts)
    assert sum(part or 0 for part in parts) <= phases.total_us


def test_redirects_add_their_time_to_the_check(farm: Farm, run: Run) -> None:
    plain = run(HttpPlan(farm.url("/wait?s=0.2")))
    moved = run(HttpPlan(farm.url("/redirect?to=/wait%3Fs%3D0.2")))

    for result in (plain, moved):
        assert result.latency_us is not None
        assert result.latency_us >= 200_000
    assert moved.detail["final_url"] == farm.url("/wait?s=0.2")


def test_a_failed_check_keeps_the_time_it_tried(farm: Farm, run: Run) -> None:
    result = run(HttpPlan(farm.url("/slow"), timeout_ms=1000))

    assert result.latency_us is None
    assert 900 <= result.detail["attempt_ms"] <= 3000
    assert result.message == "No complete answer came in time"


def test_credentials_stay_with_their_origin(farm: Farm, run: Run) -> None:
    headers = (("Authorization", "Bearer x"), ("Cookie", "a=b"), ("X-Other", "kept"))
    run(HttpPlan(farm.url(f"/redirect?to={farm.http.other_origin}/ok"), headers=headers))
    elsewhere = last_seen(farm).headers
    run(HttpPlan(farm.url("/redirect?to=/ok"), headers=headers))
    at_home = last_seen(farm).headers

    assert "authorization" not in elsewhere
    assert "cookie" not in elsewhere
    assert elsewhere["x-other"] == "kept"
    assert at_home["authorization"] == "Bearer x"
    assert at_home["cookie"] == "a=b"


def test_credentials_dropped_once_do_not_come_back(farm: Farm, run: Run) -> None:
    back = farm.url("/ok").replace(":", "%3A")
    away = f"{farm.http.other_origin}/redirect?to={back}".replace("?", "%3F").replace("&", "%26")
    run(HttpPlan(farm.url(f"/redirect?to={away}"), headers=(("Authorization", "Bearer x"),)))

    assert last_seen(farm).path == "/ok"
    assert "authorization" not in last_seen(farm).headers


@pytest.mark.parametrize(
    ("status", "method", "becomes"),
    [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (303, "PUT", "GET"),
        (301, "PUT", "PUT"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (303, "HEAD", "HEAD"),
        (302, "HEAD", "HEAD"),
    ],
)
def test_a_redirect_changes_the_method_as_browsers_do(status: int, method: str, becomes: str) -> None:
    request = Request("http://a.test/", method, (("Content-Type", "x"), ("Accept", "y")), b"body")

    after = redirected(request, status, same_origin=True)

    assert after.method == becomes
    assert after.body == (b"body" if becomes == method and method != "GET" else None)
    assert (("Content-Type", "x") in after.headers) == (after.body is not None)
    assert ("Accept", "y") in after.headers


def test_the_body_follows_a_307(farm: Farm, run: Run) -> None:
    run(HttpPlan(farm.url("/redirect?status=307&to=/echo"), "POST", (), b"kept"))

    assert (last_seen(farm).method, last_seen(farm).body) == ("POST", b"kept")


def test_a_redirect_crosses_to_https_and_shows_its_certificate(farm: Farm, run: Run) -> None:
    result = run(HttpPlan(farm.url(f"/redirect?to={farm.http.secure_origin}/ok")))

    assert result.status == "up"
    assert result.certificate is not None
    assert result.certificate.subject == "good.test"


def test_the_certificate_is_read_in_full(farm: Farm, run: Run) -> None:
    certificate = run(HttpPlan(farm.secure_url("good"))).certificate

    assert certificate is not None
    assert certificate.subject == "good.test"
    assert certificate.issuer == "Farm Intermediate"
    assert certificate.san == ("DNS:good.test", "DNS:*.wild.test", "IP:127.0.0.1")
    assert certificate.trusted
    assert certificate.chain_length == 2
    assert certificate.not_after == farm.authority.now + timedelta(days=90)


@pytest.mark.parametrize(
    ("case", "shown"),
    [
        ("expired", (-4, True, "Certificate expired 3 days ago")),
        ("future", (89, True, "Certificate is not valid before")),
        ("other_host", (89, True, "Certificate does not cover good.test")),
        ("untrusted", (89, False, "Certificate is not signed by an authority that is trusted here")),
        ("self_signed", (89, False, "Certificate is not signed by an authority that is trusted here")),
    ],
)
def test_a_refused_certificate_is_shown_all_the_same(
    case: str, shown: tuple[int, bool, str], farm: Farm, run: Run
) -> None:
    days, trusted, message = shown
    result = run(HttpPlan(farm.secure_url(case)))

    assert result.certificate is not None
    assert result.certificate.trusted == trusted
    assert result.detail["tls"]["daysLeft"] == days
    assert result.detail["tls"]["chainLength"] == result.certificate.chain_length
    assert result.message.startswith(message)


@pytest.mark.parametrize(("case", "critical"), [("expiring", True), ("soon", False)])
def test_an_expiry_that_cannot_wait_is_critical(case: str, critical: bool, farm: Farm, run: Run) -> None:
    plan = HttpPlan(farm.secure_url(case), tls={"enabled": True, "warnDays": 30, "criticalDays": 7})

    result = run(plan)

    assert result.status == "warning"
    assert result.severity == ("critical" if critical else "")
    assert result.message == f"Certificate expires in {result.detail['tls']['daysLeft']} days"


def test_a_tls_monitor_tells_the_version_that_was_spoken(farm: Farm, run: Run) -> None:
    for case, version in (("good", "TLSv1.3"), ("tls12", "TLSv1.2"), ("old_tls", "TLSv1.1")):
        certificate = run(TlsPlan("good.test", farm.tls_ports[case])).certificate
        assert certificate is not None
        assert certificate.version == version


def test_a_failed_assertion_speaks_before_a_warning(farm: Farm, run: Run) -> None:
    rules = {
        "degradedMs": 1,
        "assertions": [
            {"id": "w", "source": "body", "op": "contains", "value": "x9", "severity": "warning"},
            {"id": "d", "source": "status_code", "op": "eq", "value": 201},
        ],
    }
    result = run(HttpPlan(farm.url("/wait?s=0.1"), config=rules))

    assert result.status == "down"
    assert result.detail["failed"] == ["w", "d"]
    assert result.detail["error"] == "assertion"
    assert "201" in result.message


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (200, ("up", None, "")),
        (20.5, ("warning", "domain_expires_soon", "")),
        (3.5, ("warning", "domain_expires_soon", "critical")),
        (-3, ("warning", "domain_expired", "critical")),
    ],
)
def test_a_registration_only_ever_warns(days: float, said: tuple[str, str | None, str], farm: Farm, run: Run) -> None:
    farm.registers("good.test", days=days)

    result = run(HttpPlan(farm.url("/ok", "good.test"), domain=DOMAIN_RULES))

    assert (result.status, result.detail.get("reason"), result.severity) == said
    assert result.status_code == 200
    assert result.domain_expires_at is not None
    assert abs(result.domain_expires_at - datetime.now(UTC) - timedelta(days=days)) < timedelta(minutes=1)


def test_an_unknown_registration_changes_nothing(farm: Farm, run: Run) -> None:
    result = run(HttpPlan(farm.url("/ok", "a.test"), domain=DOMAIN_RULES))

    assert (result.status, result.domain_expires_at) == ("up", None)
    assert result.detail["domain"] == {"daysLeft": None}
    assert result.detail["reason"] == "domain_expiry_unknown"


def test_an_unknown_registration_does_not_hide_what_failed(farm: Farm, run: Run) -> None:
    result = run(HttpPlan(farm.url("/status/503", "a.test"), domain=DOMAIN_RULES))

    assert (result.status, result.detail["reason"]) == ("down", "assertion")


def test_the_worst_finding_names_the_check(farm: Farm, make_engine: MakeEngine) -> None:
    farm.registers("good.test", days=3.5)
    engine = make_engine()
    engine.start(HttpPlan(farm.secure_url("good", "/status/503"), domain=DOMAIN_RULES, tls={"enabled": True}), "it")

    result = drain(engine, 1)["it"]

    assert (result.status, result.detail["error"], result.severity) == ("down", "assertion", "")
    assert result.detail["domain"]["daysLeft"] == 3


def test_a_json_answer_is_judged_by_its_own_document(farm: Farm, run: Run) -> None:
    assertion = {"id": "j", "source": "json", "path": "$.queue[*]", "op": "lt", "value": 3, "quantifier": "all"}
    result = run(HttpPlan(farm.url("/json"), config={"assertions": [assertion]}))

    assert result.detail["failed"] == ["j"]
    assert json.dumps(dict(result.detail))
