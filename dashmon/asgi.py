"""The ASGI application: Django, with the background started and stopped by the server's lifespan."""

import gc
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import django
from asgiref.sync import sync_to_async
from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashmon.settings")
django.setup(set_prefix=False)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

from dashmon.hot.application import HotPaths  # noqa: E402  # after the set-up above
from dashmon.public import PublicPages  # noqa: E402  # likewise


class Application:
    """One connection at a time: lifespan to the background, HTTP to the hot paths or Django, and no more.

    `paths` are for servers that know a shorter way to them (`dashmon.hot.protocol`).
    """

    def __init__(self, paths: HotPaths) -> None:
        self.paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Route a connection by its type."""
        if scope["type"] == "lifespan":
            await _lifespan(self.paths, receive, send)
        elif scope["type"] == "http":
            await self.paths(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1000})


async def _lifespan(paths: HotPaths, receive: Receive, send: Send) -> None:
    from django.utils import timezone

    from apps.operations.models import ProcessReport
    from dashmon.background import runner
    from dashmon.reporting import Reporter

    await receive()
    reporter = Reporter(ProcessReport.Kind.SERVER, started_at=timezone.now())
    reporter.start()
    background = await sync_to_async(runner)()
    if background is not None:
        await sync_to_async(background.start)()
    # What was made until here stays: the collector need not look through it again and again.
    gc.collect()
    gc.freeze()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await sync_to_async(paths.close)()
    if background is not None:
        await sync_to_async(background.close)()
    await sync_to_async(reporter.close)()
    await send({"type": "lifespan.shutdown.complete"})


application = Application(HotPaths(PublicPages(get_asgi_application())))
