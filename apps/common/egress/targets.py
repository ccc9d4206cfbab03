"""Reading a target once and strictly, so that every later reader sees the same host. Pure, no DNS."""

import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import quote, urljoin

import idna

from apps.common.egress.addresses import Address
from apps.common.egress.errors import ForbiddenTargetError
from apps.common.remembered import TARGETS_KEPT

SCHEME = re.compile(r"(https?)://", re.IGNORECASE)
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
PORT = re.compile(r"[0-9]{1,5}")
UNREADABLE = re.compile(r"[\x00-\x20\x7f-\xa0\\]")
DEFAULT_PORTS: Mapping[str, int] = {"http": 80, "https": 443}
LOOPBACK_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
LOOPBACK_ADDRESSES: tuple[Address, ...] = (
    ipaddress.IPv4Address("127.0.0.1"),
    ipaddress.IPv6Address("::1"),
)
# What RFC 3986 lets stand in a path or query, and the percent sign of what is encoded already.
PATH_SAFE = "/?:@!$&'()*+,;=-._~%[]"
# What nearly every target looks like: nothing in it that two readers could read differently.
PLAIN = re.compile(r"(https?)://([a-z0-9.-]+)(?::([0-9]{1,5}))?(/[A-Za-z0-9/?:@!$&'()*+,;=._~%\[\]-]*)?")


@dataclass(frozen=True, slots=True)
class Host:
    """A host in its one canonical spelling: an A-label name without final dot, or an address."""

    name: str
    address: Address | None = None

    # The addresses that need no resolver: a literal's own, or those of a localhost name.
    fixed: tuple[Address, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        loopback = self.name in LOOPBACK_NAMES or self.name.endswith(".localhost")
        fixed = (self.address,) if self.address is not None else LOOPBACK_ADDRESSES if loopback else ()
        object.__setattr__(self, "fixed", fixed)

    @property
    def bracketed(self) -> str:
        """The host as it stands in a URL."""
        return f"[{self.name}]" if ":" in self.name else self.name


@dataclass(frozen=True, slots=True)
class Target:
    """An http or https URL that has been read: nobody has to parse its text again."""

    scheme: str
    host: Host
    port: int
    path: str  # path and query, ASCII, starting with a slash; no fragment
    url: str = field(init=False, compare=False)  # the same as text: every check of a target asks for it

    def __post_init__(self) -> None:
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        object.__setattr__(self, "url", f"{self.scheme}://{self.host.bracketed}{port}{self.path}")

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port: credentials never leave it."""
        return (self.scheme, self.host.name, self.port)


@lru_cache(maxsize=TARGETS_KEPT)
def parse_url(text: str) -> Target:
    """Read an http(s) URL strictly; ForbiddenTargetError for anything that readers could read differently.

    Refused: other schemes, userinfo, backslashes, control characters and blanks, percent signs in the
    host, ports outside 1..65535.
    """
    if plain := PLAIN.fullmatch(text):
        scheme_name, authority, digits, plain_path = plain.groups()
        port = _port(digits) if digits else DEFAULT_PORTS[scheme_name]
        return Target(scheme_name, parse_host(authority), port, plain_path or "/")
    return _parse_slowly(text)


def _parse_slowly(text: str) -> Target:
    _refuse_unreadable(text)
    scheme = SCHEME.match(text)
    if scheme is None:
        raise ForbiddenTargetError("Only http and https addresses can be reached.")
    rest = text[scheme.end() :]
    cut = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    host, port = _split_authority(rest[:cut])
    name = scheme[1].lower()
    path = rest[cut:].partition("#")[0]
    if not path.startswith("/"):
        path = f"/{path}"
    return Target(name, parse_host(host), port or DEFAULT_PORTS[name], quote(path, safe=PATH_SAFE))


def parse_redirect(base: Target, location: str) -> Target:
    """The target a Location header names, relative to where it was found."""
    # Servers do send raw blanks here; encoding them first keeps the strict reader strict.
    text = location.strip(" \t").replace(" ", "%20")
    # urljoin drops tabs and line breaks, so they are refused before it can.
    _refuse_unreadable(text)
    return parse_url(urljoin(base.url, text))


@lru_cache(maxsize=TARGETS_KEPT)
def parse_host(text: str) -> Host:
    """Read a host name or address: literals first, then legacy IPv4 forms, then names.

    Decimal, hexadecimal, octal and short IPv4 forms are what `inet_aton` makes of them. Names are mapped
    by UTS 46 (which contains NFKC) to their A-labels. ForbiddenTargetError for everything else.
    """
    _refuse_unreadable(text)
    if text.startswith("[") and text.endswith("]"):
        return _ipv6(text[1:-1])
    if ":" in text:
        return _ipv6(text)
    name = ascii_name(text)
    if NUMERIC.fullmatch(name.rpartition(".")[2]):
        return _legacy_ipv4(name)
    if len(name) > 253 or not all(LABEL.fullmatch(label) for label in name.split(".")):
        raise ForbiddenTargetError("This is not a host name.")
    return Host(name)


def split_port(text: str) -> tuple[str, int | None]:
    """`host:port` or `[v6]:port` into its parts; a bare host or bare IPv6 address has no port."""
    if text.startswith("[") or text.count(":") == 1:
        return _split_authority(text)
    return text, None


def _refuse_unreadable(text: str) -> None:
    if UNREADABLE.search(text):
        raise ForbiddenTargetError("An address has no blanks, control characters or backslashes.")
    if not text:
        raise ForbiddenTargetError("An address is missing.")


def _split_authority(authority: str) -> tuple[str, int | None]:
    if "@" in authority:
        raise ForbiddenTargetError("A user name or password has no place in an address.")
    if authority.startswith("["):
        host, bracket, tail = authority.partition("]")
        host += bracket
    else:
        host, colon, tail = authority.partition(":")
        tail = colon + tail
    if not tail or tail == ":":
        return host, None
    if tail[0] != ":":
        raise ForbiddenTargetError("The port must be a number from 1 to 65535.")
    return host, _port(tail.removeprefix(":"))


def _port(digits: str) -> int:
    if not PORT.fullmatch(digits) or not 0 < int(digits) < 65536:
        raise ForbiddenTargetError("The port must be a number from 1 to 65535.")
    return int(digits)


def _ipv6(text: str) -> Host:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError:
        raise ForbiddenTargetError("This is not an IPv6 address.") from None
    if address.scope_id is not None:
        raise ForbiddenTargetError("An address with a zone belongs to one machine only.")
    if address.ipv4_mapped is not None:
        return Host(str(address.ipv4_mapped), address.ipv4_mapped)
    return Host(str(address), address)


def ascii_name(text: str) -> str:
    """A name in lower-case A-labels without its final dot; what its labels hold is not judged here."""
    if not text.isascii():
        try:
            text = idna.encode(text, uts46=True).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise ForbiddenTargetError("This is not a host name.") from None
    return text.lower().removesuffix(".")


def _legacy_ipv4(text: str) -> Host:
    try:
        packed = socket.inet_aton(text)
    except OSError:
        raise ForbiddenTargetError("This is not an IPv4 address.") from None
    address = ipaddress.IPv4Address(packed)
    return Host(str(address), address)
