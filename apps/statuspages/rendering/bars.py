"""Uptime bars as small drawings: a run of good days is one dashed line, so ninety days are a few hundred bytes."""

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import Literal

from django.utils.safestring import SafeString, mark_safe

from apps.common.clock import epoch_ms
from apps.metrics.tiers import DAY
from apps.metrics.uptime import StateTimes
from apps.statuspages.content import Row
from apps.statuspages.rendering.spelling import Spelling

Cell = Literal["u", "d", "g", "m", "x", "z"]  # up, down, degraded, maintenance, no data, not watched yet
# Where a dashed line runs so that it stands on the ground, by its thickness in status.css.
LEVEL = {"u": "14", "d": "22", "g": "17.5", "m": "14", "x": "14", "z": "26.5"}
# Days with a word of their own.
STORIES = frozenset("dgm")
DASH = " \u2013 "
LONGEST_TIP = 6
LEAST_MS = 1000


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring days of one look; a troubled day stands alone, for it has a story of its own."""

    cell: Cell
    first: int
    days: int
    title: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A drawing, the same in one sentence, the share up (empty: nothing was measured), and the bad days in words."""

    drawing: SafeString
    label: str
    share: str
    tip: str


def bar(row: Row, spelling: Spelling) -> Bar:
    """The bar of one line."""
    runs, times = list(_runs(row, spelling)), row.total(len(row.days))
    share = spelling.share(times.fraction) if times.fraction else ""
    troubled = [run.title for run in runs if run.cell in {"d", "g"}]
    said = [
        spelling.say("bar", name=row.name, days=len(row.days)),
        spelling.say("bar_up", percent=share) if share else spelling.say("bar_nothing"),
    ]
    if troubled:
        said.append(spelling.say("bar_trouble", count=len(troubled)))
    more = ["…"] if len(troubled) > LONGEST_TIP else []
    return Bar(_drawing(runs, len(row.days)), ", ".join(said), share, " · ".join(more + troubled[-LONGEST_TIP:]))


def cell_of(times: StateTimes, *, unborn: bool) -> Cell:
    """How a day looks: the worst of it."""
    if times.down_ms >= LEAST_MS:
        return "d"
    if times.warning_ms >= LEAST_MS:
        return "g"
    if times.up_ms:
        return "u"
    if times.maintenance_ms:
        return "m"
    return "z" if unborn else "x"


def _runs(row: Row, spelling: Spelling) -> Iterator[Run]:
    """Days from the first to the last: neighbours that look alike are one, troubled days stay single."""
    days, born = row.days, epoch_ms(row.born)
    looks: list[Cell] = ["u"] * len(days)
    for day in row.odd_days:
        looks[(day - days.start) // DAY] = cell_of(row.times_of(day), unborn=day + DAY <= born)
    first = 0
    while first < len(looks):
        cell, past = looks[first], first + 1
        if cell in STORIES:
            yield Run(cell, first, 1, f"{spelling.day(days[first])}: {_told(row.times_of(days[first]), spelling)}")
        else:
            while past < len(looks) and looks[past] == cell:
                past += 1
            yield _quiet(cell, first, past, days, spelling)
        first = past


def _quiet(cell: Cell, first: int, past: int, days: range, spelling: Spelling) -> Run:
    words = {
        "u": spelling.share((1, 1)),
        "x": spelling.say("day_none"),
        "z": spelling.say("day_unborn"),
    }
    when = spelling.day(days[first])
    if past - first > 1:
        when = f"{when}{DASH}{spelling.day(days[past - 1])}"
    return Run(cell, first, past - first, f"{when}: {words[cell]}")


def _told(times: StateTimes, spelling: Spelling) -> str:
    parts = [spelling.share(times.fraction)] if times.fraction else []
    for key, spent in (
        ("day_down", times.down_ms),
        ("day_degraded", times.warning_ms),
        ("day_maintenance", times.maintenance_ms),
    ):
        if spent >= LEAST_MS:
            parts.append(spelling.say(key, time=spelling.lasting(spent // 1000)))
    return ", ".join(parts)


def _drawing(runs: list[Run], count: int) -> SafeString:
    drawn = "".join(
        f'<path class="{run.cell}" d="{_path(run)}"><title>{escape(run.title)}</title></path>' for run in runs
    )
    return mark_safe(  # noqa: S308  # numbers, classes of ours and escaped words
        f'<svg viewBox="0 0 {count} 28" preserveAspectRatio="none" aria-hidden="true">{drawn}</svg>'
    )


def _path(run: Run) -> str:
    if run.cell == "x":
        return "".join(f"M{day}.1 1h.6v26h-.6z" for day in range(run.first, run.first + run.days))
    return f"M{run.first} {LEVEL[run.cell]}h{run.days}"
