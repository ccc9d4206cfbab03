"""One DNS question to one server: UDP with a fresh port and id, TCP when the answer does not fit."""

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from apps.checks.engine.chance import Chance
from apps.checks.engine.faults import Fault
from apps.checks.engine.message import (
    FORMERR,
    NOTIMP,
    MalformedError,
    Message,
    encode_query,
    parse,
    plain_name,
)
from apps.checks.engine.reactor import READ, Reactor, TimedOutError
from apps.checks.engine.stream import Stream
from apps.common.egress.addresses import Address

UDP = socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
_ids = Chance(2)


@dataclass(frozen=True, slots=True)
class Server:
    """A name server that may be asked: its address has passed the guard, or the operator named it."""

    address: Address
    port: int = 53
    # The same for a socket.
    where: tuple[str, int] = field(init=False, repr=False, compare=False)
    family: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        family = socket.AF_INET if self.address.version == 4 else socket.AF_INET6
        object.__setattr__(self, "family", int(family))
        object.__setattr__(self, "where", (str(self.address), self.port))


class UnansweredError(Exception):
    """The server's port is closed, or it hung up: waiting longer brings nothing."""


async def ask(reactor: Reactor, server: Server, name: str, number: int, deadline: float) -> Message:
    """The server's answer, whatever its code; TimedOutError or UnansweredError when there is none."""
    message = await _by_udp(reactor, server, name, number, deadline, edns=True)
    if message.rcode in {FORMERR, NOTIMP}:
        # A server older than EDNS (RFC 6891, 7) is asked again in the words of 1987.
        message = await _by_udp(reactor, server, name, number, deadline, edns=False)
    if message.truncated:
        message = await _by_tcp(reactor, server, name, number, deadline)
    return message


def _new_id() -> int:
    """Two bytes that nobody can guess."""
    return int.from_bytes(_ids.draw(), "big")


async def _by_udp(reactor: Reactor, server: Server, name: str, number: int, deadline: float, *, edns: bool) -> Message:
    ident = _new_id()
    sock = socket.SocketType(server.family, UDP)
    fd = sock.fileno()
    try:
        # Connected: the kernel picks a random port and drops what others send to it.
        sock.connect(server.where)
        sock.send(encode_query(ident, name, number, edns=edns))
        while True:
            await reactor.event(fd, READ, deadline)
            message = _accepted(sock.recv(65535), ident, name, number)
            if message is not None:
                return message
    except OSError as error:
        raise UnansweredError(str(error)) from error
    finally:
        reactor.leave(fd)
        sock.close()


async def _by_tcp(reactor: Reactor, server: Server, name: str, number: int, deadline: float) -> Message:
    ident = _new_id()
    query = encode_query(ident, name, number)
    try:
        stream = await Stream.open(reactor, server.address, server.port, deadline)
    except Fault as fault:
        raise UnansweredError(str(fault)) from fault
    try:
        await stream.send(struct.pack("!H", len(query)) + query, deadline)
        (length,) = struct.unpack("!H", await stream.receive_exactly(2, deadline))
        message = _accepted(await stream.receive_exactly(length, deadline), ident, name, number)
    except (Fault, EOFError) as error:
        raise UnansweredError(str(error)) from error
    finally:
        stream.close()
    if message is None or message.truncated:
        raise UnansweredError("no answer to the question")
    return message


def _accepted(data: bytes, ident: int, name: str, number: int) -> Message | None:
    """The message when it answers this very question; None for a stray or forged one."""
    try:
        message = parse(data, name, number)
    except MalformedError:
        return None
    if message.id != ident:
        return None
    if message.question is None:
        # Some servers leave the question out of a refusal; the id and the connected port still bind it.
        return message if message.rcode else None
    return message if message.question == (plain_name(name), number) else None


async def ask_again(
    reactor: Reactor, servers: Sequence[Server], name: str, number: int, *, timeout_s: float, attempts: int
) -> Message | None:
    """Up to `attempts` tries of `timeout_s` each, servers in turn; None when the last one stayed silent.

    A failing server (SERVFAIL) is no definite answer and is tried again too; what was said last counts.
    """
    message: Message | None = None
    for attempt in range(attempts):
        server = servers[attempt % len(servers)]
        try:
            message = await ask(reactor, server, name, number, reactor.now() + timeout_s)
        except (TimedOutError, UnansweredError):
            message = None
            continue
        if message.status != "SERVFAIL":
            return message
    return message
