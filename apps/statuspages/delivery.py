"""From a kept answer to what goes over the wire: 200, 304 or 429, plain or packed. The same bytes from every door."""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache

from apps.statuspages.shelf import Headers, Kept

# The headers of a request that decide on a kept answer.
DECIDING = ("if-none-match", "if-modified-since", "accept-encoding")
TOO_MANY = b"Too many requests. Please slow down.\n"


@dataclass(frozen=True, slots=True)
class Wire:
    """One answer, ready for any server."""

    status: int
    headers: Headers
    body: bytes = b""
    packed: bool = False


def deciding(headers: Mapping[str, str]) -> dict[str, str]:
    """What `deliver` reads of a request's headers."""
    return {name: headers[name] for name in DECIDING if name in headers}


def deliver(kept: Kept, *, method: str, asked: Mapping[str, str]) -> Wire:
    """Answer a GET or HEAD; `asked` are the request's headers by lower-case name."""
    packed = bool(kept.packed) and accepts_gzip(asked.get("accept-encoding", ""))
    status = 304 if _is_unchanged(kept, asked) else 200
    headers = kept.ready.get(("headers", status, packed))
    if headers is None:
        headers = kept.ready["headers", status, packed] = _headers(kept, status, packed=packed)
    body = b"" if status == 304 or method == "HEAD" else kept.packed if packed else kept.body
    return Wire(status, headers, body, packed)


def _headers(kept: Kept, status: int, *, packed: bool) -> Headers:
    # Two encodings are two representations, so each has a tag of its own; either one proves that nothing changed.
    tag = f'"{kept.tag}-gzip"' if packed else f'"{kept.tag}"'
    own = [("ETag", tag), ("Last-Modified", format_datetime(kept.modified, usegmt=True))]
    if status == 304:
        return (*(pair for pair in kept.headers if pair[0] != "Content-Type"), *own)
    own.append(("Content-Length", str(len(kept.packed if packed else kept.body))))
    if packed:
        own.append(("Content-Encoding", "gzip"))
    return (*kept.headers, *own)


def too_many(wait_s: int) -> Wire:
    """The refusal of a visitor who asks too often."""
    headers = (
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Cache-Control", "no-store"),
        ("Retry-After", str(wait_s)),
        ("Content-Length", str(len(TOO_MANY))),
    )
    return Wire(429, headers, TOO_MANY)


@lru_cache(maxsize=256)
def accepts_gzip(header: str) -> bool:
    """Whether an Accept-Encoding header takes gzip."""
    for part in header.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() in {"gzip", "x-gzip", "*"}:
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _is_unchanged(kept: Kept, asked: Mapping[str, str]) -> bool:
    if (known := asked.get("if-none-match")) is not None:
        tags = {tag.strip().removeprefix("W/").strip('"').removesuffix("-gzip") for tag in known.split(",")}
        return kept.tag in tags or "*" in tags
    if since := asked.get("if-modified-since"):
        try:
            return kept.modified.replace(microsecond=0) <= parsedate_to_datetime(since)
        except (ValueError, TypeError):
            return False
    return False
