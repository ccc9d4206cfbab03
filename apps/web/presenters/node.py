"""One node's page: what the machine is, and its disks, interfaces, sensors, arrays and SMART in tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.nodes.facts import cores
from apps.nodes.models import Node
from apps.nodes.types import NodePicture
from apps.web.presenters import nodes, sizes, words
from apps.web.presenters.meters import Meter, meter
from apps.web.presenters.status import Shape

Cells = Sequence[str]
HEALTH: Mapping[str, tuple[Shape, str]] = {
    "passed": ("up", "Passed"),
    "healthy": ("up", "Healthy"),
    "failed": ("down", "Failed"),
    "degraded": ("degraded", "Degraded"),
}


@dataclass(frozen=True, slots=True)
class Health:
    """One disk or array: its state as shape and word, and what else is known."""

    name: str
    shape: Shape
    word: str
    note: str
    cells: Cells = ()


@dataclass(frozen=True, slots=True)
class DiskLine:
    """One logical disk."""

    name: str
    note: str
    meter: Meter
    read: str
    written: str


@dataclass(frozen=True, slots=True)
class Machine:
    """Everything the newest report and the documents say beside the meters."""

    facts: Sequence[tuple[str, str]]
    disks: Sequence[DiskLine] = ()
    interfaces: Sequence[tuple[str, Cells]] = ()
    sensors: Sequence[tuple[str, str, str]] = ()
    arrays: Sequence[Health] = ()
    smart: Sequence[Health] = ()


def machine(node: Node, picture: NodePicture | None) -> Machine:
    """The tables of a node; a node that never reported has only what people said of it."""
    if picture is None:
        return Machine(_facts(node, {}, {}))
    values, sections = picture.latest.values, picture.sections
    return Machine(
        _facts(node, sections.get("static") or {}, picture.latest.detail),
        [_disk(each, values) for each in (sections.get("disks") or {}).get("usage", ())],
        [(name, _interface(name, values)) for name in (sections.get("network") or {}).get("interfaces", ())],
        [_sensor(each, values) for each in (sections.get("thermal") or {}).get("sensors", ())],
        [_array(each) for each in (sections.get("raid") or {}).get("arrays", ())],
        [_smart(each) for each in (sections.get("smart") or {}).get("devices", ())],
    )


def live_figures(picture: NodePicture | None, *, silent: bool) -> list[tuple[str, str, str]]:
    """Label, value and note of what changes every few seconds and is no share of anything."""
    values = {} if picture is None else picture.latest.values
    load = [values.get(f"cpu.load{span}") for span in (1, 5, 15)]
    loads = " · ".join(sizes.figures(each) for each in load[1:] if each is not None and each >= 0)
    first = words.NOTHING if load[0] is None or load[0] < 0 else sizes.figures(load[0])
    speed = {way: words.NOTHING if silent else sizes.bits(values.get(f"net.{way}_rate")) for way in ("rx", "tx")}
    return [
        ("Load, 1 min", first, f"{loads} over 5 and 15 min" if loads else ""),
        ("Network in", speed["rx"], f"out {speed['tx']}"),
        ("Uptime", words.duration(values.get("uptime_s")) if not silent else words.NOTHING, _counts(values)),
    ]


def _counts(values: Mapping[str, Any]) -> str:
    known = [(values.get("proc.count"), "process", "processes"), (values.get("conn.tcp"), "connection", "connections")]
    return ", ".join(words.plural(int(count), one, many) for count, one, many in known if count is not None)


def _facts(node: Node, static: Mapping[str, Any], detail: Mapping[str, Any]) -> list[tuple[str, str]]:
    system, cpu, memory = (static.get(name) or {} for name in ("system", "cpu", "memory"))
    known = cores(static)
    shape = ", ".join(part for part in (cpu.get("model", ""), words.plural(known, "core") if known else "") if part)
    found = [
        ("Host", node.hostname),
        ("System", nodes.platform_of({"static": static})),
        ("Kernel", " ".join(part for part in (system.get("kernel_version"), system.get("arch")) if part)),
        ("Processor", shape),
        ("Memory", _memory(memory, detail)),
        ("Address", ", ".join(dict.fromkeys(str(each) for each in node.addresses.values() if each))),
        ("Agent", _agent(node)),
        ("Reports", f"every {words.interval(node.report_interval_s)}" if static else ""),
    ]
    return [(label, text) for label, text in found if text]


def _memory(memory: Mapping[str, Any], detail: Mapping[str, Any]) -> str:
    total, swap = detail.get("mem_total") or memory.get("total"), detail.get("swap_total") or memory.get("swap_total")
    if not total:
        return ""
    return sizes.capacity(total) + (f", swap {sizes.capacity(swap)}" if swap else "")


def _agent(node: Node) -> str:
    if not node.agent_version:
        return ""
    owed = f", {node.wanted_version} is on its way" if node.wanted_version else ""
    return f"{node.agent_kind.capitalize()} {node.agent_version}{owed}".strip()


def _disk(disk: Mapping[str, Any], values: Mapping[str, Any]) -> DiskLine:
    key = disk["key"]
    ratio, used = values.get(f"disk.ratio[{key}]"), values.get(f"disk.used_bytes[{key}]")
    filled = meter(f"Used of {disk['name']}", ratio, sizes.of_whole(used, disk.get("total")))
    note = " · ".join(str(disk[name]) for name in ("mountpoint", "fs_type", "kind", "health") if disk.get(name))
    return DiskLine(
        disk["name"],
        note,
        filled,
        _rate(values.get(f"disk.read_rate[{key}]")),
        _rate(values.get(f"disk.write_rate[{key}]")),
    )


def _rate(value: float | None) -> str:
    return words.NOTHING if value is None else f"{sizes.volume(value)}/s"


def _interface(name: str, values: Mapping[str, Any]) -> Cells:
    faults = sum(values.get(f"net.{way}_{what}[{name}]") or 0 for way in ("rx", "tx") for what in ("errors", "drops"))
    return [
        *(sizes.bits(values.get(f"net.{way}_rate[{name}]")) for way in ("rx", "tx")),
        *(sizes.volume(values.get(f"net.{way}_bytes[{name}]")) for way in ("rx", "tx")),
        words.grouped(int(faults)),
    ]


def _sensor(sensor: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[str, str, str]:
    reading = values.get(f"temp_c[{sensor['key']}]")
    limits = [
        f"{label} {sensor[name]:g} °C"
        for name, label in (("high_c", "high"), ("critical_c", "critical"))
        if sensor.get(name)
    ]
    text = words.NOTHING if reading is None else f"{sizes.figures(reading)} °C"
    return str(sensor.get("name") or sensor["key"]), text, ", ".join(limits)


def _array(array: Mapping[str, Any]) -> Health:
    shape, word = HEALTH.get(str(array.get("health") or "").lower(), ("unknown", "Unknown"))
    members = [f"{member['name']} {member['state']}" for member in array.get("members", ())]
    progress = array.get("sync_progress")
    sync = f"{array.get('sync_status') or 'sync'} {progress:g} %" if isinstance(progress, int | float) else ""
    failed = f"{array['failed']} failed" if array.get("failed") else ""
    note = ", ".join(part for part in (str(array.get("status") or ""), failed, sync) if part)
    return Health(str(array["name"]), shape, word, note, [", ".join(members)])


def _smart(device: Mapping[str, Any]) -> Health:
    health = str(device.get("health") or "").lower()
    shape, word = HEALTH.get(health, ("unknown", str(device.get("status") or "unknown").capitalize()))
    failing = [
        str(each.get("name")) for each in device.get("failing_attrs") or () if each.get("when_failed") == "FAILING_NOW"
    ]
    if shape == "up" and (failing or device.get("critical_warning")):
        shape, word = "degraded", "Warns"
    used, hours = device.get("lifetime_used_percent"), device.get("power_on_hours")
    cells = [
        f"{device['temp_c']:g} °C" if device.get("temp_c") else words.NOTHING,
        f"{used:g} %" if used is not None else words.NOTHING,
        f"{words.grouped(int(hours))} h" if hours is not None else words.NOTHING,
    ]
    note = ", ".join(
        part for part in (str(device.get("model") or ""), *(f"{name} fails now" for name in failing)) if part
    )
    return Health(str(device["name"]), shape, word, note, cells)
