"""What is watched, as a process of its own: `python -m tests.chaos.target PORT`. It counts every request it gets.

`/m/<n>` answers, `/slow/<n>` after a tenth of a second, `/hole/<n>` never does, and after `/mode/hole` nobody answers
until `/mode/answer`. `/seen` tells who was asked for when, in milliseconds.
"""

import asyncio
import contextlib
import json
import sys
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class Target:
    def __init__(self) -> None:
        self.seen: dict[str, list[int]] = {}
        self.silent = False
        self.under_way = self.peak = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head = await reader.readuntil(b"\r\n\r\n")
            _, kind, name = head.split(b" ", 2)[1].decode().split("/")
            await self.answer(kind, name, reader, writer)
        writer.close()

    async def answer(self, kind: str, name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if kind == "mode":
            self.silent = name == "hole"
        elif kind == "seen":
            body = json.dumps({"seen": self.seen, "peak": self.peak}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(body) + body)
            await writer.drain()
            return
        else:
            self.seen.setdefault(name, []).append(time.time_ns() // 1_000_000)
            if kind == "hole" or self.silent:
                await reader.read()
                return
            if kind == "slow":
                await asyncio.sleep(0.1)
        writer.write(ANSWER)
        await writer.drain()


async def main(port: int) -> None:
    server = await asyncio.start_server(Target().handle, "0.0.0.0", port, backlog=4096)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
