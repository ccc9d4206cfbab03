"""Uptime bars: one cell a day and a sentence that says the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from apps.common.clock import epoch_ms, from_epoch_ms
from apps.metrics.types import DayBar
from apps.metrics.uptime import StateTimes
from apps.web.presenters import words

Cell = Literal["up", "down", "degraded", "maintenance", "unknown", "none"]
DAY_MS = 86_400_000
CELLS: dict[str, Cell] = {"up": "up", "warning": "degraded", "down": "down", "maintenance": "maintenance"}


@dataclass(frozen=True, slots=True)
class Day:
    """One cell: how bad the day was, and what to say about it."""

    status: Cell
    summary: str


@dataclass(frozen=True, slots=True)
class Bar:
    """Days oldest first; `label` is the whole bar in words, `uptime` its share of time up."""

    days: Sequence[Day]
    label: str
    uptime: str
    down_s: int
    trouble: int  # days with down or degraded time
    times: StateTimes


def bar(days: Sequence[DayBar], *, name: str, created_at: datetime) -> Bar:
    """The bar of one device; days before it existed are not days without data."""
    cells = [_day(day, born_ms=epoch_ms(created_at)) for day in days]
    times = sum((day.times for day in days), StateTimes())
    trouble = sum(cell.status in {"down", "degraded"} for cell in cells)
    uptime = words.share(times.fraction)
    down_s = times.down_ms // 1000
    said = [f"{name}: last {len(days)} days", f"{uptime} up" if times.fraction else "nothing measured"]
    if trouble:
        said.append(f"{words.plural(trouble, 'day')} with trouble")
    if down_s:
        said.append(f"{words.duration(down_s)} down")
    return Bar(cells, ", ".join(said), uptime, down_s, trouble, times)


def _day(day: DayBar, *, born_ms: int) -> Day:
    date = f"{from_epoch_ms(day.day_ms):%-d %B %Y}"
    if day.state == "none":
        if day.day_ms + DAY_MS <= born_ms:
            return Day("none", f"{date}\nNot watched yet")
        return Day("unknown", f"{date}\nNo data")
    parts = [f"{words.share(day.times.fraction)} up"] if day.times.fraction else ["In maintenance"]
    for label, ms in (("down", day.times.down_ms), ("degraded", day.times.warning_ms)):
        if ms >= 1000:
            parts.append(f"{label} {words.duration(ms // 1000)}")
    return Day(CELLS[day.state], f"{date}\n{', '.join(parts)}")
