"""The hot paths as a client meets them: one request through the ASGI application, its answer as it leaves."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from dashmon.hot.application import HotPaths


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)


@dataclass
class Behind:
    """What stands behind the door."""

    asked: list[str] = field(default_factory=list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(scope["path"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


class Door:
    """The application with one sender before it."""

    def __init__(self) -> None:
        self.behind = Behind()
        self.paths = HotPaths(self.behind)
        self.unread = 0  # parts of the last body that were not waited for

    def __call__(self, path: str, body: Any = b"", **options: Any) -> Reply:
        return asyncio.run(self.ask(path, body, **options))

    async def ask(
        self,
        path: str,
        body: Any = b"",
        *,
        secret: str = "",
        method: str = "POST",
        kind: str = "application/json",
        host: str = "testserver",
        peer: str = "127.0.0.1",
        port: int = 8000,
        parts: list[bytes] | None = None,
        **headers: str,
    ) -> Reply:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if parts is None:
            parts, named["content-length"] = [content], str(len(content))
        else:
            named["transfer-encoding"] = "chunked"
        named |= {"content-type": kind} if kind else {}
        named |= {"x-node-secret": secret} if secret else {}
        scope = {
            "type": "http",
            "scheme": "http",
            "server": ("127.0.0.1", port),
            "method": method,
            "path": path.partition("?")[0],
            "query_string": path.partition("?")[2].encode(),
            "headers": [(name.encode(), value.encode()) for name, value in named.items()],
            "client": (peer, 5000),
        }
        return await self._through(scope, parts)

    async def _through(self, scope: dict[str, Any], parts: list[bytes]) -> Reply:
        waiting, sent = list(parts), []

        async def receive() -> dict[str, Any]:
            if not waiting:
                return {"type": "http.disconnect"}
            part = waiting.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(waiting)}

        async def send(message: Any) -> None:
            sent.append(dict(message))

        await self.paths(scope, receive, send)
        self.unread = len(waiting)
        if not sent:
            return Reply(0, {}, b"")
        start, last = sent
        headers = {name.decode(): value.decode() for name, value in start["headers"]}
        return Reply(start["status"], headers, last["body"])
