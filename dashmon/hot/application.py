"""The application in front: hot paths are answered here, everything else goes on."""

from django.conf import settings

from dashmon import forwarding
from dashmon.hot.committer import Committer
from dashmon.hot.nodes import PATHS, Nodes
from dashmon.hot.wire import App, GoneError, Receive, Scope, Send, call_of, send_answer

NODES = "/api/node/"


class HotPaths:
    """An ASGI application in front of another."""

    def __init__(self, inner: App) -> None:
        self._inner = inner
        self._trusted = forwarding.networks(settings.TRUSTED_PROXIES)
        self._committer = Committer()
        self._nodes = Nodes(self._committer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what belongs here, pass on what does not."""
        call = call_of(scope, self._trusted) if NODES in scope["path"] else None
        if call is None or call.path.removesuffix("/") not in PATHS:
            await self._inner(scope, receive, send)
            return
        try:
            answer = await self._nodes.answer(call, receive)
        except GoneError:
            return
        await send_answer(call, answer, send)

    def close(self) -> None:
        """Write what waits, then end."""
        self._committer.close()
