"""What agents of nodes send (contract Dash 3): the order of checks, and answers in that contract's words."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.api.dash.errors import InvalidRequestError
from apps.api.dash.reports import read_report
from apps.api.dash.statics import read_static
from apps.api.dash.updates import pending_manifest
from apps.common import counters
from apps.common.errors import InvalidInputError
from apps.common.ids import digest
from apps.nodes.models import Node
from apps.pipeline.agents import MOST_A_MINUTE, SentReport, SentStatic, identify, receive_reports, receive_statics
from apps.pipeline.silence import QUIET_START
from apps.pipeline.types import NodeReply
from apps.tokens.selectors import Sent
from dashmon.hot.committer import Committer, Write
from dashmon.hot.rates import Rates
from dashmon.hot.wire import TEXT, Answer, BodyTooLargeError, Call, Reader, Tell, read_body, tell_made, told

PLACES = ("/api/node/",)
PATHS = {"/api/node/metrics": "metrics", "/api/node/static": "static", "/api/node/identity": "identity"}
READERS: Mapping[str, Callable[[bytes], Any]] = {"metrics": read_report, "static": read_static}
# Above this a body is read in a thread: whoever sends a huge one waits for it, and nobody else.
SMALL = 32 << 10
NOTHING_WANTED = b'{"ok":true,"update":null}'
log = logging.getLogger(__name__)


class Refusal(Exception):  # noqa: N818  # an answer, thrown
    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.code = code
        more = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        self.answer = Answer(status, json.dumps({"code": code, "message": message}).encode(), more=more)


class Nodes:
    """The three endpoints of an agent."""

    def __init__(self, committer: Committer) -> None:
        self._committer = committer
        self._rates = Rates(most=MOST_A_MINUTE)
        self._opens_from = datetime.now(UTC) + QUIET_START
        self._tasks: set[asyncio.Task[None]] = set()

    def answers(self, call: Call) -> bool:
        """Whether the call is for one of the paths, with or without a slash."""
        return call.path.removesuffix("/") in PATHS

    async def answer(self, call: Call, reader: Reader) -> Answer:
        """The answer to a call of one of the paths; GoneError when nobody waits for it."""
        name = _name(call)
        try:
            sender = self._sender(call)
            body = await _body(call, reader) if name in READERS else b""
            facts = _read(name, body) if len(body) <= SMALL else await asyncio.to_thread(_read, name, body)
        except Refusal as refusal:
            return _refused(refusal)
        return await told(call, partial(self._hand_in, call, self._entry(name, sender, facts, call), len(body)))

    def begin(self, call: Call, body: bytes, tell: Tell) -> None:
        """Take a call whose body is there; its answer is told at once if it is refused, else after the commit."""
        name = _name(call)
        try:
            sender, facts = self._sender(call), _read(name, body)
        except Refusal as refusal:
            tell(_refused(refusal))
        else:
            self._hand_in(call, self._entry(name, sender, facts, call), len(body), tell)

    def _sender(self, call: Call) -> Sent:
        """Who sends, as far as the headers say; Refusal in the contract's order."""
        if call.method != "POST":
            raise Refusal(405, "method_not_allowed", "Only POST is possible here.", allow="POST")
        if call.has_body and call.media_type != "application/json":
            raise Refusal(415, "unsupported_media_type", "Content-Type must be application/json.")
        secret = call.headers.get(b"x-node-secret", b"").strip()
        # People choose secrets of any text; bytes that are no text have a digest that nobody has.
        hashed = digest(secret.decode("utf-8", "surrogateescape"))
        if settings.RATE_LIMITS and (wait_s := self._rates.wait_s(hashed)):
            raise Refusal(429, "rate_limited", "Too many requests.", retry_after=str(wait_s))
        if not secret:
            raise Refusal(401, "unauthorized", "X-Node-Secret is missing.")
        return Sent(hashed, call.slug)

    def _entry(self, name: str, sender: Sent, facts: Any, call: Call) -> tuple[Write, Any]:
        """What is to be written by whom."""
        if name == "identity":
            return write_identities, sender
        if name == "static":
            return write_statics, SentStatic(sender, facts)
        return self._write_reports, SentReport(sender, datetime.now(UTC), facts, call.address)

    def _hand_in(self, call: Call, entry: tuple[Write, Any], size: int, tell: Tell) -> None:
        name = _name(call)
        lane = "" if name == "metrics" else name
        self._committer.hand_in(*entry, partial(self._hear, call, tell), size=size, lane=lane)

    def _hear(self, call: Call, tell: Tell, heard: Any) -> None:
        if isinstance(heard, NodeReply) and heard.wanted_version:
            # It is seldom that an agent is to become another one, so that has a thread.
            task = asyncio.get_running_loop().create_task(_tell_of_update(heard.node_id, call, tell))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            tell_made(call, tell, _answer_to, _name(call), heard)

    def _write_reports(self, sent: Sequence[SentReport], now: datetime) -> Sequence[NodeReply | None]:
        return receive_reports(sent=sent, now=now, opens_from=self._opens_from)


def write_statics(sent: Sequence[SentStatic], now: datetime) -> Sequence[bool]:
    return receive_statics(sent=sent, now=now)


def write_identities(senders: Sequence[Sent], now: datetime) -> Sequence[Any]:
    return identify(senders=senders, now=now)


def _name(call: Call) -> str:
    return PATHS[call.path.removesuffix("/")]


def _answer_to(name: str, heard: Any) -> Answer:
    """What an agent hears of what became of its call (contract Dash 3.5)."""
    if isinstance(heard, Exception):
        # What is no outage was logged where it was written; to an agent both are one.
        return _refused(Refusal(503, "service_unavailable", "Nothing can be stored now.", retry_after="3"))
    if not heard:
        return _refused(Refusal(401, "unauthorized", "No node has this secret."))
    counters.count(f"ingest_accepted/{name}")
    if name == "identity":
        said = {"install_id": heard.install_id, "created": heard.created}
        return Answer(200, json.dumps(said, separators=(",", ":")).encode())
    return Answer(200, b"ok", TEXT) if name == "static" else Answer(200, NOTHING_WANTED)


def _refused(refusal: Refusal) -> Answer:
    counters.count(f"ingest_refused/{refusal.code}")
    return refusal.answer


async def _tell_of_update(node_id: int, call: Call, tell: Tell) -> None:
    """Answer a report with what its agent is to become (contract Dash 4)."""
    counters.count("ingest_accepted/metrics")
    update = await asyncio.to_thread(_manifest, node_id, call.base)
    tell(Answer(200, json.dumps({"ok": True, "update": update}, separators=(",", ":")).encode()))


def _manifest(node_id: int, base: str) -> dict[str, Any] | None:
    """What the agent is to become. The report is kept already: what goes wrong here is none of the agent's business."""
    try:
        node = Node.objects.live().filter(pk=node_id).first()
        return None if node is None else pending_manifest(node, base=base, now=timezone.now())
    except Exception:
        log.exception("ingest: a manifest could not be prepared")
        return None
    finally:
        connection.close()


async def _body(call: Call, reader: Reader) -> bytes:
    try:
        return await read_body(call, reader)
    except BodyTooLargeError:
        raise Refusal(413, "body_too_large", "At most 1 MiB is read.", connection="close") from None
    except TimeoutError:
        raise Refusal(408, "request_timeout", "The body took too long.", connection="close") from None


def _read(name: str, body: bytes) -> Any:
    read = READERS.get(name)
    try:
        return read(body) if read is not None else None
    except InvalidRequestError as error:
        raise Refusal(400, error.code, error.message) from None
    except InvalidInputError as error:
        raise Refusal(422, error.code, error.message) from None
