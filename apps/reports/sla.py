"""The agreement: how much of the measured time must be up, and how much trouble that leaves (docs/reports.md).

Uptime by time decides: warning counts as up; maintenance, pauses and time nobody measured count as neither. All
figures are whole milliseconds, so that no rounding can turn a miss into a hit.
"""

import re
from dataclasses import dataclass

from apps.common.errors import InvalidInputError
from apps.metrics.uptime import StateTimes

WHOLE = 100_000  # thousandths of a percent in 100 %
LEAST = 50_000
DEFAULT_TARGET = 99_900
_TARGET = re.compile(r"([0-9]{1,3})(?:[.,]([0-9]{1,3}))?")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the agreement; milliseconds. `met` is None while nothing was measured."""

    target: int  # thousandths of a percent
    budget_ms: int  # how long it may be down
    used_ms: int
    met: bool | None

    @property
    def left_ms(self) -> int:
        """What remains of the budget; below zero once it is overspent."""
        return self.budget_ms - self.used_ms

    @property
    def used_share(self) -> float | None:
        """How much of the budget is used, 1.0 for all of it; None without a budget."""
        return self.used_ms / self.budget_ms if self.budget_ms else None


def judge(times: StateTimes, *, target: int) -> Verdict:
    """The verdict on one stretch of time; `target` in thousandths of a percent, 99900 for 99.9 %.

    The budget is the share of the measured time (up and down) that the target leaves, rounded down to a
    millisecond; the target is met when no more than it was used.
    """
    measured = times.up_ms + times.down_ms
    budget = measured * (WHOLE - target) // WHOLE
    return Verdict(target, budget, times.down_ms, times.down_ms <= budget if measured else None)


def parse_target(text: str) -> int:
    """`99.9` as thousandths of a percent; InvalidInputError outside 50 to 100 or with more than three decimals."""
    found = _TARGET.fullmatch(text.strip().removesuffix("%").strip())
    target = -1 if found is None else int(found[1]) * 1000 + int((found[2] or "").ljust(3, "0"))
    if not LEAST <= target <= WHOLE:
        raise InvalidInputError(fields={"target": "A percentage from 50 to 100 with up to three decimals, like 99.9."})
    return target


def spell_target(target: int) -> str:
    """99900 as `99.9`: without zeros at the end."""
    whole, rest = divmod(target, 1000)
    return f"{whole}.{rest:03d}".rstrip("0").rstrip(".")
