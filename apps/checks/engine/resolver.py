"""From a target's name to the addresses the guard lets pass: the one place where the engine resolves."""

import contextlib
import ipaddress
import time
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

from apps.checks.engine.exchange import Server, UnansweredError, ask
from apps.checks.engine.faults import Fault, blocked
from apps.checks.engine.message import TYPES, Message
from apps.checks.engine.reactor import Reactor, TimedOutError
from apps.common.egress import ForbiddenTargetError, Guard, Host
from apps.common.egress.addresses import Address
from apps.common.remembered import TARGETS_KEPT

HOSTS_FILE = Path("/etc/hosts")
RESOLV_CONF = Path("/etc/resolv.conf")
REREAD_S = 5.0
TRY_S = 2.0  # per server and round, as long as there is time
ROUNDS = 2
DEFINITE = frozenset({"NOERROR", "NXDOMAIN"})
A, AAAA = TYPES["A"], TYPES["AAAA"]
FAMILIES: Mapping[str, tuple[int, ...]] = {"auto": (A, AAAA), "4": (A,), "6": (AAAA,)}
VERSIONS: Mapping[str, frozenset[int]] = {
    "auto": frozenset({4, 6}),
    "4": frozenset({4}),
    "6": frozenset({6}),
}


@dataclass(frozen=True, slots=True)
class Search:
    """Domains to complete short names with: names of fewer than `dots` dots try them first."""

    domains: tuple[str, ...] = ()
    dots: int = 1

    def candidates(self, name: str) -> tuple[str, ...]:
        """The names to ask for, in order; the name itself is always among them."""
        if name.count(".") >= self.dots:
            return (name,)
        return (*(f"{name}.{domain}" for domain in self.domains), name)


class SystemFiles:
    """The hosts file and the resolver configuration of this machine, read again when they change."""

    def __init__(self, hosts: Path = HOSTS_FILE, resolv: Path = RESOLV_CONF) -> None:
        self._paths = (hosts, resolv)
        self._read_at = float("-inf")
        self._seen: tuple[float, ...] = ()
        self.hosts: Mapping[str, tuple[Address, ...]] = {}
        self.servers: tuple[Server, ...] = ()
        self.search = Search()

    def refresh(self) -> None:
        if time.monotonic() - self._read_at < REREAD_S:
            return
        self._read_at = time.monotonic()
        seen = tuple(path.stat().st_mtime if path.exists() else 0.0 for path in self._paths)
        if seen != self._seen:
            self._seen = seen
            hosts, resolv = self._paths
            self.hosts = parse_hosts(_text(hosts))
            self.servers = parse_nameservers(_text(resolv)) or (Server(ipaddress.IPv4Address("127.0.0.1")),)
            self.search = parse_search(_text(resolv))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def parse_hosts(text: str) -> dict[str, tuple[Address, ...]]:
    """Addresses by name, as hosts(5) has them."""
    found: dict[str, tuple[Address, ...]] = {}
    for line in text.splitlines():
        address, *names = line.partition("#")[0].split() or [""]
        with contextlib.suppress(ValueError):
            parsed = ipaddress.ip_address(address.partition("%")[0])
            for name in names:
                key = name.lower().rstrip(".")
                found[key] = (*found.get(key, ()), parsed)
    return found


def parse_nameservers(text: str) -> tuple[Server, ...]:
    """The name servers of resolv.conf(5), in order."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            with contextlib.suppress(ValueError):
                found.append(Server(ipaddress.ip_address(words[1].partition("%")[0])))
    return tuple(found)


def parse_search(text: str) -> Search:
    """The search list and the `ndots` option of resolv.conf(5); the last of each counts."""
    domains: tuple[str, ...] = ()
    dots = 1
    for line in text.splitlines():
        key, *words = line.split() or [""]
        if key in {"search", "domain"}:
            domains = tuple(word.lower().strip(".") for word in words if word.strip("."))
        for word in words if key == "options" else ():
            if word.startswith("ndots:") and word[6:].isdecimal():
                dots = int(word[6:])
    return Search(domains, dots)


def parse_server(text: str) -> Server:
    """`192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`; ValueError otherwise."""
    host, port = text, 53
    if text.startswith("["):
        host, _, tail = text[1:].partition("]")
        port = int(tail.removeprefix(":") or 53)
    elif text.count(":") == 1:
        host, _, tail = text.partition(":")
        port = int(tail)
    if not 0 < port < 65536:
        raise ValueError("a port is a number from 1 to 65535")
    return Server(ipaddress.ip_address(host), port)


class Resolver:
    """Looks names up by the hosts file and the operator's name servers; nothing is cached.

    A cache would hide a broken name server for as long as a TTL lasts, and it would make the DNS
    phase of a check a fiction; the recursive resolver behind it has one anyway.
    """

    def __init__(self, reactor: Reactor, guard: Guard, servers: Sequence[str] = ()) -> None:
        self._reactor = reactor
        self._guard = guard
        try:
            self._servers = tuple(map(parse_server, servers))
        except ValueError as error:
            raise ImproperlyConfigured(f"DASHMON_PROBE_RESOLVERS: {error}") from error
        self._files = SystemFiles()

    @property
    def servers(self) -> tuple[Server, ...]:
        """What `system` means: DASHMON_PROBE_RESOLVERS, else this machine's own name servers."""
        if self._servers:
            return self._servers
        self._files.refresh()
        return self._files.servers

    def known(self, host: Host, port: int | None, *, family: str) -> tuple[Address, ...]:
        """Allowed addresses of a host that needs no look-up, none of any other; Fault `dns` or `blocked`."""
        fixed = host.fixed
        if not fixed:
            return ()
        try:
            return _of_family(host, self._guard.allowed(host, fixed, port), family)
        except ForbiddenTargetError as error:
            raise blocked(error.message) from error

    async def addresses(self, host: Host, port: int | None, *, family: str, deadline: float) -> tuple[Address, ...]:
        """Addresses that may be connected to, IPv4 first; Fault `dns` or `blocked`."""
        if known := self.known(host, port, family=family):
            return known
        try:
            self._guard.check_host(host, port)
            self._files.refresh()
            found = self._files.hosts.get(host.name) or await self._complete(host.name, family, deadline)
            return _of_family(host, self._guard.allowed(host, found, port), family)
        except ForbiddenTargetError as error:
            raise blocked(error.message) from error

    def _complete(self, name: str, family: str, deadline: float) -> Coroutine[Any, None, tuple[Address, ...]]:
        """Addresses of the first candidate that has any; the search list belongs to the system's servers."""
        candidates = (name,) if self._servers else self._files.search.candidates(name)
        if len(candidates) == 1:
            return self._look_up(name, family, deadline)
        return self._first_of(candidates, family, deadline)

    async def _first_of(self, candidates: Sequence[str], family: str, deadline: float) -> tuple[Address, ...]:
        for candidate in candidates[:-1]:
            try:
                return await self._look_up(candidate, family, deadline)
            except Fault as fault:
                if fault.failure.reason not in {"nxdomain", "no_answer"}:
                    raise
        return await self._look_up(candidates[-1], family, deadline)

    async def _look_up(self, name: str, family: str, deadline: float) -> tuple[Address, ...]:
        for number in FAMILIES[family]:
            try:
                message = await self._ask_any(name, number, deadline)
            except ValueError as error:
                raise Fault("dns", "nxdomain", f"{name} is not a name that DNS knows") from error
            if message.status == "NXDOMAIN":
                raise Fault("dns", "nxdomain", f"The name {name} does not exist")
            if found := message.records(number):
                return tuple([_address(record.text) for record in found])
        raise Fault("dns", "no_answer", f"The name {name} has no address")

    async def _ask_any(self, name: str, number: int, deadline: float) -> Message:
        """The first definite answer of the servers in turn; the failure of the last one otherwise."""
        failed: Message | None = None
        for _ in range(ROUNDS):
            for server in self.servers:
                until = min(deadline, self._reactor.now() + TRY_S)
                try:
                    message = await ask(self._reactor, server, name, number, until)
                except (TimedOutError, UnansweredError):
                    pass
                else:
                    if message.status in DEFINITE:
                        return message
                    failed = message
                if self._reactor.now() >= deadline:
                    break
        if failed is None:
            raise Fault("dns", "timeout", f"No name server answered for {name}")
        reason = failed.status.lower()
        raise Fault("dns", reason, f"The name server could not answer for {name} ({failed.status})")


@lru_cache(maxsize=TARGETS_KEPT)
def _address(text: str) -> Address:
    """The same names have the same addresses at every look-up; reading one is pure, so it is done once."""
    return ipaddress.ip_address(text)


def _of_family(host: Host, found: Sequence[Address], family: str) -> tuple[Address, ...]:
    if len(found) == 1 and family == "auto":
        return tuple(found)
    wanted = [address for address in found if address.version in VERSIONS[family]]
    if len(wanted) == 1:
        return tuple(wanted)
    if not wanted:
        raise Fault("dns", "no_answer", f"{host.name} has no IPv{family} address")
    return tuple(sorted(wanted, key=lambda address: address.version))
