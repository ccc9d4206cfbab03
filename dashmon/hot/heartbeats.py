"""What jobs report (contract Dashmon 6.3): the same answers as Django's receiver gives, for one commit of many.

Long bodies, questions that browsers ask beforehand and methods that nobody knows go on to Django.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import msgspec
from django.core.exceptions import SuspiciousOperation
from django.http import HttpRequest, QueryDict

from apps.api.dashmon import signals
from apps.api.dashmon.errors import ApiError, answer, understood
from apps.checks.heartbeats import Beat, Received, receive
from apps.common import counters
from apps.common.errors import DomainError
from apps.common.ids import digest
from apps.common.limits import TooManyCallsError
from apps.devices.heartbeat import Signal, read_json, read_signal
from apps.tokens.selectors import Sent
from dashmon.hot.committer import Committer, UnavailableError
from dashmon.hot.wire import Answer, Call, Reader, Tell, tell_made, told

PLACES = ("/ping/", "/api/incoming/heartbeat/")
PATH = re.compile(r"(?:/ping|/api/incoming/heartbeat)/([^/]+)(?:/(.*))?", re.DOTALL)
SMALL = 32 << 10
JSON, TEXT = b"application/json", b"text/plain; charset=utf-8"
HEADERS = [(name.lower().encode(), value.encode()) for name, value in signals.ALWAYS.items()]


class Heartbeats:
    """The receiver of signals."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer

    def answers(self, call: Call) -> bool:
        """Whether the call is a signal; questions beforehand and unknown methods are Django's."""
        return PATH.fullmatch(call.path) is not None and not call.is_face and call.method in signals.METHODS

    async def answer(self, call: Call, reader: Reader) -> Answer | None:
        """The answer to a signal, None when its body is too long for here; GoneError when nobody waits for it."""
        try:
            body = await reader.whole(SMALL)
        except TimeoutError:
            return _refusal(call, ApiError("validation_error", "The body took too long."), (b"connection", b"close"))
        return None if body is None else await told(call, partial(self.begin, call, body))

    def begin(self, call: Call, body: bytes, tell: Tell) -> None:
        """Take a signal whose body is there; its answer is told at once if it is no signal, else after the commit."""
        place = PATH.fullmatch(call.path)
        if place is None:
            raise LookupError(call.path)
        token, rest = place.groups("")
        try:
            signal = _signal(call, rest, body, now=datetime.now(UTC))
        except (DomainError, SuspiciousOperation) as error:
            tell(_refusal(call, understood(error)))
            return
        beat = Beat(Sent(digest(token), call.slug), signal)
        self._committer.hand_in(write_signals, beat, partial(tell_made, call, tell, _answer_to, call), size=len(body))


def _answer_to(call: Call, heard: Received | Exception | None) -> Answer:
    """What a sender hears of what became of its signal."""
    try:
        if heard is None:
            raise ApiError("not_found", "Not found")
        if isinstance(heard, UnavailableError):
            raise ApiError("db_unavailable", "The database is not available.")
        if isinstance(heard, Exception):
            raise heard
        status, facts = signals.told(heard)
    except (DomainError, SuspiciousOperation) as error:
        return _refusal(call, understood(error))
    counters.count("ingest_accepted/heartbeat")
    return _told(call, status, facts)


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
    if signals.prefers_text(call.headers.get(b"accept", b"*/*").decode("latin-1")):
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
