"""One request to a server: JSON out, status and JSON back. Redirects are not followed, for they would lose the body."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any

from dashmon_agent.settings import Target

TIMEOUT_S = 10
LARGEST_ANSWER = 1024 * 1024


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirect)


class SendingError(Exception):
    """Nothing came of a request; `refused` when no server listened."""

    def __init__(self, message: str, *, refused: bool = False) -> None:
        super().__init__(message)
        self.refused = refused


def post(target: Target, name: str, document: dict[str, Any], *, timeout_s: float = TIMEOUT_S) -> Any:
    """Send a document to a door of the server; its JSON answer, None for an answer in words. SendingError otherwise."""
    url = target.url if name == "metrics" else target.sibling(name)
    headers = {"Content-Type": "application/json", "X-Node-Secret": target.key}
    request = urllib.request.Request(url, json.dumps(document).encode(), headers, method="POST")
    try:
        with _opener.open(request, timeout=timeout_s) as answer:
            if answer.status != 200:
                raise SendingError(f"{url} answered {answer.status}")
            body = answer.read(LARGEST_ANSWER)
            return _document(url, body) if answer.headers.get_content_type() == "application/json" else None
    except urllib.error.HTTPError as error:
        raise SendingError(f"{url} answered {error.code}: {error.read(200).decode(errors='replace')}") from error
    except (OSError, ValueError, HTTPException) as error:
        refused = isinstance(getattr(error, "reason", error), ConnectionRefusedError)
        raise SendingError(f"{url}: {error}", refused=refused) from error


def fetch(target: Target, url: str, *, timeout_s: float, most: int) -> bytes:
    """The bytes at an address of the server, at most `most` and one; SendingError unless the status is 200."""
    request = urllib.request.Request(url, headers={"X-Node-Secret": target.key})
    try:
        with _opener.open(request, timeout=timeout_s) as answer:
            if answer.status != 200:
                raise SendingError(f"{url} answered {answer.status}")
            found: bytes = answer.read(most + 1)
            return found
    except (OSError, ValueError, HTTPException) as error:
        raise SendingError(f"{url}: {error}") from error


def _document(url: str, body: bytes) -> dict[str, Any]:
    """What a server says; ValueError for anything but one object, however it is nested."""
    try:
        answer = json.loads(body)
    except RecursionError as error:
        raise ValueError("the answer cannot be read") from error
    if not isinstance(answer, dict):
        raise SendingError(f"{url} did not answer as a server for agents")
    return answer
