"""When a billing cycle begins: the plan, and the rules by which people set it (contract Dash 7.4 and 8.1)."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from functools import cache
from typing import Any, NoReturn
from zoneinfo import ZoneInfo, available_timezones

from apps.common.errors import DomainError

NOWHERE = frozenset({"localtime", "Factory"})
DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
LAST_DAY = 31


class Mode(StrEnum):
    """How a cycle finds its first day."""

    CALENDAR = "calendar_month"
    CLAMP = "clamp_to_month_end"
    WHMCS = "whmcs_compatible"


class Fault(StrEnum):
    """What is wrong with a cycle somebody asked for; surfaces have their own words for each."""

    INCOMPLETE = "incomplete"  # a field that the mode needs was not sent, or fields came without a mode
    MODE = "mode"
    START_DAY = "start_day"
    ANCHOR = "anchor"
    ZONE = "zone"


# What people read of each: some surfaces show it as it is.
_SENTENCES: Mapping[Fault, str] = {
    Fault.INCOMPLETE: "The mode of a billing cycle and everything that this mode needs are set together.",
    Fault.MODE: "There is no such billing cycle.",
    Fault.START_DAY: "A billing cycle starts on a day from 1 to 31.",
    Fault.ANCHOR: "A billing cycle is anchored to a date like 2026-01-31.",
    Fault.ZONE: "There is no such time zone.",
}


class CycleFaultError(DomainError):
    """A cycle that cannot be; `fault` says which field is to blame."""

    code = "validation_error"

    def __init__(self, fault: Fault) -> None:
        super().__init__(_SENTENCES[fault], details={"fault": str(fault)})
        self.fault = fault


@dataclass(frozen=True, slots=True)
class CyclePlan:
    """When cycles begin. An empty `zone` means the workspace's; `named` fills it in before a cycle is reckoned."""

    mode: Mode = Mode.CALENDAR
    start_day: int = 1
    anchor: date | None = None
    zone: str = ""

    def named(self, zone: str) -> "CyclePlan":
        """The same plan in a zone of its own, or in the one given where it has none."""
        return self if self.zone else replace(self, zone=zone)

    @property
    def document(self) -> dict[str, Any]:
        """The plan as JSON, for whoever keeps it beside something else."""
        return {"mode": str(self.mode), "start_day": self.start_day, "anchor": anchor_text(self), "zone": self.zone}

    @property
    def normal(self) -> "CyclePlan":
        """Without what its mode does not use; the day of a walk is its anchor's."""
        if self.mode is Mode.WHMCS:
            return self if self.anchor is None else replace(self, start_day=self.anchor.day)
        return replace(self, start_day=self.start_day if self.mode is Mode.CLAMP else 1, anchor=None)


def plan_in(document: Mapping[str, Any] | None) -> CyclePlan | None:
    """The plan of a document as `CyclePlan.document` writes it; None for none."""
    if not document:
        return None
    anchor = document["anchor"]
    parsed = date.fromisoformat(anchor) if anchor else None
    return CyclePlan(Mode(document["mode"]), document["start_day"], parsed, document["zone"])


# What each mode cannot do without.
_NEEDED: Mapping[Mode, frozenset[str]] = {
    Mode.CALENDAR: frozenset({"zone"}),
    Mode.CLAMP: frozenset({"start_day", "zone"}),
    Mode.WHMCS: frozenset({"anchor", "zone"}),
}
INHERIT = "default"


def plan_asked_for(fields: Mapping[str, Any], *, zone: str) -> CyclePlan | None:
    """The plan that a complete set of fields names, None for the mode `default`: as the workspace has it.

    `fields` holds what was sent of `mode`, `start_day`, `anchor` and `zone`; more than the mode needs is tolerated,
    checked where it says something, and dropped. `zone` is the workspace's. Raises CycleFaultError.
    """
    if "mode" not in fields:
        _refuse(Fault.INCOMPLETE)
    inherits = fields["mode"] == INHERIT
    mode = Mode.CALENDAR if inherits else _mode(fields["mode"])
    if not inherits and not _NEEDED[mode] <= fields.keys():
        _refuse(Fault.INCOMPLETE)
    plan = _checked(mode, fields, CyclePlan(), zone)
    return None if inherits else plan.normal


def plan_changed_by(plan: CyclePlan, fields: Mapping[str, Any], *, zone: str) -> CyclePlan:
    """The plan with some of its fields changed: `mode`, `start_day`, `anchor`, `zone`. Raises CycleFaultError."""
    mode = _mode(fields["mode"]) if "mode" in fields else plan.mode
    return _checked(mode, fields, plan, zone, every_day=True).normal


def anchor_text(plan: CyclePlan | None) -> str:
    """The anchor as surfaces spell it: `2026-01-31`, empty for none."""
    return plan.anchor.isoformat() if plan is not None and plan.anchor is not None else ""


def is_zone(name: str) -> bool:
    """Whether a name is one of the zones everybody knows."""
    return name in _zones()


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones()) - NOWHERE


def _checked(
    mode: Mode, fields: Mapping[str, Any], plan: CyclePlan, zone: str, *, every_day: bool = False
) -> CyclePlan:
    own_zone = _zone(fields["zone"]) if "zone" in fields else plan.zone
    anchor = _anchor(fields["anchor"], own_zone or zone) if "anchor" in fields else plan.anchor
    counts = mode is Mode.CLAMP or (mode is Mode.WHMCS and anchor is None)
    start_day = plan.start_day
    if "start_day" in fields and (counts or every_day):
        start_day = _start_day(fields["start_day"])
    return CyclePlan(mode, start_day, anchor, own_zone)


def _mode(value: Any) -> Mode:
    if not isinstance(value, str) or value not in set(Mode):
        _refuse(Fault.MODE)
    return Mode(value)


def _start_day(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LAST_DAY:
        _refuse(Fault.START_DAY)
    return value


def _zone(value: Any) -> str:
    name = _text(value, Fault.ZONE)
    if name and not is_zone(name):
        _refuse(Fault.ZONE)
    return name


def _anchor(value: Any, zone: str) -> date | None:
    """A date, or an instant whose date in the cycle's zone is meant."""
    text = _text(value, Fault.ANCHOR)
    if not text:
        return None
    try:
        if DATE.fullmatch(text):
            return date.fromisoformat(text)
        at = datetime.fromisoformat(text)
        # An instant without an offset is none.
        return at.astimezone(ZoneInfo(zone)).date() if at.tzinfo is not None else _refuse(Fault.ANCHOR)
    except (ValueError, OverflowError):
        _refuse(Fault.ANCHOR)


def _text(value: Any, fault: Fault) -> str:
    if not isinstance(value, str):
        _refuse(fault)
    return value.strip()


def _refuse(fault: Fault) -> NoReturn:
    raise CycleFaultError(fault)
