"""Taking an offered seat: the seat, its reach into projects and the trail, in one transaction."""

from datetime import datetime

from django.db import transaction

from apps.accounts.models import User
from apps.audit.services import record
from apps.projects.models import Project
from apps.projects.services import set_scope
from apps.workspaces.invitations import accept_invitation
from apps.workspaces.models import Membership


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
