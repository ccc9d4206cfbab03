"""One condition of a rule, and what it makes of one value: a pure function of both."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from apps.alerts.types import Subject
from apps.alerts.windows import Now, Window
from apps.common.values import Cover

Operator = Literal["gt", "ge", "lt", "le", "eq", "ne", "outside", "changed"]
Missing = Literal["clear", "hold", "zero", "bad"]
Fact = Literal["", "cores", "stale_after_s", "latency_limit_us"]
COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "gt": lambda value, bound: value > bound,
    "ge": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "le": lambda value, bound: value <= bound,
    "eq": lambda value, bound: value == bound,
    "ne": lambda value, bound: value != bound,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A metric, what about it is bad, for how long, what no value means, and which subjects it is about.

    Compared is with `bound + offset`, plus a fact about the subject where `plus` names one (`cores`: its logical
    cores). `outside` is bad below `low` and above `high`, each off when None. `missing` says what no value is: fine
    (clear), nothing new (hold), zero, or bad.
    """

    metric: str
    op: Operator
    bound: float = 0
    offset: float = 0
    plus: Fact = ""
    low: float | None = None
    high: float | None = None
    window: Window = field(default_factory=Now)
    missing: Missing = "hold"
    cover: Cover = field(default_factory=Cover)


@dataclass(frozen=True, slots=True)
class Reading:
    """What a condition makes of a value: `value` as it counts (a missing one as 0) and the limit it was held to."""

    bad: bool
    value: float
    threshold: float | None


def read(condition: Condition, value: float | None, subject: Subject, *, before: float | None = None) -> Reading | None:
    """The reading of one value, or None when nothing is known and nothing follows from that.

    `before` is the value that was known until now; only `changed` asks for it, and a first value is no change.
    """
    if value is None or not math.isfinite(value):
        return _missing(condition, subject)
    if condition.op == "changed":
        return Reading(before is not None and value != before, value, before)
    if condition.op == "outside":
        return _outside(condition, value)
    threshold = threshold_of(condition, subject)
    if threshold is None:
        return Reading(False, value, None)
    return Reading(COMPARE[condition.op](value, threshold), value, threshold)


def badness(condition: Condition, subject: Subject) -> Callable[[float], bool]:
    """Whether a finite value is bad for a subject, as `read` has it, for every comparison but `changed`."""
    if condition.op == "outside":
        return lambda value: _outside(condition, value).bad
    threshold = threshold_of(condition, subject)
    if threshold is None:
        return lambda _: False
    limit, compare = threshold, COMPARE[condition.op]
    return lambda value: compare(value, limit)


def threshold_of(condition: Condition, subject: Subject) -> float | None:
    """The limit a subject is held to: bound, offset and the named fact; None when it has no such limit."""
    if not condition.plus:
        return condition.bound + condition.offset
    facts = {
        "cores": subject.cores or 0,
        "stale_after_s": subject.stale_after_s,
        "latency_limit_us": subject.latency_limit_us,
    }
    fact = facts[condition.plus]
    return None if fact is None else fact + condition.bound + condition.offset


def _missing(condition: Condition, subject: Subject) -> Reading | None:
    if condition.missing == "hold" or condition.op == "changed":
        return None
    if condition.missing == "zero":
        return read(condition, 0, subject)
    limit = condition.high if condition.op == "outside" else threshold_of(condition, subject)
    return Reading(condition.missing == "bad", 0, limit)


def _outside(condition: Condition, value: float) -> Reading:
    too_high = condition.high is not None and value > condition.high
    too_low = condition.low is not None and value < condition.low
    nearest = condition.low if condition.high is None or (too_low and not too_high) else condition.high
    return Reading(too_high or too_low, value, nearest)


def has_limit(condition: Condition, subject: Subject) -> bool:
    """Whether there is anything to hold the subject to: a fact that it lacks leaves the condition without a limit."""
    return condition.op in {"changed", "outside"} or threshold_of(condition, subject) is not None


def covers(conditions: Sequence[Condition], number: int) -> bool:
    """Whether every condition is about the subject of this number: only then can all of them be bad."""
    return all(condition.cover.covers(number) for condition in conditions)
