"""HTTP(S) checks as nearly all of them go: one request to one address that has a place free, and its answer.

Such a check is a few plain calls and no coroutine. Whatever turns out otherwise (a line before the address, a second
address, a redirect, a fault) is handed to `check_http`, which goes on from where it stands. Both judge alike: what
an answer means is said by `Findings`, but for answers that keep all rules at a glance.
"""

import logging
from collections.abc import Callable, Coroutine, Hashable
from datetime import datetime
from typing import Any, NamedTuple

from apps.checks.engine.clock import Clock
from apps.checks.engine.curl import Hop, HopAnswer
from apps.checks.engine.faults import Fault
from apps.checks.engine.fetch import REDIRECTS, Begun, Fetched, Request, phases_of
from apps.checks.engine.flow import Task
from apps.checks.engine.http_check import Findings, Underway, certificate_of, request_of
from apps.checks.engine.places import Place
from apps.checks.engine.tools import Budget, Tools
from apps.checks.judge.acceptance import Acceptance
from apps.checks.plans import HttpPlan
from apps.checks.types import CheckResult, HttpFacts, Phases
from apps.common.egress import ForbiddenTargetError, Target, parse_url
from apps.common.egress.addresses import Address

logger = logging.getLogger(__name__)


class Prepared(NamedTuple):
    """What follows from a plan alone."""

    target: Target
    request: Request
    hop: Hop | None  # the first request, when the URL spells its address
    acceptance: Acceptance
    follows: bool


def prepared(plan: HttpPlan) -> Prepared | None:
    """The plan made ready, None for one that has to be run by `check_http`; made once and kept beside the plan."""
    if plan.prepared is None:
        object.__setattr__(plan, "prepared", (_prepare(plan),))
    made: Prepared | None = plan.prepared[0]
    return made


def _prepare(plan: HttpPlan) -> Prepared | None:
    """None where something runs beside the exchange or after it, and for what is no URL."""
    request = request_of(plan)
    if plan.domain is not None or not request.verify_chain:
        return None
    try:
        target = parse_url(plan.url)
    except ForbiddenTargetError:
        return None
    address = target.host.address
    hop = None if address is None else request.hop(target, address, plan.timeout_ms)
    return Prepared(target, request, hop, Acceptance(plan.config), plan.follow_redirects)


class Straight:
    """Starts such checks for one engine.

    `done` gets a ticket and its result; `detour` a ticket, its plan and where `check_http` has to go on; `broken` the
    ticket of a check that failed by our own fault.
    """

    def __init__(
        self,
        tools: Tools,
        clock: Clock,
        *,
        done: Callable[[Hashable, CheckResult], object],
        detour: Callable[[Hashable, HttpPlan, Underway], object],
        broken: Callable[[Hashable], object],
    ) -> None:
        self.tools = tools
        self.clock = clock
        self.done = done
        self.detour = detour
        self.broken = broken
        self.looking_up: set[Task[Any]] = set()

    def start(self, plan: HttpPlan, ticket: Hashable) -> bool:
        """Begin a check; False when it is none of these: nothing has happened then."""
        made = prepared(plan)
        return made is not None and _Run(self, plan, made, ticket).begin()

    def close(self) -> None:
        for task in self.looking_up:
            task.cancel()
        self.looking_up.clear()


class _Run:
    """One check under way."""

    __slots__ = (
        "_addresses",
        "_dns_us",
        "_made",
        "_place",
        "_plan",
        "_started",
        "_started_at",
        "_straight",
        "_ticket",
    )

    def __init__(self, straight: Straight, plan: HttpPlan, made: Prepared, ticket: Hashable) -> None:
        self._straight = straight
        self._plan = plan
        self._made = made
        self._ticket = ticket
        self._started_at: datetime = straight.clock()
        self._started: float = straight.tools.reactor.now()
        self._dns_us = 0
        self._addresses: tuple[Address, ...]
        self._place: Place

    def begin(self) -> bool:
        tools, target = self._straight.tools, self._made.target
        try:
            self._addresses = tools.resolver.known(target.host, target.port, family=self._plan.family)
        except Fault:
            return False
        if not self._addresses:
            deadline = self._started + self._plan.timeout_ms / 1000
            self._look_up(
                tools.resolver.addresses(target.host, target.port, family=self._plan.family, deadline=deadline)
            )
            return True
        return self._send()

    def _look_up(self, addresses: Coroutine[Any, None, tuple[Address, ...]]) -> None:
        task = Task(addresses)
        self._straight.looking_up.add(task)
        task.then(lambda: self._looked_up(task))

    def _looked_up(self, task: Task[tuple[Address, ...]]) -> None:
        self._straight.looking_up.discard(task)
        self._dns_us = int((self._straight.tools.reactor.now() - self._started) * 1_000_000)
        try:
            self._addresses = task.result()
            if not self._send():
                self._leave(None)
        except Fault as fault:
            self._conclude(None, phases_of(self._dns_us, ()), fault)
        except Exception:  # the edge of one check, as in the engine
            logger.exception("check failed by itself")
            self._straight.broken(self._ticket)

    def _send(self) -> bool:
        """Send the request to the first address; False when it has no place free."""
        tools, address = self._straight.tools, self._addresses[0]
        place = tools.places.try_take(address)
        if place is None:
            return False
        self._place = place
        hop = self._made.hop
        if hop is None:
            left_ms = max(1, self._plan.timeout_ms - self._dns_us // 1000)
            hop = self._made.request.hop(self._made.target, address, left_ms)
        try:
            tools.lane.start(hop, self._answered)
        except BaseException:
            tools.places.give(place)
            raise
        return True

    def _answered(self, answer: HopAnswer) -> None:
        self._straight.tools.places.give(self._place)
        try:
            if answer.fault is not None or (answer.status in REDIRECTS and self._made.follows):
                self._leave(answer)
            else:
                self._judge(answer)
        except Exception:  # the edge of one check, as in the engine
            logger.exception("check failed by itself")
            self._straight.broken(self._ticket)

    def _leave(self, answer: HopAnswer | None) -> None:
        """Let `check_http` go on."""
        budget = Budget(self._straight.tools.reactor, self._plan.timeout_ms / 1000, self._started)
        begun = Begun(self._addresses, self._dns_us, answer)
        self._straight.detour(self._ticket, self._plan, Underway(self._started_at, budget, begun))

    def _judge(self, answer: HopAnswer) -> None:
        made, dns_us, status = self._made, self._dns_us, answer.status
        total_us = dns_us + answer.total_us
        phases = Phases(dns_us, answer.connect_us, answer.tls_us or None, answer.ttfb_us or None, total_us)
        facts = HttpFacts(status, total_us / 1000, answer.headers, answer.body, 0, made.target.url)
        if answer.chain or not made.acceptance.covers(facts):
            self._conclude(answer, phases, None)
            return
        result = CheckResult("up", self._started_at, phases, total_us, status or None, "", "", {})
        self._straight.done(self._ticket, result)

    def _conclude(self, answer: HopAnswer | None, phases: Phases, fault: Fault | None) -> None:
        """Judge in full, as `check_http` does."""
        started_at, straight = self._started_at, self._straight
        certificate = certificate_of(answer, verified=True)
        # Only what ends one day is judged by the time it is now.
        now = straight.clock() if certificate is not None else started_at
        fetched = Fetched(self._made.target, answer, 0, phases, fault)
        attempt_us = int((straight.tools.reactor.now() - self._started) * 1_000_000)
        findings = Findings(self._plan, fetched, certificate, None, started_at, now)
        straight.done(self._ticket, findings.result(attempt_us))
