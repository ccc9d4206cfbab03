"""The people of a workspace as routing names them, and how each can be reached."""

from collections.abc import Mapping

from apps.common.ids import parse_uuid
from apps.workspaces.models import Membership


def members(workspace_id: int) -> Mapping[str, Membership]:
    """Everybody with a seat, by the public id of the user: who may be a target, and who is still there."""
    seats = Membership.objects.of(workspace_id).filter(user__isnull=False).select_related("user")
    return {str(seat.user.public_id): seat for seat in seats if seat.user is not None}


def member(workspace_id: int, user_id: str) -> Membership | None:
    """The seat of one person; None when there is none any more."""
    public_id = parse_uuid(user_id)
    if public_id is None:
        return None
    seats = Membership.objects.of(workspace_id).filter(user__public_id=public_id).select_related("user")
    seat: Membership | None = seats.first()
    return seat
