"""What a report page was asked for, as its address says it: period, agreement, project."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.http import urlencode

from apps.common.errors import InvalidInputError
from apps.reports.periods import Period, last_days, midnight, month_before, week_before
from apps.reports.sla import DEFAULT_TARGET, parse_target, spell_target

FIRST = "7d"
USUAL: dict[str, str] = {"7d": "7 days", "30d": "30 days", "week": "Last week", "month": "Last month"}
MAKERS: dict[str, Callable[[ZoneInfo, datetime], Period]] = {
    "7d": lambda zone, now: last_days(7, name="weekly", zone=zone, now=now),
    "30d": lambda zone, now: last_days(30, name="monthly", zone=zone, now=now),
    "week": lambda zone, now: week_before(now.astimezone(zone).date(), zone=zone),
    "month": lambda zone, now: month_before(now.astimezone(zone).date(), zone=zone),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """`key` is empty for days of one's own; `fault` says why something in the address was not taken."""

    key: str
    period: Period
    target: int
    project: str = ""
    fault: str = ""

    @property
    def query(self) -> str:
        """The same report as an address spells it."""
        parts = {"target": self.target_text}
        if self.key:
            parts["period"] = self.key
        else:
            parts |= {"from": self.from_text, "to": self.to_text}
        if self.project:
            parts["project"] = self.project
        return urlencode(parts)

    @property
    def target_text(self) -> str:
        return spell_target(self.target)

    @property
    def from_text(self) -> str:
        return f"{self.period.first_day}"

    @property
    def to_text(self) -> str:
        """The last day, itself included, as people say it."""
        return f"{self.period.last_day}"


def read_asked(query: Mapping[str, Any], *, zone: ZoneInfo, now: datetime) -> Asked:
    """What the address asks for; the usual report where it says nothing sensible."""
    key = query.get("period", "")
    key = key if key in USUAL else FIRST
    target, fault = _target(query.get("target", ""))
    project = query.get("project", "")
    if query.get("from") or query.get("to"):
        own, wrong = _own_days(query.get("from", ""), query.get("to", ""), zone=zone, now=now)
        if own is not None:
            return Asked("", own, target, project, fault)
        fault = fault or wrong
    return Asked(key, MAKERS[key](zone, now), target, project, fault)


def _target(text: str) -> tuple[int, str]:
    try:
        return (parse_target(text) if text else DEFAULT_TARGET), ""
    except InvalidInputError as error:
        return DEFAULT_TARGET, f"SLA target: {error.message}"


def _own_days(first: str, last: str, *, zone: ZoneInfo, now: datetime) -> tuple[Period | None, str]:
    try:
        begin, end = date.fromisoformat(first), date.fromisoformat(last or str(now.astimezone(zone).date()))
        period = Period("custom", midnight(begin, zone), midnight(end + timedelta(days=1), zone), zone)
    except (ValueError, OverflowError):
        return None, "The days of the report are not dates."
    if begin > end or period.start >= now:
        return None, "The report ends before it starts, or starts in the future."
    return period.until(now), ""
