import re

import pytest
from django.db import OperationalError
from django.test import Client, RequestFactory

from apps.audit.models import AuditEntry
from apps.projects.models import MaintenanceWindow, Project
from apps.tokens.models import ApiToken
from apps.tokens.selectors import token_by_secret
from apps.web import errors
from tests.apps.web.conftest import Scene


def test_a_token_is_shown_once_and_then_only_by_its_prefix(scene: Scene) -> None:
    client = scene.client(scene.owner)
    page = client.post(scene.path("tokens/"), {"label": "CI", "access": "read_only", "expires": "90"}).content.decode()
    found = re.search(r"dm_live_[\w-]+", page)
    assert found is not None
    token = token_by_secret(found.group())
    assert token is not None
    assert token.label == "CI"
    assert found.group() not in client.get(scene.path("tokens/")).content.decode()

    client.post(scene.path(f"tokens/{token.public_id}/revoke"))
    assert ApiToken.objects.get(pk=token.pk).revoked_at is not None
    trail = AuditEntry.objects.of(scene.workspace)
    assert trail.filter(verb="token.create", subject="CI").exists()
    assert found.group() not in str(list(trail.values()))


def test_a_token_of_another_workspace_is_not_revoked(scene: Scene) -> None:
    scene.client(scene.owner).post(scene.path("tokens/"), {"label": "CI", "access": "read_only", "expires": ""})
    token = ApiToken.objects.of(scene.workspace).get()
    slug = scene.stranger.memberships.get().workspace.slug

    assert scene.client(scene.stranger).post(f"/app/w/{slug}/tokens/{token.public_id}/revoke").status_code == 404
    assert ApiToken.objects.get(pk=token.pk).revoked_at is None


def test_settings_are_saved_by_those_who_may(scene: Scene) -> None:
    sent = {"name": "Shop and more", "timezone": "Europe/Berlin"}
    assert scene.client(scene.viewer).post(scene.path("settings/"), sent).status_code == 403
    scene.workspace.refresh_from_db()
    assert scene.workspace.name == "Shop"

    scene.client(scene.owner).post(scene.path("settings/"), sent)
    scene.workspace.refresh_from_db()
    assert (scene.workspace.name, scene.workspace.timezone) == ("Shop and more", "Europe/Berlin")


def test_the_theme_is_kept_in_the_browser_and_set_before_the_first_paint(scene: Scene) -> None:
    client = scene.client(scene.viewer)
    client.post(scene.path("profile/"), {"theme": "dark"})
    assert '<html lang="en" data-theme="dark">' in client.get(scene.path()).content.decode()

    client.cookies["dashmon_theme"] = '"><script>'
    assert '<html lang="en" data-theme="system">' in client.get(scene.path()).content.decode()


def test_a_profile_takes_only_zones_that_exist(scene: Scene) -> None:
    client = scene.client(scene.viewer)
    assert client.post(scene.path("profile/"), {"name": "Vic", "timezone": "Mars/Olympus"}).status_code == 400
    client.post(scene.path("profile/"), {"name": "Victor", "timezone": "Europe/Berlin"})
    scene.viewer.refresh_from_db()
    assert (scene.viewer.name, scene.viewer.timezone) == ("Victor", "Europe/Berlin")


def test_the_trail_goes_on_in_pages(scene: Scene) -> None:
    client = scene.client(scene.owner)
    for number in range(60):
        client.post(scene.path("new-project"), {"name": f"Project {number}"})
    first = client.get(scene.path("audit/"))
    second = client.get(scene.path("audit/"), {"after": first.context["older"]})

    keys = [line.entry.pk for line in [*first.context["lines"], *second.context["lines"]]]
    assert len(first.context["lines"]) == 50
    assert len(keys) == len(set(keys)) == AuditEntry.objects.of(scene.workspace).count()


def test_projects_are_made_changed_and_silenced(scene: Scene) -> None:
    client = scene.client(scene.owner)
    client.post(scene.path("new-project"), {"name": "Paris", "location": "FR"})
    project = Project.objects.of(scene.workspace).get(name="Paris")
    client.post(scene.path(f"projects/{project.key}"), {"name": "Paris 2", "location": "", "notes": "n"})
    project.refresh_from_db()
    assert (project.name, project.location, project.notes) == ("Paris 2", None, "n")

    client.post(scene.path("projects/berlin/maintenance"), {"reason": "Move"})
    assert MaintenanceWindow.objects.of(scene.workspace).get().project == scene.project
    assert "In maintenance" in client.get(scene.monitor()).content.decode()
    assert client.post(scene.path("new-project"), {"name": ""}).status_code == 400


def test_error_pages_name_the_request_and_a_way_on(scene: Scene) -> None:
    response = Client().get("/no-such-page", headers={"X-Request-Id": "req_0123456789abcdef"})

    text = response.content.decode()
    assert response.status_code == 404
    assert "req_0123456789abcdef" in text
    assert "There is nothing here" in text


@pytest.mark.parametrize("code", [400, 403, 404, 429, 500])
def test_each_error_page_draws_without_a_database(rf: RequestFactory, code: int) -> None:
    request = rf.get("/")
    pages = {
        400: lambda: errors.bad_request(request, Exception()),
        403: lambda: errors.permission_denied(request, Exception()),
        404: lambda: errors.page_not_found(request, Exception()),
        429: lambda: errors.too_many(request),
        500: lambda: errors.server_error(request),
    }

    response = pages[code]()

    assert response.status_code == code
    assert "<h1>" in response.content.decode()


def test_a_page_says_that_the_database_is_away(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    client = scene.client(scene.owner)
    client.raise_request_exception = False

    def gone(*_: object, **__: object) -> None:
        raise OperationalError("the connection is lost")

    with monkeypatch.context() as patch:
        patch.setattr("django.db.backends.utils.CursorWrapper.execute", gone)
        response = client.get(scene.path(""))

    assert response.status_code == 503
    assert response.headers["Retry-After"] == "5"
    assert "The database does not answer" in response.content.decode()
