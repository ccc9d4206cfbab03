"""Conditions as they are kept in a rule's row, and which of them a rule may be made of."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, get_args
from zoneinfo import available_timezones

from apps.alerts.columns import SILENCE, UNMEASURED, Column, column_of
from apps.alerts.conditions import COMPARE, Condition, Fact, Missing
from apps.alerts.cycles import Cycle, Unit
from apps.alerts.types import SeverityName
from apps.alerts.windows import Now, Share, Streak, Window
from apps.common.errors import InvalidInputError
from apps.common.values import Cover, SubjectKind

MOST_CONDITIONS, MOST_NUMBERS, NAME_LENGTH, METRIC_LENGTH = 10, 10_000, 120, 64
LONGEST_STREAK_S, MOST_TICKS, MOST_UNITS = 7 * 86_400, 28_800, 10_000
LONGEST_COOLDOWN_S = 525_600 * 60
BIGGEST = 1e18
# Which metrics a fact about the subject may be added to.
FACT_OF: Mapping[str, tuple[str, ...]] = {
    "cores": ("cpu.load1", "cpu.load5", "cpu.load15"),
    "stale_after_s": (SILENCE,),
    "latency_limit_us": ("latency_us",),
}


@dataclass(frozen=True, slots=True)
class RuleDraft:
    """Everything people say about a rule. `repeat` and `stale` in the words of `AlertRule`."""

    name: str
    subject_kind: SubjectKind
    conditions: tuple[Condition, ...]
    severity: SeverityName = "warning"
    enabled: bool = True
    repeat: str = "once"
    cooldown_s: int = 0
    stale: str = "hold"


def to_json(conditions: Iterable[Condition]) -> list[dict[str, Any]]:
    """The document that `from_json` reads back; what is as usual is left out."""
    return [_condition_to_json(condition) for condition in conditions]


def from_json(documents: Iterable[Mapping[str, Any]]) -> tuple[Condition, ...]:
    """Conditions of a row that was written by `to_json`."""
    return tuple(_condition_from_json(document) for document in documents)


def _condition_to_json(condition: Condition) -> dict[str, Any]:
    plain = {
        name: getattr(condition, name)
        for name in ("metric", "op", "bound", "offset", "plus", "low", "high", "missing")
        if getattr(condition, name) not in (None, "")
    }
    cover = {"default_on": condition.cover.default_on, "numbers": sorted(condition.cover.numbers)}
    return plain | {"window": _window_to_json(condition.window), "cover": cover}


def _window_to_json(window: Window) -> dict[str, Any]:
    match window:
        case Streak(seconds):
            return {"kind": "streak", "seconds": seconds}
        case Share(ticks, every):
            return {"kind": "share", "ticks": ticks, "every": every}
        case Cycle(anchor, every, unit, zone):
            return {"kind": "cycle", "anchor": anchor.isoformat(), "every": every, "unit": unit, "zone": zone}
        case _:
            return {"kind": "now"}


def _condition_from_json(document: Mapping[str, Any]) -> Condition:
    cover = document["cover"]
    plain = {name: value for name, value in document.items() if name not in {"window", "cover"}}
    return Condition(
        **plain,
        window=_window_from_json(document["window"]),
        cover=Cover(cover["default_on"], frozenset(cover["numbers"])),
    )


def _window_from_json(document: Mapping[str, Any]) -> Window:
    kinds: Mapping[str, Callable[[], Window]] = {
        "now": Now,
        "streak": lambda: Streak(document["seconds"]),
        "share": lambda: Share(document["ticks"], document["every"]),
        "cycle": lambda: Cycle(
            datetime.fromisoformat(document["anchor"]), document["every"], document["unit"], document["zone"]
        ),
    }
    return kinds[document["kind"]]()


def checked(draft: RuleDraft) -> RuleDraft:
    """The draft with its name trimmed; InvalidInputError names every field that is not possible.

    Paths are `name`, `severity`, `cooldown_s`, `conditions` and `conditions.0.metric` and so on.
    """
    name = " ".join(draft.name.split())
    faults: dict[str, str] = {}
    if not name:
        faults["name"] = "A rule needs a name."
    elif len(name) > NAME_LENGTH:
        faults["name"] = f"At most {NAME_LENGTH} characters."
    if draft.severity not in get_args(SeverityName):
        faults["severity"] = "One of critical, warning and info."
    if not 0 <= draft.cooldown_s <= LONGEST_COOLDOWN_S:
        faults["cooldown_s"] = "From none to a year."
    if not 1 <= len(draft.conditions) <= MOST_CONDITIONS:
        faults["conditions"] = f"A rule has 1 to {MOST_CONDITIONS} conditions."
    for index, condition in enumerate(draft.conditions[:MOST_CONDITIONS]):
        found = _faults_of(condition, draft.subject_kind)
        faults |= {f"conditions.{index}.{field}": sentence for field, sentence in found.items()}
    if faults:
        raise InvalidInputError(fields=faults)
    return replace(draft, name=name)


def _faults_of(condition: Condition, kind: str) -> dict[str, str]:
    column = column_of(kind, condition.metric)
    known = column is not None or (condition.metric.startswith(UNMEASURED) and kind == "node")
    faults = {
        "metric": "" if known and len(condition.metric) <= METRIC_LENGTH else f"A {kind} has no such value.",
        "op": "" if condition.op in {*COMPARE, "outside", "changed"} else "There is no such comparison.",
        "missing": "" if condition.missing in get_args(Missing) else "One of clear, hold, zero and bad.",
        "plus": _fault_of_plus(condition),
        "cover": _fault_of_cover(condition.cover),
        "window": _fault_of_window(condition, column),
    }
    numbers = {name: getattr(condition, name) for name in ("bound", "offset", "low", "high")}
    faults |= {name: "" if _is_number(number) else "A number is needed." for name, number in numbers.items()}
    return {field: sentence for field, sentence in faults.items() if sentence}


def _is_number(number: float | None) -> bool:
    return number is None or (math.isfinite(number) and abs(number) <= BIGGEST)


def _fault_of_plus(condition: Condition) -> str:
    if condition.plus not in get_args(Fact):
        return "There is no such fact."
    allowed = not condition.plus or condition.metric in FACT_OF[condition.plus]
    return "" if allowed else "This value is not measured against it."


def _fault_of_cover(cover: Cover) -> str:
    if len(cover.numbers) > MOST_NUMBERS:
        return f"At most {MOST_NUMBERS} can be named."
    return "" if all(number > 0 for number in cover.numbers) else "Numbers are positive."


def _fault_of_window(condition: Condition, column: Column | None) -> str:
    window = condition.window
    if condition.op == "changed" and not isinstance(window, Now):
        return "A change happens at once."
    match window:
        case Streak(seconds):
            return "" if 0 <= seconds <= LONGEST_STREAK_S else "From none to a week."
        case Share(ticks):
            return "" if 1 <= ticks <= MOST_TICKS else f"From 1 to {MOST_TICKS} ticks."
        case Cycle():
            return _fault_of_cycle(window, column)
        case _:
            return ""


def _fault_of_cycle(cycle: Cycle, column: Column | None) -> str:
    if column is not None and not column.counter:
        return "Only traffic and other counters add up over a cycle."
    if cycle.anchor.tzinfo is None or cycle.unit not in get_args(Unit):
        return "A cycle begins at an instant and lasts hours, days, weeks, months or years."
    if cycle.zone and cycle.zone not in available_timezones():
        return "There is no such zone."
    return "" if 1 <= cycle.every <= MOST_UNITS else f"From 1 to {MOST_UNITS}."


def cover_of(conditions: Sequence[Condition]) -> Cover | None:
    """The cover that all conditions share, or None where they differ."""
    covers = {condition.cover for condition in conditions}
    return covers.pop() if len(covers) == 1 else None


def with_cover(conditions: Iterable[Condition], numbers: Iterable[int], *, covered: bool) -> tuple[Condition, ...]:
    """The same conditions about these subjects too, or no longer."""
    listed = frozenset(numbers)
    return tuple(
        replace(condition, cover=condition.cover.with_rows(listed, covered=covered)) for condition in conditions
    )
