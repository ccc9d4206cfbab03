"""What a machine is: said once, and again when it changes."""

from __future__ import annotations

import os
import platform
from typing import Any

from dashmon_agent import VERSION
from dashmon_agent.disks import disk_counters, file_system, file_systems, logical_disk, volume_counters, with_volumes
from dashmon_agent.figures import PROC, SYS, memory_of, number_of, text_of
from dashmon_agent.raid import static_raid

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def static_facts(interval_s: int) -> dict[str, Any]:
    """The body of a static report without its time."""
    memory = memory_of()
    return {
        "version": VERSION,
        "report_interval_seconds": interval_s,
        "cpu": {"info": _processor()},
        "memory": {"total": memory.get("MemTotal", 0), "swap_total": memory.get("SwapTotal", 0)},
        "disk": _disks(),
        "system": _system(),
        "raid": static_raid(),
    }


def is_complete(facts: dict[str, Any]) -> bool:
    """Whether the machine has told everything that makes it known."""
    info = facts["cpu"]["info"]
    numbers = (facts["memory"]["total"], info["cores_logical"], info["sockets"])
    return all(facts["system"].values()) and all(number > 0 for number in numbers)


def _processor() -> dict[str, Any]:
    cores: set[tuple[str, str]] = set()
    sockets: set[str] = set()
    words: dict[str, str] = {}
    for block in text_of(PROC / "cpuinfo").split("\n\n"):
        said = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in block.splitlines())}
        words = words or said
        sockets.add(said.get("physical id", "0"))
        cores.add((said.get("physical id", "0"), said.get("core id", said.get("processor", "0"))))
    fastest = number_of(SYS / "devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")  # kHz
    told = words.get("cpu MHz", "")
    return {
        "model_name": words.get("model name", words.get("Model", "")),
        "vendor_id": words.get("vendor_id", words.get("CPU implementer", "")),
        "sockets": max(1, len(sockets)),
        "cores_physical": max(1, len(cores)),
        "cores_logical": os.cpu_count() or 1,
        "frequency_mhz": fastest / 1000 if fastest else float(told) if told.replace(".", "", 1).isdigit() else 0.0,
    }


def _system() -> dict[str, str]:
    release = {}
    for line in text_of(PROC.parent / "etc/os-release").splitlines():
        name, _, value = line.partition("=")
        release[name] = value.strip().strip('"')
    return {
        "hostname": platform.node(),
        "os": "linux",
        "platform": release.get("ID") or "linux",
        "platform_version": release.get("VERSION_ID") or platform.release(),
        "kernel_version": platform.release(),
        "arch": ARCHITECTURES.get(platform.machine(), platform.machine()),
    }


def _disks() -> dict[str, Any]:
    whole = [{"name": name, "device_path": f"/dev/{name}", "ref": name} for name in sorted(disk_counters())]
    mounted = file_systems()
    return {
        "physical": whole,
        "logical": [logical_disk(each, "total", "mountpoint", "fs_type") for each in mounted],
        "filesystems": [file_system(each, "total", "fs_type", "inodes_total") for each in mounted],
        "base_io": with_volumes(whole, [{"name": device} for device in volume_counters(mounted)], mounted),
    }
