"""A report of a Dash agent: judged by the rules of contract Dash 3.5, then said in the words of the core."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter
from typing import Any
from zlib import crc32

from apps.api.dash.decoding import decode
from apps.api.dash.documents import (
    disks_part,
    network_part,
    raid_part,
    smart_part,
    spelled,
    thermal_part,
)
from apps.api.dash.errors import InvalidMetricsError
from apps.api.dash.machines import Known, Machines, key_of
from apps.api.dash.payloads import Disk, Metrics, NodeReport, Raid, Smart, Thermal, said
from apps.api.dash.values import outline_of, values_of
from apps.nodes import versions
from apps.nodes.types import Documents, Report

# Go's zero time: what an agent without a clock sends.
ZERO_YEAR = 1
_machines = Machines()


def read_report(body: bytes) -> Report:
    """The report in a body.

    Raises InvalidRequestError (400) for what is not JSON of the right types, InvalidMetricsError (422) for a report
    that lacks a list, a name or an instant that it must have.
    """
    sent = decode(body, NodeReport)
    version = _checked_version(sent)
    metrics = said(sent.metrics) or Metrics()
    known = _known(metrics)
    observed_at = _instant(said(sent.timestamp))
    values, detail = values_of(metrics, known.outline), _detail(metrics)
    return Report("dash", version, observed_at, values, detail, known.sections, checksum=crc32(body))


def _checked_version(sent: NodeReport) -> str:
    version = (said(sent.version) or "").strip()
    if versions.parse(version) is None:
        raise InvalidMetricsError(fields={"version": "A semantic version."})
    if is_blank(said(sent.hostname)):
        raise InvalidMetricsError(fields={"hostname": "required"})
    return version


def _known(metrics: Metrics) -> Known:
    """What follows from the parts of a report that seldom change; InvalidMetricsError says what is missing."""
    key = key_of(metrics)
    known = _machines.get(key) if key is not None else None
    if known is None:
        _check(metrics)
        sections = _sections(metrics)
        known = Known(sections, outline_of(metrics, sections))
        if key is not None:
            _machines.put(key, known)
    else:
        # All else that is looked at is in the key.
        _check_system(metrics)
    return known


def _check(metrics: Metrics) -> None:
    """InvalidMetricsError for metrics that may not be taken."""
    _check_disk(said(metrics.disk) or Disk())
    _check_names("network", said(metrics.network))
    _check_system(metrics)
    _check_raid(said(metrics.raid) or Raid())
    if (thermal := said(metrics.thermal)) is not None:
        _check_thermal(thermal)


def _check_system(metrics: Metrics) -> None:
    system = said(metrics.system)
    if system is None or is_blank(said(system.uptime)):
        raise InvalidMetricsError(fields={"system.uptime": "required"})


def _instant(at: datetime | None) -> datetime:
    if at is None or at.year == ZERO_YEAR:
        raise InvalidMetricsError(fields={"timestamp": "required"})
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise InvalidMetricsError(fields={"timestamp": "Beyond the calendar."}) from None


def is_blank(text: str | None) -> bool:
    return not (text or "").strip()


def _check_disk(disk: Disk) -> None:
    _check_names("disk.physical", said(disk.physical))
    logical = _check_names("disk.logical", said(disk.logical))
    base_io = _check_names("disk.base_io", said(disk.base_io))
    _check_texts("disk.logical", logical, ("kind",))
    _check_texts("disk.base_io", base_io, ("kind",))
    _check_texts("disk.filesystems", _listed("disk.filesystems", said(disk.filesystems)), ("path",))
    if (smart := said(disk.smart)) is not None:
        _check_smart(smart)


def _check_smart(smart: Smart) -> None:
    _check_texts("disk.smart", [smart], ("status",))
    devices = _listed("disk.smart.devices", said(smart.devices))
    _check_texts("disk.smart.devices", devices, ("name", "source", "status"))


def _check_raid(raid: Raid) -> None:
    arrays = _listed("raid.arrays", said(raid.arrays))
    _check_texts("raid.arrays", arrays, ("name", "status", "health"))
    for array in arrays:
        _check_texts("raid.members", _listed("raid.members", said(array.members)), ("name", "state"))


def _check_thermal(thermal: Thermal) -> None:
    _check_texts("thermal", [thermal], ("status",))
    sensors = _listed("thermal.sensors", said(thermal.sensors))
    _check_texts("thermal.sensors", sensors, ("kind", "name", "sensor_key", "source", "status"))


def _listed(field: str, entries: Sequence[Any] | None) -> Sequence[Any]:
    if entries is None:
        raise InvalidMetricsError(fields={field: "required"})
    return entries


def _check_names(field: str, entries: Sequence[Any] | None) -> Sequence[Any]:
    """The entries of a list that must be there, each under a name of its own."""
    listed = _listed(field, entries)
    _check_texts(field, listed, ("name",))
    names = {entry.name.strip() for entry in listed}
    if len(names) != len(listed):
        raise InvalidMetricsError(fields={field: "Every entry needs a name of its own."})
    return listed


def _check_texts(field: str, entries: Iterable[Any], names: tuple[str, ...]) -> None:
    read = _reader(names)
    for entry in entries:
        for text in read(entry):
            if not isinstance(text, str) or not text.strip():
                raise InvalidMetricsError(fields={field: f"Every entry needs {', '.join(names)}."})


@cache
def _reader(names: tuple[str, ...]) -> Callable[[Any], Iterable[Any]]:
    read = attrgetter(*names)
    return read if len(names) > 1 else lambda entry: (read(entry),)


def _detail(metrics: Metrics) -> dict[str, Any]:
    """What changes with every report and is no number of its own."""
    system, thermal, memory = said(metrics.system), said(metrics.thermal), said(metrics.memory)
    detail: dict[str, Any] = {"uptime": said(system.uptime) if system else None}
    if memory is not None:
        detail |= {"mem_total": said(memory.total) or None, "swap_total": said(memory.swap_total) or None}
    if thermal is not None:
        detail["thermal_at"] = said(thermal.updated_at)
    if (pressure := said(metrics.pressure)) is not None:
        detail["pressure"] = spelled(pressure)
    return {name: value for name, value in detail.items() if value is not None}


def _sections(metrics: Metrics) -> Documents:
    disk, thermal = said(metrics.disk) or Disk(), said(metrics.thermal)
    found = Documents(
        network=network_part(said(metrics.network) or ()),
        disks=disks_part(disk),
        raid=raid_part(said(metrics.raid) or Raid()),
    )
    if (smart := said(disk.smart)) is not None:
        found["smart"] = smart_part(smart)
    if thermal is not None:
        found["thermal"] = thermal_part(thermal)
    return found
