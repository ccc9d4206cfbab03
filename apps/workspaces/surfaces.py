"""Settings that belong to one API alone, a document for each workspace."""

from collections.abc import Callable, Mapping
from typing import Any

from django.db import transaction

from apps.workspaces.models import SurfaceSetting, Workspace


def surface_data(workspace: Workspace | int, surface: str) -> dict[str, Any]:
    """What is set; empty where nothing ever was."""
    found = SurfaceSetting.objects.of(workspace).filter(surface=surface).values_list("data", flat=True).first()
    return dict(found or {})


@transaction.atomic
def change_surface_data(*, workspace: Workspace, surface: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Set some values and leave the others; the whole document as it is now."""
    setting = _locked(workspace, surface)
    setting.data = {**setting.data, **changes}
    setting.save(update_fields=["data"])
    return dict(setting.data)


@transaction.atomic
def draw_once(*, workspace: Workspace, surface: str, name: str, make: Callable[[], Any]) -> tuple[Any, bool]:
    """A value that is made at the first call and never again; answers it, and whether this call made it."""
    known = surface_data(workspace, surface)
    if name in known:
        return known[name], False
    setting = _locked(workspace, surface)
    if name in setting.data:
        return setting.data[name], False
    setting.data = {**setting.data, name: make()}
    setting.save(update_fields=["data"])
    return setting.data[name], True


def _locked(workspace: Workspace, surface: str) -> SurfaceSetting:
    """The row under its lock; of two at once that need it first, one makes it and both lock it."""
    SurfaceSetting.objects.get_or_create(workspace=workspace, surface=surface)
    row: SurfaceSetting = SurfaceSetting.objects.of(workspace).select_for_update().get(surface=surface)
    return row
