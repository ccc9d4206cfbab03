"""What machines say in report after report: judged once, and remembered by all that was looked at.

The names of disks, interfaces and sensors, the verdicts of SMART and RAID change seldom; the numbers beside them always
do. Anybody may send a report, so what is remembered is limited by its size, not by how many machines there are.
"""

from operator import attrgetter
from typing import Any, NamedTuple

import msgspec

from apps.api.dash.documents import is_warm, mounted, read_file_system, read_io, read_sensor, read_usage, size_of
from apps.api.dash.payloads import Disk, Metrics, Thermal
from apps.api.dash.values import Outline
from apps.nodes.types import Documents

# Bytes, about; a machine takes some 10 kB.
MOST = 48 << 20
LISTS = {list}
# Of a text and its place, of a column's name.
TEXT, COLUMN = 64, 100
Key = tuple[Any, ...]
_read_name = attrgetter("name")


class Known(NamedTuple):
    """What a report's documents are, and where its numbers go."""

    sections: Documents
    outline: Outline


def key_of(metrics: Metrics) -> Key | None:
    """All that the documents of a report are made of and its rules look at; None for one that lacks a list."""
    disk: Any = metrics.disk or Disk()
    thermal: Any = metrics.thermal or Thermal(sensors=[])
    parts: Any = (disk.physical, disk.logical, disk.base_io, disk.filesystems, metrics.network, thermal.sensors)
    if set(map(type, parts)) != LISTS:
        return None
    physical, logical, base_io, file_systems, network, sensors = parts
    return (
        msgspec.json.encode((metrics.raid or None, disk.smart or None, bool(metrics.thermal), thermal.status or None)),
        tuple(map(_read_name, physical)),
        tuple([(*read_usage(each), size_of(each), mounted(each)) for each in logical]),
        tuple(map(read_io, base_io)),
        tuple(map(read_file_system, file_systems)),
        tuple(map(_read_name, network)),
        tuple([(*read_sensor(each), is_warm(each)) for each in sensors]),
    )


class Machines:
    """Two generations: what nobody asked for while the younger one filled up is forgotten."""

    def __init__(self) -> None:
        self._young: dict[Key, Known] = {}
        self._old: dict[Key, Known] = {}
        self._size = 0

    def get(self, key: Key) -> Known | None:
        """What is remembered of a machine."""
        found = self._young.get(key)
        if found is None and (found := self._old.get(key)) is not None:
            self.put(key, found)
        return found

    def put(self, key: Key, known: Known) -> None:
        """Remember what was found out, and that it may be taken."""
        self._young[key] = known
        self._size += _size(key, known)
        if self._size > MOST // 2:
            self._old, self._young, self._size = self._young, {}, 0


def _size(key: Key, known: Known) -> int:
    """About how many bytes are kept: each text once in its document and, nearly all, once in the key."""
    places = sum(len(entry) if isinstance(entry, tuple) else 1 for part in key[1:] for entry in part)
    names = sum(len(name or "") for part in (key[1], key[5]) for name in part)
    said = sum(len(document.text) for document in known.sections.values())
    return 2 * (said + names) + places * TEXT + len(known.outline.columns) * COLUMN
