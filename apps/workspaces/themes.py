"""Uploaded looks of one API's front end: kept, listed, chosen, taken away."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.common.errors import ConflictError, InvalidInputError, NotFoundError
from apps.workspaces.models import SurfaceTheme, Workspace
from apps.workspaces.surfaces import change_surface_data, surface_data

ACTIVE = "theme"
MOST = 50


@dataclass(frozen=True, slots=True)
class Look:
    """What an upload brings: who it is, the style it serves, a picture of it."""

    key: str
    manifest: Mapping[str, Any]
    css: str
    preview: bytes | None


def active_theme(workspace: Workspace | int, surface: str) -> str:
    """The key of the chosen theme; empty for none."""
    return str(surface_data(workspace, surface).get(ACTIVE, ""))


def themes_of(workspace: Workspace | int, surface: str) -> list[SurfaceTheme]:
    """Every uploaded theme without its picture, by name."""
    rows = SurfaceTheme.objects.of(workspace).filter(surface=surface).defer("preview", "css")
    return sorted(rows, key=lambda row: (str(row.manifest.get("name", "")), row.key))


def theme_by_key(workspace: Workspace | int, surface: str, key: str) -> SurfaceTheme | None:
    found: SurfaceTheme | None = SurfaceTheme.objects.of(workspace).filter(surface=surface, key=key).first()
    return found


@transaction.atomic
def save_theme(*, workspace: Workspace, surface: str, look: Look, now: datetime) -> SurfaceTheme:
    """Keep a theme; one of the same key is replaced. InvalidInputError (`theme`) beyond 50."""
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    mine = SurfaceTheme.objects.of(workspace).filter(surface=surface)
    if not mine.filter(key=look.key).exists() and mine.count() >= MOST:
        raise InvalidInputError(fields={"theme": f"At most {MOST} themes."})
    fresh: dict[str, Any] = {
        "manifest": dict(look.manifest),
        "css": look.css,
        "preview": look.preview,
        "has_preview": look.preview is not None,
        "updated_at": now,
    }
    row, _ = SurfaceTheme.objects.update_or_create(
        workspace=workspace,
        surface=surface,
        key=look.key,
        defaults=fresh,
        create_defaults={**fresh, "created_at": now},
    )
    kept: SurfaceTheme = row
    return kept


@transaction.atomic
def choose_theme(*, workspace: Workspace, surface: str, key: str, uploaded: bool) -> None:
    """Show this theme from now on; NotFoundError when an uploaded one is not there."""
    # The lock queues whoever would take it away meanwhile.
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    if uploaded and not SurfaceTheme.objects.of(workspace).filter(surface=surface, key=key).exists():
        raise NotFoundError("Theme not found")
    change_surface_data(workspace=workspace, surface=surface, changes={ACTIVE: key})


@transaction.atomic
def delete_theme(*, workspace: Workspace, surface: str, key: str) -> None:
    """Take an uploaded theme away; NotFoundError, and ConflictError (`active_theme_not_deletable`) while it shows."""
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    mine = SurfaceTheme.objects.of(workspace).filter(surface=surface, key=key)
    if not mine.exists():
        raise NotFoundError("Theme not found")
    if active_theme(workspace, surface) == key:
        raise ConflictError("This theme is in use.", code="active_theme_not_deletable")
    mine.delete()
