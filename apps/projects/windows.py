"""Maintenance windows: one manual window per target, kept as history once it is over (contract Dashmon 8)."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from apps.common.errors import InvalidInputError
from apps.common.values import Ref
from apps.projects.models import MaintenanceWindow, Project
from apps.workspaces.models import Workspace


@dataclass(frozen=True, slots=True)
class Target:
    """What a window silences: a whole project, or one subject."""

    workspace_id: int
    project: Project | None = None
    ref: Ref | None = None

    def windows(self) -> "Q":
        if self.project is not None:
            return Q(workspace=self.workspace_id, project=self.project)
        assert self.ref is not None
        return Q(workspace=self.workspace_id, project=None, subject_kind=self.ref.kind, subject_id=self.ref.id)


@transaction.atomic
def set_window(
    *, target: Target, starts_at: datetime, ends_at: datetime | None, reason: str = "", now: datetime
) -> MaintenanceWindow:
    """Set the manual window of a target. The one it replaces stays as far as it has already been in force.

    InvalidInputError when it would end before it starts.
    """
    if ends_at is not None and ends_at <= starts_at:
        raise InvalidInputError(
            "endTime must be after startTime", fields={"endTime": "endTime must be after startTime"}
        )
    # The lock queues setters: without a window to lock, two at once would both make the target's one.
    Workspace.objects.select_for_update().get(pk=target.workspace_id)
    _retire(target=target, now=now)
    window: MaintenanceWindow = MaintenanceWindow.objects.create(
        workspace_id=target.workspace_id,
        project=target.project,
        subject_kind=target.ref.kind if target.ref is not None else "",
        subject_id=target.ref.id if target.ref is not None else None,
        starts_at=starts_at,
        ends_at=ends_at,
        reason=reason[:200],
        manual=True,
        created_at=now,
    )
    return window


@transaction.atomic
def clear_window(*, target: Target, now: datetime) -> MaintenanceWindow | None:
    """End the manual window of a target now; answers the window that was there."""
    return _retire(target=target, now=now)


def _retire(*, target: Target, now: datetime) -> MaintenanceWindow | None:
    window: MaintenanceWindow | None = (
        MaintenanceWindow.objects.select_for_update().filter(target.windows(), manual=True).first()
    )
    if window is None:
        return None
    if window.starts_at >= now:
        # It never silenced anything, so nothing has to remember it.
        MaintenanceWindow.objects.filter(pk=window.pk).delete()
        return window
    if window.ends_at is None or window.ends_at > now:
        window.ends_at = now
    window.manual = None
    window.save(update_fields=["ends_at", "manual"])
    return window


def windows_between(
    *, workspace_id: int, kind: str, subjects: Mapping[int, int | None], start: datetime, end: datetime
) -> dict[int, list[MaintenanceWindow]]:
    """Windows touching [start, end] of each subject, its project's included.

    `subjects` maps a subject's primary key to its project's, None where it is in none. One statement, however
    many subjects.
    """
    touching = MaintenanceWindow.objects.of(workspace_id).filter(
        Q(ends_at__isnull=True) | Q(ends_at__gte=start), starts_at__lte=end
    )
    of_subjects = Q(subject_kind=kind, subject_id__in=list(subjects))
    found = list(
        touching.filter(of_subjects | Q(project__in={project for project in subjects.values() if project is not None}))
    )
    by_project = _grouped((window for window in found if window.project_id is not None), "project_id")
    by_subject = _grouped((window for window in found if window.project_id is None), "subject_id")
    return {
        subject: sorted(
            [*by_subject.get(subject, []), *(by_project.get(project, []) if project is not None else [])],
            key=lambda window: window.starts_at,
        )
        for subject, project in subjects.items()
    }


def _grouped(windows: Iterable[MaintenanceWindow], field: str) -> dict[int, list[MaintenanceWindow]]:
    groups: dict[int, list[MaintenanceWindow]] = {}
    for window in windows:
        groups.setdefault(getattr(window, field), []).append(window)
    return groups


def manual_windows(
    *, workspace_id: int, kind: str, subjects: Collection[int], projects: Collection[int]
) -> tuple[dict[int, MaintenanceWindow], dict[int, MaintenanceWindow]]:
    """The manual windows of subjects and of projects, for answers that show `maintenance_start` and `_end`."""
    manual = MaintenanceWindow.objects.of(workspace_id).filter(manual=True)
    of_subjects = manual.filter(subject_kind=kind, subject_id__in=subjects)
    of_projects = manual.filter(project__in=projects)
    return (
        {window.subject_id: window for window in of_subjects if window.subject_id is not None},
        {window.project_id: window for window in of_projects if window.project_id is not None},
    )
