"""libcurl on the reactor: one multi handle, persistent easy handles, a fresh connection for every hop."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pycurl

from apps.checks.engine.certificate import CertInfo
from apps.checks.engine.faults import Fault
from apps.checks.engine.flow import Waiter
from apps.checks.engine.reactor import FAULT, READ, WRITE, Reactor, Timer
from apps.checks.engine.transport_faults import headers_too_large, transport_fault, truncated
from apps.checks.headers import Headers
from apps.common.egress import Target
from apps.common.egress.addresses import Address

BODY_LIMIT = 1024 * 1024
HEADER_LIMIT = 64 * 1024
# A packed body is unpacked further than it is kept, to tell a long page from a bomb: ordinary text
# shrinks 5 to 20 fold, deflate's limit is about 1 030.
UNPACK_LIMIT = 8 * BODY_LIMIT
BOMB_RATIO = 100
TLS_VERSIONS: Mapping[str, int] = {
    "TLSv1": pycurl.SSLVERSION_TLSv1_0,
    "TLSv1.0": pycurl.SSLVERSION_TLSv1_0,
    "TLSv1.1": pycurl.SSLVERSION_TLSv1_1,
    "TLSv1.2": pycurl.SSLVERSION_TLSv1_2,
    "TLSv1.3": pycurl.SSLVERSION_TLSv1_3,
}
DEFAULT_TLS = "TLSv1.2"
NEWEST_TLS = "TLSv1.3"
# OpenSSL speaks TLS 1.0 and 1.1 at its lowest security level only.
OLD_CIPHERS = "DEFAULT:@SECLEVEL=0"
# Of what every server of TLS 1.3 has to speak (RFC 8446, 9.1) the cheapest first; the usual rest is offered as well. In
# the words of OpenSSL: other libraries choose for themselves.
CHEAP_HANDSHAKE: tuple[tuple[int, str], ...] = (
    (
        (pycurl.TLS13_CIPHERS, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256"),
        (pycurl.SSL_EC_CURVES, "P-256:X25519:P-384:P-521"),
    )
    if "OpenSSL" in pycurl.version
    else ()
)
# What libcurl and epoll call the same things.
WANTED = (0, READ, WRITE, READ | WRITE)
HAPPENED = tuple(
    (pycurl.CSELECT_IN if events & (READ | FAULT) else 0) | (pycurl.CSELECT_OUT if events & (WRITE | FAULT) else 0)
    for events in range(READ | WRITE | FAULT | 1 << 5)
)
STATUS_LINE, BLANK = b"HTTP/", b"\r\n"
OWN_HEADERS = frozenset({"content-length", "transfer-encoding"})


class Hop(NamedTuple):
    """One request to one checked address."""

    target: Target
    address: Address
    timeout_ms: int
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    verify_chain: bool = True
    verify_host: bool = True
    min_tls: str = DEFAULT_TLS
    handshake_only: bool = False

    @property
    def plain(self) -> bool:
        """Nothing but a GET with the usual settings: the handle needs no reset for it."""
        usual = self.verify_chain and self.verify_host and self.min_tls == DEFAULT_TLS
        return self.method == "GET" and not self.headers and self.body is None and usual

    @property
    def observes_version(self) -> bool:
        """Whether the spoken TLS version is read from libcurl's own log, which is not cheap."""
        return self.handshake_only or self.min_tls in {"TLSv1", "TLSv1.0", "TLSv1.1"}


class HopAnswer(NamedTuple):
    """How one hop went. Times are microseconds; `fault` is None when an answer came.

    `tls_version` is empty where it was not observed: the handshake itself holds the minimum then.
    """

    status: int
    headers: Headers
    body: bytes
    connect_us: int
    tls_us: int
    ttfb_us: int
    total_us: int
    chain: CertInfo
    verify_result: int
    tls_version: str
    fault: Fault | None


class Lane:
    """Runs hops. Everything it calls back happens inside `Reactor.turn`."""

    def __init__(self, reactor: Reactor, *, ca_bundle: str, user_agent: str) -> None:
        self._reactor = reactor
        self._ca_bundle = ca_bundle
        self._user_agent = user_agent
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._on_timer)
        self._timer: Timer | None = None
        self._due = 0.0  # when libcurl wants to be called; an armed timer may be earlier
        self._acted = False
        self._handler = self._act
        reactor.at_end(self._reap)
        self._idle: list[_Slot] = []
        self._busy: dict[Any, tuple[_Slot, Callable[[HopAnswer], object]]] = {}

    def send(self, hop: Hop) -> Waiter[HopAnswer]:
        """Send one request; never fails, the answer carries the fault."""
        waiter: Waiter[HopAnswer] = Waiter()
        self.start(hop, waiter.resolve)
        return waiter

    def start(self, hop: Hop, done: Callable[[HopAnswer], object]) -> None:
        """The same, with a function that is called with the answer; it must not raise."""
        slot = self._idle.pop() if self._idle and not hop.handshake_only else _Slot()
        slot.prepare(hop, ca_bundle=self._ca_bundle, user_agent=self._user_agent)
        self._busy[slot.curl] = (slot, done)
        self._multi.add_handle(slot.curl)

    def close(self) -> None:
        for curl, (slot, _) in self._busy.items():
            self._multi.remove_handle(curl)
            slot.curl.close()
        for slot in self._idle:
            slot.curl.close()
        self._busy.clear()
        self._idle.clear()
        self._multi.close()

    def _on_socket(self, event: int, fd: int, _multi: Any, _data: Any) -> None:
        if event == pycurl.POLL_REMOVE:
            # No connection is kept (FORBID_REUSE), so libcurl closes it next.
            self._reactor.leave(fd)
        else:
            self._reactor.watch(fd, WANTED[event], self._handler)

    def _on_timer(self, delay_ms: int) -> None:
        # Called with nearly every request: an armed timer that is early enough is left as it is.
        if delay_ms < 0:
            self._due = math.inf
            return
        self._due = self._reactor.now() + delay_ms / 1000
        if self._timer is None or self._timer.when > self._due:
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._reactor.call_at(self._due, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        if self._due <= self._reactor.now():
            self._due = math.inf
            self._acted = True
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        if self._timer is None and self._due < math.inf:
            self._arm()

    def _act(self, fd: int, events: int) -> None:
        self._acted = True
        self._multi.socket_action(fd, HAPPENED[events])

    def _reap(self) -> None:
        """Take what has finished in this turn."""
        if not self._acted:
            return
        self._acted = False
        left = 1
        while left:
            left, finished, failed = self._multi.info_read()
            for curl in finished:
                self._finish(curl, 0, "")
            for curl, code, message in failed:
                self._finish(curl, code, message)

    def _finish(self, curl: Any, code: int, message: str) -> None:
        slot, done = self._busy.pop(curl)
        answer = slot.answer(code, message)
        self._multi.remove_handle(curl)
        if slot.hop.handshake_only:
            # Such a handle would keep its connection for later reading.
            curl.close()
        else:
            self._idle.append(slot)
        done(answer)


class _Slot:
    """One easy handle and what its callbacks have collected."""

    def __init__(self) -> None:
        self.curl = pycurl.Curl()
        self.hop: Hop
        self._fresh = True
        self._pinned = False
        self._lines: list[bytes] = []  # libcurl appends to this very list
        self._clear()

    def _clear(self) -> None:
        self._chunks: list[bytes] = []
        self._lines.clear()
        self._overflow = False
        self._version = ""
        self._decoded = 0

    def prepare(self, hop: Hop, *, ca_bundle: str, user_agent: str) -> None:
        """Set what this hop needs; most hops differ in address, URL and time only."""
        self._clear()
        if self._fresh:
            self._set_usual(ca_bundle, user_agent)
        self.hop = hop
        self.curl.setopt(pycurl.URL, hop.target.url)
        self._pin(hop)
        self.curl.setopt(pycurl.TIMEOUT_MS, max(1, hop.timeout_ms))
        self._fresh = not hop.plain or hop.handshake_only
        if self._fresh:
            self._set_special(hop)

    def _pin(self, hop: Hop) -> None:
        """Connect to the address that was judged, whatever the URL says."""
        if hop.address is hop.target.host.address:
            # The URL spells this very address: there is nothing to look up, and nothing to pin.
            if self._pinned:
                self.curl.unsetopt(pycurl.CONNECT_TO)
                self._pinned = False
            return
        host = f"[{hop.address}]" if hop.address.version == 6 else str(hop.address)
        self.curl.setopt(pycurl.CONNECT_TO, [f"::{host}:{hop.target.port}"])
        self._pinned = True

    def _set_usual(self, ca_bundle: str, user_agent: str) -> None:
        self.curl.reset()
        self._pinned = False
        for option, value in (
            (pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS),
            (pycurl.FOLLOWLOCATION, 0),
            (pycurl.FRESH_CONNECT, 1),
            (pycurl.FORBID_REUSE, 1),
            (pycurl.SSL_SESSIONID_CACHE, 0),  # a resumed handshake shows no certificate
            (pycurl.DNS_CACHE_TIMEOUT, 0),  # its cache makes every check dearer with every host
            (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1),
            (pycurl.PROXY, ""),
            (pycurl.NOPROXY, "*"),
            (pycurl.NOSIGNAL, 1),
            (pycurl.ACCEPT_ENCODING, ""),
            (pycurl.USERAGENT, user_agent),
            (pycurl.CAINFO, ca_bundle),
            (pycurl.OPT_CERTINFO, 1),
            (pycurl.SSLVERSION, TLS_VERSIONS[DEFAULT_TLS]),
            *CHEAP_HANDSHAKE,
            (pycurl.WRITEFUNCTION, self._on_body),
            (pycurl.HEADERFUNCTION, self._lines.append),
        ):
            self.curl.setopt(option, value)

    def _set_special(self, hop: Hop) -> None:
        curl = self.curl
        curl.setopt(pycurl.SSL_VERIFYPEER, int(hop.verify_chain))
        curl.setopt(pycurl.SSL_VERIFYHOST, 2 if hop.verify_host else 0)
        curl.setopt(pycurl.SSLVERSION, TLS_VERSIONS[hop.min_tls])
        if hop.observes_version:
            curl.setopt(pycurl.SSL_CIPHER_LIST, OLD_CIPHERS)
            curl.setopt(pycurl.VERBOSE, 1)
            curl.setopt(pycurl.DEBUGFUNCTION, self._on_log)
        if hop.handshake_only:
            curl.setopt(pycurl.CONNECT_ONLY, 1)
        if hop.method == "HEAD":
            curl.setopt(pycurl.NOBODY, 1)
        elif hop.body is not None:
            curl.setopt(pycurl.POSTFIELDS, hop.body)
        if hop.method not in {"GET", "HEAD"} or hop.body is not None:
            curl.setopt(pycurl.CUSTOMREQUEST, hop.method)
        curl.setopt(pycurl.HTTPHEADER, header_lines(hop.headers))

    def _on_body(self, chunk: bytes) -> int | None:
        before = self._decoded
        self._decoded += len(chunk)
        if self._decoded <= BODY_LIMIT:
            self._chunks.append(chunk)
            return None
        if before < BODY_LIMIT:
            self._chunks.append(chunk[: BODY_LIMIT - before])
        self._overflow = self._decoded > UNPACK_LIMIT or not self._packed
        return 0 if self._overflow else None

    @property
    def _packed(self) -> bool:
        return any(line[:17].lower() == b"content-encoding:" for line in self._lines)

    def _on_log(self, kind: int, text: bytes) -> None:
        if kind == pycurl.INFOTYPE_TEXT and text.startswith(b"SSL connection using "):
            self._version = text.split()[3].decode("ascii", "replace")

    def answer(self, code: int, message: str) -> HopAnswer:
        info = self.curl.getinfo
        secure = self.hop.target.scheme == "https"
        connect, tls = info(pycurl.CONNECT_TIME_T), info(pycurl.APPCONNECT_TIME_T) if secure else 0
        total, lines, chunks = info(pycurl.TOTAL_TIME_T), final_lines(self._lines), self._chunks
        return HopAnswer(
            info(pycurl.RESPONSE_CODE),
            Headers(lines[1:]),
            chunks[0] if len(chunks) == 1 else b"".join(chunks),
            *spent(connect, tls, info(pycurl.STARTTRANSFER_TIME_T), total, secure=secure),
            chain=self.curl.getinfo_raw(pycurl.INFO_CERTINFO) if secure else (),
            verify_result=info(pycurl.SSL_VERIFYRESULT) if secure else 0,
            tls_version=self._version or (NEWEST_TLS if self.hop.min_tls == NEWEST_TLS else ""),
            fault=self._fault(code, message, lines, connected=connect > 0, secured=tls > 0 or not secure),
        )

    def _fault(self, code: int, message: str, lines: list[bytes], *, connected: bool, secured: bool) -> Fault | None:
        if sum(map(len, self._lines)) > HEADER_LIMIT:
            return headers_too_large()
        if not code and lines and not is_complete(lines):
            # libcurl takes the end of the connection for the end of the headers.
            return truncated()
        if not code and self._decoded <= BODY_LIMIT:
            return None
        received = self.curl.getinfo(pycurl.SIZE_DOWNLOAD_T)
        if self._decoded > BODY_LIMIT and self._packed and received * BOMB_RATIO < self._decoded:
            return Fault("protocol", "too_large", "The compressed body unpacks to far more than its size")
        if not code or self._overflow:
            # A long body is no fault: rules look at its first mebibyte.
            return None
        return transport_fault(
            code,
            message,
            os_error=self.curl.getinfo(pycurl.OS_ERRNO),
            verify_result=self.curl.getinfo(pycurl.SSL_VERIFYRESULT),
            connected=connected,
            secured=secured,
            answered=bool(self._lines),
        )


def spent(connect: int, tls: int, first: int, total: int, *, secure: bool) -> tuple[int, int, int, int]:
    """Turn libcurl's instants since the start into time per phase: connect, TLS, first byte, total.

    The phase that broke takes the rest.
    """
    if not connect:
        return total, 0, 0, total
    if secure and not tls:
        return connect, total - connect, 0, total
    ready = max(connect, tls)
    return connect, ready - connect, max(0, (first or total) - ready), total


def final_lines(lines: list[bytes]) -> list[bytes]:
    """The lines from the last status line on: what came before was interim (100, 103)."""
    if lines and lines[-1] == BLANK and lines.index(BLANK) == len(lines) - 1:
        return lines[:]
    for index in range(len(lines) - 1, 0, -1):
        if lines[index].startswith(STATUS_LINE):
            return lines[index:]
    return lines[:]


def is_complete(lines: list[bytes]) -> bool:
    """Whether the blank line after the headers has come."""
    return not lines[-1].strip() or not all(line.strip() for line in lines)


def header_lines(headers: tuple[tuple[str, str], ...]) -> list[str]:
    """Lines for libcurl: `Name;` sends an empty value, and lengths are its own business."""
    lines = ["Expect:"]
    given = {name.lower() for name, _ in headers}
    if "content-type" not in given:
        lines.append("Content-Type:")
    for name, value in headers:
        if name.lower() not in OWN_HEADERS:
            lines.append(f"{name}: {value}" if value else f"{name};")
    return lines
