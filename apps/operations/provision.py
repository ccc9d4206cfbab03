"""One command that makes a workspace ready for use by a script. Idempotent; safe while the server runs."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.accounts.addresses import checked_address
from apps.accounts.models import User
from apps.accounts.verification import vouch_for
from apps.common.errors import ConflictError, InvalidInputError
from apps.operations.addresses import base_url, workspace_host, workspace_url
from apps.operations.plans import change_plan
from apps.operations.sign_up import open_workspace
from apps.tokens.logins import login_of, set_login_password
from apps.tokens.models import ApiToken
from apps.tokens.services import create_api_token, revoke_api_token
from apps.workspaces.models import Membership, Workspace
from apps.workspaces.selectors import default_workspace, owner_of
from apps.workspaces.services import lock_installation
from apps.workspaces.usage import plan_of

DASH = "dash"
READ_WRITE, READ_ONLY = "provisioned read-write", "provisioned read-only"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the command line asked for."""

    slug: str
    owner: str
    password: str | None = None
    plan: Workspace.Plan | None = None
    rotate: bool = False


@transaction.atomic
def provision(*, wanted: Wanted, now: datetime) -> dict[str, Any]:
    """Make or complete the workspace; answers the object that `manage.py provision --json` prints.

    A secret made earlier cannot be read back: it is null, or made anew and replaced with `rotate`.
    """
    # Two runs at once make one owner, one workspace and one pair of tokens.
    lock_installation(now=now)
    owner, password = _owner(wanted)
    workspace = _workspace(wanted, owner, now=now)
    return {
        "base_url": base_url(),
        "urls": {"app": base_url(), "workspace": workspace_url(workspace), "dash": _address_of_surfaces(workspace)},
        "workspace": {
            "id": str(workspace.public_id),
            "slug": workspace.slug,
            "host": workspace_host(workspace),
        },
        "owner": {"id": str(owner.public_id), "email": owner.email, "password": password},
        "tokens": {
            "read_write": _token(workspace, READ_WRITE, ApiToken.Access.READ_WRITE, wanted, now=now),
            "read_only": _token(workspace, READ_ONLY, ApiToken.Access.READ_ONLY, wanted, now=now),
        },
        "dash": {"password": _dash_password(workspace, wanted, now=now)},
    }


def _address_of_surfaces(workspace: Workspace) -> str:
    """Where clients of a surface find this workspace without naming it: its own host, or the host it is default of."""
    return base_url() if default_workspace() == workspace else workspace_url(workspace)


def _dash_password(workspace: Workspace, wanted: Wanted, *, now: datetime) -> str | None:
    if login_of(workspace, DASH) is not None and not wanted.rotate:
        return None
    password = secrets.token_urlsafe(16)
    set_login_password(workspace=workspace, surface=DASH, password=password, now=now)
    return password


def _owner(wanted: Wanted) -> tuple[User, str | None]:
    address = checked_address(wanted.owner)
    user = User.objects.filter(email=address).first()
    if user is None:
        password = wanted.password or secrets.token_urlsafe(16)
        # An operator's installation is never without one.
        user = User.objects.create_user(address, password, is_staff=not User.objects.exists())
        vouch_for(user)
        return user, password
    if wanted.rotate:
        password = wanted.password or secrets.token_urlsafe(16)
        user.set_password(password)
        user.save(update_fields=["password"])
        return user, password
    known = wanted.password if wanted.password and user.check_password(wanted.password) else None
    return user, known


def _workspace(wanted: Wanted, owner: User, *, now: datetime) -> Workspace:
    workspace = Workspace.objects.filter(slug=wanted.slug).first()
    if workspace is None:
        # A person's first workspace carries the person's id, whatever it is called.
        return open_workspace(owner=owner, name=wanted.slug, slug=wanted.slug, plan=wanted.plan, now=now)
    if owner_of(workspace).pk != owner.pk:
        raise ConflictError(f"The workspace {wanted.slug} belongs to somebody else.")
    if workspace.closed_at is not None:
        raise ConflictError(f"The workspace {wanted.slug} is closed; `reopen_workspace {wanted.slug}` brings it back.")
    # The plan in force counts too: a lapsed Premium is asked for in vain otherwise.
    if wanted.plan is not None and not wanted.plan == workspace.plan == plan_of(workspace, now=now):
        change_plan(workspace=workspace, plan=wanted.plan, source="admin", actor="operator", now=now)
    return workspace


def _token(workspace: Workspace, label: str, access: ApiToken.Access, wanted: Wanted, *, now: datetime) -> str | None:
    token = ApiToken.objects.of(workspace).filter(label=label, revoked_at__isnull=True).first()
    if token is not None and not wanted.rotate:
        return None
    if token is not None:
        revoke_api_token(token=token, now=now)
    seat = Membership.objects.of(workspace).get(role=Membership.Role.OWNER)
    # Tokens of a Free workspace are listed and wait: the plan's count does not stand in their way.
    _, raw = create_api_token(
        workspace=workspace, seat=seat, label=label, access=access, expires_in_days=None, now=now, enforce_plan=False
    )
    return raw


def checked_plan(text: str | None) -> Workspace.Plan | None:
    """A plan by name, None for none."""
    if text is None:
        return None
    if text not in Workspace.Plan.values:
        raise InvalidInputError(fields={"plan": "One of free, premium."})
    return Workspace.Plan(text)
