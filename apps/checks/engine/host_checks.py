"""Checks of a host: TCP, ping, and the ladder for a thing of which only the address is known."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from apps.checks.engine.clock import Clock
from apps.checks.engine.faults import NEXT_ADDRESS, Fault, blocked
from apps.checks.engine.icmp import NoIcmpError, Pinger
from apps.checks.engine.places import Place
from apps.checks.engine.reactor import TimedOutError
from apps.checks.engine.stream import Stream
from apps.checks.engine.tools import Budget, Tools, tried
from apps.checks.engine.verdicts import (
    Measured,
    conclude,
    not_measured,
    of_failure,
    of_slowness,
)
from apps.checks.plans import LADDER_PORTS, PING_TIMEOUT_MS, LadderPlan, PingPlan, TcpPlan
from apps.checks.types import CheckResult, Failure, Phases
from apps.common.egress import ForbiddenTargetError, parse_host
from apps.common.egress.addresses import Address

BANNER_LIMIT = 4096
NO_ICMP = "Ping is not possible from this worker"


def late() -> Fault:
    """A connection that did not come about before its deadline."""
    return Fault("connect", "timeout", "The connection could not be opened in time")


class HostProbe:
    """One check of one host, and the phases it went through."""

    def __init__(self, tools: Tools, budget: Budget) -> None:
        self.tools = tools
        self.budget = budget
        self.dns_us: int | None = None
        self.connect_us: int | None = None
        self.ttfb_us: int | None = None
        self._stream: Stream | None = None
        self._held: Place | None = None

    async def addresses(self, host: str, port: int | None) -> tuple[Address, ...]:
        """Allowed addresses of a host; Fault when there is none."""
        started = self.tools.reactor.now()
        try:
            deadline = self.budget.deadline
            return await self.tools.resolver.addresses(parse_host(host), port, family="auto", deadline=deadline)
        except ForbiddenTargetError as error:
            raise blocked(error.message) from error
        finally:
            self.dns_us = self._since(started)

    def known(self, host: str, port: int | None) -> tuple[Address, ...]:
        """The same for a host that needs no look-up, none of any other."""
        self.dns_us = 0
        try:
            return self.tools.resolver.known(parse_host(host), port, family="auto")
        except ForbiddenTargetError as error:
            raise blocked(error.message) from error

    async def connect(self, host: str, port: int) -> Stream:
        """The first address that takes the connection; its place is held until `hang_up`."""
        fault: Fault | None = None
        for address in tried(self.known(host, port) or await self.addresses(host, port)):
            self._held = await self.tools.places.take(address)
            self.budget.grant(self._held.waited_s)
            started = self.tools.reactor.now()
            try:
                self._stream = await Stream.open(self.tools.reactor, address, port, self.budget.deadline)
            except TimedOutError:
                raise late() from None
            except Fault as error:
                fault = error
                if error.failure.reason not in NEXT_ADDRESS:
                    raise
                self.hang_up()
            else:
                self.connect_us = self._since(started)
                return self._stream
        assert fault is not None
        raise fault

    def hang_up(self) -> None:
        """Close the connection, if there is one, and give its place to the next in line."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        if self._held is not None:
            self.tools.places.give(self._held)
            self._held = None

    async def ping(self, pinger: Pinger, host: str, deadline: float, packets: int) -> None:
        """One reply is enough; Fault or NoIcmpError otherwise."""
        address = (self.known(host, None) or await self.addresses(host, None))[0]
        self.ttfb_us = await pinger.ping(address, deadline, packets)

    @property
    def phases(self) -> Phases:
        """The latency of a host is what the network took, without the look-up of its name."""
        parts = [part for part in (self.connect_us, self.ttfb_us) if part is not None]
        return Phases(self.dns_us, self.connect_us, None, self.ttfb_us, sum(parts) if parts else None)

    def _since(self, started: float) -> int:
        return int((self.tools.reactor.now() - started) * 1_000_000)


async def check_tcp(tools: Tools, plan: TcpPlan, clock: Clock) -> CheckResult:
    """Connect, and find the expected text when one is wanted."""
    started_at = clock()
    probe = HostProbe(tools, Budget(tools.reactor, plan.timeout_ms / 1000))
    failure = None
    try:
        await _talk(probe, await probe.connect(plan.host, plan.port), plan)
    except Fault as fault:
        failure = fault.failure
    finally:
        probe.hang_up()
    return _result_of(probe, started_at, plan.config, failure)


async def _talk(probe: HostProbe, stream: Stream, plan: TcpPlan) -> None:
    if plan.send is None and plan.expect is None:
        return
    started = probe.tools.reactor.now()
    seen = b""
    try:
        if plan.send:
            await stream.send(plan.send.encode(), probe.budget.deadline)
        expected = (plan.expect or "").encode()
        while expected and expected not in seen:
            chunk = await stream.receive(probe.budget.deadline)
            seen = (seen + chunk)[:BANNER_LIMIT]
            if not chunk or (len(seen) >= BANNER_LIMIT and expected not in seen):
                raise Fault("protocol", "banner", "The expected text did not come")
    except TimedOutError:
        raise Fault("timeout", "banner", "The expected text did not come in time") from None
    probe.ttfb_us = int((probe.tools.reactor.now() - started) * 1_000_000)


async def check_ping(tools: Tools, pinger: Pinger, plan: PingPlan, clock: Clock) -> CheckResult:
    """Echoes; without the right to send any, the check was not measured."""
    started_at = clock()
    budget = Budget(tools.reactor, plan.timeout_ms / 1000)
    probe = HostProbe(tools, budget)
    failure = None
    try:
        await probe.ping(pinger, plan.host, budget.deadline, plan.packets)
    except NoIcmpError:
        return not_measured(started_at, "unsupported", NO_ICMP)
    except Fault as fault:
        failure = fault.failure
    loss = 100 if failure else 0
    return _result_of(probe, started_at, plan.config, failure, packet_loss=loss)


async def check_ladder(tools: Tools, pinger: Pinger, plan: LadderPlan, clock: Clock) -> CheckResult:
    """Ping, TCP 443, TCP 80: whatever answers first proves the host; a name that fails ends it at once."""
    started_at = clock()
    probe = HostProbe(tools, Budget(tools.reactor, plan.budget_s))
    try:
        until = tools.reactor.now() + PING_TIMEOUT_MS / 1000
        await probe.ping(pinger, plan.host, until, 1)
        return _result_of(probe, started_at, plan.config, None)
    except NoIcmpError:
        failure: Failure | None = None
    except Fault as fault:
        failure = fault.failure
        if failure.error == "dns" or failure.reason == "blocked":
            return _result_of(probe, started_at, plan.config, failure)
    for port in LADDER_PORTS:
        rung = HostProbe(tools, Budget(tools.reactor, plan.timeout_ms / 1000))
        try:
            await rung.connect(plan.host, port)
            return _result_of(rung, started_at, plan.config, None)
        except Fault as fault:
            failure = failure or fault.failure
            # A refusal is an answer of the host's own, but of none of its services: it stays down.
            if failure.reason == "timeout" and fault.failure.reason != "timeout":
                failure = fault.failure
        finally:
            rung.hang_up()
    return _result_of(probe, started_at, plan.config, failure)


def _result_of(
    probe: HostProbe, started_at: datetime, config: Mapping[str, Any], failure: Failure | None, **detail: Any
) -> CheckResult:
    return host_result(started_at, probe.budget.elapsed_us, probe.phases, config, failure, **detail)


def host_result(
    started_at: datetime,
    attempt_us: int,
    phases: Phases,
    config: Mapping[str, Any],
    failure: Failure | None,
    **detail: Any,
) -> CheckResult:
    """What a check of a host comes to."""
    findings = [of_failure(failure)] if failure else of_slowness(config, phases.total_us or 0)
    if not findings:
        return CheckResult("up", started_at, phases, phases.total_us, None, "", "", detail)
    return conclude(Measured(started_at, attempt_us, phases), findings, **detail)
