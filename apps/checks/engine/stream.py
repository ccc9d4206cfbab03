"""A TCP connection on the reactor."""

import errno
import socket
from typing import Self

from apps.checks.engine.faults import os_fault
from apps.checks.engine.reactor import READ, WRITE, Reactor
from apps.common.egress.addresses import Address

CHUNK = 16 * 1024


class Stream:
    """One non-blocking connection; every wait has a deadline, every failure is a Fault or TimedOutError."""

    def __init__(self, reactor: Reactor, sock: socket.socket) -> None:
        self._reactor = reactor
        self._sock = sock
        self._rest = b""  # received beyond what was asked for

    @classmethod
    async def open(cls, reactor: Reactor, address: Address, port: int, deadline: float) -> Self:
        """Connect to a checked address."""
        sock = socket.socket(
            socket.AF_INET if address.version == 4 else socket.AF_INET6,
            socket.SOCK_STREAM | socket.SOCK_NONBLOCK,
        )
        try:
            await _connect(reactor, sock, (str(address), port), deadline)
        except BaseException:
            sock.close()
            raise
        return cls(reactor, sock)

    async def send(self, data: bytes, deadline: float) -> None:
        while data:
            try:
                data = data[self._sock.send(data) :]
            except BlockingIOError:
                await self._reactor.ready(self._sock.fileno(), WRITE, deadline)
            except OSError as error:
                raise os_fault(error.errno or 0) from error

    async def receive(self, deadline: float) -> bytes:
        """Some bytes; empty when the other side has closed."""
        while True:
            try:
                return self._sock.recv(CHUNK)
            except BlockingIOError:
                await self._reactor.ready(self._sock.fileno(), READ, deadline)
            except OSError as error:
                raise os_fault(error.errno or 0) from error

    async def receive_exactly(self, count: int, deadline: float) -> bytes:
        """Exactly so many bytes; EOFError when the other side closes before."""
        while len(self._rest) < count:
            chunk = await self.receive(deadline)
            if not chunk:
                raise EOFError
            self._rest += chunk
        data, self._rest = self._rest[:count], self._rest[count:]
        return data

    def close(self) -> None:
        self._sock.close()


async def _connect(reactor: Reactor, sock: socket.socket, where: tuple[str, int], deadline: float) -> None:
    error = sock.connect_ex(where)
    if error == errno.EINPROGRESS:
        await reactor.ready(sock.fileno(), WRITE, deadline)
        error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if error:
        raise os_fault(error)
