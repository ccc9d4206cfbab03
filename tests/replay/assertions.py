"""dashmon_assertions.json: verdicts on exchanges, DNS answers, certificates and domains."""

from collections.abc import Callable
from typing import Any

from apps.checks.judge.assertions import judge_http
from apps.checks.judge.certificates import TlsVerdict, judge_tls
from apps.checks.judge.domains import DomainVerdict, judge_domain
from apps.checks.judge.names import judge_dns
from apps.checks.types import Certificate, DnsFacts, Failure, HttpFacts
from apps.common.clock import parse_iso
from tests.replay.difference import expect

Case = dict[str, Any]


def replay(_document: Case, case: Case) -> None:
    """Judge the facts of one case by the judge of its kind."""
    kinds: dict[str, Callable[[Case], None]] = {"http": _http, "dns": _dns, "tls": _tls, "domain": _domain}
    kinds[case["kind"]](case)


def _http(case: Case) -> None:
    verdict = judge_http(case["config"], _exchange(case["response"]))
    actual = {"status": verdict.status, "failed": list(verdict.failed), "error": verdict.error}
    expect({key: actual[key] for key in case["expect"]}, case["expect"])


def _exchange(response: Case) -> HttpFacts | Failure:
    if response.get("error"):
        return Failure(response["error"], response["error"], "The exchange broke.")
    return HttpFacts(
        status=response["status"],
        elapsed_ms=response["elapsedMs"],
        headers=tuple((name, value) for name, value in response["headers"]),
        body=response["body"].encode(),
        redirects=response["redirects"],
        final_url=response["finalUrl"],
    )


def _dns(case: Case) -> None:
    answer = case["answer"]
    facts = DnsFacts(
        rcode=answer["rcode"],
        records=tuple(answer.get("records", ())),
        min_ttl_s=answer.get("ttl"),
        max_ttl_s=answer.get("ttl"),
        authenticated=answer.get("ad", False),
    )
    verdict = judge_dns(case["config"], facts)
    expect({"status": verdict.status, "reason": verdict.reason}, case["expect"])


def _tls(case: Case) -> None:
    shown = case["certificate"]
    certificate = Certificate(
        not_before=parse_iso(shown["notBefore"]),
        not_after=parse_iso(shown["notAfter"]),
        subject="",
        issuer="",
        san=tuple(shown["san"]),
        trusted=shown["chainTrusted"],
        chain_length=1,
        version=shown["version"],
    )
    expect(_expiry(judge_tls(case["config"], certificate, case["host"], parse_iso(case["now"]))), case["expect"])


def _domain(case: Case) -> None:
    expires_at = parse_iso(case["expiresAt"]) if case["expiresAt"] else None
    expect(_expiry(judge_domain(case["config"], expires_at, parse_iso(case["now"]))), case["expect"])


def _expiry(verdict: TlsVerdict | DomainVerdict) -> Case:
    return {
        "status": verdict.status,
        "severity": verdict.severity or None,
        "daysLeft": verdict.days_left,
        "reasons": list(verdict.reasons),
    }


CASES = {"dashmon_assertions": replay}
