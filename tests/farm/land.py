"""The target farm: everything a probe can meet, on loopback, in one thread."""

import asyncio
import contextlib
import json
import socket
import ssl
import struct
import threading
import warnings
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.farm.certificates import DAY, Authority, Served
from tests.farm.dns import Datagrams, NameFarm, serve_stream
from tests.farm.http import HttpFarm

CANARY_NETWORK = "127.66.0.0/16"
CANARY = "127.66.0.1"
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Farm:
    """Starts and stops the servers, and knows their ports."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.http = HttpFarm()
        self.names = NameFarm()
        self.canary_hits: list[str] = []
        self.whois: dict[str, str] = {}
        self.whois_asked: list[str] = []
        self.tls_ports: dict[str, int] = {}
        self.tcp_ports: dict[str, int] = {}
        self.authority = Authority(folder)
        self._stranger = Authority(folder, name="Stranger")
        self._loop = asyncio.new_event_loop()
        self._sockets: list[socket.socket] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="farm", daemon=True)

    @property
    def resolver(self) -> str:
        return f"127.0.0.1:{self.names.port}"

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.http_port}{path}"

    def secure_url(self, case: str, path: str = "/ok", host: str = "good.test") -> str:
        return f"https://{host}:{self.tls_ports[case]}{path}"

    def start(self) -> None:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(30)

    def stop(self) -> None:
        for sock in self._sockets:
            sock.close()
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _end(self) -> None:
        """Let go of whoever still talks to us."""
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _start(self) -> None:
        self.http_port = await self._listen(self.http.handle)
        try:
            self.http6_port = await self._listen(self.http.handle, host="::1")
        except OSError:
            # A machine without IPv6, as many containers are.
            self.http6_port = 0
        await self._start_names()
        for case, (served, limits) in self._certificates().items():
            self.tls_ports[case] = await self._listen(self.http.handle, context=_context(served, limits))
        self.http.other_origin = f"http://other.test:{self.http_port}"
        self.http.secure_origin = f"https://good.test:{self.tls_ports['good']}"
        self.http.resolve = self.names.over_https
        await self._start_streams()
        await self._start_canary()

    async def _listen(self, handler: Handler, *, host: str = "127.0.0.1", context: Any = None) -> int:
        server = await asyncio.start_server(handler, host, 0, ssl=context)
        port: int = server.sockets[0].getsockname()[1]
        return port

    async def _start_names(self) -> None:
        stream = await asyncio.start_server(lambda r, w: serve_stream(self.names, r, w), "127.0.0.1", 0)
        self.names.port = stream.sockets[0].getsockname()[1]
        where = ("127.0.0.1", self.names.port)
        _, protocol = await self._loop.create_datagram_endpoint(lambda: Datagrams(self.names), where)
        stranger, _ = await self._loop.create_datagram_endpoint(asyncio.DatagramProtocol, ("127.0.0.1", 0))
        protocol.stranger = stranger

    def _certificates(self) -> dict[str, tuple[Served, ssl.TLSVersion | None]]:
        leaf, stranger = self.authority.leaf, self._stranger.leaf
        names = ["good.test", "*.wild.test", "127.0.0.1"]
        return {
            "good": (leaf("good", names), None),
            "expiring": (leaf("expiring", names, end=5 * DAY + timedelta(hours=1)), None),
            "soon": (leaf("soon", names, end=20 * DAY + timedelta(hours=1)), None),
            "expired": (leaf("expired", names, start=-60 * DAY, end=-3 * DAY), None),
            "future": (leaf("future", names, start=3 * DAY), None),
            "other_host": (leaf("other", ["other.test"]), None),
            "untrusted": (stranger("untrusted", names), None),
            "untrusted_expired": (stranger("both", names, start=-60 * DAY, end=-3 * DAY), None),
            "self_signed": (leaf("self", names, self_signed=True), None),
            "no_intermediate": (leaf("bare", names, with_intermediate=False), None),
            "old_tls": (leaf("old", names), ssl.TLSVersion.TLSv1_1),
            "tls12": (leaf("tls12", names), ssl.TLSVersion.TLSv1_2),
        }

    async def _start_streams(self) -> None:
        for name in ("banner", "talk", "silent", "long", "closing"):
            self.tcp_ports[name] = await self._listen(getattr(self, f"_tcp_{name}"))
        self.tcp_ports["whois"] = await self._listen(self._whois)
        self.tcp_ports["tls_silent"] = self.tcp_ports["silent"]
        self.tcp_ports["reset"] = self._plain_listener(self._reset)
        self.tcp_ports["refused"] = self._closed_port()
        self.tcp_ports["full"] = self._full_backlog()

    async def _tcp_banner(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-Farm_1.0\r\n")
        await writer.drain()
        await asyncio.sleep(1)
        writer.close()

    async def _tcp_talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        writer.write(b"+PO")
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.write(b"NG\r\n" if line == b"PING\r\n" else b"-ERR\r\n")
        await writer.drain()
        writer.close()

    async def _tcp_silent(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.read()
        writer.close()

    async def _tcp_long(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"." * 5000 + b"too late")
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    async def _tcp_closing(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async def _whois(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        domain = (await reader.readline()).decode().strip()
        self.whois_asked.append(domain)
        writer.write(self.whois.get(domain, "No match\r\n").encode())
        await writer.drain()
        writer.close()

    def _plain_listener(self, serve: Callable[[socket.socket], None]) -> int:
        sock = socket.create_server(("127.0.0.1", 0))
        self._sockets.append(sock)
        threading.Thread(target=serve, args=(sock,), daemon=True).start()
        port: int = sock.getsockname()[1]
        return port

    @staticmethod
    def _reset(listener: socket.socket) -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            # Wait for the request, then close with a reset instead of a proper end.
            sock.settimeout(0.3)
            with contextlib.suppress(OSError):
                sock.recv(1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.close()

    def _closed_port(self) -> int:
        """A port that is bound by us but listens not: nobody else can take it meanwhile."""
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        self._sockets.append(sock)
        port: int = sock.getsockname()[1]
        return port

    def _full_backlog(self) -> int:
        """A listener that accepts nobody and whose queue is full: further connections hang."""
        sock = socket.create_server(("127.0.0.1", 0), backlog=0)
        self._sockets.append(sock)
        where = sock.getsockname()
        for _ in range(8):
            filler = socket.socket()
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect(where)
            self._sockets.append(filler)
        port: int = where[1]
        return port

    async def _start_canary(self) -> None:
        """Listeners that must never hear anything."""
        server = await asyncio.start_server(self._canary, CANARY, 0)
        self.canary_port: int = server.sockets[0].getsockname()[1]
        farm = self

        class Ear(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: Any) -> None:
                farm.canary_hits.append(f"udp {len(data)} bytes from {addr}")

        await self._loop.create_datagram_endpoint(Ear, (CANARY, self.canary_port))
        self.http.canary_url = f"http://{CANARY}:{self.canary_port}/"

    async def _canary(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.canary_hits.append(f"tcp {writer.get_extra_info('peername')}")
        writer.close()

    def registers(self, domain: str, *, days: float) -> None:
        """Give a domain an expiry at the farm's RDAP server."""
        at = datetime.now(UTC) + timedelta(days=days)
        document = {
            "objectClassName": "domain",
            "events": [
                {"eventAction": "registration", "eventDate": "1999-01-01T00:00:00Z"},
                {"eventAction": "expiration", "eventDate": at.strftime("%Y-%m-%dT%H:%M:%SZ")},
            ],
        }
        self.http.rdap[domain] = json.dumps(document).encode()


def _context(served: Served, limit: ssl.TLSVersion | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(served.chain, served.key)
    if limit is not None:
        context.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            # Old versions are deprecated, and that is why the farm speaks one.
            warnings.simplefilter("ignore", DeprecationWarning)
            context.minimum_version = limit
            context.maximum_version = limit
    return context
