import re

from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.projects.models import ProjectMember
from apps.workspaces.models import Invitation, Membership, Workspace
from apps.workspaces.services import new_first_run_token
from tests import factories
from tests.apps.web.conftest import Scene

STRONG = "plain-otter-drums-41"


def invite(scene: Scene, email: str = "new@example.com", **fields: object) -> str:
    """Invite somebody over the page; the path of the link it shows once."""
    page = scene.client(scene.owner).post(scene.path("members/"), {"email": email, "role": "editor", **fields})
    found = re.search(r"/invitations/[\w-]+", page.content.decode())
    assert found is not None
    return found.group()


def test_an_invited_stranger_makes_an_account_and_sits(scene: Scene) -> None:
    link, visitor = invite(scene, projects=["berlin"]), Client()
    assert "Create account and join" in visitor.get(link).content.decode()

    response = visitor.post(link, {"name": "Nia", "password": STRONG})

    seat = Membership.objects.of(scene.workspace).get(user__email="new@example.com")
    assert response["Location"] == scene.path()
    assert seat.role == "editor"
    assert visitor.get(scene.path()).status_code == 200
    assert visitor.get(link).status_code == 404


def test_a_guessable_password_is_refused_and_makes_nobody(scene: Scene) -> None:
    response = Client().post(invite(scene), {"name": "Nia", "password": "password"})

    assert response.status_code == 400
    assert "easy to guess" in response.content.decode()
    assert not User.objects.filter(email="new@example.com").exists()


def test_an_invitation_is_not_for_somebody_else(scene: Scene) -> None:
    link = invite(scene)

    assert "is for another address" in scene.client(scene.stranger).get(link).content.decode()
    assert scene.client(scene.stranger).post(link).status_code == 403
    assert not Membership.objects.of(scene.workspace).filter(user=scene.stranger).exists()


def test_a_withdrawn_invitation_no_longer_opens(scene: Scene) -> None:
    link = invite(scene)
    invitation = Invitation.objects.of(scene.workspace).get()

    scene.client(scene.owner).post(scene.path(f"members/invitations/{invitation.public_id}/cancel"))

    assert Client().get(link).status_code == 404


def test_roles_change_and_seats_go_but_never_the_owners(scene: Scene) -> None:
    client = scene.client(scene.owner)
    viewer = Membership.objects.of(scene.workspace).get(user=scene.viewer)
    owner = Membership.objects.of(scene.workspace).get(user=scene.owner)

    client.post(scene.path(f"members/{viewer.number}/role"), {"role": "admin"})
    viewer.refresh_from_db()
    assert viewer.role == "admin"

    assert client.post(scene.path(f"members/{owner.number}/remove")).status_code == 403
    client.post(scene.path(f"members/{viewer.number}/remove"))
    assert not Membership.objects.filter(pk=viewer.pk).exists()
    assert Membership.objects.filter(pk=owner.pk).exists()


def test_a_viewer_invites_nobody(scene: Scene) -> None:
    response = scene.client(scene.viewer).post(scene.path("members/"), {"email": "x@example.com", "role": "admin"})

    assert response.status_code == 403
    assert not Invitation.objects.of(scene.workspace).exists()
    assert not ProjectMember.objects.of(scene.workspace).exists()


def test_the_first_run_link_makes_the_first_account_and_works_once(db: None) -> None:
    link = f"/first-run/{new_first_run_token(now=timezone.now())}"
    visitor = Client()
    assert visitor.get(link).status_code == 200
    assert visitor.get("/first-run/guessed").status_code == 404

    refused = visitor.post(link, {"workspace": "Shop", "email": "ana@example.com", "password": "12345678"})
    assert refused.status_code == 400
    assert not User.objects.exists()

    done = visitor.post(link, {"workspace": "Shop", "email": "ana@example.com", "password": STRONG})
    assert done["Location"] == f"/app/w/{Workspace.objects.get().slug}/monitors/new"
    assert User.objects.get().is_staff is True
    assert Client().get(link).status_code == 404


def test_somebody_without_a_workspace_can_make_one(db: None) -> None:
    client = Client()
    client.force_login(factories.make_user("solo@example.com"))
    assert "You have no workspace yet" in client.get("/app/").content.decode()

    response = client.post("/app/", {"name": "Solo"})

    assert response["Location"] == f"/app/w/{Workspace.objects.get().slug}/monitors/new"


def test_the_landing_page_is_public_and_leads_people_who_are_signed_in_on(scene: Scene) -> None:
    assert Client().get("/").status_code == 200
    assert scene.client(scene.owner).get("/")["Location"] == "/app/"


def test_the_reach_of_a_seat_changes_and_everything_is_never_an_accident(scene: Scene) -> None:
    hamburg = factories.make_project(scene.workspace, "hamburg", now=scene.now)
    client = scene.client(scene.owner)
    seat = Membership.objects.of(scene.workspace).get(user=scene.viewer)
    path = scene.path(f"members/{seat.number}/scope")

    client.post(path, {"reach": "some", "projects": ["hamburg"]})
    assert scene.client(scene.viewer).get(scene.monitor()).status_code == 404
    assert scene.client(scene.viewer).get(scene.path("projects/hamburg")).status_code == 200

    refused = client.post(path, {"reach": "some"}, follow=True)
    assert "tick at least one project" in refused.content.decode()
    assert [row.project for row in ProjectMember.objects.of(scene.workspace).filter(seat=seat)] == [hamburg]

    client.post(path, {"reach": "all"})
    seat.refresh_from_db()
    assert seat.reach == "all"
    assert scene.client(scene.viewer).get(scene.monitor()).status_code == 200


def test_nobody_widens_the_reach_of_a_seat_without_managing_the_team(scene: Scene) -> None:
    seat = Membership.objects.of(scene.workspace).get(user=scene.viewer)
    owner = Membership.objects.of(scene.workspace).get(user=scene.owner)
    path = scene.path(f"members/{seat.number}/scope")
    scene.client(scene.owner).post(path, {"reach": "some", "projects": ["berlin"]})

    assert scene.client(scene.viewer).post(path, {"reach": "all"}).status_code == 403
    limits = {"reach": "some", "projects": ["berlin"]}
    assert scene.client(scene.owner).post(scene.path(f"members/{owner.number}/scope"), limits).status_code == 403
    assert Membership.objects.get(pk=seat.pk).reach == "projects"
    assert Membership.objects.get(pk=owner.pk).reach == "all"
