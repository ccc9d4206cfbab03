"""A request of one's own: method, headers and body with placeholders, as Nezha's notifications are (contract 2.6)."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus, urlencode

from apps.common.errors import InvalidInputError
from apps.common.outbound import OutboundError, request
from apps.devices.documents import Document
from apps.notifications.channels.answers import is_success, refused, unreachable
from apps.notifications.channels.errors import ChannelError
from apps.notifications.channels.hooks import read_url, recipients, shown
from apps.notifications.channels.texts import plain
from apps.notifications.routing.document import zone_of
from apps.notifications.styles import nezha
from apps.notifications.types import Envelope, Receipt

METHODS = ("GET", "POST")
TYPES = ("json", "form")
CONTENT_TYPES = {"json": "application/json", "form": "application/x-www-form-urlencoded"}
TIMEOUT_S = 15.0
LONGEST = 16_384
# RFC 9110, 5.1 and 5.5, but for what is only there for history.
HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
HEADER_VALUE = re.compile(r"[\t\x20-\x7e]{0,4096}")
Put = Callable[[str, nezha.Escape], str]
# As JSON is written where it may end up inside a page.
MARKUP = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}

__all__ = ["Prepared", "clean", "prepare", "recipients", "redact", "send", "shown"]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request with everything put in."""

    method: str
    url: str
    body: str
    content_type: str | None
    headers: Mapping[str, str] = field(default_factory=dict)


def send(envelope: Envelope) -> Receipt:
    """Send the request. 200 to 299 is success, and a redirect is none."""
    config, payload = envelope.config, envelope.payload
    message = payload["message"] if "message" in payload else plain(payload)
    try:
        local = envelope.at.astimezone(zone_of(payload.get("zone", "UTC")))
        made = prepare(config, message=message, server=payload.get("server"), now=local)
    except InvalidInputError as error:
        raise ChannelError(f"The request cannot be made: {error.message}", final=True) from error
    headers = {"User-Agent": "Dashmon"} | ({"Content-Type": made.content_type} if made.content_type else {})
    try:
        answer = request(
            made.method,
            made.url,
            body=made.body.encode() if made.body else None,
            headers=headers | dict(made.headers),
            timeout_s=TIMEOUT_S,
            verify_tls=bool(config.get("verifyTls", True)),
        )
    except OutboundError as error:
        raise unreachable(error, timeout_s=TIMEOUT_S) from error
    if not is_success(answer):
        raise refused(answer, words=nezha.failure(answer.status, answer.phrase))
    return Receipt(f"Answered {answer.status}.", answer.status)


def prepare(config: Mapping[str, Any], *, message: str, server: Mapping[str, Any] | None, now: datetime) -> Prepared:
    """The request as it will be sent; InvalidInputError when headers or body are not what their type says."""

    def put(text: str, escape: nezha.Escape) -> str:
        units = bool(config.get("metricUnits"))
        return nezha.expand(text, message=message, now=now, escape=escape, server=server, metric_units=units)

    method = config.get("method", "GET")
    if method not in METHODS:
        raise InvalidInputError(fields={"method": "unsupported request method"})
    url = put(config["url"], quote_plus)
    if method == "GET":
        return Prepared(method, url, "", None, _headers(config))
    kind = config.get("bodyType", "json")
    body = _body(config.get("body") or "", kind, put) if message else ""
    return Prepared(method, url, body, CONTENT_TYPES[kind], _headers(config))


def clean(document: Mapping[str, Any]) -> dict[str, Any]:
    """`url`, `method`, `bodyType`, `headers` (an object), `body`, `verifyTls`, `metricUnits`."""
    root = Document(document)
    config = {
        "url": read_url(root),
        "method": root.choice("method", METHODS, default="POST") or "POST",
        "bodyType": root.choice("bodyType", TYPES, default="json") or "json",
        "headers": root.raw("headers") or {},
        "body": root.text("body", default="", longest=LONGEST) or "",
        "verifyTls": root.flag("verifyTls", default=True),
        "metricUnits": root.flag("metricUnits", default=False),
    }
    for name, read in (("headers", _headers), ("body", _check_body)):
        try:
            read(config)
        except InvalidInputError as error:
            root.fault(name, error.message)
    root.finish()
    return config


def redact(config: Mapping[str, Any]) -> dict[str, Any]:
    """Address, headers and body may all hold secrets."""
    return {**config, "url": None, "headers": None, "body": None}


def _check_body(config: Mapping[str, Any]) -> None:
    if config["bodyType"] == "form" and config["body"]:
        _fields(config["body"])


def _headers(config: Mapping[str, Any]) -> dict[str, str]:
    headers = config.get("headers") or {}
    if not isinstance(headers, Mapping):
        raise InvalidInputError(fields={"headers": "wrong type"})
    found = {str(name): value if isinstance(value, str) else json.dumps(value) for name, value in headers.items()}
    if not all(HEADER_NAME.fullmatch(name) and HEADER_VALUE.fullmatch(value) for name, value in found.items()):
        raise InvalidInputError(fields={"headers": "Names of letters, digits and dashes; values of printable ASCII."})
    return found


def _body(template: str, kind: str, put: Put) -> str:
    if kind == "json":
        return put(template, _inside_json)
    return urlencode(sorted((name, put(value, _as_it_is)) for name, value in _fields(template).items()))


def _fields(template: str) -> dict[str, str]:
    """The fields of a form: a JSON object whose values are texts, or become some."""
    try:
        fields = json.loads(template) if template else {}
    except ValueError:
        fields = None
    if not isinstance(fields, dict):
        raise InvalidInputError(fields={"body": "wrong type"})
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}


def _inside_json(text: str) -> str:
    escaped = json.dumps(text, ensure_ascii=False)[1:-1]
    return "".join(MARKUP.get(character, character) for character in escaped)


def _as_it_is(text: str) -> str:
    return text
