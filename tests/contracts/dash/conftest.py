"""A workspace with a Dash password, and somebody to call its API as."""

import json
from datetime import datetime
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from apps.tokens.logins import login_of, open_session, set_login_password
from apps.workspaces.models import Workspace
from tests import factories
from tests.clock import Clock

PASSWORD = "Opens-The-Dash"


class Caller:
    """The test client with JSON in and out."""

    def __init__(self, access: str = "") -> None:
        # Forgery checks as in production: a path that asks for a form token refuses programs.
        self.client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {access}"} if access else {}

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        data = body if isinstance(body, str | bytes) else "" if body is None else json.dumps(body)
        kind = named.pop("Content-Type", "application/json" if body is not None else "")
        return self.client.generic(method, path, data, content_type=kind, headers={**self.headers, **named})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, now: datetime) -> Clock:
    clock = Clock(now)
    monkeypatch.setattr(timezone, "now", clock)
    return clock


@pytest.fixture
def workspace(db: None, clock: Clock) -> Workspace:
    """The default workspace."""
    workspace = factories.make_workspace(name="Acme")
    set_login_password(workspace=workspace, surface="dash", password=PASSWORD, now=clock.now)
    return workspace


@pytest.fixture
def other(workspace: Workspace, clock: Clock) -> Workspace:
    """Somebody else's workspace on the same installation."""
    other = factories.make_workspace(name="Other team")
    set_login_password(workspace=other, surface="dash", password="Another-One", now=clock.now)
    return other


def admin_of(workspace: Workspace, now: datetime) -> Caller:
    """A fresh session of the workspace's admin."""
    login = login_of(workspace, "dash")
    assert login is not None
    passes = open_session(login=login, persistent=True, now=now)
    assert passes is not None
    return Caller(passes.access)


@pytest.fixture
def admin(workspace: Workspace, clock: Clock) -> Caller:
    return admin_of(workspace, clock.now)


@pytest.fixture
def stranger(other: Workspace, clock: Clock) -> Caller:
    """The admin of another workspace."""
    return admin_of(other, clock.now)


@pytest.fixture
def guest(workspace: Workspace) -> Caller:
    return Caller()


def refused(response: HttpResponse, status: int, code: str) -> dict[str, Any]:
    """Assert the error body of contract 1; answers it."""
    assert response.headers["Content-Type"] == "application/json; charset=utf-8", response.content
    body: dict[str, Any] = json.loads(response.content)
    assert (response.status_code, body["code"]) == (status, code), body
    assert set(body) == {"code", "message"}
    assert body["message"]
    return body
