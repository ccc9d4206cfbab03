"""Projects with what is wrong in each, worst first."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.devices.models import Device
from apps.devices.selectors import Standing
from apps.projects.models import Project
from apps.web.presenters import words
from apps.web.presenters.status import Shape, StatusView

# What counts first when a project is summed up in one shape.
ORDER: tuple[tuple[str, Shape, str], ...] = (
    ("down", "down", "down"),
    ("warning", "degraded", "degraded"),
    ("unknown", "unknown", "unknown"),
    ("maintenance", "maintenance", "in maintenance"),
)


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """One project in a list."""

    project: Project
    status: StatusView
    monitors: int
    rank: int


def rows(projects: Sequence[Project], devices: Sequence[Device], shown: Mapping[int, Standing]) -> list[ProjectRow]:
    """Projects by their worst monitor, then by name."""
    statuses: dict[int, Counter[str]] = {project.pk: Counter() for project in projects}
    for device in devices:
        if device.project_id in statuses:
            statuses[device.project_id][shown[device.pk].status] += 1
    return sorted(
        (row(project, statuses[project.pk]) for project in projects), key=lambda item: (item.rank, item.project.name)
    )


def row(project: Project, counts: Counter[str]) -> ProjectRow:
    """A project summed up: `2 of 38 down`, `All 41 up`, `No monitors yet`."""
    total = counts.total()
    for rank, (status, shape, word) in enumerate(ORDER):
        if counts[status]:
            return ProjectRow(project, StatusView(shape, f"{counts[status]} of {total} {word}"), total, rank)
    if not total:
        return ProjectRow(project, StatusView("pending", "No monitors yet"), 0, len(ORDER) + 1)
    if counts["paused"] == total:
        return ProjectRow(project, StatusView("paused", f"All {total} paused"), total, len(ORDER))
    return ProjectRow(project, StatusView("up", f"All {words.grouped(counts['up'])} up"), total, len(ORDER))
