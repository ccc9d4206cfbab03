"""Pings and bare connections as nearly all of them go: to a host that is spelled as an address and has a place free.

Like `straight`, without a coroutine; whatever is otherwise is left to `host_checks` before anything has happened. Both
judge alike, by `host_result`.
"""

import errno
import logging
import socket
from collections.abc import Callable, Hashable
from datetime import datetime
from functools import partial
from typing import NamedTuple

from apps.checks.engine.clock import Clock
from apps.checks.engine.faults import Fault, os_fault
from apps.checks.engine.host_checks import NO_ICMP, host_result, late
from apps.checks.engine.icmp import NoIcmpError, Pinger, Series
from apps.checks.engine.places import Place
from apps.checks.engine.reactor import WRITE, Timer
from apps.checks.engine.tools import Tools
from apps.checks.engine.verdicts import not_measured
from apps.checks.plans import PingPlan, TcpPlan
from apps.checks.types import CheckResult, Failure, Phases
from apps.common.egress import ForbiddenTargetError, parse_host
from apps.common.egress.addresses import Address

logger = logging.getLogger(__name__)


class _Connection(NamedTuple):
    """One that is being opened."""

    plan: TcpPlan
    ticket: Hashable
    started_at: datetime
    started: float
    sock: socket.SocketType
    place: Place
    timer: Timer


class StraightHosts:
    """Starts such checks for one engine.

    `done` gets a ticket and its result, `broken` the ticket of a check that failed by our own fault.
    """

    def __init__(
        self,
        tools: Tools,
        pinger: Pinger,
        clock: Clock,
        *,
        done: Callable[[Hashable, CheckResult], object],
        broken: Callable[[Hashable], object],
    ) -> None:
        self.tools = tools
        self.clock = clock
        self.done = done
        self.broken = broken
        self._pinger = pinger
        self._opening: dict[int, _Connection] = {}

    def ping(self, plan: PingPlan, ticket: Hashable) -> bool:
        """Begin a check; False when it is none of these: nothing has happened then."""
        literal = self._literal(plan.host, None)
        if literal is None:
            return False
        series = _Ping(self, plan, ticket, *literal)
        self._pinger.start(series, series.started + plan.timeout_ms / 1000, plan.packets)
        return True

    def connect(self, plan: TcpPlan, ticket: Hashable) -> bool:
        """The same for a connection in which nothing is said."""
        if plan.send is not None or plan.expect is not None:
            return False
        literal = self._literal(plan.host, plan.port)
        if literal is None or (place := self.tools.places.try_take(literal[0])) is None:
            return False
        try:
            self._open(plan, ticket, *literal, place)
        except BaseException:
            self.tools.places.give(place)
            raise
        return True

    def close(self) -> None:
        for connection in self._opening.values():
            connection.sock.close()
        self._opening.clear()

    def _literal(self, text: str, port: int | None) -> tuple[Address, str] | None:
        """The host as an address that is allowed, and its spelling."""
        try:
            host = parse_host(text)
        except ForbiddenTargetError:
            return None
        address = host.address
        if address is None or self.tools.guard.refusal(address, port) is not None:
            return None
        return address, host.name

    def _open(self, plan: TcpPlan, ticket: Hashable, address: Address, text: str, place: Place) -> None:
        reactor = self.tools.reactor
        started_at, started = self.clock(), reactor.now()
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        sock = socket.SocketType(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        fd = sock.fileno()
        try:
            error = sock.connect_ex((text, plan.port))
            if error == errno.EINPROGRESS:
                reactor.watch(fd, WRITE, self._opened)
        except BaseException:
            sock.close()
            raise
        timer = reactor.call_at(started + plan.timeout_ms / 1000, partial(self._give_up, fd))
        self._opening[fd] = _Connection(plan, ticket, started_at, started, sock, place, timer)
        if error != errno.EINPROGRESS:
            self._end(fd, os_fault(error) if error else None)

    def _opened(self, fd: int, _: int) -> None:
        error = self._opening[fd].sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        self._end(fd, os_fault(error) if error else None)

    def _give_up(self, fd: int) -> None:
        self._end(fd, late())

    def _end(self, fd: int, fault: Fault | None) -> None:
        plan, ticket, started_at, started, sock, place, timer = self._opening.pop(fd)
        us = int((self.tools.reactor.now() - started) * 1_000_000)
        timer.cancel()
        self.tools.reactor.leave(fd)
        sock.close()
        self.tools.places.give(place)
        try:
            phases = Phases(0, us, None, None, us) if fault is None else Phases(0)
            failure = None if fault is None else fault.failure
            self.done(ticket, host_result(started_at, us, phases, plan.config, failure))
        except Exception:  # the edge of one check, as in the engine
            logger.exception("check failed by itself")
            self.broken(ticket)


class _Ping(Series):
    """One ping under way."""

    __slots__ = ("_hosts", "_plan", "_started_at", "_ticket", "started")

    def __init__(self, hosts: StraightHosts, plan: PingPlan, ticket: Hashable, address: Address, text: str) -> None:
        super().__init__(address, text)
        self._hosts = hosts
        self._plan = plan
        self._ticket = ticket
        self._started_at = hosts.clock()
        self.started = hosts.tools.reactor.now()

    def replied(self, us: int) -> None:
        self._conclude(us, Phases(0, None, None, us, us), None, 0)

    def failed(self, error: Fault | NoIcmpError) -> None:
        if isinstance(error, NoIcmpError):
            self._hosts.done(self._ticket, not_measured(self._started_at, "unsupported", NO_ICMP))
        else:
            attempt_us = int((self._hosts.tools.reactor.now() - self.started) * 1_000_000)
            self._conclude(attempt_us, Phases(0), error.failure, 100)

    def _conclude(self, attempt_us: int, phases: Phases, failure: Failure | None, loss: int) -> None:
        hosts = self._hosts
        try:
            result = host_result(self._started_at, attempt_us, phases, self._plan.config, failure, packet_loss=loss)
        except Exception:  # the edge of one check, as in the engine
            logger.exception("check failed by itself")
            hosts.broken(self._ticket)
        else:
            hosts.done(self._ticket, result)
