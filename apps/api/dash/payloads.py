"""What a Dash agent sends, field by field (contract Dash 3.4 and 3.5).

Every field may be left out; null says the same as leaving it out. A field that was left out is UNSET, so that a
document written anew has the keys that were sent and no others.
"""

from datetime import datetime
from typing import Annotated, TypeVar, Union

from msgspec import UNSET, Meta, Struct, UnsetType

T = TypeVar("T")
Maybe = Union[T, None, UnsetType]  # noqa: UP007  # the short form takes no parameter
Unsigned = Annotated[int, Meta(ge=0)]
# The largest id there can be; stores take no larger number.
MOST_ID = 2**63 - 1
Signed = Annotated[int, Meta(ge=-MOST_ID - 1, le=MOST_ID)]
Instant = Annotated[datetime, Meta(tz=True)]


def said(value: Maybe[T]) -> T | None:
    """The value, or None where the agent said nothing."""
    return None if isinstance(value, UnsetType) else value


class Strict(Struct, forbid_unknown_fields=True, gc=False):
    """Known keys only, spelled exactly: anything else takes the slower way (`decoding`).

    None refers back to what holds it, so the collector need not look at the dozens that a report is made of.
    """


class CpuTimes(Strict):
    user: Maybe[float] = UNSET
    system: Maybe[float] = UNSET
    idle: Maybe[float] = UNSET
    iowait: Maybe[float] = UNSET
    steal: Maybe[float] = UNSET


class Cpu(Strict):
    usage_ratio: Maybe[float] = UNSET
    load1: Maybe[float] = UNSET
    load5: Maybe[float] = UNSET
    load15: Maybe[float] = UNSET
    times: Maybe[CpuTimes] = UNSET


class Memory(Strict):
    used: Maybe[Unsigned] = UNSET
    available: Maybe[Unsigned] = UNSET
    buffers: Maybe[Unsigned] = UNSET
    cached: Maybe[Unsigned] = UNSET
    used_ratio: Maybe[float] = UNSET
    swap_used: Maybe[Unsigned] = UNSET
    swap_free: Maybe[Unsigned] = UNSET
    swap_used_ratio: Maybe[float] = UNSET
    total: Maybe[Unsigned] = UNSET
    swap_total: Maybe[Unsigned] = UNSET


class PhysicalDisk(Strict):
    name: Maybe[str] = UNSET
    device_path: Maybe[str] = UNSET
    ref: Maybe[str] = UNSET
    read_bytes: Maybe[Unsigned] = UNSET
    write_bytes: Maybe[Unsigned] = UNSET
    read_rate_bytes_per_sec: Maybe[float] = UNSET
    write_rate_bytes_per_sec: Maybe[float] = UNSET
    iops: Maybe[float] = UNSET
    read_iops: Maybe[float] = UNSET
    write_iops: Maybe[float] = UNSET
    util_ratio: Maybe[float] = UNSET
    queue_length: Maybe[float] = UNSET
    wait_ms: Maybe[float] = UNSET
    service_ms: Maybe[float] = UNSET


class BaseIo(PhysicalDisk):
    kind: Maybe[str] = UNSET
    role: Maybe[str] = UNSET


class MountPoint(Strict):
    fs_type: Maybe[str] = UNSET
    inodes_total: Maybe[Unsigned] = UNSET
    inodes_used: Maybe[Unsigned] = UNSET
    inodes_free: Maybe[Unsigned] = UNSET
    inodes_used_ratio: Maybe[float] = UNSET


class LogicalDisk(Strict):
    kind: Maybe[str] = UNSET
    name: Maybe[str] = UNSET
    device_path: Maybe[str] = UNSET
    ref: Maybe[str] = UNSET
    used: Maybe[Unsigned] = UNSET
    free: Maybe[Unsigned] = UNSET
    used_ratio: Maybe[float] = UNSET
    health: Maybe[str] = UNSET
    total: Maybe[Unsigned] = UNSET
    level: Maybe[str] = UNSET
    mountpoint: Maybe[str] = UNSET
    fs_type: Maybe[str] = UNSET
    mountpoints: Maybe[dict[str, MountPoint | None]] = UNSET
    devices: Maybe[list[str | None]] = UNSET


class FileSystem(Strict):
    path: Maybe[str] = UNSET
    device: Maybe[str] = UNSET
    mountpoint: Maybe[str] = UNSET
    total: Maybe[Unsigned] = UNSET
    fs_type: Maybe[str] = UNSET
    used: Maybe[Unsigned] = UNSET
    free: Maybe[Unsigned] = UNSET
    used_ratio: Maybe[float] = UNSET
    inodes_total: Maybe[Unsigned] = UNSET
    inodes_used: Maybe[Unsigned] = UNSET
    inodes_free: Maybe[Unsigned] = UNSET
    inodes_used_ratio: Maybe[float] = UNSET


class FailingAttribute(Strict):
    id: Maybe[Signed] = UNSET
    name: Maybe[str] = UNSET
    when_failed: Maybe[str] = UNSET


class SmartDevice(Strict):
    ref: Maybe[str] = UNSET
    name: Maybe[str] = UNSET
    device_path: Maybe[str] = UNSET
    device_type: Maybe[str] = UNSET
    protocol: Maybe[str] = UNSET
    model: Maybe[str] = UNSET
    serial: Maybe[str] = UNSET
    wwn: Maybe[str] = UNSET
    source: Maybe[str] = UNSET
    status: Maybe[str] = UNSET
    exit_status: Maybe[Signed] = UNSET
    health: Maybe[str] = UNSET
    temp_c: Maybe[float] = UNSET
    power_on_hours: Maybe[Signed] = UNSET
    lifetime_used_percent: Maybe[float] = UNSET
    critical_warning: Maybe[Signed] = UNSET
    media_errors: Maybe[Signed] = UNSET
    failing_attrs: Maybe[list[FailingAttribute]] = UNSET


class Smart(Strict):
    status: Maybe[str] = UNSET
    updated_at: Maybe[str] = UNSET
    ttl_seconds: Maybe[Signed] = UNSET
    devices: Maybe[list[SmartDevice]] = UNSET


class Disk(Strict):
    physical: Maybe[list[PhysicalDisk]] = UNSET
    logical: Maybe[list[LogicalDisk]] = UNSET
    filesystems: Maybe[list[FileSystem]] = UNSET
    base_io: Maybe[list[BaseIo]] = UNSET
    smart: Maybe[Smart] = UNSET


class Interface(Strict):
    name: Maybe[str] = UNSET
    bytes_recv: Maybe[Unsigned] = UNSET
    bytes_sent: Maybe[Unsigned] = UNSET
    recv_rate_bytes_per_sec: Maybe[float] = UNSET
    sent_rate_bytes_per_sec: Maybe[float] = UNSET
    packets_recv: Maybe[Unsigned] = UNSET
    packets_sent: Maybe[Unsigned] = UNSET
    recv_rate_packets_per_sec: Maybe[float] = UNSET
    sent_rate_packets_per_sec: Maybe[float] = UNSET
    err_in: Maybe[Unsigned] = UNSET
    err_out: Maybe[Unsigned] = UNSET
    drop_in: Maybe[Unsigned] = UNSET
    drop_out: Maybe[Unsigned] = UNSET


class System(Strict):
    alive: Maybe[bool] = UNSET
    uptime_seconds: Maybe[Unsigned] = UNSET
    uptime: Maybe[str] = UNSET


class Processes(Strict):
    process_count: Maybe[Signed] = UNSET


class Connections(Strict):
    tcp_count: Maybe[Signed] = UNSET
    udp_count: Maybe[Signed] = UNSET


class RaidMember(Strict):
    name: Maybe[str] = UNSET
    state: Maybe[str] = UNSET


class RaidArray(Strict):
    name: Maybe[str] = UNSET
    status: Maybe[str] = UNSET
    active: Maybe[Signed] = UNSET
    working: Maybe[Signed] = UNSET
    failed: Maybe[Signed] = UNSET
    health: Maybe[str] = UNSET
    members: Maybe[list[RaidMember]] = UNSET
    sync_status: Maybe[str] = UNSET
    sync_progress: Maybe[str] = UNSET
    level: Maybe[str] = UNSET
    devices: Maybe[Signed] = UNSET


class Raid(Strict):
    supported: Maybe[bool] = UNSET
    available: Maybe[bool] = UNSET
    arrays: Maybe[list[RaidArray]] = UNSET


class Sensor(Strict):
    kind: Maybe[str] = UNSET
    name: Maybe[str] = UNSET
    sensor_key: Maybe[str] = UNSET
    source: Maybe[str] = UNSET
    status: Maybe[str] = UNSET
    temp_c: Maybe[float] = UNSET
    high_c: Maybe[float] = UNSET
    critical_c: Maybe[float] = UNSET


class Thermal(Strict):
    status: Maybe[str] = UNSET
    updated_at: Maybe[str] = UNSET
    sensors: Maybe[list[Sensor]] = UNSET


class Stall(Strict):
    avg10: Maybe[float] = UNSET
    avg60: Maybe[float] = UNSET
    avg300: Maybe[float] = UNSET
    total: Maybe[Unsigned] = UNSET


class PressureGroup(Strict):
    status: Maybe[str] = UNSET
    some: Maybe[Stall] = UNSET
    full: Maybe[Stall] = UNSET


class Pressure(Strict):
    cpu: Maybe[PressureGroup] = UNSET
    memory: Maybe[PressureGroup] = UNSET
    io: Maybe[PressureGroup] = UNSET


class Metrics(Strict):
    cpu: Maybe[Cpu] = UNSET
    memory: Maybe[Memory] = UNSET
    disk: Maybe[Disk] = UNSET
    network: Maybe[list[Interface]] = UNSET
    system: Maybe[System] = UNSET
    processes: Maybe[Processes] = UNSET
    connections: Maybe[Connections] = UNSET
    raid: Maybe[Raid] = UNSET
    thermal: Maybe[Thermal] = UNSET
    pressure: Maybe[Pressure] = UNSET


class NodeReport(Strict):
    """The body of POST /api/node/metrics."""

    version: Maybe[str] = UNSET
    hostname: Maybe[str] = UNSET
    timestamp: Maybe[Instant] = UNSET
    metrics: Maybe[Metrics] = UNSET


class CpuInfo(Strict):
    model_name: Maybe[str] = UNSET
    vendor_id: Maybe[str] = UNSET
    sockets: Maybe[Signed] = UNSET
    cores_physical: Maybe[Signed] = UNSET
    cores_logical: Maybe[Signed] = UNSET
    frequency_mhz: Maybe[float] = UNSET


class StaticCpu(Strict):
    info: Maybe[CpuInfo] = UNSET


class StaticMemory(Strict):
    total: Maybe[Unsigned] = UNSET
    swap_total: Maybe[Unsigned] = UNSET


class StaticDisk(Strict):
    physical: Maybe[list[PhysicalDisk]] = UNSET
    logical: Maybe[list[LogicalDisk]] = UNSET
    filesystems: Maybe[list[FileSystem]] = UNSET
    base_io: Maybe[list[BaseIo]] = UNSET


class StaticSystem(Strict):
    hostname: Maybe[str] = UNSET
    os: Maybe[str] = UNSET
    platform: Maybe[str] = UNSET
    platform_version: Maybe[str] = UNSET
    kernel_version: Maybe[str] = UNSET
    arch: Maybe[str] = UNSET


class NodeStatic(Strict):
    """The body of POST /api/node/static."""

    version: Maybe[str] = UNSET
    timestamp: Maybe[Instant] = UNSET
    report_interval_seconds: Maybe[Signed] = UNSET
    cpu: Maybe[StaticCpu] = UNSET
    memory: Maybe[StaticMemory] = UNSET
    disk: Maybe[StaticDisk] = UNSET
    system: Maybe[StaticSystem] = UNSET
    raid: Maybe[Raid] = UNSET
