"""What a page shows at an instant, read once for every form of it: HTML, JSON, feeds, badge. Names, never addresses."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from django.db.models import Q
from django.utils.text import slugify

from apps.common.clock import EPOCH
from apps.devices.models import Device
from apps.devices.selectors import roll_up, standings
from apps.metrics.boards import Board
from apps.metrics.selectors import boards
from apps.metrics.uptime import StateTimes
from apps.projects.models import MaintenanceWindow
from apps.statuspages.indicator import Indicator, indicator
from apps.statuspages.models import StatusComponent, StatusPage
from apps.statuspages.selectors import components_of, posts_of
from apps.statuspages.settings_rules import MOST_DAYS
from apps.statuspages.threads import Post, Thread, threads_of

READ = ("id", "name", "project_id", "workspace_id", "paused", "created_at", "state__state", "state__since")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a page: a monitor, or several under one name."""

    name: str
    status: str
    boards: Sequence[Board]
    born: datetime

    def times_of(self, day_ms: int) -> StateTimes:
        if len(self.boards) == 1:
            return self.boards[0].times_of(day_ms)
        return sum((board.times_of(day_ms) for board in self.boards), StateTimes())

    def total(self, days: int) -> StateTimes:
        return sum((board.total(days) for board in self.boards), StateTimes())

    @property
    def days(self) -> range:
        return self.boards[0].days if self.boards else range(0)

    @property
    def odd_days(self) -> list[int]:
        """Days on which something else was than up, ascending."""
        return sorted({day for board in self.boards for day in board.odd})

    @property
    def last_day(self) -> StateTimes:
        """The last 24 hours; empty unless they were read."""
        return sum((board.last_day for board in self.boards), StateTimes())

    @property
    def latency_us(self) -> float | None:
        """The average answer of the last 24 hours, of several monitors the average of theirs."""
        known = [board.latency_us for board in self.boards if board.latency_us is not None]
        return sum(known) / len(known) if known else None


@dataclass(frozen=True, slots=True)
class Section:
    """A project, a tag or a group of the page's own: its lines under one heading."""

    id: str
    name: str
    status: str
    rows: Sequence[Row]

    @property
    def whole(self) -> Row:
        """All lines as one."""
        shown = [board for row in self.rows for board in row.boards]
        return Row(self.name, self.status, shown, min((row.born for row in self.rows), default=EPOCH))


@dataclass(frozen=True, slots=True)
class Planned:
    """Maintenance that goes on or is to come."""

    name: str
    starts_at: datetime
    ends_at: datetime | None
    active: bool
    thread: Thread | None = None


@dataclass(frozen=True)
class Content:
    """Everything a page says at `now`."""

    page: StatusPage
    now: datetime
    sections: Sequence[Section]
    posts: Sequence[Post]
    windows: Sequence[Planned]
    changed_at: datetime
    # Names of projects that visitors know, by key.
    names: Mapping[str, str]

    @property
    def indicator(self) -> Indicator:
        return indicator([section.status for section in self.sections])

    @cached_property
    def threads(self) -> list[Thread]:
        return threads_of(self.posts)

    @property
    def planned(self) -> list[Planned]:
        """Windows of what is shown, and maintenance that was announced, the first to come first."""
        told = [
            Planned(thread.title, thread.starts_at, thread.ends_at, thread.phase(self.now) == "active", thread)
            for thread in self.threads
            if thread.is_maintenance and thread.phase(self.now) != "past"
        ]
        return sorted([*told, *self.windows], key=lambda item: item.starts_at)


def content_of(page: StatusPage, *, now: datetime, days: bool = True, last_day: bool = False) -> Content:
    """Read a page: a fixed number of statements, however many monitors it shows.

    `days` False leaves the bars out, for forms that show none; `last_day` adds the last 24 hours.
    """
    components = components_of(page)
    members = _members(page, components)
    devices = {device.pk: device for found in members.values() for device in found}
    shown = standings(devices.values(), workspace_id=page.workspace_id, now=now)
    drawn: Mapping[int, Board] = {}
    if days:
        drawn = boards(
            workspace_id=page.workspace_id,
            refs=[device.ref for device in devices.values()],
            days=MOST_DAYS if last_day else page.days,
            now=now,
            last_day=last_day or page.show_latency,
        )
    statuses = {pk: standing.status for pk, standing in shown.items()}
    posts = posts_of(page, now=now)
    changes = [page.updated_at, *(post.published_at for post in posts[:1])]
    changes += [device.state.since for device in devices.values()]
    return Content(
        page=page,
        now=now,
        sections=_sections(page, components, members, statuses, drawn),
        posts=posts,
        windows=_windows(page, components, devices, now=now),
        changed_at=max(at for at in changes if at <= now) if any(at <= now for at in changes) else page.updated_at,
        names={row.project.key: row.shown_name for row in components if row.project is not None},
    )


def _members(page: StatusPage, components: Sequence[StatusComponent]) -> dict[int, list[Device]]:
    """Each component's monitors by name."""
    tags = {row.tag_id for row in components if row.tag_id is not None}
    tagged: dict[int, set[int]] = {}
    through = Device.tags.through
    for device_id, tag_id in through.objects.filter(tag_id__in=tags).values_list("device_id", "tag_id"):
        tagged.setdefault(tag_id, set()).add(device_id)
    wanted = Q(project__in=[row.project_id for row in components if row.project_id is not None])
    wanted |= Q(pk__in={row.device_id for row in components if row.device_id is not None}.union(*tagged.values()))
    devices = list(
        Device.objects.of(page.workspace_id).filter(wanted).select_related("state").only(*READ).order_by("name", "id")
    )

    def belongs(device: Device, row: StatusComponent) -> bool:
        if row.project_id is not None:
            return device.project_id == row.project_id
        return device.pk == row.device_id or (row.tag_id is not None and device.pk in tagged.get(row.tag_id, ()))

    return {row.pk: [device for device in devices if belongs(device, row)] for row in components}


def _sections(
    page: StatusPage,
    components: Sequence[StatusComponent],
    members: Mapping[int, Sequence[Device]],
    statuses: Mapping[int, str],
    drawn: Mapping[int, Board],
) -> list[Section]:
    parts: dict[str, tuple[str, str, list[Row]]] = {}

    def row(name: str, devices: Sequence[Device]) -> Row:
        status = statuses[devices[0].pk] if len(devices) == 1 else roll_up([statuses[one.pk] for one in devices])
        return Row(
            name, status, [drawn[one.pk] for one in devices if one.pk in drawn], min(one.created_at for one in devices)
        )

    for component in components:
        devices, name = members[component.pk], component.shown_name
        if component.group:
            found = parts.setdefault(f"group {component.group}", (slugify(component.group), component.group, []))
            found[2].extend([row(name, devices)] if devices else [])
        elif component.device_id is not None:
            parts.setdefault("single", ("monitors", page.name, []))[2].extend(row(name, [one]) for one in devices)
        else:
            key = component.project.key if component.project is not None else slugify(name)
            parts[f"component {component.pk}"] = (key, name, [row(one.name, [one]) for one in devices])
    return [
        Section(key or f"part-{number}", name, _status(rows), rows)
        for number, (key, name, rows) in enumerate(parts.values(), 1)
    ]


def _status(rows: Sequence[Row]) -> str:
    statuses = [row.status for row in rows]
    return (
        "partial_maintenance"
        if "partial_maintenance" in statuses and not {"down", "warning"} & set(statuses)
        else (roll_up(statuses))
    )


def _windows(
    page: StatusPage, components: Iterable[StatusComponent], devices: Mapping[int, Device], *, now: datetime
) -> list[Planned]:
    """Windows of what is shown, under the names visitors know; the reason is the team's own and stays inside."""
    projects = {device.project_id for device in devices.values()}
    rows = MaintenanceWindow.objects.of(page.workspace_id).filter(Q(ends_at__isnull=True) | Q(ends_at__gt=now))
    rows = rows.filter(Q(project__in=projects) | Q(subject_kind="device", subject_id__in=devices))
    project_names = {row.project_id: row.shown_name for row in components if row.project_id is not None}
    own_names = {row.device_id: row.shown_name for row in components if row.device_id is not None}

    def name_of(window: MaintenanceWindow) -> str:
        if window.project_id is None:
            device = devices[int(window.subject_id or 0)]
            return own_names.get(device.pk, device.name)
        inside = [own_names.get(one.pk, one.name) for one in devices.values() if one.project_id == window.project_id]
        return project_names.get(window.project_id, ", ".join(inside[:3]))

    return [
        Planned(name_of(window), window.starts_at, window.ends_at, window.starts_at <= now)
        for window in rows.order_by("starts_at", "pk")[:50]
    ]
