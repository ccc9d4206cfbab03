"""The dns-config document: what a DNS monitor asks, whom, and what it expects (contract Dashmon 6.2)."""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any

from apps.common.egress import ForbiddenTargetError, forbidden_reason, parse_host
from apps.devices.documents import Document, is_storable, url_fault

TYPES = ("A", "AAAA", "CNAME", "MX", "NS", "TXT", "SOA", "SRV", "CAA", "PTR")
MATCHES = ("exact", "contains_all", "contains_any", "not_contains", "any_answer", "no_answer")
WITHOUT_EXPECTED = ("any_answer", "no_answer")
MAX_RESOLVERS = 5
MAX_EXPECTED = 50
MAX_RECORD = 4_096
MAX_TTL = 2_147_483_647  # RFC 2181, section 8

_LABEL = re.compile(r"[a-z0-9_*]([a-z0-9_-]{0,61}[a-z0-9_])?")
_PORT = re.compile(r"[0-9]{1,5}")


def normalise(document: Mapping[str, Any], *, hostname: str = "") -> dict[str, Any]:
    """The document with every default filled in; storing its own result again changes nothing.

    `hostname` is the name to ask when the document has none: the device's host. A wrapping `config` is
    accepted. `match` defaults to exact with expected records and to any_answer without.
    InvalidInputError lists every bad field by path (`resolvers[0]`, `expected[1]`, `ttl.min`).
    """
    inner = document.get("config") if isinstance(document, Mapping) and len(document) == 1 else None
    root = Document(document if inner is None else inner)
    kind = root.choice("recordType", TYPES, default="A")
    expected = _expected(root, kind)
    result = {
        "hostname": _hostname(root, hostname),
        "recordType": kind,
        "resolvers": _resolvers(root),
        "match": root.choice("match", MATCHES, default="exact" if expected else "any_answer"),
        "expected": expected,
        "ttl": _ttl(root),
        "requireAuthenticated": root.flag("requireAuthenticated", default=False),
        "timeoutMs": root.whole("timeoutMs", default=5_000, low=500, high=60_000),
        "retries": root.whole("retries", default=1, low=0, high=10),
    }
    if result["match"] not in WITHOUT_EXPECTED and not expected:
        root.fault("expected", "This match needs at least one expected record.")
    root.finish()
    return result


def defaults(*, hostname: str = "") -> dict[str, Any]:
    """What applies before anything was saved."""
    return {
        "hostname": hostname,
        "recordType": "A",
        "resolvers": ["system"],
        "match": "any_answer",
        "expected": [],
        "ttl": {"min": None, "max": None},
        "requireAuthenticated": False,
        "timeoutMs": 5_000,
        "retries": 1,
    }


def _hostname(root: Document, default: str) -> str:
    text = root.text("hostname", default=default, longest=255) or default
    name = text.strip().rstrip(".").lower()
    if not name.isascii():
        try:
            name = parse_host(name).name
        except ForbiddenTargetError:
            root.fault("hostname", "This is not a host name.")
    elif not _is_name(name):
        root.fault("hostname", "This is not a host name." if name else "A host name is needed.")
    return name


def _is_name(name: str) -> bool:
    # An address is a name here too: a PTR question is written either way.
    if len(name) <= 253 and all(_LABEL.fullmatch(label) for label in name.split(".")):
        return True
    return _is_address(name)


def _is_address(text: str, *, version: int | None = None) -> bool:
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        return False
    return "%" not in text and version in (None, address.version)


def _resolvers(root: Document) -> list[str]:
    given = root.items("resolvers", most=MAX_RESOLVERS)
    for index, item in enumerate(given):
        sentence = _resolver_fault(item) if isinstance(item, str) else "Must be a string."
        if sentence:
            root.fault(f"resolvers[{index}]", sentence)
    return list(given) or ["system"]


def _resolver_fault(text: str) -> str | None:
    if text == "system":
        return None
    if "://" in text:
        return url_fault(text) if text.lower().startswith("https://") else "DNS over HTTPS needs https."
    address, port = _split(text)
    if not _is_address(address) or not _PORT.fullmatch(port) or not 0 < int(port) < 65_536:
        return "Must be system, an address, address:port, or the URL of a DNS-over-HTTPS service."
    return forbidden_reason(address, int(port))


def _split(text: str) -> tuple[str, str]:
    """Address and port of `192.0.2.1`, `192.0.2.1:53`, `2001:db8::1` or `[2001:db8::1]:53`."""
    if text.startswith("["):
        address, bracket, tail = text[1:].partition("]")
        if bracket and (not tail or tail.startswith(":")):
            return address, tail[1:] if tail else "53"
        return text, "53"
    if text.count(":") == 1:
        address, _, port = text.partition(":")
        return address, port
    return text, "53"


def _expected(root: Document, kind: str) -> list[str]:
    records = root.items("expected", most=MAX_EXPECTED)
    for index, record in enumerate(records):
        if sentence := _record_fault(record, kind):
            root.fault(f"expected[{index}]", sentence)
    return list(records)


def _record_fault(record: Any, kind: str) -> str | None:
    if not isinstance(record, str) or not record.strip():
        return "Must be a record as text."
    if len(record) > MAX_RECORD or not is_storable(record):
        return f"Must be storable text of at most {MAX_RECORD} characters."
    version = {"A": 4, "AAAA": 6}.get(kind)
    if version and not _is_address(record, version=version):
        return f"Must be an IPv{version} address."
    return None


def _ttl(root: Document) -> dict[str, int | None]:
    with root.part("ttl") as ttl:
        low = ttl.whole("min", default=None, low=0, high=MAX_TTL, nullable=True)
        high = ttl.whole("max", default=None, low=0, high=MAX_TTL, nullable=True)
        if low is not None and high is not None and low > high:
            ttl.fault("max", "Must not be below min.")
    return {"min": low, "max": high}
