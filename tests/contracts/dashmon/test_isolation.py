"""What is not yours is not there: every route, walked by strangers and by nobody."""

import json
from typing import Any

import pytest
from django.urls import Resolver404, resolve

from apps.api.dashmon.gates import GATES, gate_of
from apps.api.dashmon.urls import urlpatterns
from apps.audit.models import AuditEntry
from apps.devices.models import Device
from apps.incidents.models import Incident, IncidentEvent
from apps.projects.models import MaintenanceWindow, Project
from apps.statuspages.models import StatusPage, StatusUpdate
from apps.tokens.models import ApiToken
from apps.workspaces.models import Invitation
from tests import factories
from tests.contracts.dashmon.conftest import Caller, refused
from tests.contracts.dashmon.routes import BODIES, WINDOW, Target
from tests.contracts.dashmon.test_permissions import target

NAMED = [key for key in BODIES if ":" in key[1]]


def state() -> dict[str, Any]:
    """Everything a stranger must not be able to change."""
    models = (
        Project,
        Device,
        MaintenanceWindow,
        ApiToken,
        Invitation,
        Incident,
        IncidentEvent,
        StatusPage,
        StatusUpdate,
    )
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}


# Session-only routes turn every token away before they look for a row.
OPEN_TO_TOKENS = [(method, route) for method, route in NAMED if not gate_of(method, route).session_only]


@pytest.fixture
def theirs(workspace, project, now) -> Target:
    return target(workspace, project, now)


@pytest.mark.parametrize(("method", "route"), NAMED, ids=str)
def test_another_tenants_rows_are_not_there(method, route, theirs, stranger) -> None:
    before = state()

    response = stranger(method, theirs.path(route), BODIES[method, route])

    refused(response, 404, "not_found")
    assert state() == before


@pytest.mark.parametrize(("method", "route"), OPEN_TO_TOKENS, ids=str)
def test_another_tenants_token_finds_nothing(method, route, theirs, stranger) -> None:
    other = factories.make_workspace()
    call = Caller(token=factories.make_token(other)[1])

    refused(call(method, theirs.path(route), BODIES[method, route]), 404, "not_found")


@pytest.mark.parametrize(("method", "route"), BODIES, ids=str)
def test_without_a_credential_nothing_is_answered(method, route, theirs) -> None:
    before = state()

    refused(Caller()(method, theirs.path(route), BODIES[method, route]), 401, "unauthenticated", "unauthenticated")

    assert state() == before


def test_a_scoped_editor_sees_its_projects_only(seated, workspace, project, device) -> None:
    other = factories.make_project(workspace, "lisbon-02")
    hidden = factories.make_device(other, tags=["secret"])
    call = seated("editor", [project])

    assert [row["id"] for row in call("GET", "/api/projects").json()] == ["berlin-01"]
    refused(call("GET", "/api/projects/lisbon-02"), 404, "not_found", "Project not found")
    refused(call("PUT", f"/api/devices/{hidden.public_id}/tags", {"tags": []}), 404, "not_found", "Device not found")
    refused(call("POST", "/api/maintenance/project/lisbon-02", WINDOW), 404, "not_found", "Project not found")
    assert call("GET", "/api/tags").json() == {"tags": []}
    bulk = {"deviceIds": [str(device.public_id), str(hidden.public_id)], "mode": "add", "tags": ["x"]}
    assert call("POST", "/api/devices/tags/bulk", bulk).json()["notFound"] == [str(hidden.public_id)]
    assert call("GET", "/api/me").json()["projectScope"] == ["berlin-01"]


def test_a_parent_of_another_tenant_is_unknown(api, project) -> None:
    foreign = factories.make_device(factories.make_project(factories.make_workspace()))
    body = {"name": "Till", "type": "server", "ip": "a.example.com", "parentDeviceIds": [str(foreign.public_id)]}

    response = api("POST", "/api/projects/berlin-01/devices", body)

    assert "parentDeviceIds" in refused(response, 400, "validation_error")["details"]["fields"]
    assert Device.objects.filter(project=project).count() == 0


def test_bulk_calls_never_touch_other_tenants(stranger, device, workspace) -> None:
    ids = [str(device.public_id)]

    tagged = stranger("POST", "/api/devices/tags/bulk", {"deviceIds": ids, "mode": "add", "tags": ["mine"]})
    silenced = stranger("POST", "/api/maintenance/devices/bulk-set", {"deviceIds": ids, **WINDOW})

    assert tagged.json() == {"ok": True, "updated": 0, "unchanged": 0, "notFound": ids}
    assert silenced.json() == {"ok": True, "updated": 0, "notFound": ids}
    assert MaintenanceWindow.objects.count() == 0
    assert device.tags.count() == 0
    assert not AuditEntry.objects.of(workspace).filter(verb__startswith="device").exists()


def test_a_member_who_is_removed_falls_back_to_the_own_workspace(workspace, project, clock) -> None:
    user = factories.make_user()
    own = factories.make_workspace(owner=user)
    seat = factories.make_seat(workspace, "editor", user=user)
    call = Caller(user=user, workspace=workspace)
    assert call("GET", "/api/me").json()["workspace"]["isOwn"] is False

    seat.delete()

    assert call("GET", "/api/me").json()["workspace"]["ownerUserId"] == str(own.public_id)
    assert call("GET", "/api/projects").json() == []


def test_every_route_of_the_tests_has_a_gate_and_every_built_route_is_walked() -> None:
    for method, route in BODIES:
        assert gate_of(method, route) is not None, route
    walked = {(method, route) for method, route in BODIES}
    for (method, _), gate in GATES.items():
        if gate.public or gate.route == "/api/user/team-invitations/accept":
            continue
        path = gate.route.replace(":", "x").lstrip("/")
        try:
            view = resolve(f"/{path}").func
        except Resolver404:
            continue
        # A path that nobody owns yet falls through to the 404 of the surface.
        if hasattr(view, "cls") and view.initkwargs.get("route", "").count("/") == gate.route.count("/"):
            spelled = view.initkwargs["route"]
            handled = hasattr(view.cls, method.lower()) and gate_of(method, spelled) == gate
            assert not handled or any(gate_of(*key) == gate for key in walked), gate


def test_both_slash_forms_are_answered_without_a_redirect(api, project) -> None:
    assert len(urlpatterns) % 2 == 0
    plain, slashed = api("GET", "/api/projects/berlin-01"), api("GET", "/api/projects/berlin-01/")
    assert plain.status_code == slashed.status_code == 200
    assert json.loads(plain.content) == json.loads(slashed.content)
