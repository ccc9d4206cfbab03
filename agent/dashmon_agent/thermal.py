"""How warm the machine is: every sensor that the kernel's hardware monitor has, else its thermal zones."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from dashmon_agent.figures import SYS, number_of, text_of

LEAST_C, MOST_C = 1, 150
# Chips by what they sit on; a chip that is none of these is `unknown`, drives among them.
KINDS = (
    ("cpu", re.compile(r"coretemp|k8temp|k10temp|zenpower|fam15h|cpu|soc_thermal|x86_pkg")),
    ("gpu", re.compile(r"amdgpu|radeon|nouveau|nvidia|i915|xe$|gpu")),
    ("acpi", re.compile(r"acpi")),
    ("chipset", re.compile(r"^pch")),
    ("board", re.compile(r"^(nct|it8|w83|f71|f75|sch5|lm\d|adt|asus|gigabyte|thinkpad|dell_smm|applesmc)")),
)


def thermal(root: Path = SYS) -> dict[str, Any]:
    """The block of a report about temperatures, in Celsius."""
    sensors = _monitored(root / "class/hwmon") or _zones(root / "class/thermal")
    return {"status": "ok" if sensors else "not_found", "sensors": sensors}


def _monitored(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    taken: set[str] = set()
    for chip in _in_order(folder.glob("hwmon*")):
        name = text_of(chip / "name") or text_of(chip / "device/name")
        for reading in _in_order(chip.glob("temp*_input")):
            input_ = reading.name[: -len("_input")]
            key = _key(name, text_of(chip / f"{input_}_label") or input_)
            if key in taken:  # two drives of a kind: told apart by what they are in
                key = _key(name, _device(chip), text_of(chip / f"{input_}_label") or input_)
            limits = {"high_c": chip / f"{input_}_max", "critical_c": chip / f"{input_}_crit"}
            sensor = _sensor(name, key, "hwmon", reading, limits)
            if sensor is not None and key not in taken:
                taken.add(key)
                found.append(sensor)
    return found


def _zones(folder: Path) -> list[dict[str, Any]]:
    zones = _in_order(folder.glob("thermal_zone*"))
    told = [_sensor(text_of(zone / "type"), zone.name, "sysfs", zone / "temp", {}) for zone in zones]
    return [sensor for sensor in told if sensor is not None]


def _sensor(chip: str, key: str, source: str, reading: Path, limits: dict[str, Path]) -> dict[str, Any] | None:
    """A sensor that reads something; None for one that is not connected."""
    celsius = _celsius(reading)
    if not chip or celsius is None:
        return None
    known = {name: _celsius(path) for name, path in limits.items()}
    return {
        "kind": next((kind for kind, names in KINDS if names.search(chip.lower())), "unknown"),
        "name": key if source == "hwmon" else chip,
        "sensor_key": key,
        "source": source,
        "status": "ok",
        "temp_c": celsius,
        **{name: limit for name, limit in known.items() if limit is not None},
    }


def _celsius(path: Path) -> float | None:
    # Sensors that are not there read -128, 0 or some thousand degrees, and so do limits that nobody set.
    millidegrees = number_of(path)
    return None if millidegrees is None or not LEAST_C <= millidegrees / 1000 <= MOST_C else millidegrees / 1000


def _key(*words: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", "_".join(words).lower()).strip("_")


def _device(chip: Path) -> str:
    try:
        return (chip / "device").resolve().name
    except OSError:
        return chip.name


def _in_order(paths: Any) -> list[Path]:
    """By the numbers in their names: hwmon10 comes after hwmon9."""
    return sorted(paths, key=lambda path: [int(word) for word in re.findall(r"\d+", path.name)])
