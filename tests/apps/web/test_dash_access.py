"""The page of Dash's password: who may set it, and what that does."""

import pytest

from apps.audit.models import AuditEntry
from apps.tokens.logins import login_of, open_session, opens, set_login_password
from apps.tokens.models import LoginSession
from tests.apps.web.conftest import Scene


def test_a_password_is_set_and_told_to_nobody(scene: Scene) -> None:
    client = scene.client(scene.owner)
    assert "None yet" in client.get(scene.path("settings/dash")).content.decode()

    response = client.post(scene.path("settings/dash"), {"password": "Opens-The-Dash"})

    assert (response.status_code, response["Location"]) == (302, scene.path("settings/dash"))
    assert opens(login_of(scene.workspace, "dash"), "Opens-The-Dash")
    assert "Opens-The-Dash" not in client.get(scene.path("settings/dash")).content.decode()
    trail = AuditEntry.objects.of(scene.workspace)
    assert trail.filter(verb="login.password", subject="dash").exists()
    assert "Opens-The-Dash" not in str(list(trail.values()))


@pytest.mark.parametrize("password", ["", "short", "with a space in it"])
def test_a_bad_password_is_refused_beside_its_field(scene: Scene, password: str) -> None:
    set_login_password(workspace=scene.workspace, surface="dash", password="Stays-As-It-Is", now=scene.now)

    response = scene.client(scene.owner).post(scene.path("settings/dash"), {"password": password})

    assert response.status_code == 400
    assert "id_password_error" in response.content.decode()
    assert opens(login_of(scene.workspace, "dash"), "Stays-As-It-Is")


def test_sessions_are_shown_and_ended_together(scene: Scene) -> None:
    login = set_login_password(workspace=scene.workspace, surface="dash", password="Opens-The-Dash", now=scene.now)
    open_session(login=login, persistent=False, now=scene.now)
    client = scene.client(scene.owner)
    assert "Until the window closes" in client.get(scene.path("settings/dash")).content.decode()

    client.post(scene.path("settings/dash/sessions/end"))

    assert not LoginSession.objects.exists()
    assert "Nobody." in client.get(scene.path("settings/dash")).content.decode()


def test_only_those_who_manage_tokens_see_it(scene: Scene) -> None:
    viewer, stranger = scene.client(scene.viewer), scene.client(scene.stranger)

    for client, status in ((viewer, 403), (stranger, 404)):
        assert client.get(scene.path("settings/dash")).status_code == status
        sent = {"password": "Opens-The-Dash"}
        assert client.post(scene.path("settings/dash"), sent).status_code == status
        assert client.post(scene.path("settings/dash/sessions/end")).status_code == status
    assert login_of(scene.workspace, "dash") is None
    assert "settings/dash" not in viewer.get(scene.path("settings/")).content.decode()
    assert "settings/dash" in scene.client(scene.owner).get(scene.path("settings/")).content.decode()
