"""The application in front: hot paths are answered here, everything else goes on."""

import re

from dashmon.hot import heartbeats, nodes
from dashmon.hot.committer import Committer
from dashmon.hot.wire import Answer, App, Call, GoneError, Reader, Receive, Scope, Send, Ways, call_of, send_answer

PLACES = re.compile("|".join(map(re.escape, (*heartbeats.PLACES, *nodes.PLACES))))


class HotPaths:
    """An ASGI application in front of another."""

    def __init__(self, inner: App) -> None:
        self._inner = inner
        self._ways = Ways.read()
        self._committer = Committer()
        self._nodes = nodes.Nodes(self._committer)
        self._heartbeats = heartbeats.Heartbeats(self._committer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what belongs here, pass on what does not."""
        path: str = scope["path"]
        call = call_of(scope, self._ways) if PLACES.search(path) else None
        if call is None:
            await self._inner(scope, receive, send)
            return
        reader = Reader(receive)
        try:
            answer = await self._answer(call, reader)
        except GoneError:
            return
        if answer is None:
            await self._inner(scope, reader.again, send)
        else:
            await send_answer(call, answer, send)

    async def _answer(self, call: Call, reader: Reader) -> Answer | None:
        if call.path.removesuffix("/") in nodes.PATHS:
            return await self._nodes.answer(call, reader)
        return await self._heartbeats.answer(call, reader)

    def close(self) -> None:
        """Write what waits, then end."""
        self._committer.close()
