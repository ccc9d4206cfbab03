"""On-call schedules as people read them: who is on call, who follows, and a month as weeks of days."""

from calendar import Calendar
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from apps.notifications.routing import Rotation
from apps.notifications.routing.duties import Duty, duties, now_and_next
from apps.notifications.routing.wall import DAY, instant
from apps.projects.models import Project
from apps.web.presenters.routing import NOBODY

FIRST_YEAR, LAST_YEAR = 1970, 9000


@dataclass(frozen=True, slots=True)
class Schedule:
    """One rotation: who is on call now, until when, and who is next."""

    project: Project
    rotation: Rotation
    now: str
    until: datetime | None
    next: str
    stand_in: bool

    @property
    def name(self) -> str:
        return self.rotation.id


@dataclass(frozen=True, slots=True)
class Stretch:
    """Somebody's part of one day."""

    who: str
    span: str
    stand_in: bool
    staffed: bool
    begins: bool
    colour: int


@dataclass(frozen=True, slots=True)
class Day:
    """One cell of the calendar."""

    day: date
    in_month: bool
    today: bool
    stretches: Sequence[Stretch]


def schedule(project: Project, rotation: Rotation, people: Mapping[str, str], now: datetime) -> Schedule:
    """A rotation as it stands."""
    current, following = now_and_next(rotation, now=now, present=set(people))
    return Schedule(
        project=project,
        rotation=rotation,
        now=_name(current.member, people),
        until=following.start if following is not None else None,
        next=_name(following.member, people) if following is not None else "",
        stand_in=current.stand_in,
    )


def month_of(text: str, *, today: date) -> date:
    """The first day of the month an address names, else of this one."""
    try:
        asked = datetime.strptime(text, "%Y-%m").date()  # noqa: DTZ007  # a month of the wall calendar has no zone
    except ValueError:
        asked = today
    return asked.replace(day=1) if FIRST_YEAR < asked.year < LAST_YEAR else today.replace(day=1)


def neighbours(month: date) -> tuple[str, str]:
    """The months before and after, as addresses spell them."""
    return (month - DAY).strftime("%Y-%m"), (month + timedelta(days=32)).strftime("%Y-%m")


def weeks(rotation: Rotation, month: date, people: Mapping[str, str], now: datetime) -> list[list[Day]]:
    """A month in whole weeks from Monday, each day with everybody who is on call on it, in the rotation's zone."""
    days = list(Calendar().itermonthdates(month.year, month.month))
    edges = [_midnight(rotation, day) for day in [*days, days[-1] + DAY]]
    listed = duties(rotation, start=edges[0], end=edges[-1], present=set(people))
    today = now.astimezone(rotation.zone).date()
    cells = [
        Day(day, day.month == month.month, day == today, _stretches(rotation, listed, start, end, people))
        for day, start, end in zip(days, edges, edges[1:], strict=False)
    ]
    return [cells[index : index + 7] for index in range(0, len(cells), 7)]


def _midnight(rotation: Rotation, day: date) -> datetime:
    return instant(day, time(0), rotation.zone)


def _stretches(
    rotation: Rotation, listed: Sequence[Duty], start: datetime, end: datetime, people: Mapping[str, str]
) -> list[Stretch]:
    return [
        Stretch(
            who=_name(duty.member, people),
            span=_span(rotation, duty, start, end),
            stand_in=duty.stand_in,
            staffed=duty.member is not None,
            begins=duty.start >= start,
            colour=_colour(rotation, duty.member),
        )
        for duty in listed
        if duty.start < end and duty.end > start
    ]


def _span(rotation: Rotation, duty: Duty, start: datetime, end: datetime) -> str:
    """`from 09:00`, `to 17:00`, `09:00 to 17:00`, or nothing for the whole day."""
    begin, finish = (at.astimezone(rotation.zone).strftime("%H:%M") for at in (duty.start, duty.end))
    if duty.start > start and duty.end < end:
        return f"{begin} to {finish}"
    if duty.start > start:
        return f"from {begin}"
    return f"to {finish}" if duty.end < end else ""


def _colour(rotation: Rotation, member: str | None) -> int:
    """One of six colours by the person's place; the name beside it says the same."""
    return rotation.members.index(member) % 6 + 1 if member in rotation.members else 0


def _name(member: str | None, people: Mapping[str, str]) -> str:
    return people.get(member, NOBODY) if member is not None else "Nobody"
