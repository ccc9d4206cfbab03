"""Seats offered by e-mail (contract Dashmon section 12)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction

from apps.accounts.addresses import is_address
from apps.accounts.models import User
from apps.common.errors import ConflictError, ForbiddenError, GoneError, InvalidInputError
from apps.common.ids import digest, new_secret
from apps.workspaces.models import Invitation, Membership, Workspace
from apps.workspaces.plans import ensure_room
from apps.workspaces.services import add_seat
from apps.workspaces.usage import limits_in_force

LIFETIME = timedelta(days=7)
OFFERED = (Membership.Role.ADMIN, Membership.Role.EDITOR, Membership.Role.VIEWER)


@transaction.atomic
def invite(
    *,
    workspace: Workspace,
    email: str,
    role: str,
    project_keys: Sequence[str] | None,
    invited_by: User,
    now: datetime,
) -> tuple[Invitation, str]:
    """Offer a seat; answers the invitation and its raw token, which is shown only now.

    Inviting an address that is already pending renews that invitation. Pending ones take seats.
    """
    address = _clean(email=email, role=role)
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    if Membership.objects.of(workspace).filter(user__email=address).exists():
        raise ConflictError("This address already has a seat in this workspace.")
    # Locked, so that one who accepts at this moment is not made pending again.
    offers = Invitation.objects.of(workspace).select_for_update()
    pending = offers.filter(email=address, status=Invitation.Status.PENDING).first()
    if pending is None or pending.expires_at <= now:
        ensure_room("members", used=_taken(workspace, now=now), limits=limits_in_force(workspace, now=now))
    token = new_secret("inv_")
    invitation = pending or Invitation(workspace=workspace, email=address)
    invitation.role = role
    invitation.project_keys = None if project_keys is None else sorted(set(project_keys))
    invitation.token_hash = digest(token)
    invitation.invited_by = invited_by
    invitation.created_at = now
    invitation.expires_at = now + LIFETIME
    invitation.save()
    return invitation, token


def _clean(*, email: str, role: str) -> str:
    fields = {}
    address = email.strip().lower()
    if not is_address(address):
        fields["email"] = f"Invalid email address: {email}"
    if role not in OFFERED:
        fields["role"] = "One of admin, editor, viewer."
    if fields:
        raise InvalidInputError(fields=fields)
    return address


def _taken(workspace: Workspace, *, now: datetime) -> int:
    seats = Membership.objects.of(workspace).filter(user__isnull=False).count()
    offers = Invitation.objects.of(workspace).filter(status=Invitation.Status.PENDING, expires_at__gt=now)
    return int(seats + offers.count())


@transaction.atomic
def cancel_invitation(*, invitation: Invitation, now: datetime) -> Invitation:
    """Withdraw a pending invitation; anything else is a ConflictError."""
    locked: Invitation = Invitation.objects.select_for_update().get(pk=invitation.pk)
    if locked.status_at(now) != Invitation.Status.PENDING:
        raise ConflictError("Only a pending invitation can be cancelled.")
    locked.status = Invitation.Status.CANCELLED
    locked.save(update_fields=["status"])
    return locked


def _locked_offer(token: str) -> Invitation | None:
    """The invitation of a raw token, locked behind its workspace as in `invite`; None also when that is closed."""
    hashed = digest(token)
    where = Invitation.objects.filter(token_hash=hashed).values("workspace")
    if Workspace.objects.select_for_update().filter(pk__in=where, closed_at__isnull=True).first() is None:
        return None
    invitation: Invitation | None = Invitation.objects.select_for_update().filter(token_hash=hashed).first()
    return invitation


@transaction.atomic
def accept_invitation(*, token: str, user: User, now: datetime) -> tuple[Membership, Invitation]:
    """Take the offered seat. The address must be the invited one; a dead or unknown token is GoneError.

    PlanLimitError when the plan has shrunk since the offer; the invitation stays pending then.
    """
    invitation = _locked_offer(token)
    if invitation is None or invitation.status_at(now) != Invitation.Status.PENDING:
        raise GoneError("This invitation has been used, cancelled or has expired.")
    if invitation.email.lower() != user.email.lower():
        raise ForbiddenError("This invitation is for another e-mail address.")
    seats = Membership.objects.of(invitation.workspace)
    if not seats.filter(user=user).exists():
        limits = limits_in_force(invitation.workspace, now=now)
        ensure_room("members", used=seats.filter(user__isnull=False).count(), limits=limits)
    seat = add_seat(workspace=invitation.workspace, user=user, role=invitation.role, now=now)
    invitation.status = Invitation.Status.ACCEPTED
    invitation.save(update_fields=["status"])
    return seat, invitation
