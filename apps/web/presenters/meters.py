"""Bars: a share of something, and where rules draw the line on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from apps.alerts.types import SeverityName
from apps.web.presenters import words

Tone = Literal["", "degraded", "down"]
TONES: Mapping[SeverityName, Tone] = {"critical": "down", "warning": "degraded", "info": ""}


@dataclass(frozen=True, slots=True)
class Limit:
    """A share from which on, or beyond which, a rule finds something bad."""

    ratio: float
    included: bool
    severity: SeverityName

    def is_met(self, ratio: float) -> bool:
        return ratio >= self.ratio if self.included else ratio > self.ratio


@dataclass(frozen=True, slots=True)
class Mark:
    """A line across a bar: where it is drawn, in percent, what it says, and whether the bar is past it."""

    place: float
    text: str
    is_past: bool = False

    @property
    def told(self) -> str:
        return f"past its limit of {self.text}" if self.is_past else f"limit {self.text}"


@dataclass(frozen=True, slots=True)
class Meter:
    """A share of something: `percent` fills the bar, `text` and `note` say the same in words. None: not known.

    `tone` is that of the worst limit which is met.
    """

    label: str
    percent: float | None
    text: str
    note: str = ""
    marks: Sequence[Mark] = ()
    tone: Tone = ""

    @property
    def told(self) -> str:
        """Everything the bar shows, in words."""
        return ", ".join(part for part in (self.text, self.note, *(mark.told for mark in self.marks)) if part)


def meter(label: str, ratio: float | None, note: str, limits: Sequence[Limit] = (), *, is_old: bool = False) -> Meter:
    """A share that was measured, or was not; an old one is no trouble of now, wherever it stood."""
    if ratio is None:
        return Meter(label, None, words.NOTHING, note)
    percent = round(min(max(ratio, 0), 1) * 100, 1)
    met = [] if is_old else [limit for limit in limits if limit.is_met(ratio)]
    past = {limit.ratio for limit in met}
    marks = [_mark(place, is_past=place in past) for place in sorted({limit.ratio for limit in limits})]
    return Meter(label, percent, share(ratio), note, marks, _tone(met))


def _mark(ratio: float, *, is_past: bool) -> Mark:
    # A line at the very end of the bar would be half outside it.
    return Mark(min(round(ratio * 100, 1), 99.5), f"{round(ratio * 100, 1):g} %", is_past)


def _tone(met: Sequence[Limit]) -> Tone:
    tones = {TONES[limit.severity] for limit in met}
    return "down" if "down" in tones else "degraded" if "degraded" in tones else ""


def share(ratio: float | None) -> str:
    """A ratio as `41 %`; below ten with one decimal, cut so that only the whole says 100."""
    if ratio is None:
        return words.NOTHING
    percent = ratio * 100
    return f"{int(percent * 10) / 10:.1f} %" if percent < 10 else f"{int(percent)} %"
