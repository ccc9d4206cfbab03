"""The owner deletes a workspace: by its name, with their password, and is told what happens when."""

from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from apps.audit.models import AuditEntry
from apps.operations.closing import GRACE
from apps.operations.models import Erasure
from apps.workspaces.models import Workspace
from tests.apps.web.conftest import Scene
from tests.factories import PASSWORD, make_seat, make_user, make_workspace

ASKED_AGAIN = "/accounts/reauthenticate/?next="


def is_open(scene: Scene) -> bool:
    return Workspace.objects.get(pk=scene.workspace.pk).closed_at is None and not Erasure.objects.exists()


def test_only_the_owner_is_shown_how(scene: Scene) -> None:
    admin = make_user("admin@example.com")
    make_seat(scene.workspace, "admin", user=admin)
    pages = {
        user: scene.client(user).get(scene.path("settings/")).content.decode()
        for user in (scene.owner, admin, scene.viewer)
    }

    assert ["settings/delete" in pages[user] for user in (scene.owner, admin, scene.viewer)] == [True, False, False]
    day = (timezone.now() + GRACE).strftime("%-d %B %Y")
    assert day in pages[scene.owner]


@pytest.mark.parametrize(("role", "status"), [("admin", 403), ("editor", 403), ("viewer", 403), ("", 404)])
def test_nobody_else_can(scene: Scene, role: str, status: int) -> None:
    user = make_user("other@example.com")
    make_seat(scene.workspace, role, user=user) if role else make_workspace(owner=user)

    response = scene.client(user).post(scene.path("settings/delete"), {"name": "Shop"})

    assert response.status_code == status
    assert is_open(scene)


@pytest.mark.parametrize("typed", ["", "shop", "Shop 2"])
def test_another_name_deletes_nothing(scene: Scene, typed: str) -> None:
    client = scene.client(scene.owner)

    page = client.post(scene.path("settings/delete"), {"name": typed}, follow=True)

    assert "Nothing was deleted: what you typed is not “Shop”." in page.content.decode()
    assert is_open(scene)


def confirm(client: Client, scene: Scene, password: str) -> HttpResponse:
    first = client.post(scene.path("settings/delete"), {"name": " Shop "})
    assert first.headers["Location"].startswith(ASKED_AGAIN)
    return client.post(first.headers["Location"], {"password": password, "next": scene.path("settings/delete")})


def test_a_wrong_password_deletes_nothing(scene: Scene) -> None:
    confirm(scene.client(scene.owner), scene, "wrong")

    assert is_open(scene)


def test_name_and_password_close_it_and_a_page_tells_until_when_it_can_come_back(scene: Scene) -> None:
    client = scene.client(scene.owner)

    response = confirm(client, scene, PASSWORD)

    assert response.headers["Location"] == "/app/closed/"
    erasure = Erasure.objects.of(scene.workspace).get()
    assert timedelta() <= timezone.now() + GRACE - erasure.due_at < timedelta(minutes=1)
    assert AuditEntry.objects.of(scene.workspace).get(verb="workspace.close").actor == scene.owner.email
    page = client.get("/app/closed/").content.decode()
    assert "Shop is deleted" in page
    assert erasure.due_at.strftime("%-d %B %Y, %H:%M") in page
    assert f"reopen_workspace {scene.workspace.slug}" in page
    assert client.get(scene.path()).status_code == 404
    assert "You have no workspace yet" in client.get("/app/").content.decode()


def test_the_page_afterwards_is_for_whoever_deleted_something(scene: Scene) -> None:
    assert scene.client(scene.viewer).get("/app/closed/").headers["Location"] == "/app/"
    assert Client().get("/app/closed/").headers["Location"].startswith("/accounts/login/")


def test_who_has_neither_password_nor_second_step_is_not_asked_for_one(scene: Scene) -> None:
    scene.owner.set_unusable_password()
    scene.owner.save()

    response = scene.client(scene.owner).post(scene.path("settings/delete"), {"name": "Shop"})

    assert response.headers["Location"] == "/app/closed/"
    assert not is_open(scene)
