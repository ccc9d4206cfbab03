"""Taking an offered seat: the seat, its reach into projects and the trail, in one transaction."""

from datetime import datetime

from django.db import transaction

from apps.accounts.models import User
from apps.audit.services import record
from apps.common.errors import GoneError
from apps.operations.sign_up import sign_up
from apps.projects.models import Project
from apps.projects.services import set_scope
from apps.workspaces.invitations import accept_invitation
from apps.workspaces.models import Membership
from apps.workspaces.selectors import pending_invitation


@transaction.atomic
def take_seat(*, token: str, user: User, now: datetime) -> Membership:
    """Accept an invitation by its raw token; the seat reaches the projects that were offered.

    GoneError for a dead or unknown token, ForbiddenError when it was sent to another address.
    """
    seat, invitation = accept_invitation(token=token, user=user, now=now)
    if invitation.project_keys is not None and seat.role != Membership.Role.OWNER:
        # A project that was deleted since the offer takes nothing else with it.
        rows = Project.objects.of(seat.workspace_id).filter(key__in=invitation.project_keys)
        set_scope(seat=seat, project_keys=list(rows.values_list("key", flat=True)))
    record(
        workspace=seat.workspace_id,
        actor=user.email,
        verb="invitation.accept",
        subject=user.email,
        at=now,
        changes={"role": seat.role, "projects": invitation.project_keys},
    )
    return seat


@transaction.atomic
def join(*, token: str, password: str, name: str = "", now: datetime) -> Membership:
    """An account for whoever holds an invitation, and the seat it offers; both or neither.

    GoneError for a dead token, ConflictError when the invited address has an account, InvalidInputError (password).
    """
    invitation = pending_invitation(token, now=now)
    if invitation is None:
        raise GoneError("This invitation has been used, cancelled or has expired.")
    user = sign_up(email=invitation.email, password=password, name=name, now=now)
    return take_seat(token=token, user=user, now=now)
