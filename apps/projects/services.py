"""Writes about projects and their scopes; windows and tags have modules of their own."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import transaction
from django.utils.text import slugify

from apps.common.errors import AlreadyExistsError, ForbiddenError, InvalidInputError
from apps.common.text import is_storable
from apps.projects.models import Project, ProjectMember
from apps.workspaces.models import Membership, Workspace
from apps.workspaces.plans import ensure_room
from apps.workspaces.usage import limits_in_force, register_counter

KEY = re.compile(r"[A-Za-z0-9._-]{1,64}")


@transaction.atomic
def create_project(
    *,
    workspace: Workspace,
    name: str,
    now: datetime,
    key: str | None = None,
    location: str | None = None,
    notes: str | None = None,
    is_default: bool = False,
) -> Project:
    """Add a project. Without a key, one is made from the name (contract Dashmon 5).

    Raises InvalidInputError, PlanLimitError, AlreadyExistsError; nothing is changed then.
    """
    fields = _faults(name=name, location=location, notes=notes)
    if key is not None and (not KEY.fullmatch(key) or key in {".", ".."}):
        # A lone dot or two would be resolved away in every address that names the project.
        fields["id"] = "1 to 64 of letters, digits, dot, underscore and dash."
    if fields:
        raise InvalidInputError("Project name and Project ID are required" if "name" in fields else "", fields=fields)
    # The lock queues creators, so two requests cannot both take the last place or the same key.
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    ensure_room("projects", used=count_projects(workspace.pk), limits=limits_in_force(workspace, now=now))
    if key is not None and Project.objects.of(workspace).filter(key=key).exists():
        raise AlreadyExistsError("Project ID already exists")
    project: Project = Project.objects.create(
        workspace=workspace,
        key=key or _free_key(workspace, name),
        name=name.strip(),
        location=location,
        notes=notes,
        is_default=is_default,
        created_at=now,
        updated_at=now,
    )
    return project


@transaction.atomic
def update_project(*, project: Project, name: str, location: str | None, notes: str | None, now: datetime) -> Project:
    """Replace name, location and notes; the key never changes."""
    fields = _faults(name=name, location=location, notes=notes)
    if fields:
        raise InvalidInputError("Project name is required" if "name" in fields else "", fields=fields)
    project.name, project.location, project.notes, project.updated_at = name.strip(), location, notes, now
    project.save(update_fields=["name", "location", "notes", "updated_at"])
    return project


def _faults(*, name: str, location: str | None, notes: str | None) -> dict[str, str]:
    fields = {}
    if not name.strip():
        fields["name"] = "Project name is required"
    elif len(name.strip()) > 120:
        fields["name"] = "At most 120 characters."
    if location is not None and len(location) > 200:
        fields["location"] = "At most 200 characters."
    if notes is not None and len(notes) > 4000:
        fields["notes"] = "At most 4000 characters."
    for field, text in (("name", name), ("location", location), ("notes", notes)):
        if text is not None and not is_storable(text):
            fields.setdefault(field, "Text that can be stored: no NUL and no half characters.")
    return fields


def _free_key(workspace: Workspace, name: str) -> str:
    base = (slugify(name) or "project")[:56]
    taken = set(Project.objects.of(workspace).filter(key__startswith=base).values_list("key", flat=True))
    key, suffix = base, 2
    while key in taken:
        key, suffix = f"{base}-{suffix}", suffix + 1
    return key


@transaction.atomic
def set_scope(*, seat: Membership, project_keys: Collection[str] | None) -> None:
    """Limit a seat to these projects, or (None) let it reach all.

    Unknown keys are InvalidInputError; the owner's seat always reaches all and is ForbiddenError.
    """
    if seat.role == Membership.Role.OWNER and project_keys is not None:
        raise ForbiddenError("The owner's seat cannot be changed.", details={"required": "billing"})
    if project_keys is None:
        ProjectMember.objects.of(seat.workspace_id).filter(seat=seat).delete()
        seat.reach = Membership.Reach.ALL
        seat.save(update_fields=["reach"])
        return
    projects = projects_by_key(workspace=seat.workspace, keys=project_keys)
    ProjectMember.objects.of(seat.workspace_id).filter(seat=seat).exclude(project__in=projects).delete()
    ProjectMember.objects.bulk_create(
        [ProjectMember(workspace=seat.workspace, seat=seat, project=project) for project in projects],
        ignore_conflicts=True,
    )
    seat.reach = Membership.Reach.PROJECTS
    seat.save(update_fields=["reach"])


def projects_by_key(
    *, workspace: Workspace, keys: Collection[str], field: str = "projectIds", among: Collection[int] | None = None
) -> Sequence[Project]:
    """The projects of these keys; any unknown one is an InvalidInputError on `field`."""
    found = Project.objects.of(workspace).filter(key__in=keys)
    if among is not None:
        found = found.filter(pk__in=among)
    projects = list(found)
    if len(projects) != len(set(keys)):
        known = {project.key for project in projects}
        raise InvalidInputError(fields={field: f"Unknown project: {', '.join(sorted(set(keys) - known))}"})
    return projects


def count_projects(workspace_id: int) -> int:
    """How many projects a workspace has."""
    return int(Project.objects.of(workspace_id).count())


register_counter("projects", count_projects)
