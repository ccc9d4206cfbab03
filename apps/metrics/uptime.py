"""Uptime: a piecewise-constant state in whole milliseconds (vectors rollup_uptime and dashmon_uptime).

A result's state holds until the next one, at most three of its intervals, then nothing is known. An interval of 0 is a
state that holds until it is replaced. A maintenance window overrides whatever was measured; time accounting is
half-open, while a sample exactly at a window's start or end is inside (contract Dashmon 11).
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from operator import sub
from typing import NamedTuple

HOLD_INTERVALS = 3
FOREVER = 2**62

Span = tuple[int, int]
Piece = tuple[int, int, int]  # from, to, state


class State(IntEnum):
    """States as stored. MAINTENANCE and PAUSED only come with imported samples: ours are overlays."""

    UNKNOWN = 0
    UP = 1
    WARNING = 2
    DOWN = 3
    MAINTENANCE = 4
    PAUSED = 5


# Plain numbers: membership is asked of every stored result.
CHECKED = frozenset({int(State.UP), int(State.WARNING), int(State.DOWN)})
AVAILABLE = frozenset({int(State.UP), int(State.WARNING)})
FAILED = frozenset({int(State.DOWN)})
_HELD = frozenset({State.UP, State.WARNING, State.DOWN, State.MAINTENANCE})


class Sample(NamedTuple):
    """One result: when, what, for how long it may speak, and how long it took (None: no answer)."""

    ts_ms: int
    state: int
    interval_ms: int
    latency_us: float | None = None


@dataclass(frozen=True, slots=True)
class StateTimes:
    """Milliseconds per state. `up_ms` includes `warning_ms`; the other four add up to the window's length."""

    up_ms: int = 0
    warning_ms: int = 0
    down_ms: int = 0
    maintenance_ms: int = 0
    unknown_ms: int = 0

    def __add__(self, other: "StateTimes") -> "StateTimes":
        return StateTimes(
            self.up_ms + other.up_ms,
            self.warning_ms + other.warning_ms,
            self.down_ms + other.down_ms,
            self.maintenance_ms + other.maintenance_ms,
            self.unknown_ms + other.unknown_ms,
        )

    @property
    def fraction(self) -> tuple[int, int] | None:
        """Uptime as an exact fraction of milliseconds; None when neither up nor down was seen."""
        known = self.up_ms + self.down_ms
        return (self.up_ms, known) if known else None

    @property
    def percent(self) -> float | None:
        """Uptime in percent, unrounded."""
        return None if self.fraction is None else self.fraction[0] * 100 / self.fraction[1]

    @property
    def percent_floor3(self) -> str | None:
        """Uptime in percent with three decimals, rounded down: one lost second in 90 days is not 100.000."""
        return None if self.fraction is None else percent_floor3(*self.fraction)


def percent_floor3(numerator: int, denominator: int) -> str:
    """A share as percent with three decimals, rounded down."""
    thousandths = numerator * 100_000 // denominator
    return f"{thousandths // 1000}.{thousandths % 1000:03d}"


def merged_windows(windows: Iterable[tuple[int, int | None]]) -> list[Span]:
    """Maintenance windows as disjoint ascending spans; an open end lasts for ever."""
    spans: list[Span] = []
    for start, open_end in sorted((start, FOREVER if end is None else end) for start, end in windows):
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], open_end))
        else:
            spans.append((start, open_end))
    return spans


def is_inside(ts_ms: int, spans: Sequence[Span]) -> bool:
    """Whether a sample lies in one of the merged windows, both ends included."""
    index = bisect_right(spans, (ts_ms, FOREVER)) - 1
    return index >= 0 and ts_ms <= spans[index][1]


class Held(NamedTuple):
    """Results as columns, ascending by time: when, what, and for how long it may speak."""

    ts: Sequence[int]
    states: Sequence[int]
    intervals: Sequence[int]

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> "Held":
        return cls(
            [sample.ts_ms for sample in samples],
            [sample.state for sample in samples],
            [sample.interval_ms for sample in samples],
        )


def held_pieces(held: Held, start_ms: int, end_ms: int) -> Iterator[Piece]:
    """What was known within [start, end), ascending, neighbours of one state joined; gaps are unknown.

    The results may begin before the window: the last one before it carries in.
    """
    ts, states, intervals = held
    first = 0
    for last in _last_of_each_piece(held):
        until = ts[last + 1] if last + 1 < len(ts) else end_ms
        if intervals[last]:
            until = min(until, ts[last] + HOLD_INTERVALS * intervals[last])
        begin, until = max(ts[first], start_ms), min(until, end_ms)
        if begin < until and states[last] in _HELD:
            yield begin, until, states[last]
        first = last + 1


def _last_of_each_piece(held: Held) -> list[int]:
    """Indexes of the results after which the state changes or nothing is known, and of the last one."""
    ts, states, intervals = held
    if not ts:
        return []
    if intervals.count(intervals[0]) == len(ts):
        longest = max(map(sub, ts[1:], ts), default=0)
        if not intervals[0] or longest <= HOLD_INTERVALS * intervals[0]:
            # Nothing was ever forgotten, so only the states can differ; mostly they do not either.
            if states.count(states[0]) == len(ts):
                return [len(ts) - 1]
            pairs = enumerate(pairwise(states))
            return [*(index for index, (state, following) in pairs if state != following), len(ts) - 1]
    neighbours = zip(ts, ts[1:], states, states[1:], intervals, strict=False)
    changes = [
        index
        for index, (at, following, state, next_state, interval) in enumerate(neighbours)
        if state != next_state or (interval and following - at > HOLD_INTERVALS * interval)
    ]
    return [*changes, len(ts) - 1]


def overlaid(pieces: Iterable[Piece], spans: Sequence[Span], start_ms: int, end_ms: int) -> Iterator[Piece]:
    """The pieces with maintenance laid over them; maintenance first, each kind ascending."""
    inside = [(max(a, start_ms), min(b, end_ms)) for a, b in spans if a < end_ms and b > start_ms]
    for begin, until in inside:
        yield begin, until, State.MAINTENANCE
    for begin, until, state in pieces:
        rest = begin
        for window_start, window_end in inside:
            if window_end <= rest or window_start >= until:
                continue
            if window_start > rest:
                yield rest, window_start, state
            rest = min(window_end, until)
        if rest < until:
            yield rest, until, state


def state_times(samples: Sequence[Sample], *, windows: Sequence[Span], start_ms: int, end_ms: int) -> StateTimes:
    """Milliseconds per state within [start, end). `windows` as `merged_windows` returns them."""
    times = bucket_times(Held.of(samples), windows=windows, start_ms=start_ms, end_ms=end_ms, step_ms=FOREVER)
    return as_state_times(times.get(0, [0] * 6), end_ms - start_ms)


def bucket_times(
    held: Held, *, windows: Sequence[Span], start_ms: int, end_ms: int, step_ms: int
) -> dict[int, list[int]]:
    """Milliseconds by state code for every epoch-aligned bucket in which anything was known."""
    buckets: dict[int, list[int]] = {}
    for begin, until, state in overlaid(held_pieces(held, start_ms, end_ms), windows, start_ms, end_ms):
        for bucket in range(begin // step_ms * step_ms, until, step_ms):
            share = min(bucket + step_ms, until) - max(bucket, begin)
            buckets.setdefault(bucket, [0] * 6)[state] += share
    return buckets


def as_state_times(by_state: Sequence[int], length_ms: int) -> StateTimes:
    """Milliseconds by state code as the five figures of a window of that length."""
    up = by_state[State.UP] + by_state[State.WARNING]
    down, maintenance = by_state[State.DOWN], by_state[State.MAINTENANCE]
    return StateTimes(up, by_state[State.WARNING], down, maintenance, length_ms - up - down - maintenance)
