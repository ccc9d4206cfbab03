"""What one check has to do, as plain frozen values: read off a device once, then handed to the engine."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

from apps.common.egress import ForbiddenTargetError, parse_url
from apps.common.egress.targets import DEFAULT_PORTS
from apps.common.errors import UnsupportedError
from apps.common.remembered import TARGETS_KEPT
from apps.devices.models import Device

Document = Mapping[str, Any]

HTTP_TIMEOUT_MS = 15_000  # contract Dashmon 6, "Probe choice for classes"
TCP_TIMEOUT_MS = 8_000
PING_TIMEOUT_MS = 2_000
TLS_TIMEOUT_MS = 15_000
DNS_TIMEOUT_MS = 5_000
REGISTRY_TIMEOUT_MS = 20_000
MAX_REDIRECTS = 10
PING_PACKETS = 3
LADDER_PORTS = (443, 80)


@dataclass(frozen=True, slots=True)
class HttpPlan:
    """One HTTP(S) request with its redirects, and what the answer must look like."""

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    timeout_ms: int = HTTP_TIMEOUT_MS
    follow_redirects: bool = True
    max_redirects: int = MAX_REDIRECTS
    verify: bool = True
    family: str = "auto"  # auto, 4 or 6
    config: Document = field(default_factory=dict)  # the synthetic document, for the judge
    tls: Document | None = None  # None: the certificate is read, but has no rule of its own
    domain: Document | None = None
    # What the engine made of this plan, beside which it is kept: the same plan is run again and again.
    prepared: Any = field(default=None, init=False, repr=False, compare=False)

    @property
    def budget_s(self) -> float:
        """The longest this check can take, in seconds."""
        registry = REGISTRY_TIMEOUT_MS if self.domain is not None else 0
        return max(self.timeout_ms, registry) / 1000


@dataclass(frozen=True, slots=True)
class TcpPlan:
    """A connection, and optionally a line to send and a text to find in the first 4 KiB."""

    host: str
    port: int
    timeout_ms: int = TCP_TIMEOUT_MS
    send: str | None = None
    expect: str | None = None
    config: Document = field(default_factory=dict)

    @property
    def budget_s(self) -> float:
        return self.timeout_ms / 1000


@dataclass(frozen=True, slots=True)
class PingPlan:
    """ICMP echoes, spread over the time there is; one answer is enough."""

    host: str
    timeout_ms: int = PING_TIMEOUT_MS
    packets: int = PING_PACKETS
    config: Document = field(default_factory=dict)

    @property
    def budget_s(self) -> float:
        return self.timeout_ms / 1000


@dataclass(frozen=True, slots=True)
class LadderPlan:
    """A thing with an address only: one echo, then TCP 443, then TCP 80; the first answer counts."""

    host: str
    timeout_ms: int = TCP_TIMEOUT_MS
    config: Document = field(default_factory=dict)

    @property
    def budget_s(self) -> float:
        return (PING_TIMEOUT_MS + len(LADDER_PORTS) * self.timeout_ms) / 1000


@dataclass(frozen=True, slots=True)
class DnsPlan:
    """A DNS question to one or more resolvers. `config` is the dns document of contract 6.2."""

    hostname: str
    record_type: str = "A"
    resolvers: tuple[str, ...] = ("system",)
    timeout_ms: int = DNS_TIMEOUT_MS  # of one attempt
    retries: int = 1
    config: Document = field(default_factory=dict)

    @property
    def budget_s(self) -> float:
        return (self.retries + 1) * self.timeout_ms / 1000


@dataclass(frozen=True, slots=True)
class TlsPlan:
    """A handshake, for its certificate."""

    host: str
    port: int = 443
    timeout_ms: int = TLS_TIMEOUT_MS
    config: Document = field(default_factory=dict)  # the tls part of the synthetic document

    @property
    def budget_s(self) -> float:
        return self.timeout_ms / 1000


@dataclass(frozen=True, slots=True)
class DomainPlan:
    """When the registration of a domain ends, by its registry."""

    host: str
    timeout_ms: int = REGISTRY_TIMEOUT_MS
    config: Document = field(default_factory=dict)  # the domain part of the synthetic document

    @property
    def budget_s(self) -> float:
        return self.timeout_ms / 1000


class Monitor(NamedTuple):
    """A device as its checks need it; the documents are still the text that is stored."""

    pk: int
    workspace_id: int
    interval_s: int
    retry_interval_s: int
    enabled: bool
    shard: int
    kind: str
    url: str
    host: str
    port: int | None
    synthetic: str | None
    dns: str | None


Plan = HttpPlan | TcpPlan | PingPlan | LadderPlan | DnsPlan | TlsPlan | DomainPlan


def plan_for(device: Device | Monitor) -> Plan:
    """The plan of a saved device; UnsupportedError for heartbeats and agents, which nobody probes."""
    if isinstance(device, Monitor):
        return _plan_of_text(*device[6:])
    return _plan(
        device.kind,
        url=device.url,
        host=device.host,
        port=device.port,
        synthetic=device.synthetic,
        dns=device.dns,
    )


@lru_cache(maxsize=TARGETS_KEPT)
def _plan_of_text(  # noqa: PLR0917  # the last columns of a Monitor
    kind: str, url: str, host: str, port: int | None, synthetic: str | None, dns: str | None
) -> Plan:
    """The same configuration is read at every check; reading it is pure, so it is done once."""
    documents = {"synthetic": json.loads(synthetic or "null"), "dns": json.loads(dns or "null")}
    return _plan(kind, url=url, host=host, port=port, **documents)


def plan_for_draft(config: Document) -> Plan:
    """The plan of a monitor that is not saved yet: the keys of `Device`, normalised alike.

    `kind`, and of `url`, `host`, `port`, `synthetic`, `dns` whatever the kind needs.
    """
    return _plan(
        str(config.get("kind") or Device.Kind.AUTO),
        url=config.get("url") or "",
        host=config.get("host") or "",
        port=config.get("port"),
        synthetic=config.get("synthetic"),
        dns=config.get("dns"),
    )


def _plan(
    kind: str, *, url: str, host: str, port: int | None, synthetic: Document | None, dns: Document | None
) -> Plan:
    enabled = synthetic is not None and synthetic.get("enabled", True)
    rules: Document = synthetic if synthetic is not None and enabled else {}
    request: Document = rules.get("request") or {}
    url = request.get("url") or url
    if kind == Device.Kind.AUTO:
        kind, ladder = _kind_of_class(url, port)
        if ladder:
            return LadderPlan(host, request.get("timeoutMs") or TCP_TIMEOUT_MS, rules)
    if kind == Device.Kind.HTTP:
        return _http(url or _url_of(host, port), request, rules)
    if kind == Device.Kind.DNS:
        return _dns(host, dns or {})
    place, own_port = _place_of(url)
    return _by_host(kind, host or place, port or own_port, request, rules)


def _kind_of_class(url: str, port: int | None) -> tuple[str, bool]:
    if url:
        return Device.Kind.HTTP, False
    return Device.Kind.TCP, port is None


def _by_host(kind: str, host: str, port: int | None, request: Document, rules: Document) -> Plan:
    if kind == Device.Kind.TCP:
        tcp: Document = rules.get("tcp") or {}
        timeout_ms = request.get("timeoutMs") or TCP_TIMEOUT_MS
        return TcpPlan(host, port or 0, timeout_ms, tcp.get("send"), tcp.get("expect"), rules)
    if kind == Device.Kind.PING:
        return PingPlan(host, request.get("timeoutMs") or PING_TIMEOUT_MS, config=rules)
    if kind == Device.Kind.TLS:
        timeout_ms = request.get("timeoutMs") or TLS_TIMEOUT_MS
        return TlsPlan(host, port or 443, timeout_ms, rules.get("tls") or {})
    if kind == Device.Kind.DOMAIN:
        return DomainPlan(host, config=rules.get("domain") or {})
    raise UnsupportedError(f"A {kind} monitor is not probed.")


def _http(url: str, request: Document, rules: Document) -> HttpPlan:
    body = request.get("body")
    redirects = request.get("maxRedirects")
    return HttpPlan(
        url=url,
        method=str(request.get("method") or "GET").upper(),
        headers=tuple((name, str(value)) for name, value in (request.get("headers") or {}).items()),
        body=None if body is None else str(body).encode(),
        timeout_ms=request.get("timeoutMs") or HTTP_TIMEOUT_MS,
        follow_redirects=request.get("followRedirects", True),
        max_redirects=MAX_REDIRECTS if redirects is None else redirects,
        verify=request.get("tlsVerify", True),
        family=str(request.get("ipFamily") or "auto"),
        config=rules,
        tls=_part(rules, "tls"),
        domain=_part(rules, "domain"),
    )


def _dns(host: str, document: Document) -> DnsPlan:
    retries = document.get("retries")
    return DnsPlan(
        hostname=document.get("hostname") or host,
        record_type=str(document.get("recordType") or "A").upper(),
        resolvers=tuple(document.get("resolvers") or ("system",)),
        timeout_ms=document.get("timeoutMs") or DNS_TIMEOUT_MS,
        retries=1 if retries is None else retries,
        config=document,
    )


def _part(rules: Document, name: str) -> Document | None:
    """One optional part of the synthetic document, None unless it is switched on."""
    part = rules.get(name)
    return part if part and part.get("enabled") else None


def _url_of(host: str, port: int | None) -> str:
    name = f"[{host}]" if ":" in host and not host.startswith("[") else host
    scheme = "https" if port == 443 else "http"
    return f"{scheme}://{name}" if port in {None, 80, 443} else f"{scheme}://{name}:{port}"


def _place_of(url: str) -> tuple[str, int | None]:
    """Host and port of a URL; the port is None where the scheme implies it.

    Text that is no URL is handed on as it is: the engine refuses it as a host, and says so.
    """
    if not url:
        return "", None
    try:
        target = parse_url(url)
    except ForbiddenTargetError:
        return url, None
    return target.host.bracketed, None if target.port in DEFAULT_PORTS.values() else target.port
