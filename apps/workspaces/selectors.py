from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import QuerySet

from apps.accounts.models import User
from apps.common.ids import digest
from apps.workspaces.models import Installation, Invitation, Membership, Workspace


def seats_of(user: User) -> Sequence[Membership]:
    """Every seat of a user, own workspace first, then by name."""
    seats = Membership.objects.filter(user=user, workspace__closed_at__isnull=True)
    ordered = seats.select_related("workspace").order_by("workspace__name", "id")
    return sorted(ordered, key=lambda seat: seat.role != Membership.Role.OWNER)


def seat_in(*, user: User, public_id: UUID) -> Membership | None:
    """The user's seat in the workspace of this public id, or None: unknown and not a member look the same."""
    seat: Membership | None = (
        Membership.objects.filter(user=user, workspace__public_id=public_id, workspace__closed_at__isnull=True)
        .select_related("workspace")
        .first()
    )
    return seat


def members_of(workspace: Workspace) -> Sequence[Membership]:
    """Seats with their users, owner first, then as they came."""
    seats = Membership.objects.of(workspace).filter(user__isnull=False).select_related("user").order_by("number")
    return sorted(seats, key=lambda seat: seat.role != Membership.Role.OWNER)


def invitations_of(workspace: Workspace) -> Sequence[Invitation]:
    """Invitations of every status, newest first."""
    return list(Invitation.objects.of(workspace).select_related("invited_by").order_by("-created_at", "-id")[:200])


def pending_invitation(token: str, *, now: datetime) -> Invitation | None:
    """The invitation this raw token opens now; None when it is unknown, used, withdrawn or has run out."""
    rows = Invitation.objects.select_related("workspace", "invited_by").filter(workspace__closed_at__isnull=True)
    invitation: Invitation | None = rows.filter(token_hash=digest(token)).first()
    if invitation is None or invitation.status_at(now) != Invitation.Status.PENDING:
        return None
    return invitation


def owner_of(workspace: Workspace) -> User:
    """The user in the owner's seat."""
    owner: User = User.objects.get(memberships__workspace=workspace, memberships__role=Membership.Role.OWNER)
    return owner


def default_workspace() -> Workspace | None:
    """Who answers for credentials that name no workspace on the bare host; None in the saas profile and once closed."""
    if settings.PROFILE == "saas":
        return None
    if settings.DEFAULT_WORKSPACE:
        return Workspace.objects.filter(slug=settings.DEFAULT_WORKSPACE, closed_at__isnull=True).first()
    installation = Installation.objects.select_related("default_workspace").filter(pk=1).first()
    chosen: Workspace | None = installation.default_workspace if installation is not None else None
    return chosen if chosen is not None and chosen.closed_at is None else None


def closed_workspaces() -> QuerySet[Workspace, Any]:
    """The primary keys of closed workspaces, for use in a subquery: few, and read from an index of their own."""
    return Workspace.objects.filter(closed_at__isnull=False).values("pk")
