"""How people come in: who may open an account, and what comes with one."""

from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction

from apps.accounts.addresses import checked_address
from apps.accounts.models import User
from apps.alerts.services import create_first_rules, ensure_builtin_rules
from apps.audit.services import record
from apps.common.errors import ConflictError, ForbiddenError, GoneError, InvalidInputError
from apps.common.ids import digest
from apps.nodes.services import ensure_default_group
from apps.workspaces.models import Workspace
from apps.workspaces.services import create_workspace, installation_settings, lock_installation

SHORTEST_PASSWORD = 8


def has_accounts() -> bool:
    """Whether anybody has an account yet."""
    return User.objects.exists()


def sign_up_open() -> bool:
    """Whether a stranger may open an account (DASHMON_SIGNUP); an invitation or the first-run link need not ask."""
    return bool(settings.SIGNUP == "open")


def ensure_sign_up_open() -> None:
    """Raise ForbiddenError (`signup_closed`) where accounts are made by invitation only."""
    if not sign_up_open():
        raise ForbiddenError("Sign-up is closed. Ask a member of your team for an invitation.", code="signup_closed")


@transaction.atomic
def sign_up(
    *,
    email: str,
    password: str | None,
    name: str = "",
    workspace_name: str = "",
    slug: str | None = None,
    now: datetime,
) -> User:
    """Make an account and the workspace its owner gets with it: every user owns one (contract Dashmon 16).

    Raises InvalidInputError (email, password) and ConflictError when the address is registered.
    """
    address = checked_address(email)
    if password is not None and len(password) < SHORTEST_PASSWORD:
        raise InvalidInputError(fields={"password": f"At least {SHORTEST_PASSWORD} characters."})
    try:
        with transaction.atomic():
            user = User.objects.create_user(address, password, name=name.strip()[:120])
    except IntegrityError:
        raise ConflictError("This e-mail address is already registered.") from None
    open_workspace(owner=user, name=workspace_name, slug=slug, now=now)
    return user


@transaction.atomic
def open_workspace(
    *, owner: User, name: str = "", slug: str | None = None, plan: Workspace.Plan | None = None, now: datetime
) -> Workspace:
    """Make a workspace with everything a fresh one has: the owner's seat, the alert rules, a group for nodes."""
    title = (name.strip() or f"{owner.get_short_name()[:100]}'s workspace")[:120]
    workspace = create_workspace(owner=owner, name=title, slug=slug, plan=plan, now=now)
    ensure_builtin_rules(workspace=workspace)
    create_first_rules(workspace=workspace, now=now)
    ensure_default_group(workspace=workspace)
    record(workspace=workspace, actor=owner.email, verb="workspace.create", subject=workspace.name, at=now)
    return workspace


@transaction.atomic
def ensure_own_workspace(*, user: User, now: datetime) -> Workspace:
    """The workspace a user owns, made when there is none: every user owns one."""
    lock_installation(now=now)
    own = Workspace.objects.filter(public_id=user.public_id).first()
    return own or open_workspace(owner=user, now=now)


def first_run_pending(token: str, *, now: datetime) -> bool:
    """Whether this one-time link still opens the first account."""
    return not has_accounts() and installation_settings(now=now).first_run_token_hash == digest(token)


@transaction.atomic
def complete_first_run(*, token: str, email: str, password: str, workspace_name: str, now: datetime) -> User:
    """Make the first account, which also operates the installation. The link works once."""
    installation = lock_installation(now=now)
    if not first_run_pending(token, now=now):
        raise GoneError("This link has been used. Sign in, or ask for an invitation.", code="first_run_done")
    user = sign_up(email=email, password=password, workspace_name=workspace_name, now=now)
    user.is_staff = True
    user.save(update_fields=["is_staff"])
    installation.first_run_token_hash = ""
    installation.save(update_fields=["first_run_token_hash"])
    return user
