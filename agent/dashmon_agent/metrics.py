"""What a machine is doing: counters of /proc and /sys, and what changed since the reading before."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from dashmon_agent.disks import (
    activity,
    disk_counters,
    file_system,
    file_systems,
    logical_disk,
    volume_counters,
    with_volumes,
)
from dashmon_agent.figures import PROC, SYS, memory_of, rate, share, text_of
from dashmon_agent.raid import raid
from dashmon_agent.smart import smart
from dashmon_agent.thermal import thermal

TICKS = os.sysconf("SC_CLK_TCK")
# Words of /proc/net/dev after the name.
NET_FIELDS = ("bytes_recv", "packets_recv", "err_in", "drop_in", "bytes_sent", "packets_sent", "err_out", "drop_out")
NET_PLACES = (0, 1, 2, 3, 8, 9, 10, 11)


class Meter:
    """Remembers the reading before, for rates."""

    def __init__(self, interfaces: tuple[str, ...] = ()) -> None:
        self.interfaces = interfaces
        self._at = time.monotonic()
        self._cpu = _cpu_ticks()
        self._disks = disk_counters()
        self._volumes = volume_counters(file_systems())
        self._net = self._net_counters()

    def read(self) -> dict[str, Any]:
        """The metrics of now."""
        now = time.monotonic()
        seconds, self._at = now - self._at, now
        disks, net, ticks = disk_counters(), self._net_counters(), _cpu_ticks()
        found = {
            "cpu": _cpu(ticks, self._cpu),
            "memory": _memory(),
            "disk": self._disk(disks, seconds),
            "network": [_interface(name, net[name], self._net.get(name), seconds) for name in sorted(net)],
            "system": _system(),
            "processes": {"process_count": sum(1 for entry in os.listdir(PROC) if entry.isdigit())},
            "connections": connections(),
            "raid": raid(),
            "thermal": thermal(),
            **_pressure(),
        }
        self._net, self._cpu = net, ticks
        return found

    def _disk(self, disks: dict[str, list[int]], seconds: float) -> dict[str, Any]:
        mounted = file_systems()
        volumes = volume_counters(mounted)
        busy, busy_volumes = activity(disks, self._disks, seconds), activity(volumes, self._volumes, seconds)
        self._disks, self._volumes = disks, volumes
        usage = ("used", "free", "used_ratio")
        inodes = ("inodes_used", "inodes_free", "inodes_used_ratio")
        return {
            "physical": busy,
            "logical": [logical_disk(each, "mountpoint", "fs_type", *usage) for each in mounted],
            "filesystems": [file_system(each, *usage, *inodes) for each in mounted],
            "base_io": with_volumes(busy, busy_volumes, mounted),
            "smart": smart(),
        }

    def _net_counters(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for line in text_of(PROC / "net/dev").splitlines():
            name, colon, words = line.partition(":")
            if colon:
                counts = words.split()
                found[name.strip()] = {field: int(counts[NET_PLACES[at]]) for at, field in enumerate(NET_FIELDS)}
        return {name: found[name] for name in self._chosen(found)}

    def _chosen(self, known: dict[str, dict[str, int]]) -> list[str]:
        """The interfaces that were asked for; else those with hardware; in a container, which has none, all but lo."""
        if self.interfaces:
            return [name for name in known if name in self.interfaces]
        solid = [name for name in known if (SYS / "class/net" / name / "device").exists()]
        return solid or [name for name in known if name != "lo"]


def _cpu_ticks() -> list[int]:
    return [int(word) for word in text_of(PROC / "stat").partition("\n")[0].split()[1:]]


def _cpu(now: list[int], before: list[int]) -> dict[str, Any]:
    # user nice system idle iowait irq softirq steal; time of guests is inside user.
    spent = [max(0, now[place] - before[place]) for place in range(8)]
    total, idle = sum(spent), spent[3] + spent[4]
    load1, load5, load15 = os.getloadavg()
    return {
        "usage_ratio": share(total - idle, total),
        "load1": load1,
        "load5": load5,
        "load15": load15,
        "times": {
            "user": (now[0] + now[1]) / TICKS,
            "system": (now[2] + now[5] + now[6]) / TICKS,
            "idle": now[3] / TICKS,
            "iowait": now[4] / TICKS,
            "steal": now[7] / TICKS,
        },
    }


def _memory() -> dict[str, Any]:
    said = memory_of()
    total, available = said.get("MemTotal", 0), said.get("MemAvailable", said.get("MemFree", 0))
    swap_total, swap_free = said.get("SwapTotal", 0), said.get("SwapFree", 0)
    return {
        "used": max(0, total - available),
        "available": available,
        "buffers": said.get("Buffers", 0),
        "cached": said.get("Cached", 0),
        "used_ratio": share(total - available, total),
        "swap_used": max(0, swap_total - swap_free),
        "swap_free": swap_free,
        "swap_used_ratio": share(swap_total - swap_free, swap_total),
    }


def _interface(name: str, counts: dict[str, int], before: dict[str, int] | None, seconds: float) -> dict[str, Any]:
    def per_second(field: str) -> float:
        return rate(counts[field], None if before is None else before[field], seconds)

    return {
        "name": name,
        **counts,
        "recv_rate_bytes_per_sec": per_second("bytes_recv"),
        "sent_rate_bytes_per_sec": per_second("bytes_sent"),
        "recv_rate_packets_per_sec": per_second("packets_recv"),
        "sent_rate_packets_per_sec": per_second("packets_sent"),
    }


def _system() -> dict[str, Any]:
    seconds = int(float(text_of(PROC / "uptime").split()[0]))
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    return {"alive": True, "uptime_seconds": seconds, "uptime": f"{days}d {hours}h {rest // 60}m"}


def connections(root: Path = PROC) -> dict[str, int]:
    """Sockets by protocol, closed ones that still wait included; the kernel's own sums, for tables can be huge."""
    words = (text_of(root / "net/sockstat") + "\n" + text_of(root / "net/sockstat6")).split("\n")
    counts: dict[str, dict[str, int]] = {}
    for line in words:
        protocol, _, pairs = line.partition(":")
        said = pairs.split()
        counts[protocol] = {name: int(count) for name, count in zip(said[::2], said[1::2]) if count.isdigit()}
    tcp, tcp6 = counts.get("TCP", {}), counts.get("TCP6", {})
    udp, udp6 = counts.get("UDP", {}), counts.get("UDP6", {})
    return {
        "tcp_count": tcp.get("inuse", 0) + tcp6.get("inuse", 0) + tcp.get("tw", 0),
        "udp_count": udp.get("inuse", 0) + udp6.get("inuse", 0),
    }


def _pressure() -> dict[str, Any]:
    """How long work waited, by what it waited for; left out where the kernel does not tell."""
    groups = {name: _stalls(text_of(PROC / "pressure" / name)) for name in ("cpu", "memory", "io")}
    known = {name: {"status": "ok", **stalls} for name, stalls in groups.items() if stalls}
    return {"pressure": known} if known else {}


def _stalls(text: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in text.splitlines():
        kind, *words = line.split()
        values = dict(word.split("=", 1) for word in words)
        found[kind] = {name: int(value) if name == "total" else float(value) for name, value in values.items()}
    return found
