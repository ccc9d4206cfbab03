"""When a domain's registration ends: RDAP (RFC 9083), then WHOIS (RFC 3912), asked at most twice a day."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.core.cache import cache

from apps.checks.engine.faults import Fault
from apps.checks.engine.fetch import Request, fetch
from apps.checks.engine.flow import Task
from apps.checks.engine.reactor import TimedOutError
from apps.checks.engine.stream import Stream
from apps.checks.engine.tools import Budget, Tools
from apps.checks.engine.whois import domain_of, expiry_in, referral_in, server_for
from apps.common.clock import iso_ms, parse_iso
from apps.common.egress import ForbiddenTargetError, parse_host, parse_url

RDAP_URL = "https://rdap.org/domain/"  # the public bootstrap: it redirects to the registry in charge
LOOKUP_S = 10.0  # for each of RDAP and WHOIS
KEPT_S = 12 * 3600
# A look-up that nobody answered says nothing about the domain, so it is repeated sooner.
KEPT_UNANSWERED_S = 3600
WHOIS_PORT = 43
WHOIS_LIMIT = 64 * 1024
IANA = "whois.iana.org"


class UnansweredError(Exception):
    """Neither RDAP nor WHOIS could be reached."""


class Registry:
    """Asks registries for one engine. Answers are shared with other processes through the cache."""

    def __init__(
        self,
        tools: Tools,
        *,
        rdap_url: str = "",
        whois_server: Callable[[str], str] = server_for,
        whois_port: int = WHOIS_PORT,
    ) -> None:
        self._tools = tools
        self._rdap_url = rdap_url or RDAP_URL
        # A mirror of one's own is asked every time: tests and inner registries change quickly.
        self._cached = not rdap_url
        self._whois_server = whois_server
        self._whois_port = whois_port
        self._asked: dict[str, Task[datetime | None]] = {}

    async def expiry_of_url(self, url: str) -> datetime | None:
        """The same for the host of a URL."""
        try:
            return await self.expiry(parse_url(url).host.name)
        except ForbiddenTargetError:
            return None

    async def expiry(self, host: str) -> datetime | None:
        """The end of the registration of the host's domain; None when it has none or nobody says."""
        domain = domain_of(host)
        if not domain:
            return None
        if self._cached and (kept := cache.get(_key(domain))) is not None:
            return parse_iso(kept) if kept else None
        # Many monitors of one domain that become due together share one look-up.
        task = self._asked.get(domain)
        if task is None:
            task = self._asked[domain] = Task(self._look_up(domain))
            task.then(lambda: self._forget(domain))
        return await task

    def _forget(self, domain: str) -> None:
        self._asked.pop(domain, None)

    async def _look_up(self, domain: str) -> datetime | None:
        kept_s = KEPT_S
        try:
            found = await self._by_rdap(domain) or await self._by_whois(domain)
        except UnansweredError:
            found, kept_s = None, KEPT_UNANSWERED_S
        if self._cached:
            cache.set(_key(domain), iso_ms(found) if found else "", kept_s)
        return found

    async def _by_rdap(self, domain: str) -> datetime | None:
        request = Request(rdap_address(self._rdap_url, domain), headers=(("Accept", "application/rdap+json"),))
        fetched = await fetch(self._tools, request, Budget(self._tools.reactor, LOOKUP_S))
        if fetched.fault is not None or fetched.last is None or fetched.last.status != 200:
            return None
        return rdap_expiry(fetched.last.body)

    async def _by_whois(self, domain: str) -> datetime | None:
        server = self._whois_server(domain) or referral_in(await self._whois(IANA, domain))
        return expiry_in(await self._whois(server, domain), domain) if server else None

    async def _whois(self, server: str, domain: str) -> str:
        """What a WHOIS server says; UnansweredError when it cannot be asked."""
        tools = self._tools
        deadline = tools.reactor.now() + LOOKUP_S
        try:
            addresses = await tools.resolver.addresses(
                parse_host(server), self._whois_port, family="auto", deadline=deadline
            )
            stream = await Stream.open(tools.reactor, addresses[0], self._whois_port, deadline)
            try:
                await stream.send(f"{domain}\r\n".encode(), deadline)
                return await _read_all(stream, deadline)
            finally:
                stream.close()
        except (Fault, TimedOutError, ForbiddenTargetError) as error:
            raise UnansweredError from error


async def _read_all(stream: Stream, deadline: float) -> str:
    text = b""
    while len(text) < WHOIS_LIMIT and (chunk := await stream.receive(deadline)):
        text += chunk
    return text[:WHOIS_LIMIT].decode("utf-8", "replace")


def _key(domain: str) -> str:
    return f"registry-expiry:{domain}"


def rdap_address(base: str, domain: str) -> str:
    """`<base>/domain/<name>` (RFC 9082), whether or not the base says `domain` already."""
    base = base.rstrip("/")
    return f"{base}/{domain}" if base.endswith("/domain") else f"{base}/domain/{domain}"


def rdap_expiry(body: bytes) -> datetime | None:
    """The instant of the expiration event of an RDAP answer (RFC 9083, 4.5), or None."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    events = document.get("events") if isinstance(document, dict) else None
    for event in events if isinstance(events, list) else ():
        if isinstance(event, dict) and event.get("eventAction") == "expiration":
            return _instant(event.get("eventDate"))
    return None


def _instant(text: Any) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None
