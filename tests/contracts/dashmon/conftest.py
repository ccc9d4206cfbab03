"""A workspace with a project and a device, and somebody to call the API as."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.api.dashmon.auth import SELECTED
from apps.devices.models import Device
from apps.projects.models import Project
from apps.workspaces.models import Membership, Workspace
from tests import factories
from tests.clock import Clock


class Caller:
    """The test client with JSON in and out."""

    def __init__(self, *, token: str = "", user: User | None = None, workspace: Workspace | None = None) -> None:
        # Forgery checks as in production: a path that asks for a form token refuses programs.
        self.client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        if user is not None:
            self.client.force_login(user)
        if workspace is not None:
            session = self.client.session
            session[SELECTED] = workspace.slug
            session.save()

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        data = "" if body is None else json.dumps(body)
        return self.client.generic(
            method, path, data, content_type="application/json", headers={**self.headers, **named}
        )


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, now: datetime) -> Clock:
    clock = Clock(now)
    monkeypatch.setattr(timezone, "now", clock)
    return clock


@pytest.fixture(autouse=True)
def _saas(settings: Any) -> None:
    """The plan table of the contract; the other profile has no limits to test."""
    settings.PROFILE = "saas"
    settings.SIGNUP = "open"


@pytest.fixture
def workspace(db: None, clock: Clock) -> Workspace:
    return factories.make_workspace(owner=factories.make_user("ana@example.com", name="Ana"))


@pytest.fixture
def owner(workspace: Workspace) -> User:
    return User.objects.get(email="ana@example.com")


@pytest.fixture
def api(workspace: Workspace, owner: User) -> Caller:
    """The owner's session."""
    return Caller(user=owner)


@pytest.fixture
def project(workspace: Workspace) -> Project:
    return factories.make_project(workspace, "berlin-01", name="Berlin branch")


@pytest.fixture
def device(project: Project) -> Device:
    return factories.make_device(project)


@pytest.fixture
def heartbeat(project: Project) -> Device:
    return factories.make_device(project, "Backup", kind="heartbeat")


@pytest.fixture
def stranger(db: None, clock: Clock) -> Caller:
    """The owner of another workspace."""
    user = factories.make_user("mallory@example.com")
    factories.make_workspace(owner=user)
    return Caller(user=user)


@pytest.fixture
def seated(workspace: Workspace) -> Callable[..., Caller]:
    """`seated("viewer")`: a session of somebody in a seat of this role, working in this workspace."""

    def sit(role: str, projects: list[Project] | None = None) -> Caller:
        seat: Membership = factories.make_seat(workspace, role, projects=projects)
        assert seat.user is not None
        return Caller(user=seat.user, workspace=workspace)

    return sit


@pytest.fixture
def with_token(workspace: Workspace) -> Callable[..., Caller]:
    """`with_token("read_only")`: calls with a fresh bearer token."""

    def make(access: str = "read_write", **options: Any) -> Caller:
        _, raw = factories.make_token(workspace, access, **options)
        return Caller(token=raw)

    return make


def refused(response: HttpResponse, status: int, code: str, error: str | None = None) -> dict[str, Any]:
    """Assert the error body of contract 1.3; answers it."""
    body: dict[str, Any] = json.loads(response.content)
    assert (response.status_code, body["code"]) == (status, code), body
    assert set(body) >= {"error", "code", "message", "requestId", "details"}
    assert body["requestId"] == response.headers["X-Request-Id"]
    if error is not None:
        assert body["error"] == error
    return body
