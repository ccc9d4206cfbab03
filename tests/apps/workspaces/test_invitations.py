from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from apps.common.errors import ConflictError, ForbiddenError, GoneError, InvalidInputError, PlanLimitError
from apps.common.ids import digest
from apps.workspaces import invitations
from apps.workspaces.models import Invitation, Membership, Workspace
from apps.workspaces.selectors import pending_invitation
from tests.factories import NOW, make_seat, make_user, make_workspace
from tests.together import at_once

pytestmark = pytest.mark.django_db
WEEK = timedelta(days=7)


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace()


def offer(workspace: Workspace, email: str = "bo@example.com", **changes: Any) -> tuple[Invitation, str]:
    wanted: dict[str, Any] = {"role": "editor", "project_keys": None, "invited_by": None, "now": NOW} | changes
    return invitations.invite(workspace=workspace, email=email, **wanted)


def test_an_invitation_stands_for_seven_days_and_its_token_is_not_stored(workspace: Workspace) -> None:
    invitation, token = offer(workspace, " Bo@Example.com ", project_keys=["b", "a", "a"])

    assert invitation.email == "bo@example.com"
    assert invitation.project_keys == ["a", "b"]
    assert (invitation.created_at, invitation.expires_at) == (NOW, NOW + WEEK)
    assert invitation.token_hash == digest(token)
    assert invitation.status_at(NOW + WEEK - timedelta(microseconds=1)) == "pending"
    assert invitation.status_at(NOW + WEEK) == "expired"


@pytest.mark.parametrize(
    ("email", "role", "fields"),
    [
        ("nobody", "editor", {"email"}),
        ("", "editor", {"email"}),
        (f"{'x' * 60}@{'y' * 60}.{'z' * 60}.{'w' * 60}.{'v' * 30}.example", "editor", {"email"}),
        ("bo@example.com", "owner", {"role"}),
        ("bo@example.com", "", {"role"}),
        ("nobody", "king", {"email", "role"}),
    ],
)
def test_a_bad_offer_is_refused_and_leaves_nothing_behind(
    workspace: Workspace, email: str, role: str, fields: set[str]
) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        offer(workspace, email, role=role)

    assert set(refusal.value.fields) == fields
    assert not Invitation.objects.exists()


def test_a_member_is_not_invited_again(workspace: Workspace) -> None:
    make_seat(workspace, "viewer", user=make_user("bo@example.com"))

    with pytest.raises(ConflictError):
        offer(workspace, "BO@example.com")

    assert not Invitation.objects.exists()


def test_inviting_a_pending_address_renews_the_offer_and_ends_its_first_link(workspace: Workspace) -> None:
    first, old = offer(workspace)
    later = NOW + timedelta(days=3)

    renewed, new = offer(workspace, role="viewer", now=later)

    assert renewed.pk == first.pk
    assert (renewed.role, renewed.expires_at) == ("viewer", later + WEEK)
    assert pending_invitation(old, now=later) is None
    assert pending_invitation(new, now=later) == renewed


def test_two_workspaces_invite_the_same_address(workspace: Workspace) -> None:
    _, ours = offer(workspace)
    _, theirs = offer(make_workspace())

    assert pending_invitation(ours, now=NOW) != pending_invitation(theirs, now=NOW)
    assert Invitation.objects.count() == 2


def test_pending_offers_take_seats_and_the_plan_refuses_the_one_too_many(settings: Settings) -> None:
    settings.PROFILE = "saas"
    workspace = make_workspace(limit_overrides={"members": 3})
    offer(workspace, "a@example.com")
    offer(workspace, "b@example.com")

    with pytest.raises(PlanLimitError) as refusal:
        offer(workspace, "c@example.com")

    assert refusal.value.message == "Plan limit reached. Your plan allows 3 members."
    assert refusal.value.details == {"limit": "members", "max": 3, "used": 3}
    assert Invitation.objects.count() == 2
    # Renewing takes no further seat, and an offer that ran out gives its seat back.
    offer(workspace, "a@example.com", now=NOW + timedelta(days=1))
    offer(workspace, "c@example.com", now=NOW + WEEK)


def test_a_free_workspace_has_no_seat_to_offer(settings: Settings) -> None:
    settings.PROFILE = "saas"

    with pytest.raises(PlanLimitError):
        offer(make_workspace(plan="free"))


def test_a_pending_offer_is_withdrawn_once(workspace: Workspace) -> None:
    invitation, token = offer(workspace)

    assert invitations.cancel_invitation(invitation=invitation, now=NOW).status == "cancelled"

    assert pending_invitation(token, now=NOW) is None
    with pytest.raises(ConflictError):
        invitations.cancel_invitation(invitation=invitation, now=NOW)


def test_an_offer_that_ran_out_is_not_withdrawn(workspace: Workspace) -> None:
    invitation, _ = offer(workspace)

    with pytest.raises(ConflictError):
        invitations.cancel_invitation(invitation=invitation, now=NOW + WEEK)

    assert Invitation.objects.get().status == "pending"


def test_the_invited_person_takes_the_seat(workspace: Workspace) -> None:
    invitation, token = offer(workspace, "bo@example.com", role="admin")
    bo = make_user("bo@example.com")

    seat, accepted = invitations.accept_invitation(token=token, user=bo, now=NOW)

    assert (seat.workspace, seat.user, seat.role) == (workspace, bo, "admin")
    assert (accepted.pk, accepted.status) == (invitation.pk, "accepted")


def test_a_used_link_is_dead(workspace: Workspace) -> None:
    _, token = offer(workspace, "bo@example.com")
    bo = make_user("bo@example.com")
    invitations.accept_invitation(token=token, user=bo, now=NOW)

    with pytest.raises(GoneError):
        invitations.accept_invitation(token=token, user=bo, now=NOW)


@pytest.mark.parametrize("token", ["", "inv_unknown", "\ud800"])
def test_an_unknown_link_is_as_dead_as_a_used_one(token: str) -> None:
    with pytest.raises(GoneError) as refusal:
        invitations.accept_invitation(token=token, user=make_user(), now=NOW)

    assert refusal.value.code == "invitation_expired"


def test_a_link_dies_with_its_seventh_day_and_with_its_workspace(workspace: Workspace) -> None:
    _, token = offer(workspace, "bo@example.com")
    bo = make_user("bo@example.com")

    with pytest.raises(GoneError):
        invitations.accept_invitation(token=token, user=bo, now=NOW + WEEK)
    Workspace.objects.update(closed_at=NOW)
    with pytest.raises(GoneError):
        invitations.accept_invitation(token=token, user=bo, now=NOW)

    assert not Membership.objects.filter(user=bo).exists()


def test_a_link_opens_for_the_invited_address_only(workspace: Workspace) -> None:
    _, token = offer(workspace, "bo@example.com")

    with pytest.raises(ForbiddenError):
        invitations.accept_invitation(token=token, user=make_user("eve@example.com"), now=NOW)

    assert pending_invitation(token, now=NOW) is not None
    assert Membership.objects.count() == 1


def test_a_plan_that_shrank_since_refuses_the_seat_and_keeps_the_offer(settings: Settings) -> None:
    settings.PROFILE = "saas"
    workspace = make_workspace()
    _, token = offer(workspace, "bo@example.com")
    Workspace.objects.update(plan="free")
    bo = make_user("bo@example.com")

    with pytest.raises(PlanLimitError):
        invitations.accept_invitation(token=token, user=bo, now=NOW)

    assert not Membership.objects.filter(user=bo).exists()
    Workspace.objects.update(plan="premium")
    assert invitations.accept_invitation(token=token, user=bo, now=NOW)[0].user == bo


@pytest.mark.django_db(transaction=True)
def test_the_last_seat_is_offered_once_to_two_who_ask_at_once(settings: Settings) -> None:
    settings.PROFILE = "saas"
    workspace = make_workspace(limit_overrides={"members": 2})

    outcomes = at_once(
        lambda: offer(workspace, "a@example.com"),
        lambda: offer(workspace, "b@example.com"),
    )

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["PlanLimitError", "tuple"]
    assert Invitation.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_link_used_twice_at_once_seats_once() -> None:
    workspace, bo = make_workspace(), make_user("bo@example.com")
    _, token = offer(workspace, "bo@example.com")

    def take() -> Membership:
        return invitations.accept_invitation(token=token, user=bo, now=NOW)[0]

    outcomes = at_once(take, take)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["GoneError", "Membership"]
    assert Membership.objects.filter(user=bo).count() == 1


@pytest.mark.django_db(transaction=True)
def test_renewing_an_offer_while_it_is_taken_does_not_bring_it_back() -> None:
    workspace, bo = make_workspace(), make_user("bo@example.com")
    _, token = offer(workspace, "bo@example.com")

    at_once(
        lambda: invitations.accept_invitation(token=token, user=bo, now=NOW),
        lambda: offer(workspace, "bo@example.com"),
    )

    seated = Membership.objects.filter(user=bo).exists()
    assert Invitation.objects.get().status == ("accepted" if seated else "pending")
