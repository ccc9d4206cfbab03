"""A body as text, in the character set its sender names. Pure."""

import codecs
import re
from collections.abc import Sequence
from functools import lru_cache

CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
# Sets of real pages. Python has other codecs too (escapes, compression), and a page must not choose those.
KNOWN = re.compile(
    r"(iso-?8859|latin|windows|cp|koi8|mac|shift|sjis|euc|gb|big5|iso-?2022|utf-?(16|32)|tis)[a-z0-9_-]*", re.IGNORECASE
)


def body_text(body: bytes, content_type: Sequence[str]) -> str:
    """Decode by the `charset` of Content-Type, else as UTF-8; what cannot be read becomes U+FFFD."""
    return body.decode(_codec(content_type[0]) if content_type else "utf-8", errors="replace")


@lru_cache(maxsize=1024)
def _codec(content_type: str) -> str:
    """The character set of a Content-Type if it is one that we read."""
    found = CHARSET.search(content_type)
    if not found or not KNOWN.fullmatch(found.group(1)):
        return "utf-8"
    try:
        return codecs.lookup(found.group(1)).name
    except LookupError:
        return "utf-8"
