"""How long something has to be bad before a rule says so: at once, for a while, for most ticks, over a cycle."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from apps.alerts.cycles import Cycle
from apps.common.clock import EPOCH

TICK = timedelta(seconds=3)
MOST_PERCENT = 70


@dataclass(frozen=True, slots=True)
class Now:
    """At once."""


@dataclass(frozen=True, slots=True)
class Streak:
    """Bad without a break for so many seconds of the reporter's own clock."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Share:
    """Bad for more than 70 % (or, with `every`, for all) of the last so many ticks of three seconds.

    A window that is not full yet is fine (contract Nezha 2.7).
    """

    ticks: int
    every: bool = False


Window = Now | Streak | Share | Cycle


@dataclass(frozen=True, slots=True)
class Ticks:
    """The newest ticks of a share window: a bit a tick, the newest lowest, 1 for bad; `last` is its tick's index."""

    last: int
    length: int
    bits: int

    @property
    def quiet(self) -> bool:
        """Whether no bad tick is left in it: then nothing has to be kept."""
        return self.bits == 0

    @property
    def newest_is_bad(self) -> bool:
        return bool(self.bits & 1)


def tick_of(at: datetime) -> int:
    """The index of the tick that an instant lies in; ticks begin with 1970 and are three seconds long."""
    return (at - EPOCH) // TICK


def observe(window: Share, ticks: Ticks | None, *, bad: bool, at: datetime, known_since: datetime) -> Ticks:
    """The window after one reading.

    A tick without a reading of its own is like the one before it. Where no window is kept, every tick since
    `known_since` was fine; the reading's own tick is never counted twice.
    """
    tick = tick_of(at)
    if ticks is None:
        fine = min(max(tick - tick_of(known_since), 0), window.ticks - 1)
        return Ticks(tick, fine + 1, int(bad))
    gap = tick - ticks.last
    if gap <= 0:
        return replace(ticks, bits=ticks.bits & ~1 | int(bad))
    # More than a whole window of silence is as good as one.
    skipped = min(gap - 1, window.ticks)
    carried = _ones(skipped) if ticks.newest_is_bad else 0
    bits = ((ticks.bits << skipped | carried) << 1 | int(bad)) & _ones(window.ticks)
    return Ticks(tick, min(window.ticks, ticks.length + gap), bits)


def is_held(window: Share, ticks: Ticks) -> bool:
    """Whether the share of bad ticks is over the limit; percent are whole and rounded down."""
    if ticks.length < window.ticks:
        return False
    if window.every:
        return ticks.bits == _ones(window.ticks)
    return ticks.bits.bit_count() * 100 // window.ticks > MOST_PERCENT


def _ones(count: int) -> int:
    return (1 << count) - 1
