"""The numbers of a Dash report by column of the core: exactly as reported, no entry where nothing was said."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from operator import attrgetter
from typing import Any, NamedTuple

from msgspec import UNSET, json

from apps.api.dash.documents import keys_of, sensor_keys, size_of, smart_document
from apps.api.dash.payloads import (
    Connections,
    Cpu,
    CpuTimes,
    Disk,
    FileSystem,
    Interface,
    LogicalDisk,
    Memory,
    Metrics,
    Pressure,
    PressureGroup,
    Processes,
    Stall,
    System,
    Thermal,
    said,
)
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
WHOLE_DISK = ("disk.used_bytes", "disk.ratio", "disk.primary_ratio")
SENSOR = Fields({"temp_c": "temp_c"})
HOTTEST = ("temp.max_c", "cpu.temp_c")
# A share of time by what stalled and how; the CPU as a whole never does.
STALLS = [
    (what, how)
    for what, hows in (("cpu", ("some",)), ("memory", ("some", "full")), ("io", ("some", "full")))
    for how in hows
]
STALLED = tuple(f"psi.{what}.{how}{span}" for what, how in STALLS for span in (10, 60, 300))
_read_stall = attrgetter("avg10", "avg60", "avg300")
_read_used, _read_free = attrgetter("used"), attrgetter("free")
# What a part says that was left out.
_CPU, _TIMES, _MEMORY, _CONNECTIONS, _PROCESSES, _SYSTEM = (
    Cpu(),
    CpuTimes(),
    Memory(),
    Connections(),
    Processes(),
    System(),
)
_DISK, _PRESSURE, _GROUP, _STALL = Disk(), Pressure(), PressureGroup(), Stall()
# A disk that a machine only pretends to have says nothing about the temperature of one.
NOT_A_DISK = ("md", "dm-", "vd", "xvd")
NOT_A_PATH = ("raid:", ":md", "/dev/md", "/dev/dm-", "/dev/mapper", "/dev/vd", "/dev/xvd")
PRETENDED = ("raid", "virtual", "virtio", "qemu", "vmware", "xen", "vbox", "hyper-v")
REAL = ("nvme", "ata", "sata", "sat")


class Outline(NamedTuple):
    """Where the numbers of a report go and which of them count, as its documents alone decide.

    `columns` has an empty name where there is no column; `told` are the numbers that documents hold, those of the first
    columns. `counted` are places among the file systems, among the disks where no file system is told; `primary` is the
    place of the main file system, or of the disk if it `is_disk`; `cpu` are places of sensors.
    """

    columns: tuple[str, ...]
    told: tuple[float | None, ...]
    counted: tuple[int, ...]
    primary: int | None
    is_disk: bool
    cpu: tuple[int, ...]


def outline_of(metrics: Metrics, sections: Mapping[SectionName, Document]) -> Outline:
    """The outline of a report with these documents."""
    disk, thermal, smart = said(metrics.disk) or _DISK, said(metrics.thermal), sections.get("smart")
    logical, file_systems = said(disk.logical) or [], said(disk.filesystems) or []
    sensors = (said(thermal.sensors) or []) if thermal is not None else []
    told = {"raid.failed": raid_failed(json.decode(sections["raid"].text)), **(_smart(smart.text) if smart else {})}
    columns = [
        *told,
        *(column for fields in (CPU, TIMES, MEMORY, CONNECTIONS, PROCESSES, SYSTEM) for column in fields.columns),
        *_columns(DISK_USE, keys_of(logical)),
        *_columns(DISK_IO, keys_of(said(disk.base_io) or [])),
        *_columns(FILE_SYSTEM, map(_stripped, (said(each.path) for each in file_systems))),
        *WHOLE_DISK,
        *_columns(INTERFACE, map(_stripped, (said(each.name) for each in said(metrics.network) or ()))),
        *WHOLE_MACHINE,
        *_columns(SENSOR, sensor_keys([said(each.sensor_key) for each in sensors])),
        *HOTTEST,
        *STALLED,
    ]
    counted, primary = _counted(logical, file_systems), _primary(logical, file_systems)
    cpu = tuple(place for place, each in enumerate(sensors) if _stripped(said(each.kind)).lower() == "cpu")
    return Outline(_each_once(columns), tuple(told.values()), counted, *primary, cpu)


def _stripped(text: str | None) -> str:
    return (text or "").strip()


def _columns(fields: Fields, instances: Iterable[str]) -> Iterator[str]:
    """The columns of each part, nameless ones of a part that cannot have any."""
    nameless = [""] * len(fields.columns)
    for instance in instances:
        yield from fields.of(instance) if 0 < len(instance) <= LONGEST_INSTANCE else nameless


def _each_once(columns: Sequence[str]) -> tuple[str, ...]:
    """Each column where it is told last: two disks may be called alike."""
    last = {column: place for place, column in enumerate(columns)}
    return tuple(column if last[column] == place else "" for place, column in enumerate(columns))


def _counted(logical: Sequence[LogicalDisk], file_systems: Sequence[FileSystem]) -> tuple[int, ...]:
    """All real file systems, each device once; the logical disks where no file system is told."""
    named = [said(each.device) or said(each.path) for each in file_systems]
    places = {name: place for place, name in reversed([*enumerate(named)])}
    return tuple(places.values()) or tuple(range(len(logical)))


def _primary(logical: Sequence[LogicalDisk], file_systems: Sequence[FileSystem]) -> tuple[int | None, bool]:
    """Which is the main file system, and whether it is a disk: what is mounted on `/`, else the biggest disk."""
    roots = [place for place, each in enumerate(logical) if said(each.mountpoint) == "/"]
    mounted = [place for place, each in enumerate(file_systems) if "/" in {said(each.path), said(each.mountpoint)}]
    if roots or mounted:
        return (roots or mounted)[0], bool(roots)
    keyed = zip(map(size_of, logical), keys_of(logical), range(len(logical)), strict=True)
    biggest = min(keyed, key=lambda each: (-each[0], each[1]), default=None)
    return (None if biggest is None else biggest[-1]), True


def values_of(metrics: Metrics, outline: Outline) -> Values:
    """Every column of a report of this outline, those that rules derive included."""
    cpu: Any = metrics.cpu or _CPU
    numbers: list[Any] = [
        *outline.told,
        *CPU.read(cpu),
        *TIMES.read(cpu.times or _TIMES),
        *MEMORY.read(metrics.memory or _MEMORY),
        *CONNECTIONS.read(metrics.connections or _CONNECTIONS),
        *PROCESSES.read(metrics.processes or _PROCESSES),
        *SYSTEM.read(metrics.system or _SYSTEM),
    ]
    _put_disks(numbers, said(metrics.disk) or _DISK, outline)
    _put_network(numbers, said(metrics.network) or ())
    _put_temperatures(numbers, said(metrics.thermal), outline.cpu)
    _put_stalls(numbers, metrics.pressure or _PRESSURE)
    named = zip(outline.columns, numbers, strict=True)
    values = {column: value for column, value in named if value is not None and value is not UNSET}
    values.pop("", None)
    return values


def _put_disks(numbers: list[Any], disk: Disk, outline: Outline) -> None:
    logical, file_systems = said(disk.logical) or (), said(disk.filesystems) or ()
    for fields, parts in ((DISK_USE, logical), (DISK_IO, said(disk.base_io) or ()), (FILE_SYSTEM, file_systems)):
        for part in parts:
            numbers += fields.read(part)
    listed: Sequence[FileSystem | LogicalDisk] = file_systems or logical
    counted = [listed[place] for place in outline.counted]
    numbers += _whole(total(map(_read_used, counted)), total(map(_read_free, counted)))
    main = logical if outline.is_disk else file_systems
    numbers.append(None if outline.primary is None else main[outline.primary].used_ratio)


def _whole(used: float | None, free: float | None) -> tuple[float | None, float | None]:
    """Use of everything together, in bytes and as a ratio."""
    if used is None or free is None:
        return used, None
    return used, used / (used + free) if used + free else 0


def total(values: Iterable[Any]) -> float | None:
    """The sum of what is known; None where nothing is."""
    known = [value for value in values if value is not None and value is not UNSET]
    return sum(known) if known else None


def _put_network(numbers: list[Any], interfaces: Sequence[Interface]) -> None:
    readings = [INTERFACE.read(each) for each in interfaces]
    for reading in readings:
        numbers += reading
    for place in range(len(WHOLE_MACHINE)):
        # What an interface does not say adds nothing.
        numbers.append(sum([reading[place] or 0 for reading in readings]))


def _put_temperatures(numbers: list[Any], thermal: Thermal | None, cpu: Sequence[int]) -> None:
    """What each sensor reads, unless it is zero or less, and the most that any of them and any of the CPU does."""
    sensors = (said(thermal.sensors) or ()) if thermal is not None else ()
    readings = [reading if (reading := said(each.temp_c)) is not None and reading > 0 else None for each in sensors]
    numbers += readings
    numbers.append(max(filter(None, readings), default=None))
    numbers.append(max(filter(None, [readings[place] for place in cpu]), default=None))


def _put_stalls(numbers: list[Any], pressure: Any) -> None:
    """Shares of time, as ratios; a group that says nothing is unknown, never zero."""
    for what, how in STALLS:
        stall = getattr(getattr(pressure, what) or _GROUP, how) or _STALL
        numbers += [percent / PERCENT if isinstance(percent, float) else None for percent in _read_stall(stall)]


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
