"""A page itself: made, changed, given another token, removed."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.text import slugify

from apps.common.errors import ConflictError, InvalidInputError, UnsupportedError
from apps.common.ids import digest, new_secret
from apps.projects.models import Project
from apps.statuspages import shelf
from apps.statuspages.logos import Drawn, redraw
from apps.statuspages.models import StatusLogo, StatusPage
from apps.statuspages.services.components import set_projects
from apps.statuspages.services.domains import drop_domain
from apps.statuspages.settings_rules import faults
from apps.workspaces.models import Workspace
from apps.workspaces.plans import ensure_room
from apps.workspaces.usage import limits_in_force, register_counter

TOKEN_PREFIX = "spt_"  # noqa: S105  # the telling part of a token
# Name on the wire to column.
COLUMNS = {
    "name": "name",
    "slug": "slug",
    "description": "description",
    "visibility": "visibility",
    "theme": "theme",
    "accentColor": "accent",
    "locale": "locale",
    "timezone": "timezone",
    "showUptimeDays": "days",
    "showLatency": "show_latency",
    "allowIndexing": "allow_indexing",
    "subscribersEnabled": "subscribers_enabled",
}


@transaction.atomic
def create_page(
    *, workspace: Workspace, values: Mapping[str, Any], projects: Sequence[Project] = (), now: datetime
) -> tuple[StatusPage, str | None]:
    """Make a page with these settings (names as on the wire); without a slug one is made from the name.

    Answers the page and, for a private one, its raw token: only the SHA-256 is kept. InvalidInputError,
    PlanLimitError, or ConflictError when the slug is taken; nothing is changed then.
    """
    _refuse({"name": "", "theme": "auto", **values})
    # The lock queues creators, so two requests cannot both take the last place.
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    ensure_room("statusPages", used=count_pages(workspace.pk), limits=limits_in_force(workspace, now=now))
    page = StatusPage(workspace=workspace, created_at=now, updated_at=now, timezone=workspace.timezone)
    _apply(page, values)
    page.slug = page.slug or _free_slug(page.name)
    token = _new_token(page) if page.is_private else None
    _save(page)
    set_projects(page=page, projects=projects)
    return page, token


@transaction.atomic
def update_page(
    *, page: StatusPage, values: Mapping[str, Any], projects: Sequence[Project] | None = None, now: datetime
) -> tuple[StatusPage, str | None]:
    """Change the given settings; what is absent stays, `projects` None too. Errors as for a new page.

    A page that becomes private gets a token, which is answered; one that becomes public loses it.
    """
    page = StatusPage.objects.of(page.workspace_id).select_for_update().get(pk=page.pk)
    _refuse({"theme": page.theme, "accentColor": page.accent, **values})
    _apply(page, values)
    token = None
    if page.is_private and not page.token_hash:
        token = _new_token(page)
    if not page.is_private:
        page.token_hash = ""
    page.updated_at = now
    _save(page)
    if projects is not None:
        set_projects(page=page, projects=projects)
    shelf.drop_page(page.pk)
    return page, token


@transaction.atomic
def rotate_token(*, page: StatusPage, now: datetime) -> str:
    """A fresh token for a private page; the older one is dead. UnsupportedError for a public page."""
    page = StatusPage.objects.of(page.workspace_id).select_for_update().get(pk=page.pk)
    if not page.is_private:
        raise UnsupportedError("Only a private page has a token.")
    token = _new_token(page)
    page.updated_at = now
    page.save(update_fields=["token_hash", "updated_at"])
    return token


@transaction.atomic
def delete_page(*, page: StatusPage) -> None:
    """Remove a page with everything on it, its subscribers and its domain."""
    drop_domain(page=page)
    shelf.drop_page(page.pk)
    page.delete()


@transaction.atomic
def set_logo(*, page: StatusPage, raw: bytes, now: datetime) -> StatusLogo:
    """Replace a page's logo by the picture in `raw`; InvalidInputError on `logo` when it is none."""
    drawn: Drawn = redraw(raw)
    logo, _ = StatusLogo.objects.update_or_create(
        workspace_id=page.workspace_id,
        page=page,
        defaults={"png": drawn.png, "digest": drawn.digest, "width": drawn.width, "height": drawn.height},
    )
    _touch(page, now)
    return logo


@transaction.atomic
def drop_logo(*, page: StatusPage, now: datetime) -> None:
    """Show no logo any more."""
    StatusLogo.objects.of(page.workspace_id).filter(page=page).delete()
    _touch(page, now)


def count_pages(workspace_id: int) -> int:
    """How many pages a workspace has."""
    return int(StatusPage.objects.of(workspace_id).count())


def _touch(page: StatusPage, now: datetime) -> None:
    StatusPage.objects.of(page.workspace_id).filter(pk=page.pk).update(updated_at=now)
    shelf.drop_page(page.pk)


def _refuse(values: Mapping[str, Any]) -> None:
    if fields := faults(values):
        raise InvalidInputError(fields=fields)


def _apply(page: StatusPage, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        plain = value.strip() if isinstance(value, str) else value
        setattr(page, COLUMNS[name], "" if plain is None else plain)


def _new_token(page: StatusPage) -> str:
    token = new_secret(TOKEN_PREFIX)
    page.token_hash = digest(token)
    return token


def _save(page: StatusPage) -> None:
    try:
        # A savepoint: the caller's transaction goes on to say why.
        with transaction.atomic():
            page.save()
    except IntegrityError:
        raise ConflictError(f"The address {page.slug} is taken.") from None


def _free_slug(name: str) -> str:
    base = re.sub(r"[^a-z0-9]+", "-", slugify(name)).strip("-")[:40].strip("-")
    base = base if len(base) >= 3 else f"status-{base}".strip("-")
    taken = set(StatusPage.objects.filter(slug__startswith=base).values_list("slug", flat=True))
    slug, suffix = base, 2
    while slug in taken:
        slug, suffix = f"{base}-{suffix}", suffix + 1
    return slug


register_counter("statusPages", count_pages)
