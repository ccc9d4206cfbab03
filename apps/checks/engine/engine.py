"""The probe engine: many checks under way in one thread, none of them waiting for another."""

import logging
from collections.abc import Callable, Coroutine, Hashable, Mapping, Sequence
from functools import partial
from typing import Any

from django.conf import settings

from apps.checks.engine.clock import Clock, wall_clock
from apps.checks.engine.curl import Lane
from apps.checks.engine.dns_check import check_dns
from apps.checks.engine.flow import Task
from apps.checks.engine.host_checks import check_ladder, check_ping, check_tcp
from apps.checks.engine.http_check import Underway, check_http
from apps.checks.engine.icmp import Pinger
from apps.checks.engine.places import PER_ADDRESS, Places
from apps.checks.engine.reactor import Reactor
from apps.checks.engine.registry import WHOIS_PORT, Registry
from apps.checks.engine.resolver import Resolver
from apps.checks.engine.straight import Straight
from apps.checks.engine.straight_hosts import StraightHosts
from apps.checks.engine.tools import Tools
from apps.checks.engine.trust_checks import check_domain, check_tls
from apps.checks.engine.verdicts import not_measured
from apps.checks.engine.whois import server_for
from apps.checks.plans import DnsPlan, DomainPlan, HttpPlan, LadderPlan, PingPlan, Plan, TcpPlan, TlsPlan
from apps.checks.types import CheckResult
from apps.common.egress import Guard, current_guard
from apps.common.trust import ca_bundle

logger = logging.getLogger(__name__)

Check = Coroutine[Any, None, CheckResult]


def tools_for(reactor: Reactor, guard: Guard, servers: Sequence[str], per_address: int) -> Tools:
    """Everything the checks of one engine share."""
    return Tools(
        reactor=reactor,
        guard=guard,
        resolver=Resolver(reactor, guard, servers),
        lane=Lane(reactor, ca_bundle=ca_bundle(), user_agent=f"Dashmon/{settings.VERSION}"),
        places=Places(reactor, per_address),
    )


class Engine:
    """Runs plans and hands back judged results. One per thread; only `wake` may come from elsewhere."""

    def __init__(
        self,
        *,
        slots: int = 256,
        per_address: int = PER_ADDRESS,
        guard: Guard | None = None,
        resolvers: Sequence[str] | None = None,
        rdap_url: str | None = None,
        whois_server: Callable[[str], str] = server_for,
        whois_port: int = WHOIS_PORT,
        clock: Clock = wall_clock,
    ) -> None:
        """What is not handed in comes from the settings. `slots` bounds the checks under way."""
        self._slots = slots
        self._clock = clock
        self._reactor = Reactor()
        servers = settings.PROBE_RESOLVERS if resolvers is None else resolvers
        self._tools = tools_for(self._reactor, guard or current_guard(), servers, per_address)
        self._pinger = Pinger(self._reactor)
        self._registry = Registry(
            self._tools,
            rdap_url=settings.PROBE_RDAP_URL if rdap_url is None else rdap_url,
            whois_server=whois_server,
            whois_port=whois_port,
        )
        self._checks = self._kinds()
        self._straight = Straight(
            self._tools, clock, done=self._file, detour=self._go_on_with_http, broken=self._file_broken
        )
        self._straight_hosts = StraightHosts(
            self._tools, self._pinger, clock, done=self._file, broken=self._file_broken
        )
        self._short_ways: Mapping[type, Callable[[Any, Hashable], bool]] = {
            HttpPlan: self._straight.start,
            PingPlan: self._straight_hosts.ping,
            TcpPlan: self._straight_hosts.connect,
        }
        self._under_way = 0
        self._running: dict[int, Task[CheckResult]] = {}
        self._finished: list[tuple[Hashable, CheckResult]] = []
        self._count = 0
        self._closed = False

    @property
    def free(self) -> int:
        """How many more checks can start now."""
        return self._slots - self._under_way

    def start(self, plan: Plan, ticket: Hashable) -> None:
        """Begin a check; its result comes out of `wait` with the ticket. Never blocks, never raises."""
        self._under_way += 1
        if (start := self._short_ways.get(type(plan))) is not None:
            try:
                if start(plan, ticket):
                    return
            except Exception:  # the edge of one check: a fault of ours must not end the others
                logger.exception("check failed by itself")
                self._file_broken(ticket)
                return
        self._run(self._checks[type(plan)](plan), ticket)

    def _run(self, check: Check, ticket: Hashable) -> None:
        self._count += 1
        number = self._count
        task = self._running[number] = Task(check)
        task.then(partial(self._finish, number, ticket))

    def _go_on_with_http(self, ticket: Hashable, plan: HttpPlan, underway: Underway) -> None:
        self._run(check_http(self._tools, self._registry, plan, self._clock, underway), ticket)

    def wait(self, timeout_s: float) -> list[tuple[Hashable, CheckResult]]:
        """Results since the last call. Waits for the first one, for `wake`, or at most `timeout_s` seconds."""
        until = self._reactor.now() + timeout_s
        patience = 0.0 if self._finished else timeout_s
        while True:
            self._reactor.turn(patience)
            patience = until - self._reactor.now()
            if self._finished or self._reactor.woken or patience <= 0:
                break
        self._reactor.woken = False
        finished, self._finished = self._finished, []
        return finished

    def wake(self) -> None:
        """Make a waiting `wait` return; safe from any thread."""
        self._reactor.wake()

    def close(self) -> None:
        """Drop everything in flight at once; nothing of it is ever reported. Closing twice is fine."""
        if self._closed:
            return
        self._closed = True
        for task in self._running.values():
            task.cancel()
        self._running.clear()
        self._straight.close()
        self._straight_hosts.close()
        self._under_way = 0
        self._finished.clear()
        self._pinger.close()
        self._tools.lane.close()
        self._reactor.close()

    def _finish(self, number: int, ticket: Hashable) -> None:
        task = self._running.pop(number)
        try:
            self._file(ticket, task.result())
        except Exception:  # the edge of one check: a fault of ours must not end the others
            logger.exception("check failed by itself")
            self._file_broken(ticket)

    def _file(self, ticket: Hashable, result: CheckResult) -> None:
        self._under_way -= 1
        self._finished.append((ticket, result))

    def _file_broken(self, ticket: Hashable) -> None:
        self._file(ticket, not_measured(self._clock(), "internal", "The check could not be run"))

    def _kinds(self) -> Mapping[type, Callable[[Any], Check]]:
        """The coroutine of each kind of plan."""
        tools, clock = self._tools, self._clock
        return {
            HttpPlan: lambda plan: check_http(tools, self._registry, plan, clock),
            TcpPlan: lambda plan: check_tcp(tools, plan, clock),
            PingPlan: lambda plan: check_ping(tools, self._pinger, plan, clock),
            LadderPlan: lambda plan: check_ladder(tools, self._pinger, plan, clock),
            DnsPlan: lambda plan: check_dns(tools, plan, clock),
            TlsPlan: lambda plan: check_tls(tools, plan, clock),
            DomainPlan: lambda plan: check_domain(tools, self._registry, plan, clock),
        }
