"""Rows for tests, made by the product's own services wherever there is one."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from apps.accounts.models import User
from apps.accounts.verification import vouch_for
from apps.common.ids import digest
from apps.devices.models import Device
from apps.devices.services import Options, create_device
from apps.devices.targets import describe
from apps.operations.sign_up import open_workspace
from apps.projects.models import Project
from apps.projects.services import create_project, set_scope
from apps.tokens.models import AgentKey, ApiToken
from apps.tokens.selectors import KnownKey, Sent, keys_of_agents
from apps.tokens.services import create_api_token
from apps.workspaces.models import Membership, Workspace
from apps.workspaces.services import add_seat

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
PASSWORD = "correct horse battery staple"
_numbers = count(1)


def make_user(email: str = "", *, name: str = "", password: str = PASSWORD) -> User:
    """A person with a confirmed address, which is made up when left out."""
    user = User.objects.create_user(email or f"person{next(_numbers)}@example.com", password, name=name)
    vouch_for(user)
    return user


def make_workspace(
    *, owner: User | None = None, plan: str = "premium", name: str = "", now: datetime = NOW, **fields: Any
) -> Workspace:
    """A workspace with its owner's seat and built-in rules."""
    owner = owner or make_user()
    workspace = open_workspace(owner=owner, name=name, plan=Workspace.Plan(plan), now=now)
    for field, value in fields.items():
        setattr(workspace, field, value)
    workspace.save()
    return workspace


def make_seat(
    workspace: Workspace, role: str, *, user: User | None = None, projects: list[Project] | None = None
) -> Membership:
    """A seat of this role, limited to some projects when they are given."""
    seat = add_seat(workspace=workspace, user=user or make_user(), role=role, now=NOW)
    if projects is not None:
        set_scope(seat=seat, project_keys=[project.key for project in projects])
    return seat


def make_project(workspace: Workspace, key: str = "", *, name: str = "", now: datetime = NOW) -> Project:
    key = key or f"project-{next(_numbers)}"
    return create_project(workspace=workspace, key=key, name=name or key.title(), now=now)


def make_device(
    project: Project, name: str = "Till 1", *, kind: str = "http", now: datetime = NOW, **options: Any
) -> Device:
    """A device that points at a name nobody looks up in tests; `options` as services.Options spells them."""
    host = "" if kind in {"heartbeat", "dns", "agent"} else "till.example.com"
    url = "https://till.example.com/" if kind == "http" else None
    port = 9 if kind == "tcp" else None
    description = describe(name=name, label=kind, host=host, port=port, url=url, notes=None, missing="")
    return create_device(project=project, description=description, options=Options(**options), now=now)


def make_token(
    workspace: Workspace, access: str = "read_write", *, days: int | None = None, now: datetime = NOW
) -> tuple[ApiToken, str]:
    """A bearer token and its raw value, whatever the plan says about their number."""
    seat = Membership.objects.of(workspace).get(role=Membership.Role.OWNER)
    return create_api_token(
        workspace=workspace,
        seat=seat,
        label=f"{access} {next(_numbers)}",
        access=access,
        expires_in_days=days,
        now=now,
        enforce_plan=False,
    )


def key_with(secret: str) -> KnownKey | None:
    """Whose key of a device this is, as its job is known by it on the host of all workspaces."""
    sender = Sent(digest(secret))
    return keys_of_agents([sender], subject=AgentKey.Subject.DEVICE, default_workspace=None, now=NOW).get(sender)
