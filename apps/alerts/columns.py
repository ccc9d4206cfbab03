"""What a rule may look at: columns of the metrics store (docs/architecture.md) and what is derived from them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from apps.common.values import SubjectKind

Unit = Literal["ratio", "bytes", "bytes_per_s", "per_s", "count", "s", "ms", "us", "celsius", "days", "load", "code"]
SILENCE = "node.silence_s"
# Wire rules of kinds nobody measures are kept as they are said; they never have a value.
UNMEASURED = "unknown."
INSTANCE = re.compile(r"(?P<name>[a-z0-9._]+)\[(?P<instance>[^\[\]]{1,64})\]")


@dataclass(frozen=True, slots=True)
class Column:
    """One number that a kind of subject has; `parts` says what an instance of it is, "" where there is but one."""

    name: str
    label: str
    unit: Unit
    parts: str = ""
    # Only what a counter gained says anything: its rules look at a cycle, or at the plain reading of the agent.
    counter: bool = False
    derived: bool = False


NODE: Sequence[Column] = (
    Column("cpu.ratio", "CPU use", "ratio"),
    Column("cpu.load1", "Load over 1 minute", "load"),
    Column("cpu.load5", "Load over 5 minutes", "load"),
    Column("cpu.load15", "Load over 15 minutes", "load"),
    Column("cpu.temp_c", "CPU temperature", "celsius"),
    Column("mem.ratio", "Memory use", "ratio"),
    Column("mem.used_bytes", "Memory used", "bytes"),
    Column("mem.available_bytes", "Memory available", "bytes"),
    Column("mem.buffers_bytes", "Memory in buffers", "bytes"),
    Column("mem.cached_bytes", "Memory in caches", "bytes"),
    Column("swap.ratio", "Swap use", "ratio"),
    Column("swap.used_bytes", "Swap used", "bytes"),
    Column("disk.ratio", "Disk use, all file systems", "ratio", "device"),
    Column("disk.primary_ratio", "Disk use, main file system", "ratio", derived=True),
    Column("disk.used_bytes", "Disk used, all file systems", "bytes", "device"),
    Column("fs.ratio", "Use of a file system", "ratio", "file system"),
    Column("fs.used_bytes", "Used of a file system", "bytes", "file system"),
    Column("fs.inodes_ratio", "Inode use of a file system", "ratio", "file system"),
    Column("disk.read_rate", "Disk reads", "bytes_per_s", "device"),
    Column("disk.write_rate", "Disk writes", "bytes_per_s", "device"),
    Column("disk.iops", "Disk operations", "per_s", "device"),
    Column("disk.util_ratio", "Disk busy", "ratio", "device"),
    Column("disk.wait_ms", "Disk wait", "ms", "device"),
    Column("disk.temp_c", "Disk temperature", "celsius", "device"),
    Column("net.rx_rate", "Network in", "bytes_per_s", "interface"),
    Column("net.tx_rate", "Network out", "bytes_per_s", "interface"),
    Column("net.all_rate", "Network in and out", "bytes_per_s", derived=True),
    Column("net.rx_bytes", "Traffic in", "bytes", "interface", counter=True),
    Column("net.tx_bytes", "Traffic out", "bytes", "interface", counter=True),
    Column("net.all_bytes", "Traffic in and out", "bytes", counter=True, derived=True),
    Column("conn.tcp", "TCP connections", "count"),
    Column("conn.udp", "UDP connections", "count"),
    Column("proc.count", "Processes", "count"),
    Column("uptime_s", "Uptime", "s"),
    Column("temp.max_c", "Hottest sensor", "celsius"),
    Column("temp_c", "Temperature of a sensor", "celsius", "sensor"),
    Column("gpu.max_ratio", "Busiest GPU", "ratio"),
    Column("gpu.ratio", "GPU use", "ratio", "GPU"),
    *(
        Column(f"psi.{what}.{how}{span}", f"{word} pressure, {how}, {span} s", "ratio")
        for what, word in (("cpu", "CPU"), ("memory", "Memory"), ("io", "I/O"))
        for how in (("some",) if what == "cpu" else ("some", "full"))
        for span in (10, 60, 300)
    ),
    Column("raid.failed", "Failed RAID members", "count"),
    Column("smart.failed", "Disks that fail SMART", "count"),
    Column("smart.critical", "NVMe disks with a critical warning", "count"),
    Column("smart.failing", "Failing SMART attributes", "count"),
    Column("smart.max_temp_c", "Hottest disk", "celsius"),
    Column(SILENCE, "Time since the last report", "s", derived=True),
)
DEVICE: Sequence[Column] = (
    Column("latency_us", "Response time", "us"),
    Column("total_us", "Whole exchange", "us"),
    Column("dns_us", "Name lookup", "us"),
    Column("connect_us", "Connecting", "us"),
    Column("tls_us", "TLS handshake", "us"),
    Column("ttfb_us", "First byte", "us"),
    Column("http.status", "HTTP status", "code"),
    Column("cert.days", "Certificate, days left", "days"),
    Column("domain.days", "Domain, days left", "days"),
    Column("dns.ttl_s", "Smallest TTL of the answer", "s"),
    Column("run_ms", "Duration of a run", "ms"),
)
CONTAINER: Sequence[Column] = (
    Column("state", "State", "code"),
    Column("cpu.cores", "CPU cores in use", "load"),
    Column("mem.used_bytes", "Memory used", "bytes"),
    Column("mem.limit_bytes", "Memory limit", "bytes"),
    Column("net.rx_bytes", "Traffic in", "bytes", "interface", counter=True),
    Column("net.tx_bytes", "Traffic out", "bytes", "interface", counter=True),
    Column("net.all_bytes", "Traffic in and out", "bytes", counter=True, derived=True),
    Column("block.read_bytes", "Bytes read", "bytes", counter=True),
    Column("block.write_bytes", "Bytes written", "bytes", counter=True),
    Column("pids", "Processes", "count"),
)
INSTANCES: Sequence[Column] = (
    Column("cpu.ratio", "CPU use", "ratio"),
    Column("mem.used_bytes", "Memory used", "bytes"),
    Column("net.rx_rate", "Network in", "bytes_per_s"),
    Column("net.tx_rate", "Network out", "bytes_per_s"),
    Column("net.all_rate", "Network in and out", "bytes_per_s", derived=True),
    Column("net.rx_bytes", "Traffic in", "bytes", counter=True),
    Column("net.tx_bytes", "Traffic out", "bytes", counter=True),
    Column("net.all_bytes", "Traffic in and out", "bytes", counter=True, derived=True),
    Column("disk.read_rate", "Disk reads", "bytes_per_s"),
    Column("disk.write_rate", "Disk writes", "bytes_per_s"),
    Column("uptime_s", "Uptime", "s"),
)
COLUMNS: Mapping[SubjectKind, Mapping[str, Column]] = {
    "node": {column.name: column for column in NODE},
    "device": {column.name: column for column in DEVICE},
    "container": {column.name: column for column in CONTAINER},
    "instance": {column.name: column for column in INSTANCES},
}
# What is the sum of two columns wherever both are reported.
SUMS = {"net.all_rate": ("net.rx_rate", "net.tx_rate"), "net.all_bytes": ("net.rx_bytes", "net.tx_bytes")}


def column_of(kind: str, metric: str) -> Column | None:
    """The column behind a metric, `disk.ratio[sda]` included; None when this kind of subject has no such thing."""
    columns = COLUMNS.get(kind)  # type: ignore[call-overload]  # an unknown kind has none
    if columns is None:
        return None
    if metric in columns:
        found: Column = columns[metric]
        return found
    part = INSTANCE.fullmatch(metric)
    of_parts = columns.get(part["name"]) if part else None
    return of_parts if of_parts is not None and of_parts.parts else None


def value_of(values: Mapping[str, float | None], metric: str) -> float | None:
    """What a report says about a metric: the column itself, else the sum it is made of where no part is missing."""
    if metric in values or metric not in SUMS:
        return values.get(metric)
    parts = [values.get(name) for name in SUMS[metric]]
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None
