"""HTTP(S) checks: the exchange, the certificate, the domain, one verdict."""

from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple

from apps.checks.engine.certificate import CHAIN_IS_FINE, read_certificate
from apps.checks.engine.clock import Clock
from apps.checks.engine.curl import DEFAULT_TLS, TLS_VERSIONS, HopAnswer
from apps.checks.engine.fetch import Begun, Fetched, Request, fetch
from apps.checks.engine.flow import Task
from apps.checks.engine.registry import Registry
from apps.checks.engine.tools import Budget, Tools
from apps.checks.engine.verdicts import (
    Finding,
    Measured,
    certificate_sentence,
    conclude,
    of_certificate,
    of_domain,
    of_failure,
    slow,
    tls_detail,
)
from apps.checks.judge.assertions import HttpVerdict, judge_http
from apps.checks.judge.certificates import days_between, judge_tls
from apps.checks.judge.domains import judge_domain
from apps.checks.plans import Document, HttpPlan
from apps.checks.types import Certificate, CheckResult, HttpFacts


class Underway(NamedTuple):
    """A check that has begun elsewhere (`straight`) and is to be gone on with."""

    started_at: datetime
    budget: Budget
    begun: Begun


async def check_http(
    tools: Tools, registry: Registry, plan: HttpPlan, clock: Clock, underway: Underway | None = None
) -> CheckResult:
    """Run the exchange, and beside it the look-up at the registry when the plan wants one."""
    started_at = underway.started_at if underway else clock()
    expiry = Task(registry.expiry_of_url(plan.url)) if plan.domain is not None else None
    budget = underway.budget if underway else Budget(tools.reactor, plan.timeout_ms / 1000)
    request = request_of(plan)
    fetched = await fetch(tools, request, budget, underway.begun if underway else None)
    attempt_us = budget.elapsed_us
    certificate = certificate_of(fetched.last, verified=request.verify_chain)
    if certificate is not None and not request.verify_chain:
        certificate = await _verified(tools, plan, certificate, fetched)
    expires_at = await expiry if expiry is not None else None
    # Only what ends one day is judged by the time it is now.
    now = clock() if certificate is not None or expiry is not None else started_at
    return Findings(plan, fetched, certificate, expires_at, started_at, now).result(attempt_us)


def request_of(plan: HttpPlan) -> Request:
    """The exchange a plan asks for.

    The `tls` part may waive the host name or the chain; the rest of what it says is judged from the
    certificate, and so is everything when `tlsVerify` is off.
    """
    tls: Document = plan.tls or {}
    min_tls = tls.get("minVersion") or DEFAULT_TLS
    return Request(
        url=plan.url,
        method=plan.method,
        headers=plan.headers,
        body=plan.body,
        follow=plan.follow_redirects,
        max_redirects=plan.max_redirects,
        verify_chain=plan.verify and tls.get("requireTrustedChain", True),
        verify_host=plan.verify and tls.get("checkHostname", True),
        min_tls=min_tls if min_tls in TLS_VERSIONS else DEFAULT_TLS,
        family=plan.family,
    )


async def _verified(tools: Tools, plan: HttpPlan, found: Certificate, fetched: Fetched) -> Certificate:
    """The certificate of an exchange that verified no chain; when a rule asks about the chain, it is verified apart."""
    wanted = plan.tls is not None and plan.tls.get("requireTrustedChain", True)
    if not wanted or fetched.target is None:
        return found
    handshake = Request(fetched.target.url, verify_host=False, handshake_only=True, family=plan.family)
    again = await fetch(tools, handshake, Budget(tools.reactor, plan.timeout_ms / 1000))
    seen = certificate_of(again.last, verified=True)
    return replace(found, trusted=seen.trusted) if seen else found


def certificate_of(answer: HopAnswer | None, *, verified: bool) -> Certificate | None:
    """The leaf a hop showed; trusted when its chain was verified and nothing but dates or names failed."""
    if answer is None or not answer.chain:
        return None
    trusted = verified and answer.verify_result in CHAIN_IS_FINE
    return read_certificate(answer.chain, trusted=trusted, version=answer.tls_version)


class Findings(NamedTuple):
    """Findings of one exchange, put together."""

    plan: HttpPlan
    fetched: Fetched
    certificate: Certificate | None
    expires_at: datetime | None
    started_at: datetime
    now: datetime

    @property
    def host(self) -> str:
        return self.fetched.target.host.name if self.fetched.target else ""

    def result(self, attempt_us: int) -> CheckResult:
        http, fetched = self._http(), self.fetched
        findings = self._answer(http)
        detail: dict[str, Any] = {}
        if http is not None and http.failed:
            detail["failed"] = list(http.failed)
        if self.certificate is not None:
            findings += self._tls(self.certificate)
            detail["tls"] = tls_detail(self.certificate, days_between(self.now, self.certificate.not_after))
        if self.plan.domain is not None:
            domain = judge_domain(self.plan.domain, self.expires_at, self.now)
            findings += of_domain(domain)
            detail["domain"] = {"daysLeft": domain.days_left}
            detail["reason"] = domain.reasons[0] if domain.days_left is None and not findings else None
        if fetched.redirects and fetched.target is not None:
            detail |= {"redirects": fetched.redirects, "final_url": fetched.target.url}
        return conclude(self._measured(attempt_us), findings, **detail)

    def _measured(self, attempt_us: int) -> Measured:
        return Measured(
            self.started_at,
            attempt_us,
            self.fetched.phases,
            self.fetched.status,
            certificate=self.certificate,
            domain_expires_at=self.expires_at,
        )

    def _http(self) -> HttpVerdict | None:
        fetched = self.fetched
        if fetched.fault is not None or fetched.last is None or fetched.target is None:
            return None
        last, total_us = fetched.last, fetched.phases.total_us or 0
        url = fetched.target.url
        facts = HttpFacts(last.status, total_us / 1000, last.headers, last.body, fetched.redirects, url)
        return judge_http(self.plan.config, facts)

    def _answer(self, http: HttpVerdict | None) -> list[Finding]:
        """What is wrong with the answer, or why there was none."""
        if http is None:
            return [self._broken()] if self.fetched.fault else []
        found = [Finding(each.severity, "assertion", "assertion", each.sentence) for each in http.failures]
        if http.degraded:
            found.append(slow(self.plan.config["degradedMs"], self.fetched.phases.total_us or 0))
        return found

    def _broken(self) -> Finding:
        """The fault; of a certificate that was refused, with the judge's sentence about it."""
        assert self.fetched.fault is not None
        failure = self.fetched.fault.failure
        if failure.error != "tls" or self.certificate is None:
            return of_failure(failure)
        days = days_between(self.now, self.certificate.not_after)
        sentence = certificate_sentence(failure.reason, self.certificate, self.host, days)
        return Finding("down", "tls", failure.reason, sentence)

    def _tls(self, certificate: Certificate) -> list[Finding]:
        if self.plan.tls is None:
            return []
        return of_certificate(judge_tls(self.plan.tls, certificate, self.host, self.now), certificate, self.host)
