"""Front ends of other products: files of the operator's, on a host or a port of their own."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.tokens.logins import set_login_password
from apps.workspaces.models import Workspace
from tests.factories import make_workspace

pytestmark = pytest.mark.django_db
HOST = {"host": "acme--dash.localhost:8000"}
INDEX = "<!doctype html><title>Theirs</title><script>start()</script>"


@pytest.fixture
def built(settings: Any, tmp_path: Path) -> Path:
    """A data folder with a built front end."""
    settings.DATA_DIR = tmp_path
    folder = tmp_path / "fronts" / "dash"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text(INDEX)
    (folder / "assets" / "index-4f2a.js").write_text("start = () => 0")
    (folder / "brandlogo.svg").write_text("<svg/>")
    (tmp_path / "secret-key").write_text("kept")
    return folder


@pytest.fixture(autouse=True)
def workspace() -> None:
    make_workspace(slug="acme")


def text_of(response: Any) -> str:
    return b"".join(response.streaming_content if response.streaming else [response.content]).decode()


@pytest.mark.parametrize("path", ["/", "/login", "/admin/nodes", "/server/7/history"])
def test_addresses_of_the_front_end_are_its_index(built: Path, path: str) -> None:
    response = Client().get(path, headers=HOST)

    assert (response.status_code, text_of(response)) == (200, INDEX)
    assert response.headers["Cache-Control"] == "no-cache"
    assert "script-src 'self' 'unsafe-inline'" in response.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]


def test_files_have_their_type_and_those_of_a_build_are_kept(built: Path) -> None:
    script, logo = (Client().get(path, headers=HOST) for path in ("/assets/index-4f2a.js", "/brandlogo.svg"))

    assert script.headers["Content-Type"].startswith("text/javascript")
    assert script.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert logo.headers["Content-Type"] == "image/svg+xml"
    assert logo.headers["Cache-Control"] == "no-cache"
    again = Client().get("/brandlogo.svg", headers={**HOST, "If-Modified-Since": logo.headers["Last-Modified"]})
    assert again.status_code == 304


@pytest.mark.parametrize("path", ["/no-such.js", "/assets/../../../secret-key.", "/..%2f..%2fsecret-key.x", "/.env"])
def test_nothing_beside_the_folder_is_given_out(built: Path, path: str) -> None:
    response = Client().get(path, headers=HOST)

    assert "kept" not in text_of(response)
    assert response.status_code in {400, 404}


def test_without_files_the_page_says_where_they_go_and_no_path_of_the_server(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path

    response = Client().get("/", headers=HOST)

    assert response.status_code == 404
    assert "fronts/dash" in text_of(response)
    assert str(tmp_path) not in text_of(response)


def test_a_front_end_is_only_read(built: Path) -> None:
    assert Client().post("/", headers=HOST).status_code == 405


def test_the_host_has_that_api_and_nothing_else(built: Path) -> None:
    client = Client()

    assert client.get("/api/version", headers=HOST).json().keys() >= {"version", "node_version"}
    unknown = client.get("/api/projects", headers=HOST)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
    for path in ("/app/", "/accounts/login/", "/status/acme", "/operator/"):
        assert text_of(client.get(path, headers=HOST)) == INDEX


def test_a_port_is_the_default_workspaces_front_end(built: Path, settings: Any) -> None:
    settings.FACE_PORTS = {8101: "dash"}

    def asked(host: str, port: str) -> Any:
        return Client().get("/", headers={"host": f"{host}:{port}"}, SERVER_PORT=port)

    assert text_of(asked("127.0.0.1", "8101")) == INDEX
    assert asked("rebound.example", "8101").status_code == 421
    assert text_of(asked("127.0.0.1", "8000")) != INDEX


def test_the_api_on_a_port_is_the_default_workspaces(built: Path, settings: Any) -> None:
    settings.FACE_PORTS = {8101: "dash"}
    settings.DEFAULT_WORKSPACE = "acme"
    workspace = Workspace.objects.get(slug="acme")
    set_login_password(workspace=workspace, surface="dash", password="correct-horse", now=timezone.now())
    body = {"password": "correct-horse", "persistence": "session"}

    def sign_in(host: str, port: str) -> int:
        answer = Client().post("/api/auth/login", body, "application/json", headers={"host": host}, SERVER_PORT=port)
        return answer.status_code

    assert sign_in("127.0.0.1:8101", "8101") == 200
    assert sign_in("acme--dash.localhost", "80") == 200
    make_workspace(slug="other")
    assert sign_in("other--dash.localhost", "80") == 401
    assert sign_in("nobody--dash.localhost", "80") == 401
