"""A node's view as Dash shows it, to the columns that rules look at (contract Dash 9.1, the table of metrics)."""

from collections.abc import Iterable, Mapping
from typing import Any

Values = dict[str, float | None]


def columns_of(view: Mapping[str, Any]) -> Values:
    """Every column that alert rules of Dash know; None where the view says nothing about it."""
    cpu, memory, disk = view.get("cpu") or {}, view.get("memory") or {}, view.get("disk") or {}
    load = cpu.get("load") or {}
    network = (view.get("network") or {}).get("total") or {}
    return {
        "cpu.ratio": cpu.get("usage_ratio"),
        "cpu.load1": load.get("l1"),
        "cpu.load5": load.get("l5"),
        "cpu.load15": load.get("l15"),
        "mem.ratio": memory.get("used_ratio"),
        "mem.used_bytes": memory.get("used_bytes"),
        "disk.primary_ratio": _primary(disk.get("mounts") or []),
        "net.rx_rate": network.get("recv_bps"),
        "net.tx_rate": network.get("sent_bps"),
        "conn.tcp": (view.get("connections") or {}).get("tcp"),
        "raid.failed": raid_failed(view.get("raid")),
        "temp.max_c": _hottest((view.get("thermal") or {}).get("sensors") or []),
        **smart_values(disk.get("smart")),
    }


def cores_of(view: Mapping[str, Any]) -> float | None:
    """Logical cores, else physical ones; None when both are unknown."""
    cpu = view.get("cpu") or {}
    return cpu.get("cores_logical") or cpu.get("cores_physical") or None


def _primary(mounts: Iterable[Mapping[str, Any]]) -> float | None:
    """How full `/` is, else the first mount."""
    listed = list(mounts)
    root = next((mount for mount in listed if mount.get("mountpoint") == "/"), None)
    found = root if root is not None else (listed[0] if listed else None)
    return found.get("used_ratio") if found is not None else None


def raid_failed(raid: Mapping[str, Any] | None) -> float | None:
    """Failed members of all arrays; an array that is ill without saying how many counts as one."""
    if raid is None or not raid.get("available"):
        return None
    return sum(_failed(array) for array in raid.get("arrays") or [])


def _failed(array: Mapping[str, Any]) -> int:
    failed = array.get("failed") or 0
    if failed:
        return int(failed)
    health = str(array.get("health") or "").strip().lower()
    return int(health not in {"", "healthy"})


def smart_values(smart: Mapping[str, Any] | None) -> Values:
    """What SMART says of all disks together; no value where no disk says anything about it."""
    devices = list(smart.get("devices") or []) if smart is not None else []
    warnings = [device["critical_warning"] for device in devices if device.get("critical_warning") is not None]
    attributes = [device["failing_attrs"] for device in devices if device.get("failing_attrs") is not None]
    failed = [device for device in devices if str(device.get("health") or "").strip().lower() == "failed"]
    return {
        "smart.failed": len(failed) if smart is not None else None,
        "smart.critical": sum(1 for warning in warnings if warning) if warnings else None,
        "smart.failing": sum(map(_failing, attributes)) if attributes else None,
        "smart.max_temp_c": _hottest(devices),
    }


def _failing(attributes: Iterable[Mapping[str, Any]]) -> int:
    return sum(1 for attribute in attributes if attribute.get("when_failed") == "FAILING_NOW")


def _hottest(parts: Iterable[Mapping[str, Any]]) -> float | None:
    readings = [part["temp_c"] for part in parts if part.get("temp_c") is not None]
    return max(readings) if readings else None
