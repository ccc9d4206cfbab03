"""The verdict on a domain's registration (contract Dashmon 6.1)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.checks.judge.assertions import Severity
from apps.checks.judge.certificates import days_between, expiry_severity
from apps.checks.types import Status


@dataclass(frozen=True, slots=True)
class DomainVerdict:
    """At most a warning: a domain past its date often works for weeks, but nobody should wait."""

    status: Status
    severity: Severity
    days_left: int | None
    reasons: tuple[str, ...]


def judge_domain(config: Mapping[str, Any], expires_at: datetime | None, now: datetime) -> DomainVerdict:
    """Judge an expiry by `warnDays` (30) and `criticalDays` (7); None, not known, has no effect."""
    if expires_at is None:
        return DomainVerdict("up", "", None, ("domain_expiry_unknown",))
    days = days_between(now, expires_at)
    if now > expires_at:
        return DomainVerdict("warning", "critical", days, ("domain_expired",))
    severity = expiry_severity(config, days)
    if severity:
        return DomainVerdict("warning", severity, days, ("domain_expires_soon",))
    return DomainVerdict("up", "", days, ())
