"""The bare server to compare with: the same bytes, packed once, and nothing else."""

import gzip
import os
from pathlib import Path
from typing import Any

BODY = gzip.compress(Path(os.environ.get("DASHMON_PERF_BODY", os.devnull)).read_bytes(), 6)
HEADERS = [
    (b"content-type", b"text/html; charset=utf-8"),
    (b"content-encoding", b"gzip"),
    (b"content-length", str(len(BODY)).encode()),
]


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answer everything alike."""
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
