"""What a device points at, checked before it is saved (contract Dashmon sections 6 and 16)."""

import ipaddress
from dataclasses import dataclass
from typing import Any

from apps.common.egress import ForbiddenTargetError, forbidden_reason, parse_host, parse_url
from apps.common.egress.addresses import Address
from apps.common.errors import InvalidInputError
from apps.common.text import is_storable
from apps.devices.models import Device

PROTOCOLS = frozenset(set(Device.Kind.values) - {Device.Kind.AUTO})
# Kinds that somebody else feeds, or that carry their own configuration instead of an address.
WITHOUT_ADDRESS = frozenset({Device.Kind.DNS, Device.Kind.HEARTBEAT, Device.Kind.AGENT})
PREMIUM_KINDS = frozenset({Device.Kind.DNS, Device.Kind.HEARTBEAT})
# RFC 5737, RFC 3849, RFC 9637: what examples are written with, this product's own too.
DOCUMENTATION = tuple(
    ipaddress.ip_network(text)
    for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20")
)
NOT_PROBED = frozenset({Device.Kind.HEARTBEAT, Device.Kind.AGENT})


@dataclass(frozen=True, slots=True)
class Description:
    """The fields people type about a device, checked and in canonical form."""

    name: str
    kind: Device.Kind
    label: str
    host: str
    port: int | None
    url: str
    notes: str | None


def kind_of(label: str) -> Device.Kind:
    """A protocol type is its own kind; anything else is a class of hardware, probed by what is known of it."""
    word = label.strip().lower()
    return Device.Kind(word) if word in PROTOCOLS else Device.Kind.AUTO


def describe(*, name: Any, label: Any, host: Any, port: Any, url: Any, notes: Any, missing: str) -> Description:
    """Check the described target; `missing` is the endpoint's sentence when a required field is absent.

    Raises InvalidInputError with every bad field by its wire name: name, type, ip, port, url, notes.
    """
    fields: dict[str, str] = {}
    clean_name = _text(fields, "name", name, 120)
    clean_label = _text(fields, "type", label, 40)
    kind = kind_of(clean_label)
    clean_url = _url(fields, url)
    clean_port = _port(fields, port, needed=kind == Device.Kind.TCP)
    clean_host = _host(fields, host, clean_port, needed=kind not in WITHOUT_ADDRESS and not clean_url)
    clean_notes = _text(fields, "notes", notes, 4000, needed=False) or None
    if fields:
        absent = any(sentence == "Required." for sentence in fields.values())
        raise InvalidInputError(missing if absent else "", fields=fields)
    return Description(clean_name, kind, clean_label, clean_host, clean_port, clean_url, clean_notes)


def _text(fields: dict[str, str], name: str, value: Any, most: int, *, needed: bool = True) -> str:
    if value is not None and not isinstance(value, str):
        fields[name] = "A text."
        return ""
    text = (value or "").strip()
    if not text and needed:
        fields[name] = "Required."
    elif len(text) > most:
        fields[name] = f"At most {most} characters."
    elif not is_storable(text):
        fields[name] = "Text that can be stored: no NUL and no half characters."
    return text


def _url(fields: dict[str, str], value: Any) -> str:
    url = _text(fields, "url", value, 2048, needed=False)
    if not url or "url" in fields:
        return ""
    if not url.lower().startswith(("http://", "https://")):
        fields["url"] = "An address that begins with http:// or https://."
    elif reason := _refusal(url):
        fields["url"] = reason
    return url


def _host(fields: dict[str, str], value: Any, port: int | None, *, needed: bool) -> str:
    host = _text(fields, "ip", value, 253, needed=needed)
    if not host or "ip" in fields:
        return ""
    if "/" in host:
        fields["ip"] = "A host name or an address; a URL has a field of its own."
    elif reason := _refusal(host, port):
        fields["ip"] = reason
    return host


def _refusal(url_or_host: str, port: int | None = None) -> str | None:
    """Why a target may not be saved. Addresses of documentation may: each check of one says `blocked`."""
    reason = forbidden_reason(url_or_host, port)
    if reason is None:
        return None
    try:
        host = parse_url(url_or_host).host if "://" in url_or_host else parse_host(url_or_host)
    except ForbiddenTargetError:
        return reason
    return None if host.fixed and all(map(_is_documentation, host.fixed)) else reason


def _is_documentation(address: Address) -> bool:
    return any(address.version == network.version and address in network for network in DOCUMENTATION)


def _port(fields: dict[str, str], value: Any, *, needed: bool) -> int | None:
    if value is None or value == "":
        if needed:
            fields["port"] = "A TCP monitor needs a port."
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 65535:
        fields["port"] = "A whole number from 1 to 65535."
        return None
    return value
