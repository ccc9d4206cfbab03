"""A rotation as a calendar: who is on call from when to when, over handoffs, stand-ins and staffed hours."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise

from apps.notifications.routing.oncall import on_call, shift_at, shift_start
from apps.notifications.routing.policy import Rotation
from apps.notifications.routing.wall import DAY, spans

# How far ahead the next handoff is looked for: first where staffed hours change it, then where nothing else does.
SOON, HORIZON = timedelta(days=8), timedelta(days=40)


@dataclass(frozen=True, slots=True)
class Duty:
    """One member, or nobody, from `start` up to and without `end`; `stand_in` where an override decided it."""

    start: datetime
    end: datetime
    member: str | None
    stand_in: bool = False


def duties(rotation: Rotation, *, start: datetime, end: datetime, present: Collection[str] | None = None) -> list[Duty]:
    """Everything from `start` to `end` without a gap, neighbours that are alike as one; empty where end <= start."""
    edges = sorted({start, *(edge for edge in _edges(rotation, start, end) if start < edge < end), end})
    found: list[Duty] = []
    for begin, finish in pairwise(edges):
        member = on_call(rotation, begin, present=present)
        stand_in = member is not None and any(
            override.start <= begin < override.end and override.member == member for override in rotation.overrides
        )
        duty = Duty(begin, finish, member, stand_in)
        if found and (found[-1].member, found[-1].stand_in) == (member, stand_in):
            found[-1] = replace(found[-1], end=finish)
        else:
            found.append(duty)
    return found


def now_and_next(
    rotation: Rotation, *, now: datetime, present: Collection[str] | None = None
) -> tuple[Duty, Duty | None]:
    """Who is on call and who follows; the second is None where nothing changes within HORIZON or one more shift."""
    listed: list[Duty] = []
    for span in (SOON, max(HORIZON, (rotation.shift_days + 1) * DAY)):
        listed = duties(rotation, start=now, end=now + span, present=present)
        if len(listed) > 1:
            break
    return listed[0], listed[1] if len(listed) > 1 else None


def _edges(rotation: Rotation, start: datetime, end: datetime) -> Iterator[datetime]:
    """Every instant at which somebody else may take over."""
    first, last = shift_at(rotation, start), shift_at(rotation, end)
    if last is not None:
        for number in range(first or 0, last + 1):
            yield shift_start(rotation, number)
    for override in rotation.overrides:
        yield override.start
        yield override.end
    if rotation.coverage is not None:
        days = (start.astimezone(rotation.zone).date() - DAY, end.astimezone(rotation.zone).date())
        for begin, finish in spans(rotation.coverage, rotation.zone, first=days[0], last=days[1]):
            yield begin
            yield finish
