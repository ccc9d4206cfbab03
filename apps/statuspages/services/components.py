"""What a page shows, and in which order."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction

from apps.devices.models import Device
from apps.projects.models import Project, Tag
from apps.statuspages import shelf
from apps.statuspages.models import StatusComponent, StatusPage


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to show, in its place; exactly one of the three is set and belongs to the page's workspace."""

    project: Project | None = None
    tag: Tag | None = None
    device: Device | None = None
    name: str = ""
    group: str = ""


@transaction.atomic
def set_components(*, page: StatusPage, choices: Sequence[Choice]) -> None:
    """Show exactly these, in this order."""
    for choice in choices:
        target = choice.project or choice.tag or choice.device
        assert target is not None
        assert target.workspace_id == page.workspace_id
    StatusComponent.objects.of(page.workspace_id).filter(page=page).delete()
    StatusComponent.objects.bulk_create(
        StatusComponent(
            workspace_id=page.workspace_id,
            page=page,
            project=choice.project,
            tag=choice.tag,
            device=choice.device,
            name=choice.name.strip()[:120],
            group=choice.group.strip()[:120],
            position=position,
        )
        for position, choice in enumerate(choices)
    )
    shelf.drop_page(page.pk)


@transaction.atomic
def set_projects(*, page: StatusPage, projects: Sequence[Project]) -> None:
    """Show exactly these projects, in this order, before the tags and monitors that are shown besides.

    A project that was shown before keeps its name and group.
    """
    rows = list(StatusComponent.objects.of(page.workspace_id).filter(page=page).order_by("position", "id"))
    before = {row.project_id: row for row in rows if row.project_id is not None}
    chosen = [_kept(project, before.get(project.pk)) for project in projects]
    others = [
        Choice(tag=row.tag, device=row.device, name=row.name, group=row.group) for row in rows if row.project_id is None
    ]
    set_components(page=page, choices=[*chosen, *others])


def _kept(project: Project, row: StatusComponent | None) -> Choice:
    return Choice(project=project, name=row.name if row else "", group=row.group if row else "")
