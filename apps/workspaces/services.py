"""Writes about workspaces and their seats; invitations live in invitations.py."""

import re
import secrets
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.text import slugify

from apps.accounts.models import User
from apps.common.errors import ConflictError, ForbiddenError, InvalidInputError
from apps.common.hosts import is_slug
from apps.common.ids import digest
from apps.workspaces.models import Counter, Installation, Membership, Workspace
from apps.workspaces.usage import register_counter


def free_slug(wanted: str) -> str:
    """A slug near to what was wanted that nobody has."""
    # A slug is a host's label too: no underscore, and no dash where the text is cut.
    base = re.sub(r"[^a-z0-9]+", "-", slugify(wanted))[:40].strip("-")
    if not is_slug(base):
        base = f"team-{base}".strip("-")
    slug, suffix = base, 2
    while Workspace.objects.filter(slug=slug).exists():
        slug, suffix = f"{base}-{suffix}", suffix + 1
    return slug


def next_number(*, workspace_id: int, kind: str) -> int:
    """The next small number for a row of this kind: 1, 2, 3 ..., never reused; gaps are allowed.

    Runs in the transaction that creates the row; the counter's lock queues creators of one kind.
    """
    return next_numbers(workspace_id=workspace_id, kind=kind, count=1)[0]


@transaction.atomic
def next_numbers(*, workspace_id: int, kind: str, count: int) -> range:
    """The next `count` numbers for rows that are created together, as `next_number` gives one."""
    locked = Counter.objects.of(workspace_id).select_for_update()
    counter = locked.filter(kind=kind).first()
    if counter is None:
        # The first of its kind; of two at once, one makes the row and both lock it.
        Counter.objects.get_or_create(workspace_id=workspace_id, kind=kind)
        counter = locked.get(kind=kind)
    first = int(counter.last) + 1
    counter.last += count
    counter.save(update_fields=["last"])
    return range(first, first + count)


@transaction.atomic
def create_workspace(
    *, owner: User, name: str, now: datetime, slug: str | None = None, plan: Workspace.Plan | None = None
) -> Workspace:
    """Make a workspace and its owner's seat. A person's first workspace carries that person's public id.

    Raises InvalidInputError for a bad slug, ConflictError for a taken one; nothing is changed then.
    """
    if slug is not None and not is_slug(slug):
        raise InvalidInputError(fields={"slug": "3 to 48 of a-z, 0-9 and single dashes; some names are kept."})
    installation = lock_installation(now=now)
    if slug is not None and Workspace.objects.filter(slug=slug).exists():
        raise ConflictError(f"The name {slug} is taken.")
    first = not Workspace.objects.filter(public_id=owner.public_id).exists()
    if plan is None:
        plan = Workspace.Plan.PREMIUM if settings.PROFILE == "self_hosted" else Workspace.Plan.FREE
    workspace = Workspace(name=name, slug=slug or free_slug(name), plan=plan, created_at=now)
    if first:
        workspace.public_id = owner.public_id
    workspace.full_clean()
    workspace.save()
    add_seat(workspace=workspace, user=owner, role=Membership.Role.OWNER, now=now)
    if installation.default_workspace_id is None and settings.PROFILE == "self_hosted":
        installation.default_workspace = workspace
        installation.save(update_fields=["default_workspace"])
    return workspace


@transaction.atomic
def rename_workspace(*, workspace: Workspace, name: str, timezone: str) -> Workspace:
    """Call a workspace something else, or let it live by another clock; its slug and addresses stay."""
    workspace.name, workspace.timezone = name.strip(), timezone
    workspace.full_clean()
    workspace.save(update_fields=["name", "timezone"])
    return workspace


def installation_settings(*, now: datetime) -> Installation:
    """The installation's one row, made on first use."""
    installation, _ = Installation.objects.get_or_create(pk=1, defaults={"created_at": now})
    return installation


def lock_installation(*, now: datetime) -> Installation:
    """The installation's row, locked until the transaction ends.

    It queues whoever makes accounts' workspaces: two at once agree on slugs, on who is first and on the default.
    """
    installation: Installation = Installation.objects.select_for_update().get(pk=installation_settings(now=now).pk)
    return installation


@transaction.atomic
def add_seat(*, workspace: Workspace, user: User, role: str, now: datetime) -> Membership:
    """Seat a user; a user who already sits there keeps the seat and its number."""
    try:
        with transaction.atomic():
            seat: Membership = Membership.objects.create(
                workspace=workspace,
                number=next_number(workspace_id=workspace.pk, kind="seat"),
                user=user,
                role=role,
                created_at=now,
            )
    except IntegrityError:
        seat = Membership.objects.of(workspace).get(user=user)
    return seat


@transaction.atomic
def change_role(*, seat: Membership, role: str, by: str) -> Membership:
    """Give a seat another role. The owner's seat stays the owner's, and nobody else becomes one.

    `by` is the acting role, told in the refusal.
    """
    if Membership.Role.OWNER in {seat.role, role}:
        raise ForbiddenError("The owner's seat cannot be changed.", details={"required": "billing", "role": by})
    if role not in Membership.Role.values:
        raise InvalidInputError(fields={"role": "One of admin, editor, viewer."})
    seat.role = role
    seat.save(update_fields=["role"])
    return seat


@transaction.atomic
def remove_seat(*, seat: Membership) -> None:
    """Take a seat away; what its holder made stays with the workspace."""
    if seat.role == Membership.Role.OWNER:
        raise ForbiddenError("The owner's seat cannot be removed.", details={"required": "billing"})
    seat.delete()


def new_first_run_token(*, now: datetime) -> str:
    """A fresh one-time token for the page that creates the first account; the older one dies."""
    token = secrets.token_urlsafe(24)
    installation = installation_settings(now=now)
    installation.first_run_token_hash = digest(token)
    installation.save(update_fields=["first_run_token_hash"])
    return token


def count_members(workspace_id: int) -> int:
    """Seats that people sit in. Pending invitations take places too, but nobody is over the plan because of them."""
    return int(Membership.objects.of(workspace_id).filter(user__isnull=False).count())


register_counter("members", count_members)
