"""A person in a seat as the Actor that permissions judge; the seat's reach is a list of projects."""

from typing import cast

from apps.accounts.models import User
from apps.projects.models import ProjectMember
from apps.workspaces.models import Membership
from apps.workspaces.permissions import Actor, RoleName


def actor_of(seat: Membership, user: User) -> Actor:
    """What `user` may do from this seat: its role, limited to the seat's projects when it has a reach."""
    projects = None
    if seat.reach == Membership.Reach.PROJECTS:
        rows = ProjectMember.objects.of(seat.workspace_id).filter(seat=seat)
        projects = frozenset(rows.values_list("project_id", flat=True))
    return Actor(
        workspace_id=seat.workspace_id,
        role=cast("RoleName", seat.role),
        label=user.email,
        user_id=user.pk,
        seat_id=seat.pk,
        projects=projects,
    )
