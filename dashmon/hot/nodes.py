"""What agents of nodes send (contract Dash 3): the order of checks, and answers in that contract's words."""

import asyncio
import json
import logging
from collections.abc import Sequence
from datetime import datetime
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
from dashmon.hot.committer import Committer, UnavailableError
from dashmon.hot.rates import Rates
from dashmon.hot.wire import TEXT, Answer, BodyTooLargeError, Call, Reader, read_body

PLACES = ("/api/node/",)
PATHS = {"/api/node/metrics": "metrics", "/api/node/static": "static", "/api/node/identity": "identity"}
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
        self._opens_from = timezone.now() + QUIET_START

    def answers(self, call: Call) -> bool:
        """Whether the call is for one of the paths, with or without a slash."""
        return call.path.removesuffix("/") in PATHS

    async def answer(self, call: Call, reader: Reader) -> Answer:
        """The answer to a call of one of the paths; GoneError when nobody waits for it."""
        name = PATHS[call.path.removesuffix("/")]
        try:
            sender = self._sender(call)
            answer = await self._taken(name, sender, call, reader)
        except Refusal as refusal:
            counters.count(f"ingest_refused/{refusal.code}")
            return refusal.answer
        counters.count(f"ingest_accepted/{name}")
        return answer

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

    async def _taken(self, name: str, sender: Sent, call: Call, reader: Reader) -> Answer:
        if name == "identity":
            identity = await self._commit(write_identities, sender, size=0)
            told = {"install_id": identity.install_id, "created": identity.created}
            return Answer(200, json.dumps(told, separators=(",", ":")).encode())
        body = await _body(call, reader)
        if name == "static":
            facts = await _read(read_static, body)
            await self._commit(write_statics, SentStatic(sender, facts), size=len(body))
            return Answer(200, b"ok", TEXT)
        report = await _read(read_report, body)
        sent = SentReport(sender, timezone.now(), report, call.address)
        reply = await self._commit(self._write_reports, sent, size=len(body))
        return await _reply_to_report(reply, call)

    async def _commit(self, write: Any, said: Any, *, size: int) -> Any:
        try:
            answer = await self._committer.commit(write, said, size=size)
        except UnavailableError:
            raise Refusal(503, "service_unavailable", "Nothing can be stored now.", retry_after="3") from None
        if not answer:
            raise Refusal(401, "unauthorized", "No node has this secret.")
        return answer

    def _write_reports(self, sent: Sequence[SentReport], now: datetime) -> Sequence[NodeReply | None]:
        return receive_reports(sent=sent, now=now, opens_from=self._opens_from)


def write_statics(sent: Sequence[SentStatic], now: datetime) -> Sequence[bool]:
    return receive_statics(sent=sent, now=now)


def write_identities(senders: Sequence[Sent], now: datetime) -> Sequence[Any]:
    return identify(senders=senders, now=now)


async def _reply_to_report(reply: NodeReply, call: Call) -> Answer:
    """The one place where a report is answered (contract Dash 3.5 and 4); a wish is seldom, so it has a thread."""
    if not reply.wanted_version:
        return Answer(200, NOTHING_WANTED)
    update = await asyncio.to_thread(_manifest, reply.node_id, call.base)
    return Answer(200, json.dumps({"ok": True, "update": update}, separators=(",", ":")).encode())


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


async def _read(read: Any, body: bytes) -> Any:
    try:
        return read(body) if len(body) <= SMALL else await asyncio.to_thread(read, body)
    except InvalidRequestError as error:
        raise Refusal(400, error.code, error.message) from None
    except InvalidInputError as error:
        raise Refusal(422, error.code, error.message) from None
