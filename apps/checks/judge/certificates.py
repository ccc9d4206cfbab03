"""The verdict on a certificate (contract Dashmon 6.1; host names by RFC 6125 without its partial wildcards)."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from apps.checks.judge.assertions import Severity
from apps.checks.types import Certificate, Status

WARN_DAYS = 30
CRITICAL_DAYS = 7
MIN_VERSION = "TLSv1.2"

# Oldest first; OpenSSL spells the first TLS both ways.
_VERSIONS = {"SSLv2": 0, "SSLv3": 1, "TLSv1": 2, "TLSv1.0": 2, "TLSv1.1": 3, "TLSv1.2": 4, "TLSv1.3": 5}


@dataclass(frozen=True, slots=True)
class TlsVerdict:
    """Status, severity ("" when up), whole days to expiry (negative when past) and reasons in fixed order."""

    status: Status
    severity: Severity
    days_left: int
    reasons: tuple[str, ...]


def judge_tls(config: Mapping[str, Any], certificate: Certificate, host: str, now: datetime) -> TlsVerdict:
    """Judge a leaf for `host` by the `tls` part of a synthetic document; absent keys take its defaults.

    Broken (down, critical): not_yet_valid, expired, hostname_mismatch, untrusted_chain, protocol_too_old.
    A certificate that works is at most a warning: expires_soon.
    """
    days = days_between(now, certificate.not_after)
    faults = {
        "not_yet_valid": now < certificate.not_before,
        "expired": now > certificate.not_after,
        "hostname_mismatch": config.get("checkHostname", True) and not covers(certificate.san, host),
        "untrusted_chain": config.get("requireTrustedChain", True) and not certificate.trusted,
        "protocol_too_old": _older(certificate.version, config.get("minVersion") or MIN_VERSION),
    }
    reasons = tuple(reason for reason, broken in faults.items() if broken)
    if reasons:
        return TlsVerdict("down", "critical", days, reasons)
    severity = expiry_severity(config, days)
    if severity:
        return TlsVerdict("warning", severity, days, ("expires_soon",))
    return TlsVerdict("up", "", days, ())


def days_between(now: datetime, end: datetime) -> int:
    """Whole days from now to the end, rounded down: one second late is -1."""
    return (end - now) // timedelta(days=1)


def expiry_severity(config: Mapping[str, Any], days: int) -> Severity:
    """How loud an expiry in `days` days is under `warnDays` and `criticalDays`."""
    if days < config.get("criticalDays", CRITICAL_DAYS):
        return "critical"
    return "warning" if days < config.get("warnDays", WARN_DAYS) else ""


def covers(san: tuple[str, ...], host: str) -> bool:
    """Whether a subject alternative name covers the host; addresses count only against IP entries."""
    address = _address(host.strip("[]"))
    if address is not None:
        return any(_address(entry[3:]) == address for entry in san if entry[:3].upper() == "IP:")
    name = _ascii(host)
    patterns = (_ascii(entry[4:]) for entry in san if entry[:4].upper() == "DNS:")
    return bool(name) and any(_matches(pattern, name) for pattern in patterns)


def _matches(pattern: str, name: str) -> bool:
    head, _, rest = pattern.partition(".")
    if head != "*":
        return pattern == name
    # The star is one whole label, with at least two more after it: `*.com` never matches.
    first, _, parent = name.partition(".")
    return bool(first) and "." in rest and parent == rest


def _ascii(name: str) -> str:
    lower = name.rstrip(".").lower()
    if lower.isascii():
        return lower
    try:
        return lower.encode("idna").decode()
    except UnicodeError:
        return ""


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None


def _older(version: str, minimum: str) -> bool:
    # A version nobody can name is not evidence of age.
    return _VERSIONS.get(version, 5) < _VERSIONS.get(minimum, 0)
