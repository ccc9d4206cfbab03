"""The numbers of a Dash report by column of the core: exactly as reported, no entry where nothing was said."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import repeat
from operator import attrgetter
from typing import Any

from msgspec import UNSET, json

from apps.api.dash.documents import keys_of, remembered, sensor_keys, size_of, smart_document
from apps.api.dash.payloads import Disk, FileSystem, Interface, LogicalDisk, Metrics, Pressure, Thermal, said
from apps.api.dash.readings import Values, raid_failed, smart_values
from apps.nodes.types import Document, SectionName

LONGEST_INSTANCE = 320
PERCENT = 100
# How many instances are remembered with the names of their columns, of each kind of part.
REMEMBERED = 5_000


class Fields:
    """The columns that a part of a report fills, each with the field that it is read from."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        self.columns = tuple(columns)
        read = attrgetter(*columns.values())
        self.read: Callable[[Any], Sequence[Any]] = read if len(columns) > 1 else lambda part: (read(part),)
        # The names of the columns of one instance: `disk.ratio[sda]`.
        self.of = lru_cache(maxsize=REMEMBERED)(self._of)

    def _of(self, instance: str) -> Sequence[str]:
        return tuple(f"{column}[{instance}]" for column in self.columns)


CPU = Fields({"cpu.ratio": "usage_ratio", "cpu.load1": "load1", "cpu.load5": "load5", "cpu.load15": "load15"})
TIMES = Fields(
    {
        "cpu.user_s": "user",
        "cpu.system_s": "system",
        "cpu.idle_s": "idle",
        "cpu.iowait_s": "iowait",
        "cpu.steal_s": "steal",
    }
)
MEMORY = Fields(
    {
        "mem.used_bytes": "used",
        "mem.ratio": "used_ratio",
        "mem.available_bytes": "available",
        "mem.buffers_bytes": "buffers",
        "mem.cached_bytes": "cached",
        "swap.used_bytes": "swap_used",
        "swap.ratio": "swap_used_ratio",
    }
)
CONNECTIONS = Fields({"conn.tcp": "tcp_count", "conn.udp": "udp_count"})
PROCESSES = Fields({"proc.count": "process_count"})
SYSTEM = Fields({"uptime_s": "uptime_seconds"})
INTERFACE = Fields(
    {
        "net.rx_rate": "recv_rate_bytes_per_sec",
        "net.tx_rate": "sent_rate_bytes_per_sec",
        "net.rx_bytes": "bytes_recv",
        "net.tx_bytes": "bytes_sent",
        "net.rx_packets": "packets_recv",
        "net.tx_packets": "packets_sent",
        "net.rx_errors": "err_in",
        "net.tx_errors": "err_out",
        "net.rx_drops": "drop_in",
        "net.tx_drops": "drop_out",
    }
)
# Rules look at these of a machine as a whole; what is kept of its counters is kept by interface.
WHOLE_MACHINE = INTERFACE.columns[:4]
DISK_IO = Fields(
    {
        "disk.read_rate": "read_rate_bytes_per_sec",
        "disk.write_rate": "write_rate_bytes_per_sec",
        "disk.read_iops": "read_iops",
        "disk.write_iops": "write_iops",
        "disk.iops": "iops",
        "disk.util_ratio": "util_ratio",
        "disk.wait_ms": "wait_ms",
        "disk.read_bytes": "read_bytes",
        "disk.write_bytes": "write_bytes",
    }
)
DISK_USE = Fields({"disk.used_bytes": "used", "disk.ratio": "used_ratio"})
FILE_SYSTEM = Fields({"fs.used_bytes": "used", "fs.ratio": "used_ratio", "fs.inodes_ratio": "inodes_used_ratio"})
# A disk that a machine only pretends to have says nothing about the temperature of one.
NOT_A_DISK = ("md", "dm-", "vd", "xvd")
NOT_A_PATH = ("raid:", ":md", "/dev/md", "/dev/dm-", "/dev/mapper", "/dev/vd", "/dev/xvd")
PRETENDED = ("raid", "virtual", "virtio", "qemu", "vmware", "xen", "vbox", "hyper-v")
REAL = ("nvme", "ata", "sata", "sat")


def values_of(metrics: Metrics, sections: Mapping[SectionName, Document]) -> Values:
    """Every column of a report with these documents, those that rules derive included."""
    disk, smart, cpu = said(metrics.disk), sections.get("smart"), said(metrics.cpu)
    values: dict[str, Any] = dict(_raid(sections["raid"].text))
    values.update(_smart(smart.text) if smart is not None else {})
    _put(values, CPU, cpu)
    _put(values, TIMES, said(cpu.times) if cpu is not None else None)
    _put(values, MEMORY, said(metrics.memory))
    _put(values, CONNECTIONS, said(metrics.connections))
    _put(values, PROCESSES, said(metrics.processes))
    _put(values, SYSTEM, said(metrics.system))
    _put_disks(values, disk or Disk())
    _put_network(values, said(metrics.network) or ())
    values |= _thermal(said(metrics.thermal))
    values |= _pressure(said(metrics.pressure) or Pressure())
    return {column: value for column, value in values.items() if value is not None and value is not UNSET}


def _put(values: dict[str, Any], fields: Fields, part: Any) -> None:
    if part is not None:
        values.update(zip(fields.columns, fields.read(part), strict=True))


def _put_parts(values: dict[str, Any], fields: Fields, readings: Iterable[Sequence[Any]], keys: Sequence[str]) -> None:
    """One column for each reading of each part, in the order of the parts."""
    for read, key in zip(readings, keys, strict=True):
        if 0 < len(key) <= LONGEST_INSTANCE:
            values.update(zip(fields.of(key), read, strict=True))


def _put_network(values: dict[str, Any], interfaces: Sequence[Interface]) -> None:
    readings = [INTERFACE.read(each) for each in interfaces]
    _put_parts(values, INTERFACE, readings, [(said(each.name) or "").strip() for each in interfaces])
    # What an interface does not say adds nothing.
    told = zip(*readings, strict=True) if readings else repeat(())
    values.update((column, sum(filter(None, each))) for column, each in zip(WHOLE_MACHINE, told, strict=False))


def _put_disks(values: dict[str, Any], disk: Disk) -> None:
    logical, base_io = said(disk.logical) or [], said(disk.base_io) or []
    file_systems = said(disk.filesystems) or []
    _put_parts(values, DISK_USE, map(DISK_USE.read, logical), keys_of(logical))
    _put_parts(values, DISK_IO, map(DISK_IO.read, base_io), keys_of(base_io))
    paths = [(said(each.path) or "").strip() for each in file_systems]
    _put_parts(values, FILE_SYSTEM, map(FILE_SYSTEM.read, file_systems), paths)
    values |= _whole(logical, file_systems)
    values["disk.primary_ratio"] = _primary(logical, file_systems)


def _whole(logical: Sequence[LogicalDisk], file_systems: Sequence[FileSystem]) -> Values:
    """Use of all real file systems together, each device once; of the logical disks where no file system is told."""
    devices = {said(each.device) or said(each.path): each for each in reversed(file_systems)}
    counted: Sequence[FileSystem | LogicalDisk] = list(devices.values()) or logical
    used = total(said(each.used) for each in counted)
    free = total(said(each.free) for each in counted)
    if used is None or free is None:
        return {"disk.used_bytes": used}
    return {"disk.used_bytes": used, "disk.ratio": used / (used + free) if used + free else 0}


def total(values: Iterable[float | None]) -> float | None:
    """The sum of what is known; None where nothing is."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _primary(logical: Sequence[LogicalDisk], file_systems: Sequence[FileSystem]) -> float | None:
    """How full the main file system is: what is mounted on `/`, else the biggest disk."""
    roots = [each for each in logical if said(each.mountpoint) == "/"]
    mounted = [each for each in file_systems if "/" in {said(each.path), said(each.mountpoint)}]
    if roots or mounted:
        return said((roots or mounted)[0].used_ratio)
    keyed = sorted(zip(keys_of(logical), logical, strict=True), key=lambda each: (-size_of(each[1]), each[0]))
    return said(keyed[0][1].used_ratio) if keyed else None


def _thermal(thermal: Thermal | None) -> Values:
    sensors = (said(thermal.sensors) or []) if thermal is not None else []
    values: Values = {}
    warm: list[float] = []
    cpu: list[float] = []
    for key, sensor in zip(sensor_keys([said(sensor.sensor_key) for sensor in sensors]), sensors, strict=True):
        reading = said(sensor.temp_c)
        if reading is None or reading <= 0:
            continue
        warm.append(reading)
        if (said(sensor.kind) or "").strip().lower() == "cpu":
            cpu.append(reading)
        if len(key) <= LONGEST_INSTANCE:
            values[f"temp_c[{key}]"] = reading
    values["temp.max_c"], values["cpu.temp_c"] = max(warm, default=None), max(cpu, default=None)
    return values


# A share of time by what stalled and how; the CPU as a whole never does.
PRESSURE = [
    (what, how, tuple(f"psi.{what}.{how}{span}" for span in (10, 60, 300)))
    for what, hows in (("cpu", ("some",)), ("memory", ("some", "full")), ("io", ("some", "full")))
    for how in hows
]
_read_stall = attrgetter("avg10", "avg60", "avg300")


def _pressure(pressure: Pressure) -> Values:
    """Shares of time, as ratios; a group that says nothing is unknown, never zero."""
    values: Values = {}
    for what, how, names in PRESSURE:
        group = said(getattr(pressure, what))
        stall = said(getattr(group, how)) if group is not None else None
        if stall is not None:
            for name, percent in zip(names, _read_stall(stall), strict=True):
                if isinstance(percent, float):
                    values[name] = percent / PERCENT
    return values


@remembered
def _raid(text: bytes) -> Values:
    return {"raid.failed": raid_failed(json.decode(text))}


@remembered
def _smart(text: bytes) -> Values:
    document = smart_document(text)
    return {**smart_values(document), **_disk_temperatures(document)}


def _disk_temperatures(smart: Mapping[str, Any]) -> Values:
    """The temperature of each disk that one can touch."""
    named = {(device.get("name") or "").strip(): device for device in smart.get("devices", ()) if is_physical(device)}
    return {
        f"disk.temp_c[{name}]": device["temp_c"]
        for name, device in named.items()
        if "temp_c" in device and len(name) <= LONGEST_INSTANCE
    }


def is_physical(device: Mapping[str, Any]) -> bool:
    """Whether a SMART entry is a disk that one can touch (contract Dash 3.5)."""
    names = [(device.get(field) or "").strip().lower() for field in ("name", "device_path", "ref")]
    if any(name.startswith(NOT_A_DISK) or any(part in name for part in NOT_A_PATH) for name in names):
        return False
    kind, protocol, model = ((device.get(field) or "").lower() for field in ("device_type", "protocol", "model"))
    if any(word in f"{kind} {protocol} {model}" for word in PRETENDED):
        return False
    if any(word in protocol or word in kind for word in REAL):
        return True
    is_named = any((device.get(field) or "").strip() for field in ("serial", "wwn"))
    return "scsi" in f"{kind} {protocol}" and is_named
