"""ICMP echoes (RFC 792, RFC 4443) over one shared socket per address family."""

import contextlib
import secrets
import socket
import struct
from functools import partial

from apps.checks.engine.chance import Chance
from apps.checks.engine.faults import Fault, os_fault
from apps.checks.engine.flow import Waiter
from apps.checks.engine.reactor import READ, Reactor, Timer
from apps.common.egress.addresses import Address

ECHO = {4: 8, 6: 128}
REPLY = {4: 0, 6: 129}
COOKIE = 16
PADDING = bytes(40)  # with the header the 64 bytes that ping sends
HEAD = struct.Struct("!BBHHH")
ICMP_FILTER = 1  # linux/icmp.h: a mask of types to drop
ICMP6_FILTER = 1  # linux/icmpv6.h: likewise, 256 bits
RECEIVE_BUFFER = 4 << 20
RECEIVED = 256  # the longest IPv4 header, and more than what we sent
NOBODY = (None, 0.0)
_cookies = Chance(COOKIE)


class NoIcmpError(Exception):
    """This process may not open an ICMP socket; nothing is known about any target."""


class Series:
    """The packets of one ping, sent one after the other until a reply comes, and who hears of it."""

    __slots__ = ("cookies", "deadline", "gap_s", "left", "text", "timer", "version")

    def __init__(self, address: Address, text: str) -> None:
        """`text` spells the address."""
        self.version = address.version
        self.text = text
        self.cookies: list[bytes] = []
        self.timer: Timer | None = None
        self.deadline = self.gap_s = 0.0
        self.left = 0

    def replied(self, us: int) -> None:
        """Called with the microseconds to the first reply."""
        raise NotImplementedError

    def failed(self, error: Fault | NoIcmpError) -> None:
        """Called instead when there is none."""
        raise NotImplementedError


class _Awaited(Series):
    """A ping that a coroutine waits for."""

    __slots__ = ("waiter",)

    def __init__(self, address: Address) -> None:
        super().__init__(address, str(address))
        self.waiter: Waiter[int] = Waiter()

    def replied(self, us: int) -> None:
        self.waiter.resolve(us)

    def failed(self, error: Fault | NoIcmpError) -> None:
        self.waiter.fail(error)


class Pinger:
    """Sends echoes and hands each reply to whoever waits for it.

    A raw socket sees every echo reply of the machine, so a reply counts only when it carries a cookie
    of ours and comes from the address the cookie was sent to.
    """

    def __init__(self, reactor: Reactor) -> None:
        self._reactor = reactor
        self._sockets: dict[int, tuple[socket.socket, bool]] = {}
        self._sent: dict[bytes, tuple[Series, float]] = {}  # by cookie; when
        self._ident = secrets.randbelow(1 << 16)
        self._sequence = 0

    async def ping(self, address: Address, deadline: float, packets: int) -> int:
        """Microseconds to the first reply; packets are spread evenly until the deadline.

        Fault `timeout` without a reply, NoIcmpError when this process cannot ping at all.
        """
        series = _Awaited(address)
        self.start(series, deadline, packets)
        try:
            return await series.waiter
        finally:
            self._end(series)

    def start(self, series: Series, deadline: float, packets: int) -> None:
        """The same without a coroutine: the series is told, perhaps at once."""
        series.deadline = deadline
        series.gap_s = max(0.0, deadline - self._reactor.now()) / packets
        series.left = packets
        self._next(series)

    def _next(self, series: Series) -> None:
        """Send the next packet of a ping; the time of the last one ends it."""
        if not series.left:
            self._fail(series, Fault("timeout", "timeout", "No answer to ping"))
            return
        series.left -= 1
        try:
            sent_at = self._send(series)
        except (Fault, NoIcmpError) as error:
            self._fail(series, error)
            return
        until = sent_at + series.gap_s if series.left else series.deadline
        series.timer = self._reactor.call_at(until, partial(self._next, series))

    def _fail(self, series: Series, error: Fault | NoIcmpError) -> None:
        self._end(series)
        series.failed(error)

    def _end(self, series: Series) -> None:
        if series.timer is not None:
            series.timer.cancel()
        for cookie in series.cookies:
            self._sent.pop(cookie, None)

    def _send(self, series: Series) -> float:
        """Send one packet; when that was."""
        sock, raw = self._sockets.get(series.version) or self._open(series.version)
        cookie = _cookies.draw()
        self._sequence = (self._sequence + 1) & 0xFFFF
        packet = echo(series.version, self._ident, self._sequence, cookie + PADDING, with_checksum=raw)
        series.cookies.append(cookie)
        at = self._reactor.now()
        self._sent[cookie] = (series, at)
        try:
            sock.sendto(packet, (series.text, 0))
        except BlockingIOError:
            # The send buffer is full; the next packet of the series may pass.
            return at
        except OSError as error:
            raise os_fault(error.errno or 0) from error
        return at

    def _open(self, version: int) -> tuple[socket.socket, bool]:
        sock, raw = open_socket(version)
        sock.setblocking(False)
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        opened = self._sockets[version] = (sock, raw)
        has_header = raw and version == 4
        self._reactor.watch(sock.fileno(), READ, lambda *_: self._read(sock, version, has_header))
        return opened

    def _read(self, sock: socket.socket, version: int, has_header: bool) -> None:
        while True:
            try:
                data, sender = sock.recvfrom(RECEIVED)
            except BlockingIOError:
                return
            except OSError:
                # An ICMP error for some earlier packet; its own deadline will tell.
                continue
            start = (data[0] & 15) * 4 if has_header and data else 0
            if len(data) < start + 8 + COOKIE or data[start] != REPLY[version]:
                continue
            series, at = self._sent.get(data[start + 8 : start + 8 + COOKIE], NOBODY)
            if series is not None and series.text == sender[0].partition("%")[0]:
                us = int((self._reactor.now() - at) * 1_000_000)
                self._end(series)
                series.replied(us)

    def close(self) -> None:
        for sock, _ in self._sockets.values():
            self._reactor.forget(sock.fileno())
            sock.close()
        self._sockets.clear()
        self._sent.clear()


def open_socket(version: int) -> tuple[socket.socket, bool]:
    """A datagram ICMP socket where ping_group_range allows it, else a raw one with a filter; NoIcmpError."""
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    protocol = socket.IPPROTO_ICMP if version == 4 else socket.IPPROTO_ICMPV6
    with contextlib.suppress(OSError):
        return socket.socket(family, socket.SOCK_DGRAM, protocol), False
    try:
        sock = socket.socket(family, socket.SOCK_RAW, protocol)
    except OSError as error:
        raise NoIcmpError(str(error)) from error
    # Without the filter every reply of the machine is copied to us; with a kernel that has none we sort.
    with contextlib.suppress(OSError):
        if version == 4:
            sock.setsockopt(255, ICMP_FILTER, struct.pack("I", ~(1 << REPLY[4]) & 0xFFFFFFFF))
        else:
            mask = bytearray(b"\xff" * 32)
            mask[REPLY[6] >> 5 << 2 | (REPLY[6] & 31) >> 3] &= ~(1 << (REPLY[6] & 7)) & 0xFF
            sock.setsockopt(socket.IPPROTO_ICMPV6, ICMP6_FILTER, bytes(mask))
    return sock, True


def echo(version: int, ident: int, sequence: int, body: bytes, *, with_checksum: bool) -> bytes:
    """An echo request; the kernel fills in what it owns (checksums of datagram and IPv6 sockets)."""
    kind = ECHO[version]
    seal = checksum(HEAD.pack(kind, 0, 0, ident, sequence) + body) if with_checksum and version == 4 else 0
    return HEAD.pack(kind, 0, seal, ident, sequence) + body


def checksum(data: bytes) -> int:
    """The Internet checksum of RFC 1071.

    A sum with the carries added back is the remainder by 2^16 - 1, where zero is spelled as all ones unless
    there is nothing but zeros.
    """
    total = int.from_bytes(data + b"\0" * (len(data) % 2), "big")
    return 0xFFFF - (total % 0xFFFF or (0xFFFF if total else 0))
