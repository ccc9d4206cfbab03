"""One blocking POST to the outside world, through the egress guard: notifications and hooks use it."""

import ipaddress
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pycares
import pycurl
from django.conf import settings

from apps.common.egress import ForbiddenTargetError, Guard, Target, current_guard, parse_url
from apps.common.egress.addresses import Address
from apps.common.trust import ca_bundle

BODY_START = 4096
HEADER_LIMIT = 64 * 1024
RESOLVE_SHARE = 0.5  # a name server that hangs leaves half of the time for the request itself
CURL_REASONS: Mapping[int, str] = {
    pycurl.E_OPERATION_TIMEDOUT: "timeout",
    pycurl.E_COULDNT_CONNECT: "connect",
    pycurl.E_PEER_FAILED_VERIFICATION: "tls",
    pycurl.E_SSL_CONNECT_ERROR: "tls",
}


class OutboundError(Exception):
    """The request got no answer; `reason` is blocked, dns, connect, tls, timeout or protocol."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason
        self.message = message or reason


@dataclass(frozen=True, slots=True)
class OutboundAnswer:
    """What the other side said: its status and the first 4 KiB of the body, decoded."""

    status: int
    body_start: bytes
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case, the last value wins
    phrase: str = ""  # what stands behind the status in the status line


def post(
    url: str, body: bytes, headers: Mapping[str, str], timeout_s: float, guard: Guard | None = None
) -> OutboundAnswer:
    """POST and return whatever answer comes, 5xx included; OutboundError when none does.

    The address is resolved here, judged by the guard and pinned; redirects are answers, not followed.
    """
    return request("POST", url, body=body, headers=headers, timeout_s=timeout_s, guard=guard)


def request(
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 10.0,
    verify_tls: bool = True,
    guard: Guard | None = None,
) -> OutboundAnswer:
    """The same for any method; `timeout_s` bounds the whole of resolving, connecting and reading.

    Without `verify_tls` any certificate will do: somebody said so for one target of their own.
    """
    started = time.monotonic()
    lines = _header_lines(headers or {})
    target, address = _judged(url, guard or current_guard(), timeout_s * RESOLVE_SHARE)
    exchange = _Exchange()
    left_s = timeout_s - (time.monotonic() - started)
    curl = _prepared(method, target, address, left_s=left_s, exchange=exchange)
    curl.setopt(pycurl.HTTPHEADER, lines)
    if not verify_tls:
        curl.setopt(pycurl.SSL_VERIFYPEER, 0)
        curl.setopt(pycurl.SSL_VERIFYHOST, 0)
    if body is not None:
        curl.setopt(pycurl.POSTFIELDS, body)
    try:
        curl.perform()
    except pycurl.error as error:
        return exchange.after_error(curl, error.args[0], str(error.args[1]))
    else:
        return exchange.answer(curl)
    finally:
        curl.close()


def _judged(url: str, guard: Guard, timeout_s: float) -> tuple[Target, Address]:
    """The target and an address of it that the guard lets pass, IPv4 before IPv6."""
    try:
        target = parse_url(url)
        guard.check_host(target.host, target.port)
        addresses = target.host.fixed or resolve(target.host.name, timeout_s)
        allowed = guard.allowed(target.host, addresses, target.port)
    except ForbiddenTargetError as error:
        raise OutboundError("blocked", error.message) from error
    return target, min(allowed, key=lambda address: address.version)


def judged_address(host: str, port: int, timeout_s: float, guard: Guard | None = None) -> Address:
    """An address of a host that the guard lets pass, for whoever dials by itself; OutboundError otherwise."""
    spelled = f"[{host}]" if ":" in host else host
    return _judged(f"http://{spelled}:{port}/", guard or current_guard(), timeout_s)[1]


def resolve(name: str, timeout_s: float) -> tuple[Address, ...]:
    """Every address of a name, by the hosts file and the configured resolvers; OutboundError("dns")."""
    done = threading.Event()
    found: list[Address] = []

    def take(result: Any, error: int | None) -> None:
        if error is None:
            found.extend(ipaddress.ip_address(node.addr[0].decode()) for node in result.nodes)
        done.set()

    channel = pycares.Channel(timeout=timeout_s / 2, tries=2, servers=settings.PROBE_RESOLVERS or None)
    try:
        channel.getaddrinfo(name, None, type=1, callback=take)
        done.wait(timeout_s)
    finally:
        channel.close()
    if not found:
        raise OutboundError("dns", f"{name} has no address, or its name servers did not answer.")
    return tuple(found)


class _Exchange:
    """Collects one answer within its bounds."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.headers: dict[str, str] = {}
        self.header_size = 0
        self.phrase = ""

    def on_body(self, chunk: bytes) -> int:
        room = BODY_START - len(self.body)
        self.body += chunk[:room]
        # A short count stops the transfer: what was asked for has been read.
        return len(chunk) if len(chunk) <= room else -1

    def on_header(self, line: bytes) -> int:
        self.header_size += len(line)
        name, colon, value = line.decode("latin-1").partition(":")
        if line.startswith(b"HTTP/"):
            self.phrase = line.decode("latin-1").strip().partition(" ")[2].partition(" ")[2]
        elif colon:
            self.headers[name.strip().lower()] = value.strip()
        return len(line) if self.header_size <= HEADER_LIMIT else -1

    def answer(self, curl: Any) -> OutboundAnswer:
        return OutboundAnswer(curl.getinfo(pycurl.RESPONSE_CODE), bytes(self.body), self.headers, self.phrase)

    def after_error(self, curl: Any, code: int, message: str) -> OutboundAnswer:
        """An answer that was cut on purpose is an answer; everything else is an error."""
        if code == pycurl.E_WRITE_ERROR and self.header_size <= HEADER_LIMIT and self.body:
            return self.answer(curl)
        raise OutboundError(CURL_REASONS.get(code, "protocol"), message)


def _header_lines(headers: Mapping[str, str]) -> list[str]:
    """Header lines for libcurl, which would send a line break inside a value as it stands."""
    if any(ch in text for pair in headers.items() for text in pair for ch in "\r\n\0"):
        raise OutboundError("protocol", "A header may not hold line breaks.")
    # An empty Expect keeps libcurl from waiting for a 100 that many receivers never send.
    return [f"{name}: {value}" for name, value in {"Expect": "", **headers}.items()]


def _prepared(method: str, target: Target, address: Address, *, left_s: float, exchange: _Exchange) -> Any:
    pinned = f"[{address}]" if address.version == 6 else str(address)
    curl = pycurl.Curl()
    for option, value in (
        (pycurl.URL, target.url),
        (pycurl.CONNECT_TO, [f"::{pinned}:{target.port}"]),
        (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
        (pycurl.FOLLOWLOCATION, 0),
        (pycurl.PROXY, ""),
        (pycurl.NOPROXY, "*"),
        (pycurl.NOSIGNAL, 1),
        (pycurl.CAINFO, ca_bundle()),
        (pycurl.TIMEOUT_MS, max(1, int(left_s * 1000))),
        (pycurl.ACCEPT_ENCODING, ""),
        (pycurl.CUSTOMREQUEST, method),
        (pycurl.NOBODY, int(method == "HEAD")),
        (pycurl.WRITEFUNCTION, exchange.on_body),
        (pycurl.HEADERFUNCTION, exchange.on_header),
    ):
        curl.setopt(option, value)
    return curl
