"""A plan's limits with what is used of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from apps.web.presenters import words
from apps.workspaces.plans import Limit

LABELS: dict[Limit, tuple[str, str]] = {
    "projects": ("Projects", "projects"),
    "devicesPerProject": ("Monitors in the fullest project", "devicesMaxInProject"),
    "members": ("Members", "members"),
    "statusPages": ("Status pages", "statusPages"),
    "apiTokens": ("API tokens", "apiTokens"),
}


@dataclass(frozen=True, slots=True)
class LimitLine:
    """One limit in words."""

    label: str
    text: str
    over: bool = False


def lines(limits: Mapping[Limit, int | None], usage: Mapping[str, int]) -> list[LimitLine]:
    """Counted limits first, then interval and history."""
    counted = [_counted(label, limits.get(limit), usage.get(count, 0)) for limit, (label, count) in LABELS.items()]
    interval, days = limits.get("checkIntervalSeconds"), limits.get("historyDays")
    return [
        *counted,
        LimitLine("Shortest interval", words.interval(interval) if interval else "any"),
        LimitLine("History kept", f"{days} d" if days else "without end"),
    ]


def _counted(label: str, most: int | None, used: int) -> LimitLine:
    if most is None:
        return LimitLine(label, f"{words.grouped(used)}, no limit")
    return LimitLine(label, f"{words.grouped(used)} of {words.grouped(most)}", over=used > most)
