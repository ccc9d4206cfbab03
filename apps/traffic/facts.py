"""Five-minute facts of one interface, from its counters: integers only, and the same however samples were batched.

A pair of neighbouring samples is spread over the buckets it crosses in proportion to time: the cumulative share at
each bucket's end is rounded half up and differences are taken, so no byte is lost or made (contract Dash 8.5). A
counter that falls is a reset: its pair carries no bytes. A pair longer than five minutes is a gap: its bytes count,
and every bucket it touches is unfit as a sample.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import NamedTuple

BUCKET_MS = 300_000
MAX_GAP_MS = 300_000
MIN_COVERED_MS = 270_000

# What comes into a bucket over its left edge: nothing that counts, a pair that moved bytes, a gap.
NOTHING, MOVED, GAP = range(3)


class Sample(NamedTuple):
    """Both counters of an interface at one instant (bytes; milliseconds since 1970)."""

    ts: int
    received: int
    sent: int


class Rate(NamedTuple):
    """Bytes in so many milliseconds, unreduced; no time, no rate."""

    bytes: int
    ms: int

    @property
    def per_second(self) -> float:
        """Bytes a second, the float nearest to the fraction."""
        return self.bytes * 1000 / self.ms if self.ms else 0.0

    def exceeds(self, other: "Rate") -> bool:
        """Whether it is greater, as fractions; something is greater than no rate at all."""
        return self.bytes * (other.ms or 1) > other.bytes * (self.ms or 1)


NO_RATE = Rate(0, 0)


@dataclass(slots=True)
class Fact:
    """What one interface did in five minutes; it grows until a sample lies beyond it.

    `reset_*` are the counters after a restart: the least that must have passed. `moves` counts pairs that begin here
    and moved bytes, `carried` says what kind of pair comes in from before, `moved_ms` is how far into the bucket the
    last moving pair reaches. The greatest rates of single pairs are kept as bytes and milliseconds, gaps left out.
    """

    bucket_ms: int
    in_bytes: int = 0
    out_bytes: int = 0
    covered_ms: int = 0
    gap_ms: int = 0
    gaps: int = 0
    resets: int = 0
    reset_in_bytes: int = 0
    reset_out_bytes: int = 0
    moves: int = 0
    carried: int = NOTHING
    moved_ms: int = 0
    peak_in_bytes: int = 0
    peak_in_ms: int = 0
    peak_out_bytes: int = 0
    peak_out_ms: int = 0
    peak_both_bytes: int = 0
    peak_both_ms: int = 0

    @property
    def exists(self) -> bool:
        """Whether anything is known: a bucket nobody reported about is left out."""
        return self.covered_ms > 0 or self.resets > 0

    @property
    def valid(self) -> bool:
        """Fit as a sample: no gap touches it, no reset, at least 270 seconds covered."""
        return not (self.gap_ms or self.gaps or self.resets) and self.covered_ms >= MIN_COVERED_MS

    def peak(self, received: int, sent: int, ms: int) -> None:
        """Note the rates of one pair. Of equal ones the earlier stays, so nothing but the order of time counts."""
        both = received + sent
        if received * (self.peak_in_ms or 1) > self.peak_in_bytes * ms:
            self.peak_in_bytes, self.peak_in_ms = received, ms
        if sent * (self.peak_out_ms or 1) > self.peak_out_bytes * ms:
            self.peak_out_bytes, self.peak_out_ms = sent, ms
        if both * (self.peak_both_ms or 1) > self.peak_both_bytes * ms:
            self.peak_both_bytes, self.peak_both_ms = both, ms


COLUMNS = tuple(column.name for column in fields(Fact))[1:]
# What exact figures are made of, and what running totals are.
FIGURES = COLUMNS[:8]
TOTALS = ("in_bytes", "out_bytes", "gaps", "resets", *COLUMNS[8:])


@dataclass(frozen=True, slots=True)
class Facts:
    """Many facts of one interface column by column, oldest first: a month is nine thousand.

    A column that was not asked for is missing.
    """

    bucket_ms: list[int] = field(default_factory=list)
    columns: Mapping[str, list[int]] = field(default_factory=lambda: {name: [] for name in COLUMNS})

    @classmethod
    def of(cls, facts: Sequence[Fact], names: Sequence[str] = COLUMNS) -> "Facts":
        """The same facts in columns, all of them or some."""
        columns = {name: [getattr(fact, name) for fact in facts] for name in names}
        return cls([fact.bucket_ms for fact in facts], columns)

    def __len__(self) -> int:
        return len(self.bucket_ms)

    def extend(self, later: "Facts") -> None:
        """Add facts that come after these."""
        self.bucket_ms.extend(later.bucket_ms)
        for name, values in self.columns.items():
            values.extend(later.columns[name])

    def between(self, start_ms: int, end_ms: int) -> "Facts":
        """The facts of the buckets that begin in [start, end)."""
        first, past = bisect_left(self.bucket_ms, start_ms), bisect_left(self.bucket_ms, end_ms)
        columns = {name: values[first:past] for name, values in self.columns.items()}
        return Facts(self.bucket_ms[first:past], columns)

    def total(self, name: str) -> int:
        return sum(self.columns[name])

    def rows(self) -> list[Fact]:
        """One value each."""
        return [Fact(*row) for row in zip(self.bucket_ms, *(self.columns[name] for name in COLUMNS), strict=True)]

    def valid(self) -> list[int]:
        """Where the facts are that are fit as samples."""
        names = ("gap_ms", "gaps", "resets", "covered_ms")
        rows = zip(*(self.columns[name] for name in names), strict=True)
        return [
            index
            for index, (gap_ms, gaps, resets, covered_ms) in enumerate(rows)
            if covered_ms >= MIN_COVERED_MS and not (gap_ms or gaps or resets)
        ]


def bucket_of(ms: int) -> int:
    """The start of the bucket that holds an instant."""
    return ms // BUCKET_MS * BUCKET_MS


class Meter:
    """Reads the counters of one interface sample by sample; what has to be remembered are `last` and `open`."""

    def __init__(self, last: Sample | None = None, open_fact: Fact | None = None) -> None:
        self.last = last
        self.open = open_fact or Fact(bucket_of(last.ts) if last else 0)

    def feed(self, sample: Sample) -> Iterator[Fact]:
        """Take the next sample; the buckets that it closes, oldest first. A repeated or older instant is ignored."""
        last = self.last
        if last is None:
            self.last, self.open = sample, Fact(bucket_of(sample.ts))
        elif sample.ts > last.ts:
            self.last = sample
            if sample.received < last.received or sample.sent < last.sent:
                yield from self._turn_to(bucket_of(sample.ts))
                self.open.resets += 1
                self.open.reset_in_bytes += sample.received
                self.open.reset_out_bytes += sample.sent
            else:
                yield from self._spread(last, sample)

    def _spread(self, last: Sample, sample: Sample) -> Iterator[Fact]:
        """The pair's part of every bucket it crosses."""
        length, received, sent = sample.ts - last.ts, sample.received - last.received, sample.sent - last.sent
        done_in = done_out = 0
        start = last.ts
        while start < sample.ts:
            fact = self.open
            end = min(fact.bucket_ms + BUCKET_MS, sample.ts)
            share_in, share_out = received, sent
            if end < sample.ts:
                share_in, share_out = (_share(delta, end - last.ts, length) for delta in (received, sent))
            fact.in_bytes += share_in - done_in
            fact.out_bytes += share_out - done_out
            fact.covered_ms += end - start
            first = start == last.ts
            if length > MAX_GAP_MS:
                _note_gap(fact, end - start, first=first)
            elif received or sent:
                fact.peak(received, sent, length)
                _note_move(fact, end, first=first)
            done_in, done_out, start = share_in, share_out, end
            yield from self._turn_to(bucket_of(end))

    def _turn_to(self, bucket: int) -> Iterator[Fact]:
        if bucket > self.open.bucket_ms:
            closed, self.open = self.open, Fact(bucket)
            if closed.exists:
                yield closed


def _share(delta: int, elapsed: int, length: int) -> int:
    """How much of the bytes had passed after so many milliseconds, rounded half up."""
    return (2 * delta * elapsed + length) // (2 * length)


def _note_gap(fact: Fact, ms: int, *, first: bool) -> None:
    fact.gap_ms += ms
    if first:
        fact.gaps += 1
    else:
        fact.carried = GAP


def _note_move(fact: Fact, end: int, *, first: bool) -> None:
    fact.moved_ms = end - fact.bucket_ms
    if first:
        fact.moves += 1
    else:
        fact.carried = MOVED


def read_through(meter: Meter, samples: Iterable[Sample]) -> list[Fact]:
    """The buckets that samples in order of time close."""
    return [fact for sample in samples for fact in meter.feed(sample)]


def facts_of(samples: Iterable[Sample]) -> list[Fact]:
    """All facts of samples in order of time, the last bucket as far as it goes."""
    meter = Meter()
    closed = read_through(meter, samples)
    return [*closed, meter.open] if meter.open.exists else closed
