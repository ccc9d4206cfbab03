"""Projects (contract Dashmon 5)."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.audit.models import AuditEntry
from apps.common.clock import iso_ms
from apps.common.values import Ref
from apps.devices.models import Device, DeviceState
from apps.projects.models import MaintenanceWindow, Project
from apps.projects.windows import Target, set_window
from apps.tokens.models import AgentKey
from tests import factories
from tests.contracts.dashmon.conftest import refused

BODY = {"id": "berlin-01", "name": "Berlin branch", "location": "Berlin", "notes": None}


def test_a_project_is_created(api, workspace, clock) -> None:
    response = api("POST", "/api/projects", BODY)

    instant = iso_ms(clock.now)
    assert response.status_code == 200
    assert response.json() == {"project": {**BODY, "created_at": instant, "updated_at": instant}}
    entry = AuditEntry.objects.of(workspace).get(verb="project.create")
    assert (entry.actor, entry.subject) == ("ana@example.com", "berlin-01")
    assert entry.request_id == response.headers["X-Request-Id"]


def test_an_id_is_made_from_the_name(api) -> None:
    first = api("POST", "/api/projects", {"name": "Berlin Branch"}).json()
    second = api("POST", "/api/projects", {"name": "Berlin Branch", "id": ""}).json()

    assert [first["project"]["id"], second["project"]["id"]] == ["berlin-branch", "berlin-branch-2"]


@pytest.mark.parametrize(
    ("body", "error", "field"),
    [
        ({}, "Project name and Project ID are required", "name"),
        ({"name": "   "}, "Project name and Project ID are required", "name"),
        ({"name": None}, "Project name and Project ID are required", "name"),
        ({"name": 5}, "A text.", "name"),
        ({"name": "x", "id": "has space"}, "1 to 64 of letters, digits, dot, underscore and dash.", "id"),
        ({"name": "x", "id": "y" * 65}, "1 to 64 of letters, digits, dot, underscore and dash.", "id"),
        ({"name": "x", "notes": "\x00"}, "Text without control characters.", "notes"),
    ],
)
def test_a_bad_project_is_refused_and_leaves_nothing(api, body, error, field) -> None:
    response = api("POST", "/api/projects", body)

    assert set(refused(response, 400, "validation_error", error)["details"]["fields"]) == {field}
    assert Project.objects.count() == 0
    assert not AuditEntry.objects.filter(verb="project.create").exists()


def test_a_taken_id_is_refused(api, project) -> None:
    refused(api("POST", "/api/projects", BODY), 400, "already_exists", "Project ID already exists")


def test_ids_are_unique_inside_a_workspace_only(stranger, project) -> None:
    assert stranger("POST", "/api/projects", BODY).status_code == 200


def test_the_plan_ends_somewhere(api, workspace) -> None:
    workspace.plan = "free"
    workspace.save()
    for name in "abc":
        factories.make_project(workspace, name)

    response = api("POST", "/api/projects", BODY)

    body = refused(response, 400, "plan_limit_reached", "Plan limit reached. Your plan allows 3 projects.")
    assert body["details"] == {"limit": "projects", "max": 3, "used": 3}
    assert Project.objects.count() == 3


def test_an_update_replaces_and_absent_texts_become_null(api, project) -> None:
    api("PUT", "/api/projects/berlin-01", {"name": "Berlin", "location": "Mitte", "notes": "n"})

    body = api("PUT", "/api/projects/berlin-01", {"name": "Berlin"}).json()["project"]

    assert (body["id"], body["name"], body["location"], body["notes"]) == ("berlin-01", "Berlin", None, None)


def test_validation_comes_before_existence(api) -> None:
    refused(api("PUT", "/api/projects/none", {}), 400, "validation_error", "Project name is required")
    refused(api("PUT", "/api/projects/none", {"name": "x"}), 404, "not_found", "Project not found")


@pytest.mark.parametrize("spelled", ["Mon, 02 Mar 2026 09:59:58 GMT", "2026-03-02T09:59:59.999Z"])
def test_an_edit_of_what_changed_meanwhile_is_a_conflict(api, project, spelled) -> None:
    response = api("PUT", "/api/projects/berlin-01", {"name": "Late"}, If_Unmodified_Since=spelled)

    refused(response, 409, "conflict")
    project.refresh_from_db()
    assert project.name == "Berlin branch"


@pytest.mark.parametrize("spelled", ["Mon, 02 Mar 2026 10:00:00 GMT", "2026-03-02T10:00:00.000Z", "yesterday"])
def test_an_edit_of_what_did_not_change_passes(api, project, spelled) -> None:
    assert api("PUT", "/api/projects/berlin-01", {"name": "New"}, If_Unmodified_Since=spelled).status_code == 200


@pytest.mark.usefixtures("heartbeat")
def test_deleting_a_project_takes_everything_with_it(api, workspace, device, clock) -> None:
    set_window(
        target=Target(workspace_id=workspace.pk, ref=Ref("device", device.pk)),
        starts_at=clock.now,
        ends_at=None,
        now=clock.now,
    )

    assert api("DELETE", "/api/projects/berlin-01").json() == {"ok": True}

    for model in (Project, Device, DeviceState, AgentKey, MaintenanceWindow):
        assert model.objects.count() == 0, model
    assert AuditEntry.objects.of(workspace).get(verb="project.delete").subject == "berlin-01"


def test_an_editor_may_not_delete(seated, project) -> None:
    refused(seated("editor")("DELETE", "/api/projects/berlin-01"), 403, "forbidden", "forbidden")
    assert Project.objects.count() == 1


def test_the_list_rolls_devices_up(api, workspace, project, clock) -> None:
    states = ["up", "down", "warning", "unknown"]
    devices = [factories.make_device(project, f"d{index}", now=clock.now) for index in range(4)]
    for device, state in zip(devices, states, strict=True):
        DeviceState.objects.filter(pk=device.pk).update(state=state)

    row = api("GET", "/api/projects").json()[0]

    counts = ("totalDevices", "upDevices", "downDevices", "warningDevices", "maintenanceDevices")
    assert [row[name] for name in counts] == [4, 1, 1, 1, 0]
    assert row["status"] == "down"
    assert [device["status"] for device in row["devices"]] == states
    assert row["devices"][0]["user_id"] == str(workspace.public_id)


def test_a_device_in_a_window_counts_as_maintenance_only(api, workspace, project, device, clock) -> None:
    DeviceState.objects.filter(pk=device.pk).update(state="down")
    factories.make_device(project, "other", now=clock.now)
    set_window(
        target=Target(workspace_id=workspace.pk, ref=device.ref),
        starts_at=clock.now - timedelta(minutes=1),
        ends_at=clock.now + timedelta(minutes=1),
        now=clock.now,
    )

    row = api("GET", "/api/projects").json()[0]

    assert (row["status"], row["downDevices"], row["maintenanceDevices"]) == ("partial_maintenance", 0, 1)
    shown = row["devices"][0]
    assert (shown["status"], shown["maintenanceActive"]) == ("maintenance", True)
    assert shown["maintenance_end"] == "2026-03-02T10:01:00.000Z"


def test_an_empty_project_is_up(api, project) -> None:
    assert api("GET", "/api/projects").json()[0]["status"] == "up"


def test_stores_are_the_older_name(api, project, device) -> None:
    assert set(api("GET", "/api/stores/berlin-01").json()) == {"store"}
    assert api("POST", "/api/stores", {"name": "Lisbon", "id": "l"}).json()["store"]["id"] == "l"
    assert api("PUT", "/api/stores/l", {"name": "Lisboa"}).json()["store"]["name"] == "Lisboa"
    assert [row["id"] for row in api("GET", "/api/stores").json()] == ["l", "berlin-01"]
    assert len(api("GET", "/api/stores/berlin-01/devices").json()["devices"]) == 1
    assert api("GET", f"/api/stores/berlin-01/devices/{device.public_id}").json()["device"]["name"] == "Till 1"
    assert api("DELETE", "/api/stores/l").json() == {"ok": True}


def test_the_list_takes_the_same_queries_for_one_device_and_for_many(api, workspace, project, device) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            assert api("GET", "/api/projects").status_code == 200
        return len(seen)

    queries()
    few = queries()
    for number in range(9):
        factories.make_device(factories.make_project(workspace), f"d{number}", tags=[f"t{number}"])

    assert queries() == few


@pytest.mark.parametrize("key", [5, True, ["berlin"], {}])
def test_an_id_of_another_type_is_refused(api, workspace, key) -> None:
    body = refused(api("POST", "/api/projects", {"id": key, "name": "Berlin"}), 400, "validation_error")

    assert "id" in body["details"]["fields"]
    assert not Project.objects.of(workspace).exists()
