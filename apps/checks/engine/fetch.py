"""An HTTP exchange with its redirects, each hop resolved, judged by the guard and pinned."""

from collections.abc import Coroutine, Sequence
from typing import Any, NamedTuple

from apps.checks.engine.curl import DEFAULT_TLS, Hop, HopAnswer
from apps.checks.engine.faults import NEXT_ADDRESS, Fault, blocked
from apps.checks.engine.tools import Budget, Tools, tried
from apps.checks.types import Phases
from apps.common.egress import ForbiddenTargetError, Target, parse_url
from apps.common.egress.addresses import Address
from apps.common.egress.targets import parse_redirect

REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What a client tells one origin only.
CREDENTIALS = frozenset({"authorization", "cookie", "proxy-authorization", "host"})
BODY_HEADERS = frozenset({"content-type", "content-encoding", "content-language", "content-location"})


class Request(NamedTuple):
    """What to ask for, and how far to go for it."""

    url: str
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    follow: bool = True
    max_redirects: int = 10
    verify_chain: bool = True
    verify_host: bool = True
    min_tls: str = DEFAULT_TLS
    family: str = "auto"
    handshake_only: bool = False

    def hop(self, target: Target, address: Address, timeout_ms: int) -> Hop:
        """One request of it, to one target at one address."""
        return Hop(
            target,
            address,
            timeout_ms,
            self.method,
            self.headers,
            self.body,
            self.verify_chain,
            self.verify_host,
            self.min_tls,
            self.handshake_only,
        )


class Fetched(NamedTuple):
    """How it went: the last hop, and the times of all hops added up.

    A redirect's time belongs to the check, so every phase is the sum over the hops; `total_us` is the
    look-ups plus what libcurl measured per hop, without the time spent waiting for a place.
    """

    target: Target | None
    last: HopAnswer | None
    redirects: int
    phases: Phases
    fault: Fault | None

    @property
    def status(self) -> int | None:
        return self.last.status or None if self.last else None


class Begun(NamedTuple):
    """An exchange whose first request has been sent already: where to, after how long a look-up, and its answer."""

    addresses: tuple[Address, ...]
    dns_us: int
    answer: HopAnswer | None  # None: the addresses are known, and nothing was sent yet


def phases_of(dns_us: int, hops: Sequence[HopAnswer]) -> Phases:
    """Phases over all hops, in microseconds."""
    if len(hops) == 1:
        hop = hops[0]
        return Phases(dns_us, hop.connect_us, hop.tls_us or None, hop.ttfb_us or None, dns_us + hop.total_us)
    return Phases(
        dns_us,
        sum(hop.connect_us for hop in hops) if hops else None,
        sum(hop.tls_us for hop in hops) or None,
        sum(hop.ttfb_us for hop in hops) or None,
        dns_us + sum(hop.total_us for hop in hops),
    )


def fetch(tools: Tools, request: Request, budget: Budget, begun: Begun | None = None) -> Coroutine[Any, None, Fetched]:
    """Run the exchange, or go on with it; never raises, the answer carries the fault."""
    return _Fetch(tools, request, budget, begun).run()


class _Fetch:
    def __init__(self, tools: Tools, request: Request, budget: Budget, begun: Begun | None) -> None:
        self.tools = tools
        self.request = request
        self.budget = budget
        self.begun = begun
        self.dns_us = begun.dns_us if begun else 0
        self.hops: list[HopAnswer] = []
        self.redirects = 0
        self.target: Target | None = None
        self.last: HopAnswer | None = None

    async def run(self) -> Fetched:
        fault = None
        try:
            self.target = parse_url(self.request.url)
            while await self._hop(self.target):
                self._turn()
        except Fault as error:
            fault = error
        except ForbiddenTargetError as error:
            fault = blocked(error.message)
        return Fetched(self.target, self.last, self.redirects, phases_of(self.dns_us, self.hops), fault)

    async def _hop(self, target: Target) -> bool:
        """One request to one target; whether its answer is a redirect to follow."""
        begun, self.begun = self.begun, None
        addresses = begun.addresses if begun else ()
        if not addresses:
            addresses = self.tools.resolver.known(target.host, target.port, family=self.request.family)
        if not addresses:
            addresses = await self._look_up(target)
        answer = self.last = await self._first_answer(target, tried(addresses), begun.answer if begun else None)
        if answer.fault is not None:
            raise answer.fault
        return answer.status in REDIRECTS and self.request.follow and self._location is not None

    async def _look_up(self, target: Target) -> tuple[Address, ...]:
        reactor = self.tools.reactor
        started = reactor.now()
        try:
            return await self.tools.resolver.addresses(
                target.host, target.port, family=self.request.family, deadline=self.budget.deadline
            )
        finally:
            self.dns_us += int((reactor.now() - started) * 1_000_000)

    async def _first_answer(self, target: Target, addresses: Sequence[Address], given: HopAnswer | None) -> HopAnswer:
        """Connect to each address in turn until one takes the connection; `given` is what the first one said."""
        for address in addresses:
            answer = given or await self._answer_of(target, address)
            given = None
            self.hops.append(answer)
            if answer.fault is None or answer.fault.failure.reason not in NEXT_ADDRESS:
                break
        return answer

    async def _answer_of(self, target: Target, address: Address) -> HopAnswer:
        places = self.tools.places
        place = places.try_take(address) or await places.take(address)
        self.budget.grant(place.waited_s)
        try:
            return await self.tools.lane.send(self.request.hop(target, address, self.budget.left_ms))
        finally:
            places.give(place)

    @property
    def _location(self) -> str | None:
        found = self.last.headers.named("location") if self.last else []
        value = found[0] if found else ""
        try:
            # Header values are read as Latin-1, but who sends raw letters here means UTF-8.
            return value.encode("latin-1").decode() or None
        except UnicodeError:
            return value

    def _turn(self) -> None:
        """Prepare the next hop."""
        assert self.target is not None
        assert self.last is not None
        if self.redirects >= self.request.max_redirects:
            raise Fault("too_many_redirects", "too_many_redirects", "Too many redirects")
        target = parse_redirect(self.target, self._location or "")
        self.request = redirected(self.request, self.last.status, same_origin=target.origin == self.target.origin)
        self.target = target
        self.redirects += 1


def redirected(request: Request, status: int, *, same_origin: bool) -> Request:
    """The request after a redirect (RFC 9110, 15.4, as browsers read it).

    303 turns everything but HEAD into GET, 301 and 302 turn POST into GET; a body goes with its headers.
    Credentials and a hand-made Host stay with the origin they were written for.
    """
    becomes_get = (status == 303 and request.method != "HEAD") or (status in {301, 302} and request.method == "POST")
    dropped: set[str] = set()
    if becomes_get:
        dropped |= BODY_HEADERS
        request = request._replace(method="GET", body=None)
    if not same_origin:
        dropped |= CREDENTIALS
    kept = tuple(pair for pair in request.headers if pair[0].lower() not in dropped)
    return request._replace(headers=kept)
