"""A body as text, in the character set its sender names. Pure."""

import re
from collections.abc import Sequence

CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9_.:-]{2,40})""", re.IGNORECASE)
# Sets of real pages. Python has other codecs too (escapes, compression), and a page must not choose those.
KNOWN = re.compile(
    r"(iso-?8859|latin|windows|cp|koi8|mac|shift|sjis|euc|gb|big5|iso-?2022|utf-?(16|32)|tis)[a-z0-9_-]*", re.IGNORECASE
)


def body_text(body: bytes, content_type: Sequence[str]) -> str:
    """Decode by the `charset` of Content-Type, else as UTF-8; what cannot be read becomes U+FFFD."""
    found = CHARSET.search(content_type[0]) if content_type else None
    name = found.group(1) if found and KNOWN.fullmatch(found.group(1)) else "utf-8"
    try:
        return body.decode(name, errors="replace")
    except LookupError:
        return body.decode("utf-8", errors="replace")
