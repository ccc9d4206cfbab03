"""What drives say of their own health: answers of smartctl, which a timer of root's keeps in a folder."""

from __future__ import annotations

import json
import shutil
import time
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

FOLDER = Path("/run/dashmon-agent-smart")
# Root asks every five minutes; answers of twice that age are of a timer that stands.
TTL_S, STALE_S = 300, 900
PLACES = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"
# Bits of smartctl's exit status that say that it could not ask.
UNASKED, PARTLY = 0b011, 0b100
FAILING = {"now": "FAILING_NOW", "past": "In_the_past"}
# What a drive's values are; those that are not named here are texts.
KINDS: dict[str, Any] = {
    **dict.fromkeys(("exit_status", "power_on_hours", "critical_warning", "media_errors"), int),
    **dict.fromkeys(("temp_c", "lifetime_used_percent"), (int, float)),
    "failing_attrs": list,
}
MESSAGES = (
    ("standby", ("standby", "sleep mode")),
    ("no_permission", ("permission denied",)),
    ("unsupported", ("unable to detect device type", "unknown usb bridge", "lacks smart capability", "not supported")),
    ("not_found", ("no such device", "no such file")),
)


def smart(folder: Path = FOLDER, *, now: float | None = None) -> dict[str, Any]:
    """The block of a report about drives; its `status` is how the asking went, each drive's `health` its verdict."""
    answers = sorted(folder.glob("*.json")) if folder.is_dir() else []
    if not answers:
        return {"status": "no_cache" if shutil.which("smartctl", path=PLACES) else "no_tool", "devices": []}
    oldest = min(answer.stat().st_mtime for answer in answers)
    devices = [_device(answer.stem, _read(answer)) for answer in answers]
    is_stale = (time.time() if now is None else now) - oldest > STALE_S
    return {
        "status": "stale" if is_stale else _overall({device["status"] for device in devices}),
        "updated_at": datetime.fromtimestamp(int(oldest), timezone.utc).isoformat().replace("+00:00", "Z"),
        "ttl_seconds": TTL_S,
        "devices": devices,
    }


def _read(path: Path) -> dict[str, Any]:
    try:
        answer = json.loads(path.read_text(encoding="utf-8", errors="replace"))
    except (OSError, ValueError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _overall(states: set[str]) -> str:
    if states <= {"ok", "standby"}:
        return "ok"
    return "partial" if states & {"ok", "standby"} else next(iter(sorted(states)))


def _device(name: str, answer: dict[str, Any]) -> dict[str, Any]:
    told = {
        "device_type": _at(answer, "device", "type"),
        "protocol": _at(answer, "device", "protocol"),
        "model": answer.get("model_name") or answer.get("scsi_model_name"),
        "serial": answer.get("serial_number"),
        "wwn": _wwn(answer.get("wwn")),
        "exit_status": _at(answer, "smartctl", "exit_status"),
        **_verdict(answer),
    }
    named = {"name": name, "ref": name, "device_path": f"/dev/{name}", "source": "smartctl"}
    # A value of another kind would have the server refuse the whole report.
    known = {key: value for key, value in told.items() if isinstance(value, KINDS.get(key, str))}
    return {**named, "status": _status(answer), **known}


def _verdict(answer: dict[str, Any]) -> dict[str, Any]:
    """What the drive says; None for what it does not."""
    passed = _at(answer, "smart_status", "passed")
    log = answer.get("nvme_smart_health_information_log") or {}
    used = (
        log.get("percentage_used"),
        _at(answer, "endurance_used", "current_percent"),
        answer.get("scsi_percentage_used_endurance_indicator"),
    )
    return {
        "health": None if passed is None else "passed" if passed else "failed",
        "temp_c": _at(answer, "temperature", "current"),
        "power_on_hours": _at(answer, "power_on_time", "hours"),
        "lifetime_used_percent": next((each for each in used if each is not None), None),
        "critical_warning": log.get("critical_warning"),
        "media_errors": log.get("media_errors"),
        "failing_attrs": _failing(answer),
    }


def _failing(answer: dict[str, Any]) -> list[dict[str, Any]] | None:
    """Attributes that are, or were, beyond their threshold; None of a drive that has no attributes."""
    table = _at(answer, "ata_smart_attributes", "table")
    if table is None:
        return None
    return [
        {"id": each.get("id"), "name": each.get("name"), "when_failed": FAILING.get(each["when_failed"], "unknown")}
        for each in table
        if each.get("when_failed")
    ]


def _status(answer: dict[str, Any]) -> str:
    code = _at(answer, "smartctl", "exit_status")
    if not isinstance(code, int):
        return "error"  # nothing that can be read: asked in vain, or for too long
    said = " ".join(str(each.get("string", "")) for each in _at(answer, "smartctl", "messages") or []).lower()
    if code & UNASKED:
        return next((state for state, words in MESSAGES if any(word in said for word in words)), "error")
    if _at(answer, "smart_support", "available") is False:
        return "unsupported"
    return "partial" if code & PARTLY else "ok"


def _wwn(parts: Any) -> str | None:
    """The world-wide name as it is printed on the drive."""
    if not isinstance(parts, dict) or not all(isinstance(parts.get(name), int) for name in ("naa", "oui", "id")):
        return None
    return f"0x{parts['naa']:x}{parts['oui']:06x}{parts['id']:09x}"


def _at(document: Any, *names: str) -> Any:
    for name in names:
        document = document.get(name) if isinstance(document, dict) else None
    return document
