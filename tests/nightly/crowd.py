"""A crowd in front of a web page: so many requests a second from as many visitors, over kept connections."""

import asyncio
import gzip
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

CONNECTIONS = 25


@dataclass(frozen=True)
class Answer:
    """One answer; `asked` and `got` are readings of the monotonic clock, the body is unpacked."""

    asked: float
    got: float
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Crowd:
    """Asks until `stop` is set. Every visitor comes by a proxy from an address of its own; half know the page."""

    port: int
    path: str
    per_second: int
    answers: list[Answer] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        asyncio.run(self._all())

    async def _all(self) -> None:
        began = time.monotonic()
        await asyncio.gather(*(self._ask(place, began) for place in range(CONNECTIONS)))

    async def _ask(self, place: int, began: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        number, tag = place, ""
        try:
            while not self.stop.is_set():
                await asyncio.sleep(max(0.0, began + number / self.per_second - time.monotonic()))
                answer = await self._one(reader, writer, self._headers(number, tag))
                self.answers.append(answer)
                tag = answer.headers.get("etag", "")
                number += CONNECTIONS
        finally:
            writer.close()

    def _headers(self, number: int, tag: str) -> dict[str, str]:
        headers = {
            "Host": f"127.0.0.1:{self.port}",
            "X-Forwarded-For": f"198.51.{number // 250 % 250}.{number % 250}",
            "Accept-Encoding": "gzip" if number % 3 else "identity",
            "Accept-Language": "en",
        }
        return headers | ({"If-None-Match": tag} if tag and number % 2 else {})

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, headers: dict[str, str]) -> Answer:
        asked = time.monotonic()
        lines = [f"GET {self.path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        pairs = (line.split(": ", 1) for line in head[1:] if line)
        told = {name.lower(): value for name, value in pairs}
        # An answer that is shorter than it says leaves this waiting, and the test without its answer.
        body = await reader.readexactly(int(told.get("content-length", "0")))
        if told.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        return Answer(asked, time.monotonic(), int(head[0].split()[1]), told, body)
