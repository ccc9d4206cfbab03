"""The pages through which people come in: the first-run link and an invitation."""

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.projects.models import ProjectMember
from apps.workspaces.invitations import invite
from apps.workspaces.models import Invitation, Membership, Workspace
from apps.workspaces.selectors import owner_of
from apps.workspaces.services import new_first_run_token
from tests.factories import NOW, PASSWORD, make_project, make_user, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def link() -> str:
    """An invitation of bo@example.com to one project of a workspace of two, as a path."""
    from django.utils import timezone

    workspace = make_workspace(name="acme")
    make_project(workspace, "theirs")
    make_project(workspace, "ours")
    _, token = invite(
        workspace=workspace,
        email="bo@example.com",
        role="editor",
        project_keys=["ours"],
        invited_by=owner_of(workspace),
        now=timezone.now(),
    )
    return f"/invitations/{token}"


def reach_of(email: str) -> list[str]:
    seat = Membership.objects.get(user__email=email, workspace__slug="acme")
    assert seat.reach == "projects"
    return list(ProjectMember.objects.filter(seat=seat).values_list("project__key", flat=True))


def test_the_first_run_link_makes_the_operator_and_signs_them_in(client: Client) -> None:
    link = f"/first-run/{new_first_run_token(now=NOW)}"
    assert client.get(link).status_code == 200

    weak = client.post(link, {"workspace": "Acme", "email": "ana@example.com", "password": "password"})
    assert weak.status_code == 400
    assert not User.objects.exists()
    made = client.post(link, {"workspace": "Acme", "email": "ana@example.com", "password": PASSWORD})

    assert (made.status_code, made["Location"]) == (302, "/app/w/acme/monitors/new")
    assert User.objects.get().is_staff
    me = client.get("/api/me").json()
    assert (me["email"], me["role"], me["workspace"]["name"]) == ("ana@example.com", "owner", "Acme")
    assert client.get(link).status_code == 404


def test_an_invited_stranger_comes_in_and_reaches_what_was_offered(client: Client, link: str) -> None:
    assert client.get(link).status_code == 200

    response = client.post(link, {"name": "Bo", "password": PASSWORD})

    assert (response.status_code, response["Location"]) == (302, "/app/w/acme/")
    assert reach_of("bo@example.com") == ["ours"]
    bo = User.objects.get(email="bo@example.com")
    assert Workspace.objects.filter(public_id=bo.public_id).exists()
    assert client.get("/app/w/acme/").status_code == 200
    assert Client().get(link).status_code == 404


def test_a_guessable_password_makes_neither_account_nor_seat(client: Client, link: str) -> None:
    assert client.post(link, {"name": "Bo", "password": "password"}).status_code == 400

    assert not User.objects.filter(email="bo@example.com").exists()
    assert Invitation.objects.get().status == "pending"


def test_an_invited_member_of_the_house_takes_the_seat_signed_in(client: Client, link: str) -> None:
    bo = make_user("bo@example.com")
    client.force_login(bo)

    assert client.post(link)["Location"] == "/app/w/acme/"

    assert reach_of("bo@example.com") == ["ours"]


def test_somebody_else_who_is_signed_in_does_not(client: Client, link: str) -> None:
    client.force_login(make_user("eve@example.com"))

    assert client.post(link).status_code == 403

    assert Membership.objects.filter(workspace__slug="acme").count() == 1
    assert Invitation.objects.get().status == "pending"


def test_an_invited_address_that_has_an_account_signs_in_first(client: Client, link: str) -> None:
    make_user("bo@example.com")

    assert client.post(link, {"name": "Bo", "password": "another good password"}).status_code == 409

    assert User.objects.get(email="bo@example.com").check_password(PASSWORD)
    assert Invitation.objects.get().status == "pending"
