"""What a probe found out, and what it means: plain frozen values between engine, judge and pipeline.

What is made for every check is a tuple, which costs a fraction of a frozen dataclass.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

Status = Literal["up", "warning", "down"]


class Phases(NamedTuple):
    """Microseconds a check spent in each phase; None where the phase did not happen."""

    dns_us: int | None = None
    connect_us: int | None = None
    tls_us: int | None = None
    ttfb_us: int | None = None
    total_us: int | None = None


@dataclass(frozen=True, slots=True)
class Certificate:
    """The leaf a server showed, and whether its chain leads to a trusted root."""

    not_before: datetime
    not_after: datetime
    subject: str
    issuer: str
    san: tuple[str, ...]  # "DNS:shop.example", "IP:203.0.113.7"
    trusted: bool
    chain_length: int
    version: str  # "TLSv1.3"; the protocol spoken, not the certificate's version


class HttpFacts(NamedTuple):
    """An answered HTTP exchange, after the redirects that were followed."""

    status: int
    elapsed_ms: float
    headers: Sequence[tuple[str, str]]
    body: bytes  # decoded, cut at 1 MiB
    redirects: int
    final_url: str


class DnsFacts(NamedTuple):
    """One resolver's answer; records are spelled as docs/decisions and the Dashmon contract 6.2 say."""

    rcode: str  # NOERROR, NXDOMAIN, SERVFAIL, REFUSED, TIMEOUT
    records: tuple[str, ...]
    min_ttl_s: int | None = None
    max_ttl_s: int | None = None
    authenticated: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A transport that broke: the coarse class, the finer reason and a sentence (contract 6.1)."""

    error: str  # dns, connect, tls, timeout, protocol, too_many_redirects, unsupported
    reason: str  # refused, reset, nxdomain, expired, blocked ...
    message: str


class CheckResult(NamedTuple):
    """One finished check, judged. `detail` holds error, reason, failed, tls, answer ...."""

    status: Status
    started_at: datetime
    phases: Phases = Phases()
    latency_us: int | None = None  # None when the check failed
    status_code: int | None = None
    severity: str = ""  # "critical" for a warning that must not wait, e.g. a certificate about to expire
    message: str = ""  # a sentence for people, empty when up
    detail: Mapping[str, Any] = MappingProxyType({})
    certificate: Certificate | None = None
    domain_expires_at: datetime | None = None
    ttl_s: int | None = None
    # False: this worker cannot run such a check (no ICMP socket, say); nothing is known about the target.
    measured: bool = True
