"""Simulated machines with an agent each: they say what a Dash agent says, and it is taken in as every report is."""

import json
import math
import random
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from apps.api.dash.reports import read_report
from apps.api.dash.statics import read_static
from apps.common.errors import DomainError
from apps.metrics.selectors import latest_reports
from apps.nodes.models import Node
from apps.nodes.services import save_static
from apps.pipeline.reports import submit_reports
from apps.pipeline.types import NodeFact

VERSION = "0.2.3"
GIB = 1024**3
DAY_S, HOUR_S = 86_400, 3600
# A month in steps of five minutes, its last hour in steps of half a minute, from then on what an agent would do.
COARSE_S, FINE_S, LIVE_S = 300, 30, 3
BATCH = 250
_ROOT = {"path": "/", "mountpoint": "/", "inodes_used": 210_344, "inodes_free": 9_000_000, "inodes_used_ratio": 0.0228}

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine: what it is, how busy it usually is, and what it moves. `silent_min`: when it fell silent."""

    name: str
    project: str
    platform: str
    platform_version: str
    arch: str
    model: str
    cores: int
    memory_gib: int
    disk_gib: int
    load: float  # of all cores, on average
    full: float  # of the disk
    received_mbit: float
    sent_mbit: float
    tags: tuple[str, ...] = ()
    drives: tuple[str, ...] = field(default=())
    raid: bool = False
    worn: bool = False
    silent_min: int = 0


MACHINES = (
    Machine(
        "db-eu-1",
        "shop",
        "debian",
        "12.11",
        "amd64",
        "EPYC 4344P",
        16,
        128,
        512,
        0.34,
        0.93,
        18,
        64,
        ("eu", "database"),
        ("nvme0n1", "nvme1n1"),
        raid=True,
        worn=True,
    ),
    Machine(
        "web-eu-1",
        "shop",
        "debian",
        "12.11",
        "amd64",
        "Xeon E-2388G",
        8,
        32,
        240,
        0.22,
        0.41,
        96,
        180,
        ("eu", "web"),
        ("nvme0n1",),
    ),
    Machine(
        "runner-1", "platform", "ubuntu", "24.04", "arm64", "Ampere Altra", 32, 64, 960, 0.61, 0.55, 42, 12, ("ci",)
    ),
    Machine(
        "lab-pi-4",
        "office",
        "raspbian",
        "12",
        "arm64",
        "Cortex-A72",
        4,
        8,
        64,
        0.12,
        0.61,
        0.4,
        0.2,
        ("berlin",),
        silent_min=11,
    ),
)


class Agent:
    """One simulated agent: it keeps its counters between reports, as a kernel does."""

    def __init__(self, machine: Machine, node: Node) -> None:
        self.machine, self.node = machine, node
        self.dice = random.Random(machine.name)  # noqa: S311  # the same month for everybody
        self.received, self.sent, self.busy_s = 3.1e9, 1.7e9, 0.0
        self.booted = (node.created_at - timedelta(days=9)).timestamp()
        self.last: float | None = None

    def go_on(self) -> None:
        """Take the counters up where the newest report left them: the simulated machine was not restarted."""
        latest = latest_reports(workspace_id=self.node.workspace_id, refs=[self.node.ref]).get(self.node.pk)
        if latest is not None:
            self.received, self.sent = latest.values["net.rx_bytes[eth0]"], latest.values["net.tx_bytes[eth0]"]

    def fact(self, at: datetime) -> NodeFact:
        """The report of an instant, as the door takes it."""
        body = json.dumps(self.report(at.timestamp())).encode()
        return NodeFact(self.node.workspace_id, self.node.pk, at, read_report(body), address="192.0.2.17")

    def report(self, at: float) -> dict[str, Any]:
        machine, dice = self.machine, self.dice
        tide = 1 + 0.55 * math.sin(2 * math.pi * (at % DAY_S) / DAY_S - 1.9)
        cpu = min(0.99, machine.load * tide * dice.lognormvariate(0, 0.22))
        step = 0.0 if self.last is None else at - self.last
        rates = [
            mbit * 125_000 * tide * dice.lognormvariate(0, 0.3) for mbit in (machine.received_mbit, machine.sent_mbit)
        ]
        self.received, self.sent = self.received + rates[0] * step, self.sent + rates[1] * step
        self.busy_s, self.last = self.busy_s + cpu * machine.cores * step, at
        metrics = {
            "cpu": self._cpu(cpu, at),
            "memory": self._memory(tide),
            "disk": self._disk(at, tide),
            "network": [self._network(*rates)],
            "system": {
                "alive": True,
                "uptime_seconds": int(at - self.booted),
                "uptime": f"{int((at - self.booted) // DAY_S)}d",
            },
            "processes": {"process_count": int(120 + 90 * tide + dice.random() * 9)},
            "connections": {"tcp_count": int(180 * tide * (1 + dice.random())), "udp_count": 11},
            "raid": self._raid(),
            "thermal": self._thermal(cpu),
        }
        stamp = datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
        return {"version": VERSION, "hostname": machine.name, "timestamp": stamp, "metrics": metrics}

    def _cpu(self, busy: float, at: float) -> dict[str, Any]:
        load = busy * self.machine.cores
        idle = (at - self.booted) * self.machine.cores - self.busy_s
        times = {
            "user": self.busy_s * 0.8,
            "system": self.busy_s * 0.2,
            "idle": max(idle, 0),
            "iowait": 41.0,
            "steal": 0,
        }
        return {"usage_ratio": busy, "load1": load * 1.04, "load5": load, "load15": load * 0.96, "times": times}

    def _memory(self, tide: float) -> dict[str, Any]:
        total = self.machine.memory_gib * GIB
        used = int(total * (0.52 + 0.13 * tide + 0.01 * self.dice.random()))
        return {
            "used": used,
            "available": total - used,
            "buffers": GIB // 4,
            "cached": int((total - used) * 0.7),
            "used_ratio": used / total,
            "swap_used": GIB // 8,
            "swap_free": 4 * GIB - GIB // 8,
            "swap_used_ratio": 1 / 32,
        }

    def _disk(self, at: float, tide: float) -> dict[str, Any]:
        total = self.machine.disk_gib * GIB
        # It fills by a hundredth a week and is cleaned up at the end of each.
        ratio = min(0.99, self.machine.full + 0.01 * (at % (7 * DAY_S)) / (7 * DAY_S))
        used = int(total * ratio)
        space = {"used": used, "free": total - used, "used_ratio": ratio}
        name, kind = ("md0", "raid_md") if self.machine.raid else ("sda", "disk")
        path = {"name": name, "device_path": f"/dev/{name}", "ref": f"disk:{name}"}
        rates = {
            "read_rate_bytes_per_sec": 2e6 * tide * self.dice.random(),
            "write_rate_bytes_per_sec": 6e6 * tide * self.dice.random(),
        }
        io = {"kind": "raid" if self.machine.raid else "physical", "role": "primary", "util_ratio": 0.1 * tide}
        found: dict[str, Any] = {
            "physical": [],
            "logical": [{"kind": kind, **path, **space, "mountpoint": "/", "health": "healthy"}],
            "filesystems": [{**_ROOT, "device": f"/dev/{name}", **space}],
            "base_io": [{**io, **path, **rates}],
        }
        return found | ({"smart": self._smart()} if self.machine.drives else {})

    def _smart(self) -> dict[str, Any]:
        worn = self.machine.drives[-1] if self.machine.worn else ""
        devices = [
            {
                "name": drive,
                "device_path": f"/dev/{drive}",
                "device_type": "nvme",
                "protocol": "NVMe",
                "model": "PM9A3 960GB",
                "source": "smartctl",
                "status": "ok",
                "exit_status": 0,
                "health": "passed",
                "temp_c": 41 + 6 * (drive == worn),
                "power_on_hours": 18_211,
                "lifetime_used_percent": 91 if drive == worn else 4,
                "critical_warning": 4 if drive == worn else 0,
            }
            for drive in self.machine.drives
        ]
        return {"status": "ok", "devices": devices}

    def _network(self, received: float, sent: float) -> dict[str, Any]:
        return {
            "name": "eth0",
            "bytes_recv": int(self.received),
            "bytes_sent": int(self.sent),
            "recv_rate_bytes_per_sec": received,
            "sent_rate_bytes_per_sec": sent,
            "packets_recv": int(self.received / 900),
            "packets_sent": int(self.sent / 700),
            "err_in": 0,
            "err_out": 0,
            "drop_in": 0,
            "drop_out": 0,
        }

    def _raid(self) -> dict[str, Any]:
        if not self.machine.raid:
            return {"supported": True, "available": False, "arrays": []}
        members = [{"name": drive, "state": "up"} for drive in self.machine.drives]
        array = {
            "name": "md0",
            "status": "active",
            "active": 2,
            "working": 2,
            "failed": 0,
            "health": "healthy",
            "members": members,
        }
        return {"supported": True, "available": True, "arrays": [array]}

    def _thermal(self, busy: float) -> dict[str, Any]:
        reading = round(34 + 38 * busy + self.dice.random(), 1)
        sensor = {
            "kind": "cpu",
            "name": "Processor",
            "sensor_key": "cpu0",
            "source": "hwmon",
            "status": "ok",
            "temp_c": reading,
            "high_c": 85,
            "critical_c": 100,
        }
        return {"status": "ok", "sensors": [sensor]}

    def static(self, at: datetime) -> bytes:
        machine = self.machine
        document = {
            "version": VERSION,
            "timestamp": at.isoformat(),
            "report_interval_seconds": LIVE_S,
            "cpu": {"info": _processor(machine)},
            "memory": {"total": machine.memory_gib * GIB, "swap_total": 4 * GIB},
            "disk": {"physical": [], "logical": [_volume(machine)], "filesystems": [], "base_io": []},
            "system": _system(machine),
            "raid": {"supported": True, "available": machine.raid, "arrays": []},
        }
        return json.dumps(document).encode()


def _processor(machine: Machine) -> dict[str, Any]:
    cores = {"sockets": 1, "cores_physical": machine.cores, "cores_logical": machine.cores}
    return {"model_name": machine.model, "vendor_id": "", **cores, "frequency_mhz": 3400}


def _volume(machine: Machine) -> dict[str, Any]:
    name = "md0" if machine.raid else "sda"
    named = {"kind": "disk", "name": name, "ref": f"disk:{name}"}
    return {**named, "total": machine.disk_gib * GIB, "mountpoint": "/", "fs_type": "ext4"}


def _system(machine: Machine) -> dict[str, str]:
    return {
        "hostname": machine.name,
        "os": "linux",
        "platform": machine.platform,
        "platform_version": machine.platform_version,
        "kernel_version": "6.1.0-37",
        "arch": machine.arch,
    }


def live_through(agent: Agent, *, since: datetime, until: datetime) -> int:
    """Submit one machine's reports of a month, oldest first and each when it was due; answers how many."""
    until -= timedelta(minutes=agent.machine.silent_min)
    save_static(node=agent.node, facts=read_static(agent.static(since)), now=since)
    moments = list(_moments(since, until))
    for start in range(0, len(moments), BATCH):
        part = moments[start : start + BATCH]
        submit_reports(facts=[agent.fact(at) for at in part], now=part[-1], opens_from=until - timedelta(minutes=5))
    return len(moments)


def _moments(since: datetime, until: datetime) -> Iterator[datetime]:
    fine = until - timedelta(seconds=HOUR_S)
    at = since
    while at < until:
        yield at
        at += timedelta(seconds=COARSE_S if at < fine else FINE_S)


def keep_reporting(agents: Sequence[Agent]) -> threading.Thread:
    """From now on every machine that is not silent reports as an agent does, for as long as the demo runs."""
    for agent in agents:
        agent.go_on()
    awake = [agent for agent in agents if not agent.machine.silent_min]
    thread = threading.Thread(target=_report_for_ever, args=(awake,), daemon=True)
    thread.start()
    return thread


def _report_for_ever(agents: Sequence[Agent]) -> None:
    while True:
        now = timezone.now()
        try:
            submit_reports(facts=[agent.fact(now) for agent in agents], now=now)
        except (DomainError, DatabaseError) as error:
            # What an agent cannot deliver is lost; the next report comes in three seconds.
            logger.warning("demo.report_lost", error=str(error))
        close_old_connections()
        time.sleep(LIVE_S)
