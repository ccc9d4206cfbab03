"""Who calls, and for which workspace: a bearer, else the host, else the default workspace (contract Dash 1.1, 1.2)."""

from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest

from apps.api.dash.errors import UnauthorizedError
from apps.common.errors import NotFoundError
from apps.tokens.logins import session_by_access
from apps.tokens.models import LoginSession
from apps.workspaces.models import Workspace
from apps.workspaces.permissions import Actor
from apps.workspaces.selectors import default_workspace

SURFACE = "dash"
ADMIN = "Dash admin"
SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Caller:
    """The admin of a workspace, or a guest of it."""

    workspace: Workspace
    session: LoginSession | None = None

    @property
    def is_admin(self) -> bool:
        return self.session is not None

    @property
    def actor(self) -> Actor:
        """The admin as permissions know it: everything an admin may, in every project. A guest is nobody."""
        if self.session is None:
            raise UnauthorizedError
        return Actor(workspace_id=self.workspace.pk, role="admin", label=ADMIN)


def admin_of(request: HttpRequest, *, now: datetime) -> Caller:
    """The admin whose bearer this is; UnauthorizedError without one."""
    parts = request.headers.get("Authorization", "").split()
    raw = parts[1] if len(parts) == 2 and parts[0].lower() == "bearer" else ""
    session = _session(request, raw, now=now)
    if session is None:
        raise UnauthorizedError
    return Caller(session.workspace, session)


def anybody(request: HttpRequest, *, now: datetime) -> Caller:
    """The admin whose bearer this is, else a guest of the host's workspace; a bad bearer is a guest's.

    NotFoundError where a guest's host has no workspace.
    """
    scheme, _, raw = request.headers.get("Authorization", "").partition(" ")
    session = _session(request, raw, now=now) if scheme == "Bearer" else None
    return Caller(workspace_of_host(request)) if session is None else Caller(session.workspace, session)


def _session(request: HttpRequest, raw: str, *, now: datetime) -> LoginSession | None:
    session = session_by_access(raw, surface=SURFACE, now=now) if raw else None
    # Host and credential must agree: a token of another workspace is as unknown as none at all.
    if session is None or host_slug(request) not in {None, session.workspace.slug}:
        return None
    return session


def host_slug(request: HttpRequest) -> str | None:
    """The workspace whose own host was asked; None on the app host."""
    slug: str | None = request.META.get("dashmon.workspace_slug")
    return slug


def find_workspace(request: HttpRequest) -> Workspace | None:
    """Whose host was asked, on the app host the default workspace; None where there is none, or a closed one."""
    slug = host_slug(request)
    found = default_workspace() if slug is None else Workspace.objects.filter(slug=slug).first()
    return found if found is not None and found.closed_at is None else None


def workspace_of_host(request: HttpRequest) -> Workspace:
    """As `find_workspace`; NotFoundError where there is none."""
    found = find_workspace(request)
    if found is None:
        raise NotFoundError("There is no workspace at this address.")
    return found
