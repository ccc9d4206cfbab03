"""What a preview asks: an incident that might happen, as it is typed beside the routing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from apps.notifications.routing.wall import instant

SEVERITIES = (("critical", "Critical (down)"), ("warning", "Warning (degraded)"), ("info", "Info"))
LONGEST_MIN = 30 * 24 * 60
PARTS = ("severity", "opened", "acknowledged", "resolved")


@dataclass(frozen=True, slots=True)
class Question:
    """An incident that might happen: when it opens and how it ends; texts are as typed, faults by part."""

    severity: str
    opened_at: datetime
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    texts: Mapping[str, str]
    faults: Mapping[str, str]


def read_question(data: Mapping[str, Any], *, zone: ZoneInfo, now: datetime) -> Question:
    """Read the four inputs `preview.*`; wall times are of `zone`, ends are minutes after the opening."""
    texts = {part: str(data.get(f"preview.{part}", "") or "").strip() for part in PARTS}
    texts["severity"] = texts["severity"] if texts["severity"] in dict(SEVERITIES) else "critical"
    faults: dict[str, str] = {}
    opened_at = _opened(texts["opened"], zone, now, faults)
    texts["opened"] = texts["opened"] or opened_at.astimezone(zone).strftime("%Y-%m-%dT%H:%M")
    ends = {part: _end(texts[part], opened_at, part, faults) for part in ("acknowledged", "resolved")}
    return Question(texts["severity"], opened_at, ends["acknowledged"], ends["resolved"], texts, faults)


def _opened(text: str, zone: ZoneInfo, now: datetime, faults: dict[str, str]) -> datetime:
    if not text:
        return now.replace(second=0, microsecond=0)
    try:
        typed = datetime.fromisoformat(text)
    except ValueError:
        typed = None
    if typed is None or not 1970 <= typed.year <= 9000:
        faults["opened"] = "Must be a date and a time."
        return now
    return instant(typed.date(), time(typed.hour, typed.minute), zone)


def _end(text: str, opened_at: datetime, part: str, faults: dict[str, str]) -> datetime | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()) or int(text[:9]) > LONGEST_MIN or len(text) > len(str(LONGEST_MIN)):
        faults[part] = f"Minutes, 0 to {LONGEST_MIN}, or nothing."
        return None
    return opened_at + timedelta(minutes=int(text))
