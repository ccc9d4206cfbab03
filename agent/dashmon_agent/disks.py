"""Disks: what the kernel counts for each, and how full the file systems on them are."""

from __future__ import annotations

import os
import re
from typing import Any

from dashmon_agent.figures import PROC, SYS, rate, share, text_of

SECTOR = 512  # bytes, whatever the disk's own sectors are
PASSING = re.compile(r"(?:loop|ram|zram|sr|fd|dm-|md)\d")
# Words of /proc/diskstats after the name, by their place.
READS, SECTORS_READ, READ_MS, WRITES, SECTORS_WRITTEN, WRITE_MS = 0, 2, 3, 4, 6, 7
BUSY_MS, WEIGHTED_MS = 9, 10


def disk_counters() -> dict[str, list[int]]:
    """The counters of every whole disk."""
    known = _counters()
    return {name: known[name] for name in known if not PASSING.match(name) and (SYS / "block" / name).exists()}


def volume_counters(mounted: list[dict[str, Any]]) -> dict[str, list[int]]:
    """The counters of what file systems are on: parts of disks, arrays, logical volumes; by device."""
    known = _counters()
    named = {each["device"]: os.path.realpath(each["device"]).rpartition("/")[2] for each in mounted}
    return {device: known[name] for device, name in named.items() if name in known}


def _counters() -> dict[str, list[int]]:
    lines = [line.split() for line in text_of(PROC / "diskstats").splitlines()]
    return {words[2]: [int(word) for word in words[3:]] for words in lines if len(words) > 13}


def activity(now: dict[str, list[int]], before: dict[str, list[int]], seconds: float) -> list[dict[str, Any]]:
    """What each disk did since the reading before."""
    return [_activity(name, counts, before.get(name), seconds) for name, counts in sorted(now.items())]


def _activity(name: str, counts: list[int], before: list[int] | None, seconds: float) -> dict[str, Any]:
    def per_second(place: int) -> float:
        return rate(counts[place], None if before is None else before[place], seconds)

    reads, writes = per_second(READS), per_second(WRITES)
    operations = (reads + writes) * seconds
    waited = (per_second(READ_MS) + per_second(WRITE_MS)) * seconds
    busy = per_second(BUSY_MS) * seconds
    return {
        "name": name,
        "device_path": f"/dev/{name}",
        "ref": name,
        "read_bytes": counts[SECTORS_READ] * SECTOR,
        "write_bytes": counts[SECTORS_WRITTEN] * SECTOR,
        "read_rate_bytes_per_sec": per_second(SECTORS_READ) * SECTOR,
        "write_rate_bytes_per_sec": per_second(SECTORS_WRITTEN) * SECTOR,
        "read_iops": reads,
        "write_iops": writes,
        "iops": reads + writes,
        "util_ratio": share(busy, seconds * 1000),
        "queue_length": per_second(WEIGHTED_MS) / 1000,
        "wait_ms": waited / operations if operations else 0.0,
        "service_ms": busy / operations if operations else 0.0,
    }


def file_systems() -> list[dict[str, Any]]:
    """Every file system on a block device, each device once, by where it is mounted first."""
    found: dict[str, dict[str, Any]] = {}
    for line in text_of(PROC / "self" / "mounts").splitlines():
        words = line.split()
        if len(words) < 3 or not words[0].startswith("/dev/") or words[0].startswith("/dev/loop"):
            continue
        device, mountpoint, kind = words[0], _unescaped(words[1]), words[2]
        if device not in found:
            size = _size(mountpoint)
            if size is not None:
                found[device] = {"device": device, "mountpoint": mountpoint, "fs_type": kind, **size}
    return list(found.values())


def _size(mountpoint: str) -> dict[str, Any] | None:
    try:
        state = os.statvfs(mountpoint)
    except OSError:
        return None
    total, free = state.f_blocks * state.f_frsize, state.f_bavail * state.f_frsize
    used = (state.f_blocks - state.f_bfree) * state.f_frsize
    if total <= 0:
        return None
    inodes_used = state.f_files - state.f_ffree
    return {
        "total": total,
        "used": used,
        "free": free,
        # As df says it: of what people may use.
        "used_ratio": share(used, used + free),
        "inodes_total": state.f_files,
        "inodes_used": inodes_used,
        "inodes_free": state.f_ffree,
        "inodes_used_ratio": share(inodes_used, state.f_files),
    }


def _unescaped(path: str) -> str:
    return re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), path)


def with_volumes(
    disks: list[dict[str, Any]], volumes: list[dict[str, Any]], mounted: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """What is read and written: whole disks by their roles, then what file systems are on, by where these are."""
    places = {each["device"]: each["mountpoint"] for each in mounted}
    named = [{**each, "device_path": each["name"], "ref": places[each["name"]]} for each in volumes]
    return [*with_roles(disks, mounted), *({"kind": "logical", **each, "role": "secondary"} for each in named)]


def with_roles(disks: list[dict[str, Any]], mounted: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The disks as what is read and written, the primary first: the one below `/`, else the first there is."""
    root = next((each["device"] for each in mounted if each["mountpoint"] == "/"), "")
    names = [disk["name"] for disk in disks]
    below = _below(root.rpartition("/")[2], names)
    first = min(below, default=names[0] if names else "")
    told = [{"kind": "physical", **disk, "role": "primary" if disk["name"] == first else "secondary"} for disk in disks]
    return sorted(told, key=lambda disk: disk["name"] != first)


def _below(name: str, whole: list[str]) -> set[str]:
    """The whole disks that a device of any kind lies on: itself, its parts, what it is put together from."""
    if not name or name in whole:
        return {name} & set(whole)
    place = SYS / "class/block" / name
    parts = list((place / "slaves").glob("*"))
    if parts:
        return {disk for part in parts for disk in _below(part.name, whole)}
    return {place.resolve().parent.name} & set(whole)


def logical_disk(mounted: dict[str, Any], *names: str) -> dict[str, Any]:
    """A mounted file system as the disk that people see, with these figures of it."""
    device = mounted["device"]
    kind = "raid_md" if device.startswith("/dev/md") else "lvm_lv" if device.startswith("/dev/mapper/") else "disk"
    named = {"kind": kind, "name": device, "device_path": device, "ref": mounted["mountpoint"]}
    return {**named, **{name: mounted[name] for name in names}}


def file_system(mounted: dict[str, Any], *names: str) -> dict[str, Any]:
    """A mounted file system under its path, with these figures of it."""
    return {"path": mounted["mountpoint"], **{name: mounted[name] for name in ("device", "mountpoint", *names)}}
