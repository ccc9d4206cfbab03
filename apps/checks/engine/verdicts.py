"""From facts and the judges' words to one CheckResult. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from apps.checks.judge.certificates import TlsVerdict
from apps.checks.judge.domains import DomainVerdict
from apps.checks.types import Certificate, CheckResult, Failure, Phases, Status

NO_PHASES = Phases()
RANK: Mapping[str, int] = {"down": 2, "warning": 1, "up": 0}


class Finding(NamedTuple):
    """One thing a check found wrong, in the words of contract Dashmon 6.1."""

    status: Status
    error: str
    reason: str
    message: str
    critical: bool = False


class Measured(NamedTuple):
    """What was measured around the findings."""

    started_at: datetime
    attempt_us: int
    phases: Phases = NO_PHASES
    status_code: int | None = None
    certificate: Certificate | None = None
    domain_expires_at: datetime | None = None
    ttl_s: int | None = None


def conclude(measured: Measured, findings: Sequence[Finding], **detail: Any) -> CheckResult:
    """The result: the worst finding names it, the first of equals; entries of `detail` that are None are left out.

    A check that failed has no latency; how long it tried stands in `detail.attempt_ms`.
    """
    said = {key: value for key, value in detail.items() if value is not None} if detail else detail
    latency = measured.phases.total_us
    latency = measured.attempt_us if latency is None else latency
    if not findings:
        return _result(measured, "up", latency, "", "", said)
    worst = max(findings, key=lambda finding: RANK[finding.status])
    words: dict[str, Any] = {"error": worst.error} if worst.error else {}
    words["reason"] = worst.reason
    if worst.status == "down":
        words["attempt_ms"] = round(measured.attempt_us / 1000)
        return _result(measured, "down", None, "", worst.message, words | said)
    severity = "critical" if worst.status == "warning" and any(each.critical for each in findings) else ""
    return _result(measured, worst.status, latency, severity, worst.message, words | said)


def _result(  # noqa: PLR0917  # in the order of CheckResult: names would cost more than all the rest
    measured: Measured, status: Status, latency_us: int | None, severity: str, message: str, detail: dict[str, Any]
) -> CheckResult:
    return CheckResult(
        status,
        measured.started_at,
        measured.phases,
        latency_us,
        measured.status_code,
        severity,
        message,
        detail,
        measured.certificate,
        measured.domain_expires_at,
        measured.ttl_s,
    )


def not_measured(started_at: datetime, error: str, message: str) -> CheckResult:
    """This worker could not run the check, so nothing is known: no outage, no success, a gap."""
    return CheckResult(
        status="up",
        started_at=started_at,
        message=message,
        detail={"error": error},
        measured=False,
    )


def of_failure(failure: Failure) -> Finding:
    return Finding("down", failure.error, failure.reason, failure.message)


def of_slowness(config: Mapping[str, Any], elapsed_us: int) -> list[Finding]:
    """A warning when the check took longer than `degradedMs`."""
    limit = config.get("degradedMs")
    if limit is None or elapsed_us <= limit * 1000:
        return []
    return [slow(limit, elapsed_us)]


def slow(limit_ms: int, elapsed_us: int) -> Finding:
    return Finding("warning", "", "degraded", f"Answered in {round(elapsed_us / 1000)} ms, more than {limit_ms} ms")


def of_certificate(verdict: TlsVerdict, certificate: Certificate, host: str) -> list[Finding]:
    """What the judge says of a certificate, in words."""
    if verdict.status == "up":
        return []
    reason = verdict.reasons[0]
    error = "tls" if verdict.status == "down" else ""
    critical = verdict.severity == "critical"
    message = certificate_sentence(reason, certificate, host, verdict.days_left)
    return [Finding(verdict.status, error, reason, message, critical)]


def certificate_sentence(reason: str, certificate: Certificate, host: str, days: int) -> str:
    sentences = {
        "expired": f"Certificate expired {_ago(days)}",
        "not_yet_valid": f"Certificate is not valid before {certificate.not_before:%Y-%m-%d %H:%M} UTC",
        "hostname_mismatch": f"Certificate does not cover {host}",
        "untrusted_chain": "Certificate is not signed by an authority that is trusted here",
        "protocol_too_old": f"The server speaks {certificate.version}, older than the minimum",
        "expires_soon": f"Certificate expires {_ahead(days)}",
    }
    return sentences.get(reason, "Certificate is not acceptable")


def of_domain(verdict: DomainVerdict) -> list[Finding]:
    """What the judge says of a registration, in words; an unknown expiry is no finding."""
    if verdict.status == "up" or verdict.days_left is None:
        return []
    reason = verdict.reasons[0]
    when = _ago(verdict.days_left) if reason == "domain_expired" else _ahead(verdict.days_left)
    verb = "expired" if reason == "domain_expired" else "expires"
    critical = verdict.severity == "critical"
    return [Finding(verdict.status, "", reason, f"Domain registration {verb} {when}", critical)]


def tls_detail(certificate: Certificate, days_left: int) -> dict[str, Any]:
    """`detail.tls` of contract Dashmon 6.1."""
    return {
        "daysLeft": days_left,
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "chainLength": certificate.chain_length,
    }


def _ago(days: int) -> str:
    # Days left are rounded down, so -1 is anything up to one whole day past.
    past = -days - 1
    return "today" if past <= 0 else "1 day ago" if past == 1 else f"{past} days ago"


def _ahead(days: int) -> str:
    return "today" if days <= 0 else "in 1 day" if days == 1 else f"in {days} days"
