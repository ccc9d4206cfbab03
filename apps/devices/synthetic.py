"""The synthetic document: what a check sends, and what its answer must look like (contract Dashmon 6.1)."""

from collections.abc import Callable, Mapping
from typing import Any

from apps.common.errors import UnsupportedError
from apps.devices.assertion_rules import is_field_name, read_assertions
from apps.devices.documents import Document, url_fault

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
FAMILIES = ("auto", "4", "6")
VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
TIMEOUT_MS = (1_000, 60_000)
MAX_HEADERS = 50
MAX_HEADER = 4_096
MAX_BODY = 65_536

# What the client itself decides about a connection and its framing.
RESERVED_HEADERS = frozenset(
    {"connection", "content-length", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)

# The parts that mean something for each kind, and its default time limit in milliseconds.
_PARTS: Mapping[str, tuple[frozenset[str], int | None]] = {
    "http": (frozenset({"request", "assertions", "degradedMs", "tls", "domain"}), 15_000),
    # A class of hardware: its url, port or address decides, and so does the time limit.
    "auto": (frozenset({"request", "assertions", "degradedMs", "tls", "domain", "tcp"}), None),
    "tcp": (frozenset({"request", "degradedMs", "tcp"}), 8_000),
    "ping": (frozenset({"request", "degradedMs"}), 2_000),
    "tls": (frozenset({"request", "tls"}), 15_000),
    "domain": (frozenset({"domain"}), None),
}


def normalise(document: Mapping[str, Any], *, kind: str) -> dict[str, Any]:
    """The document with every default filled in; storing its own result again changes nothing.

    UnsupportedError for a kind that has no synthetic (dns, heartbeat, agent). InvalidInputError lists
    every bad field by path (`assertions[2].value`, `request.url`); a part that means nothing for the kind
    is refused unless it is empty or null.
    """
    if kind not in _PARTS:
        raise UnsupportedError(f"A monitor of type {kind} has no synthetic configuration.")
    parts, timeout_ms = _PARTS[kind]
    root = Document(document)
    readers: Mapping[str, Callable[[], Any]] = {
        "request": lambda: _request(root, timeout_ms, exchange="assertions" in parts),
        "degradedMs": lambda: root.whole("degradedMs", default=None, low=1, high=600_000, nullable=True),
        "assertions": lambda: read_assertions(root),
        "tls": lambda: _tls(root, asked="tls" in root or kind == "tls"),
        "domain": lambda: _domain(root, asked="domain" in root or kind == "domain"),
        "tcp": lambda: _tcp(root),
    }
    result: dict[str, Any] = {"enabled": root.flag("enabled", default=True)}
    for name, read in readers.items():
        if name in parts:
            result[name] = read()
        else:
            root.refuse_unless_empty(name, f"Means nothing for a monitor of type {kind}.")
    root.finish()
    return result


def _request(root: Document, timeout_ms: int | None, *, exchange: bool) -> dict[str, Any]:
    low, high = TIMEOUT_MS
    with root.part("request") as request:
        limit = request.whole("timeoutMs", default=timeout_ms, low=low, high=high, nullable=timeout_ms is None)
        if not exchange:
            return {"timeoutMs": limit}
        return {
            "method": _method(request),
            "url": _url(request),
            "headers": _headers(request),
            "body": request.text("body", default=None, longest=MAX_BODY, nullable=True),
            "timeoutMs": limit,
            "followRedirects": request.flag("followRedirects", default=True),
            "maxRedirects": request.whole("maxRedirects", default=10, low=0, high=20),
            "tlsVerify": request.flag("tlsVerify", default=True),
            "ipFamily": request.choice("ipFamily", FAMILIES, default="auto"),
        }


def _method(request: Document) -> str:
    value = request.raw("method", "GET")
    method = value.upper() if isinstance(value, str) else ""
    if method not in METHODS:
        request.fault("method", f"Must be one of {', '.join(METHODS)}.")
    return method


def _url(request: Document) -> str | None:
    """The address to ask instead of the device's own; null asks the device's."""
    url: str | None = request.text("url", default=None, longest=100_000, nullable=True)
    if url is not None and (sentence := url_fault(url)):
        request.fault("url", sentence)
    return url


def _headers(request: Document) -> dict[str, str]:
    with request.part("headers") as headers:
        value = request.raw("headers")
        names = list(value) if isinstance(value, Mapping) else []
        if len(names) > MAX_HEADERS:
            request.fault("headers", f"At most {MAX_HEADERS} headers.")
            names = names[:MAX_HEADERS]
        seen: set[str] = set()
        result = {}
        for name in names:
            text = headers.text(name, default="", longest=MAX_HEADER)
            if sentence := _header_fault(name, text, seen):
                headers.fault(name, sentence)
            seen.add(name.lower())
            result[name] = text
    return result


def _header_fault(name: str, value: str, seen: set[str]) -> str | None:
    lower = name.lower()
    if not is_field_name(name):
        return "Not a name for a header."
    if lower in RESERVED_HEADERS or lower.startswith("proxy-"):
        return "This header is set by the check itself."
    if lower in seen:
        return "This header is there twice."
    if any(mark in value for mark in "\r\n"):
        return "A header has one line."
    return None


def _tls(root: Document, *, asked: bool) -> dict[str, Any]:
    with root.part("tls") as part:
        return {
            **_expiry(part, asked=asked),
            "checkHostname": part.flag("checkHostname", default=True),
            "requireTrustedChain": part.flag("requireTrustedChain", default=True),
            "minVersion": part.choice("minVersion", VERSIONS, default="TLSv1.2"),
        }


def _domain(root: Document, *, asked: bool) -> dict[str, Any]:
    with root.part("domain") as part:
        return _expiry(part, asked=asked)


def _expiry(part: Document, *, asked: bool) -> dict[str, Any]:
    enabled = part.flag("enabled", default=asked)
    warn = part.whole("warnDays", default=30, low=0, high=3650)
    critical = part.whole("criticalDays", default=min(7, warn), low=0, high=3650)
    if critical > warn:
        part.fault("criticalDays", "Must not be above warnDays.")
    return {"enabled": enabled, "warnDays": warn, "criticalDays": critical}


def _tcp(root: Document) -> dict[str, Any]:
    with root.part("tcp") as tcp:
        return {
            "send": tcp.text("send", default=None, longest=4_096, nullable=True),
            "expect": tcp.text("expect", default=None, longest=1_024, nullable=True),
        }
