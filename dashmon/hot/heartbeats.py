"""What jobs report (contract Dashmon 6.3): the same answers as Django's receiver gives, for one commit of many.

Long bodies, questions that browsers ask beforehand and methods that nobody knows go on to Django.
"""

import re
from collections.abc import Sequence
from datetime import datetime

import msgspec
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, QueryDict
from django.utils import timezone

from apps.api.dashmon.errors import ApiError, answer, understood
from apps.api.dashmon.signals import ALWAYS, METHODS, prefers_text, told
from apps.checks.heartbeats import Beat, Received, receive
from apps.common import counters
from apps.common.errors import DomainError
from apps.common.ids import digest
from apps.common.limits import TooManyCallsError
from apps.devices.heartbeat import Signal, read_json, read_signal
from apps.tokens.selectors import Sent
from dashmon.hot.committer import Committer, UnavailableError
from dashmon.hot.wire import Answer, Call, Reader

PLACES = ("/ping/", "/api/incoming/heartbeat/")
PATH = re.compile(r"(?:/ping|/api/incoming/heartbeat)/([^/]+)(?:/(.*))?", re.DOTALL)
SMALL = 32 << 10
JSON, TEXT = b"application/json", b"text/plain; charset=utf-8"
HEADERS = [(name.lower().encode(), value.encode()) for name, value in ALWAYS.items()]


class Heartbeats:
    """The receiver of signals."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer

    def answers(self, call: Call) -> bool:
        """Whether the call is a signal; questions beforehand and unknown methods are Django's."""
        return PATH.fullmatch(call.path) is not None and not call.is_face and call.method in METHODS

    async def answer(self, call: Call, reader: Reader) -> Answer | None:
        """The answer to a signal, None when its body is too long for here; GoneError when nobody waits for it."""
        place = PATH.fullmatch(call.path)
        if place is None:
            return None
        token, rest = place.groups("")
        now = timezone.now()
        try:
            body = await reader.whole(SMALL)
            if body is None:
                return None
            beat = Beat(Sent(digest(token), call.slug), _signal(call, rest, body, now=now))
            received = await self._received(beat, len(body))
            status, facts = told(received)
        except TimeoutError:
            return _refusal(call, ApiError("validation_error", "The body took too long."), (b"connection", b"close"))
        except (DomainError, SuspiciousOperation) as error:
            return _refusal(call, understood(error))
        counters.count("ingest_accepted/heartbeat")
        return _told(call, status, facts)

    async def _received(self, beat: Beat, size: int) -> Received:
        try:
            received: Received | None = await self._committer.commit(write_signals, beat, size=size)
        except UnavailableError:
            raise ApiError("db_unavailable", "The database is not available.") from None
        if received is None:
            raise ApiError("not_found", "Not found")
        return received


def write_signals(beats: Sequence[Beat], now: datetime) -> Sequence[Received | None]:
    return receive(beats=beats, now=now)


def _signal(call: Call, rest: str, body: bytes, *, now: datetime) -> Signal:
    return read_signal(
        at=now,
        path_parts=rest.split("/"),
        json_body=read_json(body, call.media_type) if body else None,
        query=QueryDict(call.query).dict() if call.query else {},
        method=call.method,
        body=body,
    )


def _told(call: Call, status: int, facts: dict[str, object]) -> Answer:
    if call.method == "HEAD":
        return Answer(status, b"", JSON, HEADERS)
    if prefers_text(call.headers.get(b"accept", b"*/*").decode("latin-1")):
        return Answer(status, b"OK", TEXT, HEADERS)
    return Answer(status, msgspec.json.encode(facts), JSON, HEADERS)


def _refusal(call: Call, error: DomainError, *more: tuple[bytes, bytes]) -> Answer:
    """As Django spells it."""
    counters.count(f"ingest_refused/{error.code}")
    request = HttpRequest()
    request.META["dashmon.request_id"] = call.request_id
    response = answer(request, error)
    if isinstance(error, TooManyCallsError):
        for name, value in error.allowance.as_headers().items():
            response[name] = value
    own = [(name.lower().encode(), value.encode()) for name, value in response.items() if name != "Content-Type"]
    body = b"" if call.method == "HEAD" else response.content
    return Answer(response.status_code, body, JSON, [*HEADERS, *own, *more])
