"""Maintenance windows (contract Dashmon 8)."""

import pytest

from apps.audit.models import AuditEntry
from apps.projects.models import MaintenanceWindow
from tests import factories
from tests.contracts.dashmon.conftest import refused

WINDOW = {"startTime": "2026-03-01T22:00:00Z", "endTime": "2026-03-03T23:00:00+01:00"}
START, END = "startTime is required (ISO datetime)", "endTime must be after startTime"


def test_a_device_is_silenced_and_released(api, workspace, device, clock) -> None:
    path = f"/api/maintenance/device/{device.public_id}"

    answer = api("POST", path, {**WINDOW, "reason": "Router swap"}).json()

    assert answer == {
        "ok": True,
        "device": {
            "id": str(device.public_id),
            "maintenance_start": "2026-03-01T22:00:00.000Z",
            "maintenance_end": "2026-03-03T22:00:00.000Z",
        },
    }
    shown = api("GET", "/api/projects").json()[0]["devices"][0]
    assert (shown["status"], shown["maintenance_start"]) == ("maintenance", "2026-03-01T22:00:00.000Z")
    assert MaintenanceWindow.objects.get().reason == "Router swap"
    assert api("DELETE", path).json() == {"ok": True}
    assert api("GET", "/api/projects").json()[0]["devices"][0]["maintenance_start"] is None
    verbs = (
        AuditEntry.objects.of(workspace)
        .filter(verb__contains="maintenance")
        .order_by("id")
        .values_list("verb", flat=True)
    )
    assert list(verbs) == ["device.maintenance.set", "device.maintenance.clear"]


def test_a_window_without_an_end_lasts_until_it_is_cleared(api, device) -> None:
    path = f"/api/maintenance/device/{device.public_id}"

    answer = api("POST", path, {"startTime": WINDOW["startTime"], "endTime": None}).json()

    assert answer["device"]["maintenance_end"] is None


@pytest.mark.parametrize(("target", "key"), [("project", "project"), ("store", "store")])
def test_a_project_covers_its_devices(api, project, device, target, key) -> None:
    answer = api("POST", f"/api/maintenance/{target}/berlin-01", WINDOW).json()

    assert answer[key]["id"] == "berlin-01"
    row = api("GET", "/api/projects").json()[0]
    assert (row["status"], row["maintenanceActive"], row["devices"][0]["maintenanceActive"]) == (
        "maintenance",
        True,
        True,
    )
    assert api("DELETE", f"/api/maintenance/{target}/berlin-01").json() == {"ok": True}
    assert api("GET", "/api/projects").json()[0]["maintenanceActive"] is False


@pytest.mark.parametrize(
    ("body", "error", "field"),
    [
        ({}, START, "startTime"),
        ({"startTime": None}, START, "startTime"),
        ({"startTime": "tomorrow"}, START, "startTime"),
        ({"startTime": 5}, START, "startTime"),
        ({"startTime": "2026-03-01T22:00:00"}, START, "startTime"),
        ({**WINDOW, "endTime": WINDOW["startTime"]}, END, "endTime"),
        ({**WINDOW, "endTime": "2026-02-01T00:00:00Z"}, END, "endTime"),
        ({**WINDOW, "endTime": "soon"}, "An ISO datetime with its zone.", "endTime"),
        ({**WINDOW, "reason": 5}, "A text.", "reason"),
    ],
)
def test_a_bad_window_changes_nothing(api, device, body, error, field) -> None:
    for path in (f"device/{device.public_id}", "project/berlin-01"):
        response = api("POST", f"/api/maintenance/{path}", body)
        assert set(refused(response, 400, "validation_error", error)["details"]["fields"]) == {field}
    assert not MaintenanceWindow.objects.exists()


def test_many_at_once(api, project, device, clock) -> None:
    ids = [str(device.public_id), str(factories.make_device(project, "other").public_id)]

    answer = api("POST", "/api/maintenance/devices/bulk-set", {"deviceIds": [*ids, "ghost"], **WINDOW})

    assert answer.json() == {"ok": True, "updated": 2, "notFound": ["ghost"]}
    assert api("GET", "/api/projects").json()[0]["maintenanceDevices"] == 2
    cleared = api("POST", "/api/maintenance/devices/bulk-clear", {"deviceIds": ids})
    assert cleared.json() == {"ok": True, "updated": 2, "notFound": []}
    clock.forward(seconds=1)
    assert api("GET", "/api/projects").json()[0]["maintenanceDevices"] == 0


@pytest.mark.parametrize("change", [{"deviceIds": None}, {"deviceIds": ["x"] * 501}, {"startTime": None}])
def test_a_bad_bulk_changes_nothing(api, device, change) -> None:
    body = {"deviceIds": [str(device.public_id)], **WINDOW, **change}

    refused(api("POST", "/api/maintenance/devices/bulk-set", body), 400, "validation_error")

    assert not MaintenanceWindow.objects.exists()


def test_clearing_works_while_the_workspace_is_locked(api, workspace, project, device) -> None:
    path = f"/api/maintenance/device/{device.public_id}"
    api("POST", path, WINDOW)
    workspace.limit_overrides = {"projects": 0}
    workspace.save()

    refused(api("POST", path, WINDOW), 403, "write_locked")

    assert api("DELETE", path).json() == {"ok": True}
    body = {"deviceIds": [str(device.public_id)]}
    assert api("POST", "/api/maintenance/devices/bulk-clear", body).status_code == 200
