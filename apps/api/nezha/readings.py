"""A server's state as Nezha's agent reports it, to the columns that rules look at (contract Nezha 2.7 and 3.2)."""

from collections.abc import Iterable, Mapping
from typing import Any

from apps.notifications.styles.nezha import STATE

Values = dict[str, float | None]
SHARES = {
    "mem.ratio": ("mem_used", "mem_total"),
    "swap.ratio": ("swap_used", "swap_total"),
    "disk.ratio": ("disk_used", "disk_total"),
}


def columns_of(state: Mapping[str, Any], host: Mapping[str, Any]) -> Values:
    """Every column that alert rules of Nezha know. What a report leaves out is 0 there, as protobuf has it."""
    values: Values = {column: state.get(name) or 0 for name, column in STATE.items()}
    values |= {column: _share(state.get(used), host.get(total)) for column, (used, total) in SHARES.items()}
    gpus = state.get("gpu") or []
    return values | {
        "cpu.ratio": (state.get("cpu") or 0) / 100,
        "gpu.max_ratio": max(gpus) / 100 if gpus else None,
        "temp.max_c": _hottest(state.get("temperatures") or []),
    }


def _share(used: float | None, total: float | None) -> float:
    """Used of a total; a total of nothing counts as nothing used."""
    return (used or 0) / total if total else 0


def _hottest(sensors: Iterable[Mapping[str, Any]]) -> float | None:
    """The hottest sensor; one that says 0 is not there."""
    readings = [sensor["temperature"] for sensor in sensors if sensor.get("temperature")]
    return max(readings) if readings else None
