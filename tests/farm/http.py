"""HTTP behaviours, good and bad, by path; written byte by byte, so that wrong bytes are possible."""

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

Writer = asyncio.StreamWriter
SLOW_S = 30.0


@dataclass
class Seen:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    def query(self, name: str, default: str = "") -> str:
        return parse_qs(urlsplit(self.target).query).get(name, [default])[0]


def reply(
    status: int = 200, body: bytes = b"ok", headers: list[tuple[str, str]] | None = None, reason: str = "X"
) -> bytes:
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in headers or [])]
    given = {name.lower() for name, _ in headers or []}
    if "content-length" not in given and "transfer-encoding" not in given:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


@dataclass
class HttpFarm:
    """Answers by path and remembers every request."""

    seen: list[Seen] = field(default_factory=list)
    other_origin: str = ""  # http://other.test:port, for redirects across origins
    secure_origin: str = ""
    canary_url: str = ""
    rdap: dict[str, bytes] = field(default_factory=dict)
    resolve: Callable[[bytes], bytes | None] | None = None  # the DNS zone, for DNS over HTTPS

    async def handle(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        try:
            request = await self._read(reader)
            if request is not None:
                self.seen.append(request)
                await self._answer(request, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Seen | None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.rstrip("\r\n").split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Seen(method, target, headers, body)

    async def _answer(self, request: Seen, writer: Writer) -> None:
        name = request.path.strip("/").split("/")[0].replace("-", "_") or "ok"
        behaviour: Callable[[Seen, Writer], Awaitable[None]] | None = getattr(self, f"do_{name}", None)
        if behaviour is None:
            writer.write(reply(404, b"no such path"))
        else:
            await behaviour(request, writer)
        await writer.drain()

    async def do_ok(self, request: Seen, writer: Writer) -> None:
        writer.write(reply(body=b"" if request.method == "HEAD" else b"all is well"))

    async def do_status(self, request: Seen, writer: Writer) -> None:
        writer.write(reply(int(request.path.rsplit("/", 1)[1])))

    async def do_json(self, _: Seen, writer: Writer) -> None:
        body = json.dumps({"db": {"status": "ok"}, "queue": [1, 2, 3]}).encode()
        writer.write(reply(body=body, headers=[("Content-Type", "application/json"), ("X-Node", "a1")]))

    async def do_deep_json(self, _: Seen, writer: Writer) -> None:
        writer.write(reply(body=b"[" * 100_000, headers=[("Content-Type", "application/json")]))

    async def do_echo(self, request: Seen, writer: Writer) -> None:
        body = json.dumps({"method": request.method, "headers": request.headers}).encode()
        writer.write(reply(body=body + b"\n" + request.body))

    async def do_wait(self, request: Seen, writer: Writer) -> None:
        await asyncio.sleep(float(request.query("s", "0.2")))
        writer.write(reply())

    async def do_slow(self, _: Seen, writer: Writer) -> None:
        await asyncio.sleep(SLOW_S)

    async def do_trickle(self, _: Seen, writer: Writer) -> None:
        writer.write(reply(headers=[("Content-Length", "1000")], body=b""))
        for _n in range(1000):
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.05)

    async def do_large(self, _: Seen, writer: Writer) -> None:
        writer.write(reply(body=b"needle" + b"x" * (3 << 20)))

    async def do_bomb(self, _: Seen, writer: Writer) -> None:
        packed = gzip.compress(b"\0" * (64 << 20), 9)
        writer.write(reply(body=packed, headers=[("Content-Encoding", "gzip")]))

    async def do_gzip(self, _: Seen, writer: Writer) -> None:
        writer.write(reply(body=gzip.compress(b"packed words"), headers=[("Content-Encoding", "gzip")]))

    async def do_long_gzip(self, _: Seen, writer: Writer) -> None:
        text = b"".join(b"%08x row of an honest table, not a bomb\n" % (n * 2654435761 % 2**32) for n in range(40_000))
        writer.write(reply(body=gzip.compress(text), headers=[("Content-Encoding", "gzip")]))

    async def do_bad_gzip(self, _: Seen, writer: Writer) -> None:
        writer.write(reply(body=b"this is not gzip", headers=[("Content-Encoding", "gzip")]))

    async def do_truncated(self, _: Seen, writer: Writer) -> None:
        writer.write(reply(body=b"half", headers=[("Content-Length", "100")]))

    async def do_truncated_chunks(self, _: Seen, writer: Writer) -> None:
        writer.write(reply(body=b"5\r\nhello\r\n9\r\nwor", headers=[("Transfer-Encoding", "chunked")]))

    async def do_silent_close(self, _: Seen, writer: Writer) -> None:
        return

    async def do_half_header(self, _: Seen, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Le")

    async def do_not_http(self, _: Seen, writer: Writer) -> None:
        writer.write(b"220 mail.example ESMTP\r\n")

    async def do_early_hints(self, _: Seen, writer: Writer) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n" + reply(body=b"after hints"))

    async def do_header_flood(self, _: Seen, writer: Writer) -> None:
        writer.write(reply(headers=[(f"X-Flood-{n}", "y" * 500) for n in range(400)]))

    async def do_endless_header(self, _: Seen, writer: Writer) -> None:
        writer.write(reply(headers=[("X-Long", "y" * 400_000)]))

    async def do_reset_body(self, _: Seen, writer: Writer) -> None:
        writer.write(reply(body=b"half", headers=[("Content-Length", "100")]))
        await writer.drain()
        await asyncio.sleep(0.1)  # a reset would also discard what has not been read yet
        listener: socket.socket = writer.get_extra_info("socket")
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    async def do_latin(self, _: Seen, writer: Writer) -> None:
        writer.write(reply(body="Grüße".encode("latin-1"), headers=[("Content-Type", "text/html; Charset=ISO-8859-1")]))

    async def do_redirect(self, request: Seen, writer: Writer) -> None:
        """/redirect?to=...&status=302: anything a Location can say."""
        status = int(request.query("status", "302"))
        location = unquote(request.query("to", "/ok"))
        writer.write(reply(status, b"moved", [("Location", location)]))

    async def do_hops(self, request: Seen, writer: Writer) -> None:
        left = int(request.path.rsplit("/", 1)[1])
        writer.write(reply(302, b"", [("Location", f"/hops/{left - 1}" if left > 1 else "/ok")]))

    async def do_loop(self, _: Seen, writer: Writer) -> None:
        writer.write(reply(302, b"", [("Location", "/loop")]))

    async def do_no_location(self, _: Seen, writer: Writer) -> None:
        writer.write(reply(302, b"nowhere"))

    async def do_domain(self, request: Seen, writer: Writer) -> None:
        body = self.rdap.get(request.path.rsplit("/", 1)[1])
        if body is None:
            writer.write(reply(404, b"{}"))
        else:
            writer.write(reply(body=body, headers=[("Content-Type", "application/rdap+json")]))

    async def do_dns_query(self, request: Seen, writer: Writer) -> None:
        answer = self.resolve(request.body) if self.resolve else None
        if answer is None:
            writer.write(reply(500))
        else:
            writer.write(reply(body=answer, headers=[("Content-Type", "application/dns-message")]))
