"""A short way from the socket to the hot paths and back, beside uvicorn's own.

A request for a hot path that arrives whole in one piece, as nearly every one does, needs none of what uvicorn keeps for
bodies that come and answers that go in parts. It is answered by the same code, in one write. All others, those that
have more in front of them on their connection included, go uvicorn's way.
"""

import re
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from dashmon.hot.wire import Answer, Call, call_of, headers_of

if TYPE_CHECKING:
    from dashmon.hot.application import HotPaths

# A path that means what it says.
PLAIN = re.compile(rb"/[\w/.~-]*")
# uvicorn reads so much at once; whatever is longer comes in parts.
LONGEST = 32 << 10


class _Nobody:
    """Nobody waits for messages of a request that was there at once."""

    def set(self) -> None:
        pass


class Short:
    """A request on the short way, with what uvicorn's protocol asks of the request under way."""

    __slots__ = ("body", "call", "disconnected", "keep_alive", "message_event", "more_body", "response_complete")
    nobody = _Nobody()

    def __init__(self, call: Call, *, keep_alive: bool) -> None:
        self.call = call
        self.keep_alive = keep_alive
        self.body = bytearray()
        self.more_body = True
        self.disconnected = False
        self.response_complete = False
        self.message_event = self.nobody


class HotProtocol(HttpToolsProtocol):
    """uvicorn's protocol for applications with `paths`, hot paths of their own; for others it is uvicorn's."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        paths: HotPaths | None = getattr(self.app, "paths", None)
        # What uvicorn is told to count or to log, it counts and logs.
        self._paths = None if self.config.access_log or self.limit_concurrency else paths

    def on_headers_complete(self) -> None:
        call = self._short_call()
        if call is None:
            super().on_headers_complete()
        else:
            self.cycle = Short(call, keep_alive=self.parser.should_keep_alive())  # type: ignore[assignment]  # stands in

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        short: Any = self.cycle
        if type(short) is Short and short.more_body and not self.transport.is_closing():
            # The rest is still to come: uvicorn waits for it, and the way through ASGI minds the time.
            self.cycle = None  # type: ignore[assignment]  # as before the first request
            super().on_headers_complete()
            if short.body:
                self.cycle.body += short.body
                self.cycle.message_event.set()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        short: Any = self.cycle
        if type(short) is Short and not short.response_complete:
            # Not in the midst of what the parser does.
            respond = partial(self._respond, short)
            self.loop.call_soon(self._paths.begin, short.call, bytes(short.body), respond)  # type: ignore[union-attr]  # it was asked

    def _short_call(self) -> Call | None:
        """The call that has begun, None when it has to go uvicorn's way."""
        paths, before = self._paths, self.cycle
        if paths is None or not paths.may_be_hot(self.url) or not (before is None or before.response_complete):
            return None
        if self.expect_100_continue or self.parser.should_upgrade() or self.parser.get_http_version() != "1.1":
            return None
        if any(name == b"transfer-encoding" or _is_long(name, value) for name, value in self.headers):
            return None
        path, _, query = self.url.partition(b"?")
        if not PLAIN.fullmatch(path) or b"#" in query:
            return None
        # uvicorn's own words for it, so that both ways hear the same.
        self.scope["method"] = self.parser.get_method().decode("ascii")
        self.scope["path"], self.scope["query_string"] = path.decode("latin-1"), query
        call = call_of(self.scope, paths.ways)  # type: ignore[arg-type]  # a scope by a stricter name
        return call if call is not None and paths.answers(call) else None

    def _respond(self, short: Short, answer: Answer) -> None:
        if self.flow.write_paused:
            # Who does not read what it is told is not told more.
            task = self.loop.create_task(self._respond_later(short, answer))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)
        else:
            self._finish(short, answer)

    async def _respond_later(self, short: Short, answer: Answer) -> None:
        await self.flow.drain()
        self._finish(short, answer)

    def _finish(self, short: Short, answer: Answer) -> None:
        if not (short.disconnected or self.transport.is_closing()):
            self._write(short, answer)
        short.response_complete = True
        if not short.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _write(self, short: Short, answer: Answer) -> None:
        headers: Sequence[tuple[bytes, bytes]] = [*self.server_state.default_headers, *headers_of(short.call, answer)]
        if (b"connection", b"close") in answer.more:
            short.keep_alive = False
        elif not short.keep_alive:
            headers = [*headers, (b"connection", b"close")]
        lines = [b"%b: %b\r\n" % header for header in headers]
        self.transport.write(b"".join([STATUS_LINE[answer.status], *lines, b"\r\n", answer.body]))


def _is_long(name: bytes, value: bytes) -> bool:
    return name == b"content-length" and not (value.isdigit() and int(value) <= LONGEST)
