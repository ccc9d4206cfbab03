from collections.abc import Sequence

import pytest

from apps.accounts.models import User
from apps.audit.models import AuditEntry
from apps.common.errors import ConflictError, ForbiddenError, GoneError, InvalidInputError
from apps.operations.seats import join, take_seat
from apps.projects.models import ProjectMember
from apps.workspaces.invitations import invite
from apps.workspaces.models import Invitation, Membership, Workspace
from apps.workspaces.selectors import owner_of
from tests.factories import NOW, make_project, make_user, make_workspace

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace()


def offer(workspace: Workspace, keys: Sequence[str] | None = None, *, role: str = "editor") -> str:
    _, token = invite(
        workspace=workspace,
        email="bo@example.com",
        role=role,
        project_keys=keys,
        invited_by=owner_of(workspace),
        now=NOW,
    )
    return token


def scope_of(seat: Membership) -> list[str]:
    return sorted(ProjectMember.objects.filter(seat=seat).values_list("project__key", flat=True))


def test_a_seat_reaches_the_projects_that_were_offered(workspace: Workspace) -> None:
    make_project(workspace, "a")
    make_project(workspace, "b")
    bo = make_user("bo@example.com")

    seat = take_seat(token=offer(workspace, ["a"]), user=bo, now=NOW)

    assert (seat.role, seat.reach, scope_of(seat)) == ("editor", "projects", ["a"])
    entry = AuditEntry.objects.of(workspace).get(verb="invitation.accept")
    assert (entry.actor, entry.changes) == ("bo@example.com", {"role": "editor", "projects": ["a"]})


def test_an_offer_without_projects_reaches_all(workspace: Workspace) -> None:
    seat = take_seat(token=offer(workspace), user=make_user("bo@example.com"), now=NOW)

    assert (seat.reach, scope_of(seat)) == ("all", [])


def test_a_project_deleted_since_the_offer_is_not_replaced_by_all_of_them(workspace: Workspace) -> None:
    make_project(workspace, "kept")
    gone = make_project(workspace, "gone")
    token = offer(workspace, ["gone"])
    gone.delete()

    seat = take_seat(token=token, user=make_user("bo@example.com"), now=NOW)

    assert (seat.reach, scope_of(seat)) == ("projects", [])


def test_a_link_for_another_address_seats_nobody(workspace: Workspace) -> None:
    with pytest.raises(ForbiddenError):
        take_seat(token=offer(workspace), user=make_user("eve@example.com"), now=NOW)

    assert Membership.objects.of(workspace).count() == 1


def test_an_invited_stranger_gets_an_account_a_seat_and_a_workspace_of_their_own(workspace: Workspace) -> None:
    make_project(workspace, "a")

    seat = join(token=offer(workspace, ["a"], role="viewer"), password=PASSWORD, name="Bo", now=NOW)

    bo = User.objects.get(email="bo@example.com")
    assert (seat.user, seat.workspace, seat.role, scope_of(seat)) == (bo, workspace, "viewer", ["a"])
    assert bo.check_password(PASSWORD)
    assert Workspace.objects.get(public_id=bo.public_id).name == "Bo's workspace"


def test_a_stranger_with_a_bad_password_or_a_dead_link_gets_nothing(workspace: Workspace) -> None:
    token = offer(workspace)

    with pytest.raises(InvalidInputError):
        join(token=token, password="short", now=NOW)
    with pytest.raises(GoneError):
        join(token="inv_unknown", password=PASSWORD, now=NOW)

    assert not User.objects.filter(email="bo@example.com").exists()
    assert Invitation.objects.get().status == "pending"


def test_an_invited_address_with_an_account_signs_in_instead(workspace: Workspace) -> None:
    make_user("bo@example.com")

    with pytest.raises(ConflictError):
        join(token=offer(workspace), password=PASSWORD, now=NOW)

    assert Membership.objects.of(workspace).count() == 1
    assert Invitation.objects.get().status == "pending"
