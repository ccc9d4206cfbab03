"""Which incidents a list was asked for, as its address says it: status, project, monitor, days."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import cast

from django.http import QueryDict
from django.utils import timezone

from apps.common.ids import parse_uuid
from apps.devices.models import Device
from apps.devices.querysets import DeviceQuerySet
from apps.incidents.types import StatusFilter
from apps.projects.models import Project

FILTERS: dict[str, str] = {"open": "Open", "acknowledged": "Acknowledged", "resolved": "Resolved", "all": "All"}


@dataclass(frozen=True, slots=True)
class Asked:
    """`since` and `until` bound the begin of an incident, half-open; `from_text` and `to_text` are days as typed."""

    status: StatusFilter
    project: Project | None = None
    device: Device | None = None
    since: datetime | None = None
    until: datetime | None = None
    from_text: str = ""
    to_text: str = ""
    fault: str = ""

    @property
    def narrowed(self) -> bool:
        """Whether anything but the status is chosen."""
        return bool(self.project or self.device or self.since or self.until)

    @property
    def words(self) -> list[str]:
        """What is chosen, in words."""
        parts = [self.project.name] if self.project else []
        parts += [self.device.name] if self.device else []
        parts += [f"from {self.from_text}"] if self.since else []
        return parts + ([f"until {self.to_text}"] if self.until else [])

    def reach(self, projects: Collection[int] | None) -> Collection[int] | None:
        """Primary keys of the projects to look into; None: all."""
        return projects if self.project is None else [self.project.pk]


def read_asked(query: QueryDict, *, projects: Sequence[Project], devices: DeviceQuerySet, now: datetime) -> Asked:
    """What the address asks for; a row that is not within reach is as if nobody had named it."""
    status = query.get("status", "open")
    chosen = next((project for project in projects if project.key == query.get("project")), None)
    public_id = parse_uuid(query.get("monitor", ""))
    since, until = _midnight(query.get("from", "")), _midnight(query.get("to", ""), days=1)
    fault = ""
    if (query.get("from") and since is None) or (query.get("to") and until is None):
        fault = "A day is not a date."
    elif since is not None and since >= (until or now):
        since, until, fault = None, None, "The days end before they start."
    return Asked(
        status=cast("StatusFilter", status if status in FILTERS else "open"),
        project=chosen,
        device=devices.filter(public_id=public_id).first() if public_id else None,
        since=since,
        until=until,
        from_text=query.get("from", "") if since else "",
        to_text=query.get("to", "") if until else "",
        fault=fault,
    )


def _midnight(text: str, *, days: int = 0) -> datetime | None:
    """The begin of a local day, or of a day after it; None for anything that is no date."""
    try:
        day = date.fromisoformat(text) + timedelta(days=days)
        if not 1971 <= day.year <= 9000:
            return None
        return datetime(day.year, day.month, day.day, tzinfo=timezone.get_current_timezone())
    except (ValueError, OverflowError):
        return None
