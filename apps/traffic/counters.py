"""Counters of interfaces in the rows of a source: which columns they are, and samples read from rows or blocks."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

from apps.metrics.codec import Table, decode
from apps.metrics.models import Block, Source
from apps.metrics.packing import INT64
from apps.metrics.raw import Cells
from apps.metrics.sources import own_columns
from apps.traffic.facts import Sample
from apps.traffic.models import LONGEST_NAME

RECEIVED, SENT = "net.rx_bytes[", "net.tx_bytes["

# Column of what was received and of what was sent, by the name of the interface.
Wiring = Mapping[str, tuple[int, int]]


def wiring_of(source: Source) -> Wiring:
    """The interfaces of a source, read anew: a row may use columns that came after the source was last looked at."""
    current = Source.objects.of(source.workspace_id).filter(pk=source.pk).first()
    numbers = own_columns(current or source)
    wiring = {}
    for name, received in numbers.items():
        if name.startswith(RECEIVED) and name.endswith("]"):
            iface = name[len(RECEIVED) : -1]
            sent = numbers.get(f"{SENT}{iface}]")
            if 0 < len(iface) <= LONGEST_NAME and sent is not None:
                wiring[iface] = (received, sent)
    return wiring


def samples_in(rows: Mapping[int, Cells], columns: tuple[int, int]) -> list[Sample]:
    """The samples of one interface in inbox rows, in order of time; rows that lack a counter are none of it."""
    received, sent = columns
    found = ((ts, rows[ts].get(received), rows[ts].get(sent)) for ts in sorted(rows))
    return [Sample(ts, one, other) for ts, one, other in found if _counts(one) and _counts(other)]


def _counts(value: Any) -> TypeGuard[int]:
    # A counter is a whole number that was never negative; anything else says nothing about traffic.
    return isinstance(value, int) and value >= 0


class Tape:
    """The sealed raw samples of one source, block by block and each read once; how long a block is does not matter."""

    def __init__(self, source: Source, wiring: Wiring) -> None:
        self._blocks = Block.objects.of(source.workspace_id).filter(source_id=source.pk, tier=source.raw_tier)
        self._starts: list[int] = list(self._blocks.order_by("t0").values_list("t0", flat=True))
        self._keys = {key for pair in wiring.values() for key in pair}
        self._tables: dict[int, Table] = {}

    @property
    def start_ms(self) -> int | None:
        """Where the oldest block begins; None when there is none."""
        return self._starts[0] if self._starts else None

    def newest(self, columns: tuple[int, int]) -> Sample | None:
        """The newest sample of all."""
        return self.before(columns, INT64)

    def between(self, columns: tuple[int, int], start_ms: int, end_ms: int) -> list[Sample]:
        """Samples of [start, end), in order of time."""
        first = max(0, bisect_right(self._starts, start_ms) - 1)
        past = bisect_left(self._starts, end_ms)
        return [
            sample
            for t0 in self._starts[first:past]
            for sample in self._samples(t0, columns)
            if start_ms <= sample.ts < end_ms
        ]

    def before(self, columns: tuple[int, int], ms: int) -> Sample | None:
        """The newest sample before an instant."""
        for t0 in reversed(self._starts[: bisect_left(self._starts, ms)]):
            found = [sample for sample in self._samples(t0, columns) if sample.ts < ms]
            if found:
                return found[-1]
        return None

    def since(self, columns: tuple[int, int], ms: int) -> Sample | None:
        """The oldest sample at or after an instant."""
        for t0 in self._starts[max(0, bisect_right(self._starts, ms) - 1) :]:
            found = next((sample for sample in self._samples(t0, columns) if sample.ts >= ms), None)
            if found:
                return found
        return None

    def _samples(self, t0: int, columns: tuple[int, int]) -> Iterator[Sample]:
        table = self._tables.get(t0)
        if table is None:
            payload = self._blocks.filter(t0=t0).values_list("payload", flat=True).first()
            # A block that has expired since holds nothing.
            table = self._tables[t0] = Table() if payload is None else decode(payload, self._keys)
        received, sent = (table.column(key) for key in columns)
        rows = zip(table.ts, received, sent, strict=True)
        return (Sample(ts, one, other) for ts, one, other in rows if _counts(one) and _counts(other))
