"""The verdict on a DNS answer, and one spelling for its records (contract Dashmon 6.2)."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from apps.checks.types import DnsFacts, Status
from apps.common.remembered import TARGETS_KEPT

_QUOTED_ONLY = re.compile(r'\s*"(?:[^"\\]|\\.)*"(?:\s*"(?:[^"\\]|\\.)*")*\s*', re.DOTALL)
_CHUNK = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPE = re.compile(rb"\\([0-9]{3}|.)", re.DOTALL)
_UNANSWERED = {"SERVFAIL": "servfail", "REFUSED": "refused", "TIMEOUT": "timeout"}


class DnsVerdict(NamedTuple):
    """Status and the reason it is not up: nxdomain, no_answer, mismatch, ttl_out_of_range ... or None."""

    status: Status
    reason: str | None


def judge_dns(config: Mapping[str, Any], facts: DnsFacts) -> DnsVerdict:
    """Judge one resolver's answer by a dns-config document; records may be in presentation form."""
    reason = _fault(config, facts)
    if reason:
        return DnsVerdict("down", reason)
    if facts.records and _ttl_out_of_range(config.get("ttl") or {}, facts):
        return DnsVerdict("warning", "ttl_out_of_range")
    return DnsVerdict("up", None)


def _fault(config: Mapping[str, Any], facts: DnsFacts) -> str | None:
    if facts.rcode in _UNANSWERED:
        return _UNANSWERED[facts.rcode]
    if facts.rcode not in ("NOERROR", "NXDOMAIN"):
        return facts.rcode.lower()
    empty = facts.rcode == "NXDOMAIN" or not facts.records
    if config.get("match") == "no_answer":
        if not empty:
            return "unexpected_answer"
    elif empty:
        return "nxdomain" if facts.rcode == "NXDOMAIN" else "no_answer"
    elif not _answers(config, facts):
        return "mismatch"
    if config.get("requireAuthenticated") and not facts.authenticated:
        return "not_authenticated"
    return None


def _answers(config: Mapping[str, Any], facts: DnsFacts) -> bool:
    kind = str(config.get("recordType"))
    answer = {normalise_record(kind, record) for record in facts.records}
    expected = {normalise_record(kind, record) for record in config.get("expected") or ()}
    rules: Mapping[str, Callable[[], bool]] = {
        "exact": lambda: answer == expected,
        "contains_all": lambda: expected <= answer,
        "contains_any": lambda: bool(expected & answer),
        "not_contains": lambda: not expected & answer,
        "any_answer": lambda: True,
    }
    return rules[str(config.get("match", "exact"))]()


def _ttl_out_of_range(bounds: Mapping[str, Any], facts: DnsFacts) -> bool:
    least, most = bounds.get("min"), bounds.get("max")
    too_short = least is not None and facts.min_ttl_s is not None and facts.min_ttl_s < least
    too_long = most is not None and facts.max_ttl_s is not None and facts.max_ttl_s > most
    return too_short or too_long


def normalise_record(record_type: str, text: str) -> str:
    """A record's data in the one spelling that is compared and shown.

    Names in lower case without their final dot, IPv6 in shortest form, TXT chunks unquoted and joined,
    `10 mail.example.com` for MX, `0 issue letsencrypt.org` for CAA. Text that is not such a record is
    kept, so that a wrong expectation is a mismatch, never an error. Hand over what the server said:
    a TXT value whose own text is wrapped in quotes would lose them in a second pass.
    """
    normalise = _NORMALISERS.get(record_type)
    return normalise(text) if normalise else text.strip()


@lru_cache(maxsize=TARGETS_KEPT)
def _address(text: str) -> str:
    trimmed = text.strip()
    try:
        return ipaddress.ip_address(trimmed).compressed
    except ValueError:
        return trimmed.lower()


def _name(text: str) -> str:
    trimmed = text.strip().lower()
    return trimmed.rstrip(".") or trimmed[:1]


def _text(text: str) -> str:
    if not _QUOTED_ONLY.fullmatch(text):
        return text
    joined = "".join(_CHUNK.findall(text)).encode("utf-8", errors="surrogatepass")
    return _ESCAPE.sub(_unescaped, joined).decode("utf-8", errors="backslashreplace")


def _unescaped(match: re.Match[bytes]) -> bytes:
    escaped = match[1]
    if len(escaped) == 3 and int(escaped) < 256:
        return bytes([int(escaped)])
    return escaped


def _numbered(numbers: int) -> Callable[[str], str]:
    """A record of that many numbers before one name."""

    def normalise(text: str) -> str:
        fields = text.split()
        if len(fields) != numbers + 1 or not all(_is_count(field) for field in fields[:numbers]):
            return " ".join(fields).lower()
        return " ".join([*(str(int(field)) for field in fields[:numbers]), _name(fields[numbers])])

    return normalise


def _authority(text: str) -> str:
    fields = text.split()
    if len(fields) < 3:
        return " ".join(fields).lower()
    rest = [str(int(field)) if _is_count(field) else field.lower() for field in fields[2:]]
    return " ".join([_name(fields[0]), _name(fields[1]), *rest])


def _authorisation(text: str) -> str:
    fields = text.split(maxsplit=2)
    if len(fields) != 3 or not _is_count(fields[0]):
        return " ".join(text.split())
    return f"{int(fields[0])} {fields[1].lower()} {_text(fields[2].strip()).strip()}".rstrip()


def _is_count(field: str) -> bool:
    return field.isascii() and field.isdigit() and len(field) <= 10


_NORMALISERS: Mapping[str, Callable[[str], str]] = {
    "A": _address,
    "AAAA": _address,
    "CNAME": _name,
    "NS": _name,
    "PTR": _name,
    "TXT": _text,
    "MX": _numbered(1),
    "SRV": _numbered(3),
    "CAA": _authorisation,
    "SOA": _authority,
}
