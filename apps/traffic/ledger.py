"""What is known of a source's interfaces: read once, worked on outside a transaction, written only if still so."""

from collections.abc import Collection, Mapping
from dataclasses import astuple, dataclass, field

from apps.metrics.models import Source
from apps.metrics.seal import OvertakenError
from apps.metrics.tiers import days_between
from apps.traffic.blocks import MAX_INTERFACES, DayFacts, by_day, read_day, store_day, stored_days, write_day
from apps.traffic.facts import Fact, Sample
from apps.traffic.models import Interface


@dataclass(slots=True)
class Ledger:
    """The interfaces of one source as they were read, and the changes to be written."""

    source: Source
    known: Mapping[str, Interface]
    _changed: dict[str, Interface] = field(default_factory=dict)
    _read: dict[int, bytes | None] = field(default_factory=dict)
    _days: dict[int, DayFacts] = field(default_factory=dict)

    @classmethod
    def of(cls, source: Source) -> "Ledger":
        """What is stored now."""
        return cls(source, interfaces_of(source))

    @property
    def newest_ms(self) -> int:
        """The newest instant of which any interface knows."""
        return max((row.last_ms for row in self.known.values()), default=-1)

    def note(self, name: str, *, first_ms: int, last: Sample, open_fact: Fact) -> int | None:
        """An interface's newest counters and open bucket; its number, None when the source has too many."""
        known = self.known.get(name) or self._changed.get(name)
        number = self._next_number() if known is None else known.number
        if number > MAX_INTERFACES:
            return None
        self._changed[name] = Interface(
            pk=None if known is None else known.pk,
            workspace_id=self.source.workspace_id,
            source_id=self.source.pk,
            name=name,
            number=number,
            first_ms=first_ms if known is None else min(first_ms, known.first_ms),
            last_ms=last.ts,
            received=last.received,
            sent=last.sent,
            open=list(astuple(open_fact)),
        )
        return number

    def add(self, number: int, facts: Collection[Fact]) -> None:
        """Buckets that have closed."""
        for t0, inside in by_day(facts).items():
            self._day(t0, number).update({fact.bucket_ms: fact for fact in inside})

    def replace(self, number: int, facts: Collection[Fact], start_ms: int, end_ms: int) -> None:
        """The buckets that begin in [start, end), whatever was there before."""
        days = days_between(start_ms, end_ms)
        self._load([t0 for t0 in days if t0 not in self._read])
        for t0 in days:
            day = self._day(t0, number)
            for bucket in [bucket for bucket in day if start_ms <= bucket < end_ms]:
                del day[bucket]
        self.add(number, facts)

    def encoded(self) -> dict[int, bytes | None]:
        """The days that differ from what was read, as blocks."""
        written = {t0: write_day(day) for t0, day in sorted(self._days.items())}
        return {t0: payload for t0, payload in written.items() if payload != self._read[t0]}

    def write(self, blocks: Mapping[int, bytes | None]) -> None:
        """Write in the caller's transaction, the source being locked; OvertakenError when it was changed meanwhile."""
        now = interfaces_of(self.source)
        if {name: _state(row) for name, row in now.items()} != {name: _state(row) for name, row in self.known.items()}:
            raise OvertakenError
        workspace_id, source_id = self.source.workspace_id, self.source.pk
        stored = stored_days(workspace_id, source_id, list(self._read))
        if any(stored.get(t0) != payload for t0, payload in self._read.items()):
            raise OvertakenError
        for t0, payload in blocks.items():
            store_day(workspace_id, source_id, t0, payload)
        changed = [row for name, row in self._changed.items() if name not in now or _state(row) != _state(now[name])]
        Interface.objects.bulk_create([row for row in changed if row.pk is None])
        Interface.objects.bulk_update(
            [row for row in changed if row.name in now], ["first_ms", "last_ms", "received", "sent", "open"]
        )

    def _day(self, t0: int, number: int) -> dict[int, Fact]:
        if t0 not in self._days:
            self._load([t0])
        return self._days[t0].setdefault(number, {})

    def _load(self, days: Collection[int]) -> None:
        stored = stored_days(self.source.workspace_id, self.source.pk, days)
        for t0 in days:
            self._read[t0] = stored.get(t0)
            self._days[t0] = read_day(self._read[t0])

    def _next_number(self) -> int:
        taken = [row.number for row in [*self.known.values(), *self._changed.values()]]
        return max(taken, default=-1) + 1


def interfaces_of(source: Source) -> dict[str, Interface]:
    """The interfaces of a source by name."""
    rows = Interface.objects.of(source.workspace_id).filter(source_id=source.pk).order_by("number")
    return {row.name: row for row in rows}


def _state(row: Interface) -> tuple[object, ...]:
    return row.number, row.first_ms, row.last, row.open
