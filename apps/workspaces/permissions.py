"""Who may do what. One table of roles and one function decide for every surface and every page."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from apps.common.errors import ForbiddenError, NotFoundError

RoleName = Literal["owner", "admin", "editor", "viewer"]

# Contract Dashmon section 3, in the order in which permission-foundation lists them.
PERMISSIONS = (
    "projects.read",
    "devices.read",
    "history",
    "reports",
    "incidents.read",
    "tags.read",
    "statusPages.read",
    "alerts.read",
    "projects.create",
    "projects.update",
    "projects.delete",
    "devices.write",
    "devices.refreshAll",
    "maintenance.write",
    "incidents.write",
    "alerts.write",
    "alertSettings.write",
    "statusPages.write",
    "statusPages.publish",
    "secrets.read",
    "posture.read",
    "tokens.manage",
    "team.manage",
    "preferences.self",
    "billing",
)
_READ = frozenset(PERMISSIONS[:8])
_VIEWER = _READ | {"preferences.self"}
_EDITOR = _VIEWER | {
    "projects.create",
    "projects.update",
    "devices.write",
    "devices.refreshAll",
    "maintenance.write",
    "incidents.write",
    "alertSettings.write",
    "statusPages.write",
    "statusPages.publish",
    "secrets.read",
    "posture.read",
}
_ADMIN = _EDITOR | {"projects.delete", "alerts.write", "tokens.manage", "team.manage"}
ROLE: dict[RoleName, frozenset[str]] = {
    # The last one is asked for on our own pages only, so clients are not told of it.
    "owner": _ADMIN | {"billing", "workspace.delete"},
    "admin": _ADMIN,
    "editor": _EDITOR,
    "viewer": _VIEWER,
}
# What a bearer token may do: a viewer or an editor with these differences.
TOKEN_READ_ONLY = _READ | {"posture.read"}
TOKEN_READ_WRITE = (_EDITOR | {"projects.delete", "alerts.write"}) - {"preferences.self"}
# Workspace-wide writes: a seat that reaches only some projects never has them. Tokens reach every project and a team
# can be widened, so an admin of some projects would otherwise help themselves to the rest.
WORKSPACE_WIDE = frozenset(
    {"projects.create", "devices.refreshAll", "statusPages.write", "alerts.write", "tokens.manage", "team.manage"}
)


@dataclass(frozen=True, slots=True)
class Actor:
    """Whoever acts in one workspace: a person in a seat, or a token. Built once, by a surface's auth."""

    workspace_id: int
    role: RoleName
    label: str  # for the audit trail: "ana@example.com", "token CI"
    user_id: int | None = None
    seat_id: int | None = None
    # Primary keys of the projects within reach; None reaches all.
    projects: frozenset[int] | None = None
    # Set for tokens: these permissions instead of the role's.
    grants: frozenset[str] | None = None

    @property
    def permissions(self) -> frozenset[str]:
        """Everything this actor may do somewhere in the workspace."""
        granted = ROLE[self.role] if self.grants is None else self.grants
        return granted if self.projects is None else granted - WORKSPACE_WIDE

    def reaches(self, project_id: int | None) -> bool:
        """Whether a row of this project (None: of no project) is inside the actor's scope."""
        return self.projects is None or (project_id is not None and project_id in self.projects)


def may(actor: Actor, permission: str, *, projects: Iterable[int | None] = ()) -> bool:
    """Whether the actor may do this to rows of these projects (contract Dashmon 3, domain rules).

    Reading a row outside the scope is "not there" rather than "forbidden"; `ensure` raises accordingly.
    """
    return permission in actor.permissions and all(actor.reaches(project) for project in projects)


def ensure(actor: Actor, permission: str) -> None:
    """Raise ForbiddenError naming the permission when the actor lacks it everywhere."""
    if permission not in actor.permissions:
        raise ForbiddenError("Your role does not allow this.", details={"required": permission, "role": actor.role})


def ensure_in_scope(actor: Actor, project_id: int | None, *, noun: str = "Project") -> None:
    """Raise NotFoundError when a row's project is outside the actor's scope: it is not there."""
    if not actor.reaches(project_id):
        raise NotFoundError(f"{noun} not found")
