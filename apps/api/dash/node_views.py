"""A node as the front end of Dash shows it: one element of GET /api/front/metrics (contract Dash 5)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from apps.api.dash.values import is_physical
from apps.common.clock import iso_s
from apps.nodes.types import NodePicture

Document = dict[str, Any]
IO = {
    "read_bps": "disk.read_rate",
    "write_bps": "disk.write_rate",
    "read_iops": "disk.read_iops",
    "write_iops": "disk.write_iops",
    "iops": "disk.iops",
}
TRAFFIC = {
    "bytes_recv": "net.rx_bytes",
    "bytes_sent": "net.tx_bytes",
    "recv_bps": "net.rx_rate",
    "sent_bps": "net.tx_rate",
}


def node_view(node: NodePicture) -> Document:
    """The view of a node that has reported; keys with nothing to say are left out where Dash leaves them out."""
    values, detail = node.latest.values, node.latest.detail
    static = node.sections.get("static") or {}
    return {
        "node": _identity(node, static.get("system") or {}),
        "observation": _observation(node),
        "system": _system(static.get("system") or {}, detail),
        "cpu": _cpu(static.get("cpu") or {}, values),
        "memory": _memory(static.get("memory") or {}, detail, values),
        "disk": _disk(node),
        "network": _network((node.sections.get("network") or {}).get("interfaces", ()), values),
        "processes": {"count": values.get("proc.count", 0)},
        "connections": {"tcp": values.get("conn.tcp", 0), "udp": values.get("conn.udp", 0)},
        **_present(raid=_raid(node.sections.get("raid")), thermal=_thermal(node), pressure=detail.get("pressure")),
    }


def _identity(node: NodePicture, system: Mapping[str, Any]) -> Document:
    words = [node.name, *(system.get(name, "") for name in ("os", "platform", "arch")), *node.tags]
    search = list(dict.fromkeys(word.strip() for word in words if word.strip()))
    return {
        "id": str(node.number),
        **_present(order=node.rank),
        "title": node.name,
        **_present(search_text=search, tags=list(node.tags)),
    }


def _observation(node: NodePicture) -> Document:
    observed = iso_s(datetime.fromtimestamp(node.latest.detail["observed_s"], UTC))
    return {
        "received_at": iso_s(node.latest.at),
        "observed_at": observed,
        "sent_at": observed,
        "stale_after_sec": node.stale_after_s,
    }


def _system(system: Mapping[str, Any], detail: Mapping[str, Any]) -> Document:
    return {
        "os_family": os_family(system.get("os", "")),
        "platform": system.get("platform", ""),
        "platform_version": system.get("platform_version", ""),
        "kernel_version": system.get("kernel_version", ""),
        **_present(arch=system.get("arch")),
        "uptime_text": detail.get("uptime", ""),
    }


def os_family(name: str) -> str:
    lower = name.strip().lower()
    if "darwin" in lower or "mac" in lower:
        return "darwin"
    return next((family for family in ("windows", "linux") if family in lower), "unknown")


def _cpu(cpu: Mapping[str, Any], values: Mapping[str, Any]) -> Document:
    return {
        "usage_ratio": values.get("cpu.ratio", 0),
        "load": {f"l{span}": values.get(f"cpu.load{span}", 0) for span in (1, 5, 15)},
        **_present(
            model_name=cpu.get("model"),
            cores_physical=cpu.get("cores_physical"),
            cores_logical=cpu.get("cores_logical"),
        ),
        "sockets": max(cpu.get("sockets", 0), 1),
    }


def _memory(memory: Mapping[str, Any], detail: Mapping[str, Any], values: Mapping[str, Any]) -> Document:
    return {
        "total_bytes": detail.get("mem_total") or memory.get("total", 0),
        "used_bytes": values.get("mem.used_bytes", 0),
        "available_bytes": values.get("mem.available_bytes", 0),
        "buffers_bytes": values.get("mem.buffers_bytes", 0),
        "cached_bytes": values.get("mem.cached_bytes", 0),
        "used_ratio": values.get("mem.ratio", 0),
        "swap_total_bytes": detail.get("swap_total") or memory.get("swap_total", 0),
        "swap_used_bytes": values.get("swap.used_bytes", 0),
    }


def _disk(node: NodePicture) -> Document:
    disks, values = node.sections.get("disks") or {}, node.latest.values
    devices = {each["key"]: _io_of(each["key"], values) for each in disks.get("io", ())}
    primary = [devices[each["key"]] for each in disks.get("io", ()) if each.get("role") == "primary"]
    smart = node.sections.get("smart") if "smart" in node.latest.detail.get("came", ()) else None
    return {
        "mounts": mounts(disks.get("usage", ()), values),
        "io": {
            "total": {name: sum(device[name] for device in primary) for name in IO},
            **_present(by_device=dict(sorted(devices.items()))),
        },
        **_present(temperature_devices=_temperature_devices(smart), smart=smart),
    }


def mounts(disks: Iterable[Mapping[str, Any]], values: Mapping[str, Any]) -> list[Document]:
    """One per logical disk, the biggest first; the label is what history calls the device."""
    found = [
        {
            "mountpoint": each.get("mountpoint") or each.get("ref") or each["name"],
            "fs_type": each.get("fs_type", ""),
            "total_bytes": each.get("total", 0),
            "used_bytes": values.get(f"disk.used_bytes[{each['key']}]", 0),
            "used_ratio": values.get(f"disk.ratio[{each['key']}]", 0),
        }
        for each in disks
    ]
    return sorted(found, key=lambda mount: (-mount["total_bytes"], mount["mountpoint"]))


def _io_of(key: str, values: Mapping[str, Any]) -> Document:
    device = {name: values.get(f"{column}[{key}]", 0) for name, column in IO.items()}
    device["iops"] = device["iops"] or device["read_iops"] + device["write_iops"]
    return device


def _temperature_devices(smart: Mapping[str, Any] | None) -> Sequence[str]:
    devices = (smart or {}).get("devices", ())
    names = [device["name"].strip() for device in devices if "temp_c" in device and is_physical(device)]
    return list(dict.fromkeys(names))


def _network(names: Iterable[str], values: Mapping[str, Any]) -> Document:
    interfaces = [
        {"name": name, **{field: values.get(f"{column}[{name}]", 0) for field, column in TRAFFIC.items()}}
        for name in names
    ]
    total = {field: sum(interface[field] for interface in interfaces) for field in TRAFFIC}
    return {"total": total, **_present(by_interface=interfaces)}


def _raid(raid: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    if raid is None or not (raid.get("supported") or raid.get("available") or raid.get("arrays")):
        return None
    arrays = [_array(each) for each in raid.get("arrays", ())]
    return {"supported": raid.get("supported", False), "available": raid.get("available", False), "arrays": arrays}


def _array(array: Mapping[str, Any]) -> Document:
    return {
        "name": array["name"],
        "status": array["status"],
        **{count: array.get(count, 0) for count in ("active", "working", "failed")},
        "health": array["health"],
        "members": [{"name": each["name"], "state": each["state"]} for each in array["members"]],
        **_present(sync_status=array.get("sync_status"), sync_progress=array.get("sync_progress")),
    }


def _thermal(node: NodePicture) -> Document | None:
    """The sensors that came with the newest report, each with what it read; Dash leaves out those without a reading."""
    if "thermal" not in node.latest.detail.get("came", ()):
        return None
    kept, values = node.sections["thermal"], node.latest.values
    sensors = []
    for sensor in kept["sensors"]:
        reading = values.get(f"temp_c[{sensor['key']}]")
        if reading is not None:
            fields = {name: value for name, value in sensor.items() if name != "key"}
            sensors.append({**fields, "temp_c": reading})
    return {"status": kept["status"], **_present(updated_at=node.latest.detail.get("thermal_at")), "sensors": sensors}


def _present(**fields: Any) -> Document:
    return {name: value for name, value in fields.items() if value}
