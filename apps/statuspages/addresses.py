"""When two requests may be given the same kept answer: by host, path, the few queries there are, and language."""

import re
from collections.abc import Mapping
from typing import Any

from apps.statuspages.words import preferred

QUERY = re.compile(r"(?:(?:lang|theme|project|v)=[A-Za-z0-9._-]{1,64}(?:&|$)){0,3}")
LONGEST = 400
Address = tuple[str, str, str, str]


def address_of(*, host: str, path: str, query: str, accept_language: str) -> Address | None:
    """The request as an address of the shelf; None for one that is never answered from there."""
    if len(host) + len(path) > LONGEST or not QUERY.fullmatch(query):
        return None
    return host.lower(), path, query, preferred(accept_language)


def address_in(meta: Mapping[str, Any], path: str) -> Address | None:
    """The same of a request as CGI describes it."""
    return address_of(
        host=meta.get("HTTP_HOST", ""),
        path=path,
        query=meta.get("QUERY_STRING", ""),
        accept_language=meta.get("HTTP_ACCEPT_LANGUAGE", ""),
    )
