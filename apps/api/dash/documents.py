"""Parts of a Dash report that change seldom, as the documents that a node keeps."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from apps.api.dash.payloads import BaseIo, Disk, LogicalDisk, Sensor, Smart, Thermal, said

SENSOR = ("kind", "name", "sensor_key", "source", "status")


def plain(value: Struct) -> dict[str, Any]:
    """A payload as a document without what was not said. Whoever changes it takes a copy."""
    return _read(msgspec.json.encode(value))


@lru_cache(maxsize=4096)
def _read(text: bytes) -> dict[str, Any]:
    # Most reports of a machine say the same as the one before.
    found: dict[str, Any] = _without_nothing(msgspec.json.decode(text))
    return found


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nothing(each) for key, each in value.items() if each is not None}
    return [_without_nothing(each) for each in value] if isinstance(value, list) else value


def keys_of(entries: Iterable[LogicalDisk | BaseIo]) -> list[str]:
    """What names each disk in columns: its reference, else its name; one that is taken gives way to the name."""
    keys: list[str] = []
    for entry in entries:
        name, ref = (said(entry.name) or "").strip(), (said(entry.ref) or "").strip()
        keys.append(ref if ref and ref not in keys else name)
    return keys


def sensor_keys(sensors: Iterable[Sensor]) -> list[str]:
    """What names each sensor in columns: its key, counted on where several sensors share one."""
    keys: list[str] = []
    for sensor in sensors:
        key = (said(sensor.sensor_key) or "").strip()
        shared = keys.count(key) + sum(1 for taken in keys if taken.startswith(f"{key}#"))
        keys.append(f"{key}#{shared + 1}" if shared else key)
    return keys


def disks_document(disk: Disk) -> dict[str, Any]:
    """Which disks and file systems there are; how full and how busy they are is in columns."""
    logical, base_io = said(disk.logical) or [], said(disk.base_io) or []
    return {
        "usage": [_usage(entry, key) for entry, key in zip(logical, keys_of(logical), strict=True)],
        "io": [_io(entry, key) for entry, key in zip(base_io, keys_of(base_io), strict=True)],
        "filesystems": [
            known(path=said(entry.path), device=said(entry.device), mountpoint=said(entry.mountpoint))
            for entry in said(disk.filesystems) or []
        ],
    }


def _usage(entry: LogicalDisk, key: str) -> dict[str, Any]:
    mountpoint = said(entry.mountpoint)
    mounted = (said(entry.mountpoints) or {}).get(mountpoint or "")
    return known(
        key=key,
        kind=said(entry.kind),
        name=(said(entry.name) or "").strip(),
        path=said(entry.device_path),
        ref=said(entry.ref),
        mountpoint=mountpoint,
        fs_type=said(entry.fs_type) or (said(mounted.fs_type) if mounted else None),
        total=size_of(entry),
        health=said(entry.health),
    )


def size_of(entry: LogicalDisk) -> int:
    """Bytes of a logical disk: current agents say used and free alone."""
    return said(entry.total) or (said(entry.used) or 0) + (said(entry.free) or 0)


def _io(entry: BaseIo, key: str) -> dict[str, Any]:
    return known(
        key=key,
        kind=said(entry.kind),
        name=(said(entry.name) or "").strip(),
        path=said(entry.device_path),
        ref=said(entry.ref),
        role=said(entry.role),
    )


def smart_document(smart: Smart) -> dict[str, Any]:
    """The SMART block; a temperature of zero or less is none (contract Dash 3.5)."""
    document = plain(smart)
    devices = [_warm(device, ("temp_c",)) for device in document.get("devices", ())]
    return {**document, "devices": devices}


def thermal_document(thermal: Thermal) -> dict[str, Any]:
    """Which sensors there are; what they read is in columns, under the sensor's `key`."""
    sensors = said(thermal.sensors) or []
    listed = []
    for sensor, key in zip(sensors, sensor_keys(sensors), strict=True):
        reading = said(sensor.temp_c)
        if reading is None or reading > 0:
            limits = _warm({"high_c": said(sensor.high_c), "critical_c": said(sensor.critical_c)})
            listed.append({"key": key, **{name: said(getattr(sensor, name)) for name in SENSOR}, **limits})
    return known(status=said(thermal.status), sensors=listed)


def _warm(document: dict[str, Any], names: Iterable[str] = ("high_c", "critical_c")) -> dict[str, Any]:
    """The document without temperatures of zero or less, which nobody has measured."""
    cold = [name for name in names if name in document and (document[name] is None or document[name] <= 0)]
    return {name: value for name, value in document.items() if name not in cold}


def known(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
