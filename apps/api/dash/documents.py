"""Parts of a Dash report that change seldom, as the documents that a node keeps.

The text of a part says whether the part is news; if it is, the document is read from it.
"""

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from apps.api.dash.payloads import (
    BaseIo,
    Disk,
    Interface,
    LogicalDisk,
    Maybe,
    Raid,
    Sensor,
    Smart,
    Thermal,
    said,
)
from apps.nodes.types import Document

COLD = ("temp_c", "high_c", "critical_c")


class _Usage(Struct, gc=False):
    kind: Any
    name: Any
    device_path: Any
    ref: Any
    mountpoint: Any
    fs_type: Any
    health: Any
    size: Any
    mounted: Any


class _Io(Struct, gc=False):
    kind: Any
    name: Any
    device_path: Any
    ref: Any
    role: Any


class _FileSystem(Struct, gc=False):
    path: Any
    device: Any
    mountpoint: Any


class _Sensor(Struct, gc=False):
    kind: Any
    name: Any
    sensor_key: Any
    source: Any
    status: Any
    high_c: Any
    critical_c: Any
    warm: Any


read_usage = attrgetter(*_Usage.__struct_fields__[:7])
read_io = attrgetter(*_Io.__struct_fields__)
read_file_system = attrgetter(*_FileSystem.__struct_fields__)
read_sensor = attrgetter(*_Sensor.__struct_fields__[:7])


def spelled(value: Struct) -> msgspec.Raw:
    """A payload as JSON, to be put into a document as it is; what was not said is not in it."""
    text = msgspec.json.encode(value)
    return msgspec.Raw(msgspec.json.encode(_known(text)) if b"null" in text else text)


def _known(text: bytes) -> Any:
    document = msgspec.json.decode(text)
    return _without_nothing(document) if b"null" in text else document


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nothing(each) for key, each in value.items() if each is not None}
    return [_without_nothing(each) for each in value] if isinstance(value, list) else value


def keys_of(entries: Iterable[LogicalDisk | BaseIo]) -> list[str]:
    """What names each disk in columns: its reference, else its name; one that is taken gives way to the name."""
    return _disk_keys([(said(entry.name), said(entry.ref)) for entry in entries])


def _disk_keys(named: Iterable[tuple[str | None, str | None]]) -> list[str]:
    # A dictionary keeps the order, and finds a key at once however many there are.
    keys: dict[str, None] = {}
    listed = []
    for name, ref in named:
        stripped = (ref or "").strip()
        key = stripped if stripped and stripped not in keys else (name or "").strip()
        keys[key] = None
        listed.append(key)
    return listed


def sensor_keys(names: Iterable[str | None]) -> list[str]:
    """What names each sensor in columns: its key, counted on where several sensors share one."""
    taken: dict[str, int] = {}
    keys = []
    for name in names:
        plain_key = key = (name or "").strip()
        while key in taken:
            taken[plain_key] += 1
            key = f"{plain_key}#{taken[plain_key]}"
        taken[key] = 1
        keys.append(key)
    return keys


def network_part(interfaces: Sequence[Interface]) -> Document:
    """Which interfaces there are, in the order they were told."""
    names = [(said(each.name) or "").strip() for each in interfaces]
    return Document(msgspec.json.encode({"interfaces": names}), msgspec.json.decode)


def disks_part(disk: Disk) -> Document:
    """Which disks and file systems there are; how full and how busy they are is in columns."""
    part = {
        "usage": [_Usage(*(*read_usage(each), size_of(each), mounted(each))) for each in said(disk.logical) or ()],
        "io": [_Io(*read_io(each)) for each in said(disk.base_io) or ()],
        "filesystems": [_FileSystem(*read_file_system(each)) for each in said(disk.filesystems) or ()],
    }
    return Document(msgspec.json.encode(part), disks_document)


def mounted(entry: LogicalDisk) -> Maybe[str]:
    """The type of the file system that old agents tell by its mount point."""
    mountpoints = said(entry.mountpoints)
    found = mountpoints.get(said(entry.mountpoint) or "") if mountpoints else None
    return found.fs_type if found is not None else UNSET


def size_of(entry: LogicalDisk) -> int:
    """Bytes of a logical disk: current agents say used and free alone."""
    return said(entry.total) or (said(entry.used) or 0) + (said(entry.free) or 0)


def disks_document(text: bytes) -> dict[str, Any]:
    part = _known(text)
    return {
        "usage": [_usage(each, key) for each, key in _keyed(part["usage"])],
        "io": [_named(each, key) for each, key in _keyed(part["io"])],
        "filesystems": part["filesystems"],
    }


def _keyed(entries: Sequence[dict[str, Any]]) -> Iterable[tuple[dict[str, Any], str]]:
    return zip(entries, _disk_keys([(each.get("name"), each.get("ref")) for each in entries]), strict=True)


def _usage(entry: Mapping[str, Any], key: str) -> dict[str, Any]:
    fields = {name: value for name, value in entry.items() if name not in {"size", "mounted"}}
    fs_type = entry.get("fs_type") or entry.get("mounted")
    return {**_named(fields, key), "total": entry["size"], **({"fs_type": fs_type} if fs_type else {})}


def _named(entry: Mapping[str, Any], key: str) -> dict[str, Any]:
    """An entry in the words of the core: under its key, its device path as `path`."""
    path = {"path": entry["device_path"]} if "device_path" in entry else {}
    fields = {name: value for name, value in entry.items() if name not in {"device_path", "name"}}
    return {"key": key, "name": (entry.get("name") or "").strip(), **fields, **path}


def raid_part(raid: Raid) -> Document:
    return Document(msgspec.json.encode(raid), _known)


def smart_part(smart: Smart) -> Document:
    """The SMART block; a temperature of zero or less is none (contract Dash 3.5)."""
    return Document(msgspec.json.encode(smart), smart_document)


def smart_document(text: bytes) -> dict[str, Any]:
    document = _known(text)
    return {**document, "devices": [_warm(device) for device in document.get("devices", ())]}


def thermal_part(thermal: Thermal) -> Document:
    """Which sensors there are; what they read is in columns, under the sensor's `key`."""
    sensors = [_Sensor(*(*read_sensor(each), is_warm(each))) for each in said(thermal.sensors) or ()]
    return Document(msgspec.json.encode({"status": said(thermal.status), "sensors": sensors}), thermal_document)


def is_warm(sensor: Sensor) -> bool:
    """A sensor that reads zero or less is not there; one that reads nothing is."""
    reading = said(sensor.temp_c)
    return reading is None or reading > 0


def thermal_document(text: bytes) -> dict[str, Any]:
    part = _known(text)
    sensors = part["sensors"]
    keys = sensor_keys([each.get("sensor_key") for each in sensors])
    listed = [{"key": key, **_warm(each)} for each, key in zip(sensors, keys, strict=True) if each.pop("warm")]
    return {**part, "sensors": listed}


def _warm(document: dict[str, Any]) -> dict[str, Any]:
    """The document without temperatures of zero or less, which nobody has measured."""
    cold = [name for name in COLD if name in document and document[name] <= 0]
    return {name: value for name, value in document.items() if name not in cold}


def known(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
