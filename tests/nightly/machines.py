"""Machines with Dash's agent on them, as contract Dash 3 says how they behave: many senders in one thread.

Nothing of the product is used. Each machine keeps what it was told, so that the store can be held against it: a report
carries its number as `processes.process_count`, which is kept with every raw row.
"""

import asyncio
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

# What an agent does when nobody says otherwise: a report every three seconds, given up after ten.
INTERVAL_S, PATIENCE_S = 3.0, 10.0
GB = 1 << 30
RUN_OUT = 0  # instead of a status: no answer in time, or none at all


@dataclass
class Told:
    """What one machine heard of its reports, by their numbers; those that nobody answered may be kept or not."""

    taken: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    answers: list[tuple[float, float, int]] = field(default_factory=list)  # monotonic instant, seconds, status
    retry_after: set[str] = field(default_factory=set)


class Machine:
    """One agent with its habits: most have a right clock and send everything once and in order."""

    def __init__(self, number: int, secret: str) -> None:
        self.number, self.secret, self.told = number, secret, Told()
        self._dice = random.Random(number)
        self._sent = 0
        self._bytes = [self._dice.randrange(1 << 40) for _ in range(8)]
        self._line: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._skew = timedelta(seconds=self._dice.choice([-86_400, -420, 300, 7200]) if number % 20 == 3 else 0)
        # The clock of some is put right in the middle of it all.
        self._put_right = number % 50 == 7
        self._held: tuple[int, bytes] | None = None
        self._last: tuple[int, bytes] | None = None

    async def live(self, port: int, stop: asyncio.Event, began: float, interval_s: float) -> None:
        """Say who and what it is, then report by a fixed ticker: ticks that pass while it waits are lost."""
        first = began + interval_s * self._dice.random()
        await _sleep_until(first, stop)
        await self._send(port, "/api/node/identity", b"{}")
        await self._send(port, "/api/node/static", msgspec.json.encode(self._static()))
        tick = 0
        while not stop.is_set():
            await self._round(port)
            tick = max(tick + 1, int((time.monotonic() - first) / interval_s))
            await _sleep_until(first + tick * interval_s, stop)
        if self._line is not None:
            self._line[1].close()

    async def _round(self, port: int) -> None:
        """One report, or what the network makes of it: twice, after the next one, or again after the next one."""
        self._sent += 1
        report = (self._sent, msgspec.json.encode(self._report()))
        if self.number % 13 == 5 and self._sent % 7 == 3:
            self._held = report
            return
        await self._deliver(port, report)
        if self._held is not None:
            held, self._held = self._held, None
            await self._deliver(port, held)
        if self.number % 10 == 1 and self._sent % 5 == 0:
            await self._deliver(port, report)
        if self.number % 10 == 2 and self._sent % 5 == 0 and self._last is not None:
            await self._deliver(port, self._last)
        self._last = report

    async def _deliver(self, port: int, report: tuple[int, bytes]) -> None:
        number, body = report
        asked = time.monotonic()
        status = await self._send(port, "/api/node/metrics", body)
        self.told.answers.append((asked, time.monotonic() - asked, status))
        known = {200: self.told.taken, RUN_OUT: self.told.unknown}
        known.get(status, self.told.refused).add(number)

    async def _send(self, port: int, path: str, body: bytes) -> int:
        """The status of the answer, on the kept connection; RUN_OUT without one."""
        try:
            return await asyncio.wait_for(self._exchange(port, path, body), PATIENCE_S)
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            if self._line is not None:
                self._line[1].close()
            self._line = None
            return RUN_OUT

    async def _exchange(self, port: int, path: str, body: bytes) -> int:
        if self._line is None or self._line[1].is_closing() or self._line[0].at_eof():
            self._line = await asyncio.open_connection("127.0.0.1", port)
        reader, writer = self._line
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: Go-http-client/1.1\r\n"
            f"Content-Type: application/json\r\nX-Node-Secret: {self.secret}\r\nAccept-Encoding: gzip\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        told = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        await reader.readexactly(int(told.get("content-length", "0")))
        status = int(lines[0].split()[1])
        if status == 503:
            self.told.retry_after.add(told.get("retry-after", ""))
        return status

    # --- What it has to say ----------------------------------------------------------------------

    def _now(self) -> str:
        skew = self._skew if not self._put_right else timedelta(seconds=-90 if self._sent > 20 else 0)
        return (datetime.now(UTC) + skew).strftime("%Y-%m-%dT%H:%M:%S.%f") + f"{self._dice.randrange(1000):03}Z"

    def _grown(self, place: int, most: int) -> int:
        self._bytes[place] += self._dice.randrange(most)
        return self._bytes[place]

    def _static(self) -> dict[str, Any]:
        disks = [
            {"kind": "disk", "name": f"nvme{n}n1", "ref": f"disk:nvme{n}n1", "total": 960 * GB, "mountpoint": place}
            for n, place in enumerate(("/", "/srv"))
        ]
        system = {
            "hostname": f"metal-{self.number:04}",
            "os": "linux",
            "platform": "debian",
            "platform_version": "12.11",
            "kernel_version": "6.1.0-37-amd64",
            "arch": "amd64",
        }
        return {
            "version": "0.2.3",
            "timestamp": self._now(),
            "report_interval_seconds": int(INTERVAL_S),
            "cpu": {"info": {"model_name": "EPYC", "sockets": 1, "cores_physical": 8, "cores_logical": 16}},
            "memory": {"total": 32 * GB, "swap_total": 4 * GB},
            "disk": {"physical": [], "logical": disks, "filesystems": [], "base_io": []},
            "system": system,
            "raid": {"supported": True, "available": False, "arrays": []},
        }

    def _report(self) -> dict[str, Any]:
        uptime = 1_000_000 + int(self._sent * INTERVAL_S)
        return {
            "version": "0.2.3",
            "hostname": f"metal-{self.number:04}",
            "timestamp": self._now(),
            "metrics": {
                "cpu": self._cpu(),
                "memory": self._memory(),
                "disk": self._disk(),
                "network": [self._interface(name, place) for name, place in (("eno1", 0), ("eno2", 2), ("wg0", 4))],
                "system": {"alive": True, "uptime_seconds": uptime, "uptime": f"{uptime // 86_400}d 6h 56m"},
                "processes": {"process_count": self._sent},
                "connections": {"tcp_count": self._dice.randrange(400), "udp_count": 11},
                "raid": {"supported": True, "available": False, "arrays": []},
                "thermal": self._thermal(),
                "pressure": {name: self._pressure() for name in ("cpu", "memory", "io")},
            },
        }

    def _cpu(self) -> dict[str, Any]:
        busy = self._dice.random() / 2
        times = {"user": busy * 1e5, "system": 20111.2, "idle": 912003.77, "iowait": 441.9, "steal": 0}
        return {"usage_ratio": busy, "load1": busy * 8, "load5": busy * 7, "load15": busy * 6, "times": times}

    def _memory(self) -> dict[str, Any]:
        used = self._dice.randrange(8 * GB, 12 * GB)
        swap = {"swap_used": 0, "swap_free": 4 * GB, "swap_used_ratio": 0}
        cached = {"buffers": GB // 2, "cached": 8 * GB}
        return {"used": used, "available": 32 * GB - used, "used_ratio": used / (32 * GB), **cached, **swap}

    def _disk(self) -> dict[str, Any]:
        names = [f"nvme{number}n1" for number in range(2)]
        moved = {name: self._moved(6 + place) for place, name in enumerate(names)}
        place = {name: {"name": name, "device_path": f"/dev/{name}", "ref": f"disk:{name}"} for name in names}
        used = self._dice.randrange(300 * GB, 310 * GB)
        room = {"used": used, "free": 960 * GB - used, "used_ratio": used / (960 * GB)}
        inodes = {"inodes_used": 210_344, "inodes_free": 9_000_000, "inodes_used_ratio": 0.0228}
        mounts = zip(names, ("/", "/srv"), strict=True)
        return {
            "physical": [place[name] | moved[name] for name in names],
            "logical": [{"kind": "disk", **place[name], **room, "health": "healthy"} for name in names],
            "filesystems": [{"path": path, "device": f"/dev/{name}p1", **room, **inodes} for name, path in mounts],
            "base_io": [{"kind": "physical", **place[name], **moved[name]} for name in names],
            "smart": self._smart(names),
        }

    def _moved(self, counter: int) -> dict[str, Any]:
        total = self._grown(counter, 3 << 20)
        rates = {"read_rate_bytes_per_sec": 182_044, "write_rate_bytes_per_sec": self._dice.randrange(1 << 20)}
        work = {"iops": 107, "read_iops": 11, "write_iops": 96, "util_ratio": 0.12, "queue_length": 0.3}
        return {"read_bytes": total, "write_bytes": total // 3, **rates, **work, "wait_ms": 1.1, "service_ms": 0.7}

    def _smart(self, names: Sequence[str]) -> dict[str, Any]:
        devices = [
            {
                "ref": f"disk:{name}",
                "name": name,
                "device_path": f"/dev/{name}",
                "device_type": "nvme",
                "protocol": "NVMe",
                "model": "PM9A3 960GB",
                "serial": f"S64F{self.number:04}{name}",
                "source": "smartctl",
                "status": "ok",
                "exit_status": 0,
                "health": "passed",
                "temp_c": 38 + self._sent // 100 % 5,
                "power_on_hours": 18_211 + self._sent // 1200,
                "lifetime_used_percent": 4,
                "critical_warning": 0,
            }
            for name in names
        ]
        return {"status": "ok", "updated_at": "2026-06-18T09:27:12Z", "ttl_seconds": 300, "devices": devices}

    def _interface(self, name: str, counter: int) -> dict[str, Any]:
        received, sent = self._grown(counter, 4 << 20), self._grown(counter + 1, 1 << 20)
        per_s = {"recv_rate_bytes_per_sec": self._dice.random() * 1e6, "sent_rate_bytes_per_sec": 455_000.25}
        packets = {"packets_recv": received // 900, "packets_sent": sent // 700}
        rates = {"recv_rate_packets_per_sec": 1370.0005, "sent_rate_packets_per_sec": 650.0003}
        faults = {"err_in": 0, "err_out": 0, "drop_in": 0, "drop_out": 0}
        return {"name": name, "bytes_recv": received, "bytes_sent": sent, **per_s, **packets, **rates, **faults}

    def _thermal(self) -> dict[str, Any]:
        sensors = [
            {
                "kind": "cpu",
                "name": f"Core {core}",
                "sensor_key": f"coretemp_core_{core}",
                "source": "hwmon",
                "status": "ok",
                "temp_c": 40 + self._dice.randrange(20),
                "high_c": 80,
                "critical_c": 100,
            }
            for core in range(3)
        ]
        return {"status": "ok", "updated_at": self._now(), "sensors": sensors}

    def _pressure(self) -> dict[str, Any]:
        average = {"avg10": 0.42, "avg60": 0.31, "avg300": 0.27, "total": 98_123_412 + self._sent}
        return {"status": "ok", "some": average, "full": {"avg10": 0, "avg60": 0, "avg300": 0, "total": 0}}


async def _sleep_until(instant: float, stop: asyncio.Event) -> None:
    """Until that reading of the monotonic clock, or until it is all over."""
    left = instant - time.monotonic()
    if left > 0:
        waiting = asyncio.ensure_future(stop.wait())
        await asyncio.wait([waiting], timeout=left)
        waiting.cancel()


class Fleet:
    """Machines that report to a port, from `start` to `end`, in a thread of their own."""

    def __init__(self, port: int, secrets: Sequence[str], *, interval_s: float = INTERVAL_S) -> None:
        self.machines = [Machine(number, secret) for number, secret in enumerate(secrets)]
        self._port, self._interval_s = port, interval_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), name="fleet", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Let everybody hear the answer to what they have asked, and go."""
        self._ended.set()
        self._thread.join(30)
        assert not self._thread.is_alive()

    def statuses(self) -> Counter[int]:
        return Counter(status for machine in self.machines for _, _, status in machine.told.answers)

    def seconds(self, when: Callable[[float], bool] = lambda _: True) -> list[float]:
        """How long the answers took, in order of length."""
        told = (machine.told.answers for machine in self.machines)
        return sorted(took for answers in told for asked, took, _ in answers if when(asked))

    async def _live(self) -> None:
        stop, began = asyncio.Event(), time.monotonic()
        lives = [machine.live(self._port, stop, began, self._interval_s) for machine in self.machines]
        everybody = asyncio.gather(*lives)
        while not self._ended.is_set() and not everybody.done():
            await asyncio.sleep(0.1)
        stop.set()
        await everybody
