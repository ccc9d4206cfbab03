"""Which addresses may be reached from here, by the operator's lists and the profile's default."""

import contextlib
import ipaddress
import re
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Self
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from apps.common.egress.addresses import LOOPBACK, PRIVATE, Address, Class, Network, class_of, unwrap
from apps.common.egress.errors import ForbiddenTargetError
from apps.common.egress.targets import Host, Target, parse_host, parse_url, split_port
from apps.common.remembered import TARGETS_KEPT

# A name in DATABASE_URL is looked up again after this long: containers move.
SERVICE_LOOKUP_S = 60
UNRULED = ""
SERVICE_PORTS = {"postgresql": 5432, "redis": 6379}
WILDCARDS = frozenset({"", "0.0.0.0", "::", "*"})  # noqa: S104  # compared with, never bound


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of EGRESS_ALLOW or EGRESS_DENY: a network, and the only port it speaks of, if any."""

    network: Network
    port: int | None = None
    # The network as numbers: a ruling compares with every entry.
    _first: int = field(init=False, repr=False, compare=False)
    _last: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_first", int(self.network.network_address))
        object.__setattr__(self, "_last", int(self.network.broadcast_address))

    def covers(self, address: Address, port: int | None) -> bool:
        if not self._first <= int(address) <= self._last or address.version != self.network.version:
            return False
        return self.port is None or self.port == port

    @property
    def single(self) -> bool:
        return self.network.prefixlen == self.network.max_prefixlen


def parse_entry(text: str) -> Entry:
    """`10.0.0.0/8`, `10.1.2.3`, `10.1.2.3:5432`, `fd00::/8` or `[::1]:6379`; a typo stops the start."""
    bracketed = re.fullmatch(r"\[([^\]]+)\](/\d+)?(?::(\d+))?", text)
    plain = re.fullmatch(r"([^:]+):(\d+)", text)
    network, port = text, None
    if bracketed:
        network, port = bracketed[1] + (bracketed[2] or ""), bracketed[3]
    elif plain:
        network, port = plain[1], plain[2]
    try:
        return Entry(ipaddress.ip_network(network, strict=False), int(port) if port else None)
    except ValueError as error:
        raise ImproperlyConfigured(f"DASHMON_EGRESS: {text!r} is not a network or address.") from error


@dataclass(frozen=True, slots=True)
class Service:
    """A listener of the product itself: nobody monitors, posts to or reads from it through a probe.

    `exact`: only this address; otherwise every address of this machine counts, because a server that
    listens on one of them usually listens on all.
    """

    host: str
    port: int
    exact: bool = False


@dataclass
class Guard:
    """Judges addresses. DENY and the product's own services win over everything else."""

    allow: Sequence[Entry] = ()
    deny: Sequence[Entry] = ()
    services: Sequence[Service] = ()
    _known: dict[str, tuple[float, frozenset[Address]]] = field(default_factory=dict, repr=False)
    _ruled: dict[tuple[int, int, int | None], str | None] = field(default_factory=dict, repr=False)
    _service_ports: frozenset[int | None] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._service_ports = frozenset(own.port for own in self.services)

    @classmethod
    def build(
        cls, *, profile: str, allow: Iterable[str] | None, deny: Iterable[str], services: Sequence[Service]
    ) -> Self:
        """Entries from their spellings; without ALLOW the profile decides (saas: public only)."""
        if allow is not None:
            allowed = tuple(map(parse_entry, allow))
        elif profile == "saas":
            allowed = ()
        else:
            allowed = tuple(map(Entry, (*LOOPBACK, *PRIVATE)))
        return cls(allowed, tuple(map(parse_entry, deny)), services)

    def refusal(self, address: Address, port: int | None = None) -> str | None:
        """Why this address may not be reached, or None when it may; `port` None is a ping."""
        if port in self._service_ports and any(self._is_service(reading, port) for reading in unwrap(address)):
            return f"The address {address} port {port} belongs to the monitoring service itself."
        # The lists never change, so their ruling is remembered; services may move and are asked anew. A zone is not
        # part of the number, and of no ruling either.
        key = (int(address), address.version, port)
        ruling = self._ruled.get(key, UNRULED)
        if ruling == UNRULED:
            # Threads share a guard: another one may clear or fill the memory at any moment.
            if len(self._ruled) >= TARGETS_KEPT:
                self._ruled.clear()
            ruling = self._ruled[key] = self._ruling(address, port)
        return ruling

    def _ruling(self, address: Address, port: int | None) -> str | None:
        readings = unwrap(address)
        if any(entry.covers(reading, port) for reading in readings for entry in self.deny):
            return f"The address {address} is denied by this installation."
        if all(self._is_open(reading, port) for reading in readings):
            return None
        return f"The address {address} may not be reached from here."

    def allowed(self, host: Host, addresses: Sequence[Address], port: int | None) -> tuple[Address, ...]:
        """The addresses of a host that may be connected to; ForbiddenTargetError when it is refused.

        Of a localhost name the allowed addresses remain. A name that has even one forbidden address is
        refused as a whole: who mixes public and inner addresses tries to reach the inner one.
        """
        if len(addresses) == 1 and self.refusal(addresses[0], port) is None:
            return tuple(addresses)
        refusals = [self.refusal(address, port) for address in addresses]
        reason = next((reason for reason in refusals if reason), None)
        if reason is None:
            return tuple(addresses)
        if host.fixed and not all(refusals):
            return tuple(each for each, refused in zip(addresses, refusals, strict=True) if not refused)
        raise ForbiddenTargetError(reason)

    def check_address(self, address: Address, port: int | None = None) -> None:
        """ForbiddenTargetError with the sentence of `refusal`, or nothing."""
        if reason := self.refusal(address, port):
            raise ForbiddenTargetError(reason)

    def check_host(self, host: Host, port: int | None = None) -> None:
        """What can be said of a host without a resolver: literals, localhost names, our own services."""
        if host.fixed:
            self.allowed(host, host.fixed, port)
        elif port in self._service_ports and any(
            host.name == own.host.lower() and own.port == port for own in self.services
        ):
            raise ForbiddenTargetError(f"{host.name} port {port} belongs to the monitoring service itself.")

    def _is_open(self, address: Address, port: int | None) -> bool:
        kind: Class = class_of(address)
        if kind == "never":
            return False
        covering = [entry for entry in self.allow if entry.covers(address, port)]
        if kind == "metadata":
            # A wide network never opens the machine's own credentials; naming the address does.
            return any(entry.single for entry in covering)
        return kind == "public" or bool(covering)

    def _is_service(self, address: Address, port: int | None) -> bool:
        for own in self.services:
            if own.port != port:
                continue
            if own.host in WILDCARDS:
                if is_local(address):
                    return True
                continue
            homes = self._addresses_of(own.host)
            if address in homes or (not own.exact and is_local(address) and any(map(is_local, homes))):
                return True
        return False

    def _addresses_of(self, name: str) -> frozenset[Address]:
        with contextlib.suppress(ValueError):
            return frozenset(unwrap(ipaddress.ip_address(name)))
        at, known = self._known.get(name, (float("-inf"), frozenset()))
        if time.monotonic() - at > SERVICE_LOOKUP_S:
            with contextlib.suppress(OSError):
                found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
                known = frozenset(ipaddress.ip_address(str(info[4][0]).partition("%")[0]) for info in found)
            self._known[name] = (time.monotonic(), known)
        return known


def is_local(address: Address) -> bool:
    """Whether the address is one of this machine's: the kernel binds no others."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return address.is_loopback
    return True


def own_services(config: Any) -> tuple[Service, ...]:
    """The product's listeners, database and Redis, as the settings name them."""
    found = [Service(config.HOST, config.PORT, exact=True)]
    if grpc := getattr(config, "GRPC_PORT", None):
        found.append(Service(config.HOST, int(grpc), exact=True))
    for database in config.DATABASES.values():
        host = str(database.get("HOST") or "")
        # A path is a Unix socket, and SQLite has no host: neither can be reached by a probe.
        if host and not host.startswith("/"):
            found.append(Service(host, int(database.get("PORT") or SERVICE_PORTS["postgresql"])))
    if config.REDIS_URL:
        url = urlsplit(config.REDIS_URL)
        if url.hostname:
            found.append(Service(url.hostname, url.port or SERVICE_PORTS["redis"]))
    return tuple(found)


@lru_cache(maxsize=8)
def _guard(profile: str, allow: tuple[str, ...] | None, deny: tuple[str, ...], services: tuple[Service, ...]) -> Guard:
    return Guard.build(profile=profile, allow=allow, deny=deny, services=services)


def current_guard() -> Guard:
    """The guard of the settings as they stand now."""
    allow = None if settings.EGRESS_ALLOW is None else tuple(settings.EGRESS_ALLOW)
    return _guard(settings.PROFILE, allow, tuple(settings.EGRESS_DENY), own_services(settings))


def forbidden_reason(url_or_host: str, port: int | None = None, *, guard: Guard | None = None) -> str | None:
    """Why a target may not be saved, or None: spelling and literal addresses only, no DNS.

    Takes an http(s) URL, a host, or `host:port` as resolvers are spelled; `port` is the host's otherwise.
    A name that resolves to a forbidden address is found by the check itself, which says `blocked`.
    """
    guard = guard or current_guard()
    try:
        if "://" in url_or_host:
            target: Target = parse_url(url_or_host)
            guard.check_host(target.host, target.port)
        else:
            host, own_port = split_port(url_or_host)
            guard.check_host(parse_host(host), own_port or port)
    except ForbiddenTargetError as error:
        return error.message
    return None
