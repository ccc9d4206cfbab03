"""The application in front: hot paths are answered here, everything else goes on."""

import re

from dashmon.hot import heartbeats, nodes
from dashmon.hot.committer import Committer
from dashmon.hot.wire import (
    Answer,
    App,
    Call,
    GoneError,
    Reader,
    Receive,
    Scope,
    Send,
    Tell,
    Ways,
    broken,
    call_of,
    send_answer,
)

PLACES = re.compile("|".join(map(re.escape, (*heartbeats.PLACES, *nodes.PLACES))))
SPELLED = re.compile(PLACES.pattern.encode())


class HotPaths:
    """An ASGI application in front of another."""

    def __init__(self, inner: App) -> None:
        self._inner = inner
        self.ways = Ways.read()
        self._committer = Committer()
        self._nodes = nodes.Nodes(self._committer)
        self._heartbeats = heartbeats.Heartbeats(self._committer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what belongs here, pass on what does not."""
        call = call_of(scope, self.ways) if PLACES.search(scope["path"]) else None
        if call is None or not self.answers(call):
            await self._inner(scope, receive, send)
            return
        reader = Reader(receive)
        try:
            answer = await self.answer(call, reader)
        except GoneError:
            return
        if answer is None:
            await self._inner(scope, reader.again, send)
        else:
            await send_answer(call, answer, send)

    def may_be_hot(self, url: bytes) -> bool:
        """Whether it is worth a second look."""
        return SPELLED.search(url) is not None

    def answers(self, call: Call) -> bool:
        """Whether a call is answered here, unless its body is long."""
        return self._nodes.answers(call) or self._heartbeats.answers(call)

    async def answer(self, call: Call, reader: Reader) -> Answer | None:
        """The answer to a call that belongs here; None when its body is too long for here."""
        if self._nodes.answers(call):
            return await self._nodes.answer(call, reader)
        return await self._heartbeats.answer(call, reader)

    def begin(self, call: Call, body: bytes, tell: Tell) -> None:
        """As `answer`, of a call whose whole body is there: `tell` is handed the answer, now or later in this loop."""
        place = self._nodes if self._nodes.answers(call) else self._heartbeats
        try:
            place.begin(call, body, tell)
        except Exception as error:  # noqa: BLE001  # it is logged
            tell(broken(call, error))

    def close(self) -> None:
        """Write what waits, then end."""
        self._committer.close()
