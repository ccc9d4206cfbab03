"""A project's routing in words: who hears, when it is quiet, who would be told of an incident and why somebody not."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Channel
from apps.notifications.people import members
from apps.notifications.routing import DAYS, Forecast, Notice, Skip
from apps.notifications.routing.document import policy_of
from apps.notifications.routing.oncall import on_call
from apps.notifications.selectors import Routing
from apps.projects.models import Project
from apps.web.presenters import words
from apps.workspaces.models import Workspace

DAY_WORDS = dict(zip(DAYS, ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"), strict=True))
SKIPS = {
    "quiet_hours": "Quiet hours: dropped",
    "quiet_hours_then_closed": "Quiet hours, and over before they end",
    "no_one_on_call": "Nobody is on call then",
}
NOBODY = "somebody who has left"
MOST_LINES = 200


@dataclass(frozen=True, slots=True)
class Names:
    """What ids of a routing are called: people by user id, channels by key."""

    people: Mapping[str, str]
    channels: Mapping[str, str] = field(default_factory=dict)
    # Keys of channels through which nothing leaves.
    off: Collection[str] = ()

    def of(self, target: str) -> str:
        """`channel:ch_slack`, `user:...` or `oncall:main` as people say it."""
        kind, _, name = target.partition(":")
        if kind == "channel":
            return self.channels.get(name, f"the channel {name}")
        if kind == "user":
            return self.person(name)
        return f"whoever is on call ({name})"

    def person(self, user_id: str | None) -> str:
        return self.people.get(user_id or "", NOBODY)


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """One project on the overview."""

    project: Project
    unheard: bool
    hears: str
    steps: str
    on_call: str
    quiet: str


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a forecast: when, whom, and, where nothing is sent, why."""

    at: datetime
    after: str
    who: str
    step: str
    why: str = ""
    kind: str = "open"


def people_of(workspace: Workspace) -> dict[str, str]:
    """Everybody with a seat by the id that routing uses."""
    return {key: name_of(seat.user) for key, seat in members(workspace.pk).items() if seat.user is not None}


def name_of(user: Any) -> str:
    """A person's name, else their address."""
    return str(user.name or user.email)


def channel_word(kind: str) -> str:
    """`Slack` for `slack`."""
    return str(ChannelKind(kind).label) if kind in ChannelKind.values else kind


def names_of(document: Mapping[str, Any], people: Mapping[str, str]) -> Names:
    """Names for a document with its channels, stored or as it was typed."""
    found = document.get("channels", ())
    return Names(
        people,
        {str(item.get("id")): item.get("name") or channel_word(str(item.get("type"))) for item in found},
        {str(item.get("id")) for item in found if item.get("enabled") is False},
    )


def upcoming_lines(items: Sequence[Notice | Skip], *, opened_at: datetime, names: Names) -> list[Line]:
    """What is still to come of an incident, in the order given."""
    return [_line(item, opened_at, names) for item in items]


def names_in(channels: Sequence[Channel], people: Mapping[str, str]) -> Names:
    """Names for stored channels of one project."""
    return Names(
        people,
        {channel.key: channel.name or channel_word(channel.kind) for channel in channels},
        {channel.key for channel in channels if not channel.enabled},
    )


def project_rows(
    projects: Sequence[Project],
    routings: Mapping[int, Routing],
    *,
    unheard: Collection[str],
    people: Mapping[str, str],
    now: datetime,
) -> list[ProjectRow]:
    """Projects that nobody hears of first, then by name."""
    found = [
        _project_row(project, routings.get(project.pk), project.key in unheard, people, now) for project in projects
    ]
    return sorted(found, key=lambda row: (not row.unheard, row.project.name.casefold()))


def _project_row(
    project: Project, routing: Routing | None, unheard: bool, people: Mapping[str, str], now: datetime
) -> ProjectRow:
    route = routing.route if routing is not None else None
    channels = routing.channels if routing is not None else ()
    if route is None:
        return ProjectRow(project, unheard, words.NOTHING, words.NOTHING, words.NOTHING, words.NOTHING)
    steps = route.policy["escalation"]["steps"]
    hears = _hears(steps, channels, people) if route.enabled else "Switched off"
    quiet = route.policy["quietHours"]
    return ProjectRow(
        project,
        unheard,
        hears or words.NOTHING,
        words.plural(len(steps), "step") if len(steps) > 1 else "At once",
        _on_call_now(route.policy, people, now) or words.NOTHING,
        "; ".join(map(window, quiet["windows"])) if quiet["enabled"] else words.NOTHING,
    )


def _hears(steps: Sequence[Mapping[str, Any]], channels: Sequence[Channel], people: Mapping[str, str]) -> str:
    """Everybody whom the steps name, each once; without a step, every channel."""
    names = names_in(channels, people)
    if not steps:
        return ", ".join(names.of(channel.target) for channel in channels if channel.enabled)
    targets = [f"{target['type']}:{target['id']}" for step in steps for target in step["targets"]]
    return ", ".join(names.of(target) for target in dict.fromkeys(targets))


def _on_call_now(policy: Mapping[str, Any], people: Mapping[str, str], now: datetime) -> str:
    said = []
    for rotation in policy_of(policy).rotations:
        member = on_call(rotation, now, present=set(people))
        said.append(people.get(member, NOBODY) if member is not None else "nobody")
    return ", ".join(said)


def window(item: Mapping[str, Any]) -> str:
    """`Mon to Fri 22:00 to 07:00`; a full day where start and end are the same."""
    start, end = str(item.get("start", "")), str(item.get("end", ""))
    return f"{days(item.get('days', ()))} {'all day' if start == end == '00:00' else f'{start} to {end}'}"


def days(chosen: Collection[str]) -> str:
    """`Mon to Fri`, `Sat, Sun`, `every day`."""
    listed = [index for index, day in enumerate(DAYS) if day in chosen]
    if len(listed) == len(DAYS):
        return "every day"
    if len(listed) > 2 and listed[-1] - listed[0] == len(listed) - 1:
        return f"{DAY_WORDS[DAYS[listed[0]]]} to {DAY_WORDS[DAYS[listed[-1]]]}"
    return ", ".join(DAY_WORDS[DAYS[index]] for index in listed)


def step_lines(document: Mapping[str, Any], names: Names) -> list[tuple[str, str]]:
    """Each step as `after 15 min` and whom it reaches."""
    steps = document.get("escalation", {}).get("steps", ())
    return [
        (
            _delay(step["afterMinutes"]),
            ", ".join(names.of(f"{target['type']}:{target['id']}") for target in step["targets"]),
        )
        for step in steps
    ]


def _delay(minutes: int) -> str:
    return f"After {words.interval(minutes * 60)}" if minutes else "At once"


def lines(told: Forecast, *, opened_at: datetime, names: Names) -> tuple[list[Line], int]:
    """A forecast by time, the skipped among the sent, and how many lines more there would be."""
    found: list[Notice | Skip] = [*told.sent, *told.skipped]
    ordered = sorted(found, key=lambda item: (item.at, isinstance(item, Skip), getattr(item, "recipient", "")))
    return [_line(item, opened_at, names) for item in ordered[:MOST_LINES]], max(0, len(ordered) - MOST_LINES)


def _line(item: Notice | Skip, opened_at: datetime, names: Names) -> Line:
    after = f"+{words.duration((item.at - opened_at).total_seconds())}"
    step = _step_word(item.step, item.loop)
    if isinstance(item, Skip):
        who = (
            names.of(item.target) if item.target else "Everybody of this step" if item.step is not None else "Everybody"
        )
        return Line(item.at, after, who, step, SKIPS.get(item.reason, item.reason), "skipped")
    kind, _, name = item.recipient.partition(":")
    if kind == "channel" and name in names.off:
        return Line(item.at, after, names.of(item.recipient), step, "The channel is switched off", "skipped")
    if kind == "user" and name not in names.people:
        return Line(item.at, after, names.of(item.recipient), step, "Has no seat here any more", "skipped")
    return Line(item.at, after, names.of(item.recipient), step, kind=item.kind)


def _step_word(step: int | None, loop: int | None) -> str:
    if step is None:
        return "The end"
    return f"Step {step + 1}" + (f", round {loop + 1}" if loop else "")
