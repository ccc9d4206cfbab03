"""Static facts of a Dash agent: judged by the rules of contract Dash 3.4, then said in the words of the core."""

from typing import Any

from apps.api.dash.decoding import decode
from apps.api.dash.documents import disks_part, known
from apps.api.dash.errors import InvalidStaticError
from apps.api.dash.payloads import (
    CpuInfo,
    Disk,
    NodeStatic,
    Raid,
    StaticCpu,
    StaticDisk,
    StaticMemory,
    StaticSystem,
    said,
)
from apps.api.dash.reports import ZERO_YEAR, is_blank
from apps.nodes import versions
from apps.nodes.types import StaticFacts

SYSTEM = ("hostname", "os", "platform", "platform_version", "kernel_version", "arch")
LONGEST_INTERVAL_S = 86_400
# More than any machine has, and what a column takes.
MOST_CORES = 2**31 - 1


def read_static(body: bytes) -> StaticFacts:
    """The static facts in a body; InvalidRequestError (400) and InvalidStaticError (422) as for reports."""
    sent = decode(body, NodeStatic)
    version = (said(sent.version) or "").strip()
    system, interval_s = said(sent.system) or StaticSystem(), said(sent.report_interval_seconds) or 0
    timestamp = said(sent.timestamp)
    faults = {
        "version": versions.parse(version) is None,
        "timestamp": timestamp is None or timestamp.year == ZERO_YEAR,
        "report_interval_seconds": interval_s <= 0,
        **{f"system.{name}": is_blank(said(getattr(system, name))) for name in SYSTEM},
    }
    if any(faults.values()):
        raise InvalidStaticError(fields={name: "required" for name, is_missing in faults.items() if is_missing})
    hostname = (said(system.hostname) or "").strip()
    return StaticFacts(version, hostname, min(interval_s, LONGEST_INTERVAL_S), _document(sent, system))


def _document(sent: NodeStatic, system: StaticSystem) -> dict[str, Any]:
    cpu = said((said(sent.cpu) or StaticCpu()).info) or CpuInfo()
    memory, raid = said(sent.memory) or StaticMemory(), said(sent.raid) or Raid()
    disk = said(sent.disk) or StaticDisk()
    return {
        "cpu": {
            "model": (said(cpu.model_name) or "").strip(),
            "vendor": (said(cpu.vendor_id) or "").strip(),
            "sockets": _count(said(cpu.sockets)),
            "cores_physical": _count(said(cpu.cores_physical)),
            "cores_logical": _count(said(cpu.cores_logical)),
            "frequency_mhz": max(said(cpu.frequency_mhz) or 0, 0),
        },
        "memory": {"total": said(memory.total) or 0, "swap_total": said(memory.swap_total) or 0},
        "system": known(**{name: (said(getattr(system, name)) or "").strip() for name in SYSTEM if name != "hostname"}),
        "disks": _disks(Disk(logical=disk.logical, filesystems=disk.filesystems, base_io=disk.base_io)),
        "raid": {"supported": bool(said(raid.supported)), "available": bool(said(raid.available))},
    }


def _count(told: int | None) -> int:
    """How many there are; 0, which says that nobody knows, for a number that cannot be."""
    return told if told is not None and 0 < told <= MOST_CORES else 0


def _disks(disk: Disk) -> dict[str, Any]:
    part = disks_part(disk)
    document: dict[str, Any] = part.read(part.text)
    return document
