import uuid
from datetime import timedelta

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from apps.workspaces import selectors
from apps.workspaces.invitations import invite
from apps.workspaces.models import Workspace
from tests.factories import NOW, make_seat, make_user, make_workspace

pytestmark = pytest.mark.django_db


def test_ones_seats_come_own_workspace_first_then_by_name(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    ana = make_user()
    zebra, apple = make_workspace(name="Zebra"), make_workspace(name="Apple")
    for workspace in (zebra, apple):
        make_seat(workspace, "viewer", user=ana)
    own = make_workspace(owner=ana, name="Mine")
    make_workspace(name="Foreign")

    with django_assert_num_queries(1):
        seats = [(seat.workspace.name, seat.role) for seat in selectors.seats_of(ana)]

    assert seats == [(own.name, "owner"), ("Apple", "viewer"), ("Zebra", "viewer")]


def test_a_closed_workspace_has_no_seats() -> None:
    ana = make_user()
    workspace = make_workspace(owner=ana, closed_at=NOW)

    assert selectors.seats_of(ana) == []
    assert selectors.seat_in(user=ana, public_id=workspace.public_id) is None


def test_an_unknown_workspace_and_one_without_a_seat_look_the_same() -> None:
    ana, foreign = make_user(), make_workspace()
    own = make_workspace(owner=ana)

    seat = selectors.seat_in(user=ana, public_id=own.public_id)
    assert seat is not None
    assert seat.role == "owner"
    assert selectors.seat_in(user=ana, public_id=foreign.public_id) is None
    assert selectors.seat_in(user=ana, public_id=uuid.uuid4()) is None


def test_members_come_owner_first_then_as_they_came(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    workspace = make_workspace()
    seats = [make_seat(workspace, role) for role in ("viewer", "admin")]
    make_seat(make_workspace(), "viewer")

    with django_assert_num_queries(1):
        members = [(seat.role, seat.user.email if seat.user else "") for seat in selectors.members_of(workspace)]

    owner = selectors.owner_of(workspace)
    expected = [("owner", owner.email), *((seat.role, seat.user.email if seat.user else "") for seat in seats)]
    assert members == expected


def test_invitations_come_newest_first_and_only_ones_own(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    workspace = make_workspace()
    for index, email in enumerate(("a@example.com", "b@example.com")):
        invite(
            workspace=workspace,
            email=email,
            role="viewer",
            project_keys=None,
            invited_by=selectors.owner_of(workspace),
            now=NOW + timedelta(minutes=index),
        )

    with django_assert_num_queries(1):
        rows = [(row.email, row.invited_by and row.invited_by.email) for row in selectors.invitations_of(workspace)]

    owner = selectors.owner_of(workspace).email
    assert rows == [("b@example.com", owner), ("a@example.com", owner)]
    assert selectors.invitations_of(make_workspace()) == []


def test_the_default_workspace_is_the_stored_one_unless_the_operator_names_another(settings: Settings) -> None:
    assert selectors.default_workspace() is None
    first, second = make_workspace(), make_workspace()

    assert selectors.default_workspace() == first
    settings.DEFAULT_WORKSPACE = second.slug
    assert selectors.default_workspace() == second
    settings.DEFAULT_WORKSPACE = "nobody"
    assert selectors.default_workspace() is None


def test_a_service_has_no_default_workspace_even_after_a_change_of_profile(settings: Settings) -> None:
    make_workspace()
    settings.PROFILE = "saas"

    assert selectors.default_workspace() is None


def test_a_second_sign_up_does_not_change_who_answers() -> None:
    first = make_workspace()
    make_workspace()
    Workspace.objects.filter(pk=first.pk).update(name="Renamed")

    assert selectors.default_workspace() == first
