"""Reads of pages, posts and subscribers."""

import hmac
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet

from apps.common.errors import NotFoundError
from apps.common.ids import digest
from apps.incidents.types import Cursor, Page
from apps.projects.models import Project
from apps.statuspages.models import StatusComponent, StatusPage, StatusUpdate, Subscriber
from apps.statuspages.threads import Post
from apps.workspaces.models import Domain, Workspace
from apps.workspaces.usage import plan_of

POSTS, LONGEST_LIST = 200, 200
HISTORY = timedelta(days=400)


def pages_of(workspace: Workspace, *, projects: Collection[int] | None = None) -> QuerySet[StatusPage]:
    """A workspace's pages, newest first; with a scope, those of which every project lies inside it."""
    rows: QuerySet[StatusPage] = StatusPage.objects.of(workspace).order_by("-created_at", "-id")
    if projects is None:
        return rows
    shown = StatusComponent.objects.of(workspace)
    outside = shown.filter(
        (Q(project__isnull=False) & ~Q(project__in=projects))
        | (Q(device__isnull=False) & ~Q(device__project__in=projects))
        # A tag reaches across projects.
        | Q(tag__isnull=False)
    )
    return rows.exclude(pk__in=outside.values("page_id"))


def page_by_public_id(
    workspace: Workspace, public_id: UUID | None, *, projects: Collection[int] | None = None
) -> StatusPage:
    """One page; NotFoundError when unknown, foreign or outside the scope."""
    page = pages_of(workspace, projects=projects).filter(public_id=public_id).first() if public_id else None
    if page is None:
        raise NotFoundError("Status page not found")
    return page


def public_page(slug: str, *, now: datetime) -> StatusPage | None:
    """The page behind a public name, private ones too; None when unknown, or its workspace is closed or not Premium."""
    rows = StatusPage.objects.select_related("workspace", "logo").defer("logo__png")
    page: StatusPage | None = rows.filter(slug=slug.replace("\x00", "/"), workspace__closed_at__isnull=True).first()
    return page if page is not None and plan_of(page.workspace, now=now) == "premium" else None


def slug_of_host(host: str) -> str | None:
    """The slug of the page that is served under a proved name of its own."""
    domains = Domain.objects.filter(hostname=host, use=Domain.Use.STATUS_PAGE, verified_at__isnull=False)
    domains = domains.filter(workspace__closed_at__isnull=True)
    page_id = domains.values_list("target_id", flat=True).first()
    return StatusPage.objects.filter(pk=page_id).values_list("slug", flat=True).first() if page_id else None


def domains_of(workspace: Workspace, page_ids: Collection[int]) -> dict[int, Domain]:
    """Claims by page."""
    rows = Domain.objects.of(workspace).filter(use=Domain.Use.STATUS_PAGE, target_id__in=page_ids)
    return {row.target_id: row for row in rows}


def opens(page: StatusPage, token: str) -> bool:
    """Whether this raw token opens a private page; a public one needs none."""
    return not page.is_private or (bool(token) and hmac.compare_digest(page.token_hash, digest(token)))


def projects_of(page: StatusPage) -> Sequence[Project]:
    """The projects a page shows as such, in their order."""
    rows = StatusComponent.objects.of(page.workspace_id).filter(page=page, project__isnull=False)
    return [row.project for row in rows.select_related("project").order_by("position", "id") if row.project is not None]


def components_of(page: StatusPage) -> Sequence[StatusComponent]:
    """What a page shows, in its order."""
    rows = StatusComponent.objects.of(page.workspace_id).filter(page=page)
    return list(rows.select_related("project", "tag", "device").order_by("position", "id"))


def list_updates(page: StatusPage, *, after: Cursor | None = None, limit: int = 50) -> Page[StatusUpdate]:
    """Posts newest first; `after` is the page before's end."""
    rows = StatusUpdate.objects.of(page.workspace_id).filter(page=page)
    size, total = max(1, min(limit, LONGEST_LIST)), rows.count()
    if after is not None:
        rows = rows.filter(Q(published_at__lt=after.at) | Q(published_at=after.at, pk__lt=after.id))
    found = list(rows.prefetch_related("projects").order_by("-published_at", "-id")[: size + 1])
    items = found[:size]
    more = len(found) > size
    return Page(items=items, next=Cursor(items[-1].published_at, items[-1].pk) if more else None, total=total)


def update_by_public_id(page: StatusPage, public_id: UUID | None) -> StatusUpdate:
    """One post; NotFoundError when it is not on the page."""
    rows = StatusUpdate.objects.of(page.workspace_id).filter(page=page)
    update = rows.filter(public_id=public_id).first() if public_id else None
    if update is None:
        raise NotFoundError("Update not found")
    return update


def posts_of(page: StatusPage, *, now: datetime, limit: int = POSTS) -> list[Post]:
    """The newest posts as visitors may see them, newest first."""
    rows = StatusUpdate.objects.of(page.workspace_id).filter(page=page, published_at__gte=now - HISTORY)
    return [_post(row) for row in rows.prefetch_related("projects").order_by("-published_at", "-id")[:limit]]


def thread_posts(page: StatusPage, key: str) -> list[Post]:
    """The posts of one story, newest first, however old."""
    rows = StatusUpdate.objects.of(page.workspace_id).filter(page=page, thread=key.replace("\x00", "/"))
    return [_post(row) for row in rows.prefetch_related("projects").order_by("-published_at", "-id")[:POSTS]]


def subscribers_of(page: StatusPage, *, after: int = 0, limit: int = LONGEST_LIST) -> Sequence[Subscriber]:
    """Addresses that said yes, in the order in which they came."""
    rows = Subscriber.objects.of(page.workspace_id).filter(page=page, confirmed_at__isnull=False, pk__gt=after)
    return list(rows.order_by("pk")[:limit])


def count_subscribers(page: StatusPage) -> tuple[int, int]:
    """How many said yes, and how many have yet to answer."""
    rows = Subscriber.objects.of(page.workspace_id).filter(page=page)
    confirmed = rows.filter(confirmed_at__isnull=False).count()
    return confirmed, rows.count() - confirmed


def _post(row: StatusUpdate) -> Post:
    return Post(
        id=row.wire_id,
        thread=row.thread,
        status=row.status,
        title=row.title,
        body=row.body,
        html=row.html,
        published_at=row.published_at,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        project_keys=[project.key for project in row.projects.all()],
    )
