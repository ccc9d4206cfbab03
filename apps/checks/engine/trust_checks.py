"""Checks of what a host is trusted by: the certificate it shows, the registration of its domain."""

from apps.checks.engine.clock import Clock
from apps.checks.engine.fetch import Request, fetch
from apps.checks.engine.http_check import certificate_of
from apps.checks.engine.registry import Registry
from apps.checks.engine.tools import Budget, Tools
from apps.checks.engine.verdicts import (
    Finding,
    Measured,
    conclude,
    of_certificate,
    of_domain,
    of_failure,
    tls_detail,
)
from apps.checks.judge.certificates import judge_tls
from apps.checks.judge.domains import judge_domain
from apps.checks.plans import DomainPlan, TlsPlan
from apps.checks.types import CheckResult, Failure
from apps.common.egress import ForbiddenTargetError, parse_host

NO_CERTIFICATE = Failure("tls", "handshake", "The server showed no certificate")
NOT_A_HOST = Failure("connect", "blocked", "This is not a host name")


async def check_tls(tools: Tools, plan: TlsPlan, clock: Clock) -> CheckResult:
    """A handshake with any version, for the judge to see the certificate and what was spoken."""
    started_at = clock()
    budget = Budget(tools.reactor, plan.timeout_ms / 1000)
    try:
        host = parse_host(plan.host)
    except ForbiddenTargetError:
        return conclude(Measured(started_at, 0), [of_failure(NOT_A_HOST)])
    url = f"https://{host.bracketed}:{plan.port}/"
    request = Request(url, verify_host=False, min_tls="TLSv1.0", handshake_only=True)
    fetched = await fetch(tools, request, budget)
    certificate = certificate_of(fetched.last, verified=True)
    measured = Measured(started_at, budget.elapsed_us, fetched.phases, certificate=certificate)
    if certificate is None:
        failure = fetched.fault.failure if fetched.fault else NO_CERTIFICATE
        return conclude(measured, [of_failure(failure)])
    # A chain that was refused is the judge's business; everything else that broke is a fault.
    verdict = judge_tls(plan.config, certificate, host.name, clock())
    findings: list[Finding] = of_certificate(verdict, certificate, host.name)
    if fetched.fault and fetched.fault.failure.reason in {"handshake", "timeout"}:
        findings.insert(0, of_failure(fetched.fault.failure))
    return conclude(measured, findings, tls=tls_detail(certificate, verdict.days_left))


async def check_domain(tools: Tools, registry: Registry, plan: DomainPlan, clock: Clock) -> CheckResult:
    """The registry's word on a domain; when it has none, the check has no effect."""
    started_at = clock()
    budget = Budget(tools.reactor, plan.timeout_ms / 1000)
    try:
        host = parse_host(plan.host)
    except ForbiddenTargetError:
        return conclude(Measured(started_at, 0), [of_failure(NOT_A_HOST)])
    expires_at = await registry.expiry(host.name)
    verdict = judge_domain(plan.config, expires_at, clock())
    unknown = expires_at is None
    return conclude(
        Measured(started_at, budget.elapsed_us, domain_expires_at=expires_at),
        of_domain(verdict),
        domain={"daysLeft": verdict.days_left},
        reason=verdict.reasons[0] if unknown else None,
    )
