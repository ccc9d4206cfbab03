"""Devices and their tags (contract Dashmon 6 and 7)."""

from datetime import timedelta

import pytest

from apps.alerts.conditions import Condition
from apps.alerts.documents import RuleDraft
from apps.alerts.services import create_rule, evaluate
from apps.audit.models import AuditEntry
from apps.checks.models import CheckRequest
from apps.devices.models import Device, DeviceState
from apps.devices.state import Outcome
from apps.devices.types import Change
from apps.incidents import services as incidents
from apps.incidents.models import Incident
from apps.pipeline.services import submit
from apps.pipeline.types import DeviceFact
from apps.tokens.models import AgentKey
from tests import factories
from tests.contracts.dashmon.conftest import refused

NEEDED = "Device name, type, and IP are required"
BODY = {"name": "Till 1", "type": "posserver", "ip": "till.example.com", "port": 443, "url": None, "notes": None}
URL = "/api/projects/berlin-01/devices"


def test_a_device_is_created_unknown_and_checked_soon(api, project, workspace, clock) -> None:
    response = api("POST", URL, BODY)

    device = response.json()["device"]
    assert response.status_code == 200
    expected = {**BODY, "project_id": "berlin-01", "store_id": "berlin-01", "status": "unknown", "ping_packets": 3}
    expected |= {"ping_interval": 900, "last_check": None, "tags": [], "paused": False, "retries": 0}
    assert {name: device[name] for name in expected} == expected
    request = CheckRequest.objects.get()
    assert (str(request.device.public_id), request.due_at) == (device["id"], clock.now + timedelta(seconds=3))
    assert AuditEntry.objects.of(workspace).get(verb="device.create").subject == "Till 1"


def test_every_setting_is_stored(api, project, device) -> None:
    body = {
        **BODY,
        "ping_interval": 3600,
        "tags": [" EU ", "till"],
        "retries": 3,
        "retryIntervalSeconds": 30,
        "severity": "warning",
        "parentDeviceIds": [str(device.public_id)],
        "paused": True,
    }

    made = api("POST", URL, body).json()["device"]

    assert (made["ping_interval"], made["tags"], made["retries"]) == (3600, ["eu", "till"], 3)
    assert (made["retryIntervalSeconds"], made["severity"]) == (30, "warning")
    assert made["parentDeviceIds"] == [str(device.public_id)]
    assert (made["status"], made["paused"], made["pausedReason"]) == ("paused", True, "manual")
    assert not CheckRequest.objects.exists()


@pytest.mark.parametrize(
    ("change", "error", "field"),
    [
        ({"name": None}, NEEDED, "name"),
        ({"name": "  "}, NEEDED, "name"),
        ({"type": ""}, NEEDED, "type"),
        ({"ip": None}, NEEDED, "ip"),
        ({"name": 5}, "A text.", "name"),
        ({"port": "443"}, "A whole number.", "port"),
        ({"port": 0}, "A whole number from 1 to 65535.", "port"),
        ({"port": True}, "A whole number.", "port"),
        ({"url": "ftp://example.com/"}, "An address that begins with http:// or https://.", "url"),
        ({"url": "http://169.254.169.254/latest"}, None, "url"),
        ({"ip": "127.0.0.1"}, None, "ip"),
        ({"retries": 11}, "A whole number from 0 to 10.", "retries"),
        ({"retries": "3"}, "A whole number.", "retries"),
        ({"paused": "yes"}, "true or false.", "paused"),
        ({"ping_interval": 0}, None, "ping_interval"),
        ({"tags": ["ok", "bad!"]}, None, "tags[1]"),
        ({"tags": "eu"}, "A list of texts.", "tags"),
        ({"parentDeviceIds": ["nobody"]}, None, "parentDeviceIds"),
        ({"severity": "awful"}, None, "severity"),
    ],
)
def test_a_bad_device_is_refused_and_leaves_nothing(api, project, change, error, field) -> None:
    response = api("POST", URL, {**BODY, **change})

    assert set(refused(response, 400, "validation_error", error)["details"]["fields"]) == {field}
    assert not Device.objects.exists()
    assert not CheckRequest.objects.exists()


def test_validation_comes_before_existence(api) -> None:
    refused(api("POST", "/api/projects/none/devices", {}), 400, "validation_error", NEEDED)
    refused(api("POST", "/api/projects/none/devices", BODY), 404, "not_found", "Project not found")
    missing = "/api/devices/00000000-0000-0000-0000-000000000000"
    refused(api("PUT", missing, {}), 400, "validation_error", "name, type, ip required")
    refused(api("PUT", missing, BODY), 404, "not_found", "Device not found")
    refused(api("DELETE", "/api/devices/no-uuid"), 404, "not_found", "Device not found")


def test_an_interval_below_the_plan_is_raised(api, project, workspace) -> None:
    assert api("POST", URL, {**BODY, "ping_interval": 60}).json()["device"]["ping_interval"] == 900
    workspace.plan = "free"
    workspace.save()
    assert api("POST", URL, {**BODY, "ping_interval": 60}).json()["device"]["ping_interval"] == 7200


def test_the_plan_ends_at_fifteen_devices(api, project) -> None:
    for number in range(15):
        factories.make_device(project, f"d{number}")

    response = api("POST", URL, BODY)

    body = refused(response, 400, "plan_limit_reached", "Plan limit reached. Your plan allows 15 devices per project.")
    assert body["details"] == {"limit": "devicesPerProject", "max": 15, "used": 15}
    assert Device.objects.count() == 15


@pytest.mark.parametrize("kind", ["dns", "heartbeat"])
def test_premium_types_need_premium(api, workspace, project, kind) -> None:
    workspace.plan = "free"
    workspace.save()

    refused(api("POST", URL, {"name": "x", "type": kind}), 403, "premium_required")

    assert not Device.objects.exists()


def test_dns_heartbeat_and_agent_need_no_address(api, project) -> None:
    for kind in ("dns", "heartbeat", "agent"):
        assert api("POST", URL, {"name": kind, "type": kind}).status_code == 200, kind
    heartbeat = Device.objects.get(kind="heartbeat")
    assert AgentKey.objects.get(subject="device", subject_id=heartbeat.pk).secret.startswith("hb_")


def test_the_details_show_everything(api, workspace, project, device, clock) -> None:
    device.synthetic = {"enabled": True, "request": {"headers": {"Authorization": "Basic x", "Accept": "*/*"}}}
    device.save()
    DeviceState.objects.filter(pk=device.pk).update(state="down", since=clock.now)
    change = Change(workspace.pk, device.pk, clock.now, "up", "down", "refused", "Connection refused", "", False)
    incidents.apply(verdicts=evaluate(changes=[change]), now=clock.now)
    clock.forward(seconds=90)

    shown = api("GET", f"{URL}/{device.public_id}").json()["device"]

    assert shown["status"] == "down"
    assert shown["synthetic"]["request"]["headers"]["Authorization"] == "Basic x"
    assert shown["uptime"] == {"24h": None, "7d": None, "30d": None}
    incident = shown["incident"]
    assert incident["id"].startswith("inc_")
    assert incident["cause"] == {"kind": "refused", "message": "Connection refused"}
    assert (incident["status"], incident["severity"], incident["durationSeconds"]) == ("open", "critical", 90)
    assert incident["startedAt"] == "2026-03-02T10:00:00.000Z"


def test_the_incident_of_a_device_is_its_states_not_that_of_a_rule_about_a_value(
    api, workspace, project, device, clock
):
    slow = RuleDraft("Slow", "device", (Condition("latency_us", "gt", 1_000),))
    create_rule(workspace=workspace, draft=slow, actor="ana", now=clock.now)
    found = Outcome(clock.now, "up")
    fact = DeviceFact(workspace.pk, device.pk, clock.now, found, {"latency_us": 5_000, "interval_ms": 60_000})
    submit(observations=[fact], now=clock.now)

    assert Incident.objects.filter(closed_at=None).count() == 1
    assert api("GET", f"{URL}/{device.public_id}").json()["device"]["incident"] is None


def test_a_viewer_sees_no_header_that_lets_somebody_in(seated, project, device) -> None:
    device.synthetic = {"enabled": True, "request": {"headers": {"X-Api-Key": "k", "Accept": "*/*"}}}
    device.save()

    shown = seated("viewer")("GET", f"{URL}/{device.public_id}").json()["device"]["synthetic"]

    assert shown["request"]["headers"] == {"X-Api-Key": None, "Accept": "*/*"}
    assert shown["redacted"] is True


def test_a_viewer_sees_no_body_that_lets_somebody_in(seated, project, device) -> None:
    for body, shown in (("user=a&Password=b", None), ("page=2", "page=2")):
        device.synthetic = {"enabled": True, "request": {"body": body}}
        device.save()

        answer = seated("viewer")("GET", f"{URL}/{device.public_id}").json()["device"]["synthetic"]

        assert answer["request"]["body"] == shown
        assert ("redacted" in answer) == (shown is None)


def test_a_device_is_found_under_its_own_project_only(api, workspace, device) -> None:
    factories.make_project(workspace, "lisbon-02")

    refused(api("GET", f"/api/projects/lisbon-02/devices/{device.public_id}"), 404, "not_found", "Device not found")


def test_an_update_replaces_the_target_and_keeps_other_settings(api, project, device) -> None:
    api("PUT", f"/api/devices/{device.public_id}", {**BODY, "retries": 2, "tags": ["eu"], "notes": "n"})

    shown = api("PUT", f"/api/devices/{device.public_id}", {"name": "New", "type": "server", "ip": "b.example.com"})

    body = shown.json()["device"]
    assert (body["name"], body["type"], body["ip"]) == ("New", "server", "b.example.com")
    assert (body["port"], body["url"], body["notes"]) == (None, None, None)
    assert (body["retries"], body["tags"]) == (2, ["eu"])


def test_the_trail_says_what_changed_without_secrets(api, workspace, device) -> None:
    url = "https://till.example.com/status?key=hunter2"

    api("PUT", f"/api/devices/{device.public_id}", {**BODY, "url": url})

    entry = AuditEntry.objects.of(workspace).get(verb="device.update")
    assert entry.changes["url"] == ["https://till.example.com/", "https://till.example.com/status"]
    assert "hunter2" not in str(entry.changes)


def test_pausing_and_resuming_by_put(api, device, clock) -> None:
    path = f"/api/devices/{device.public_id}"

    paused = api("PUT", path, {**BODY, "paused": True}).json()["device"]
    clock.forward(minutes=5)
    resumed = api("PUT", path, {**BODY, "paused": False}).json()["device"]

    assert (paused["status"], paused["pausedReason"]) == ("paused", "manual")
    assert (resumed["status"], resumed["paused"]) == ("unknown", False)


def test_an_edit_of_what_changed_meanwhile_is_a_conflict(api, device) -> None:
    path = f"/api/devices/{device.public_id}"

    response = api("PUT", path, {**BODY, "name": "Late"}, If_Unmodified_Since="Mon, 02 Mar 2026 09:00:00 GMT")

    refused(response, 409, "conflict")
    device.refresh_from_db()
    assert device.name == "Till 1"


def test_deleting_a_device_leaves_nothing(api, workspace, heartbeat) -> None:
    response = api("DELETE", f"/api/devices/{heartbeat.public_id}")

    assert (response.status_code, response.content) == (204, b"")
    assert not Device.objects.exists()
    assert not AgentKey.objects.exists()
    assert AuditEntry.objects.of(workspace).get(verb="device.delete").subject == "Backup"


# --- Tags --------------------------------------------------------------------------------------------------


def test_tags_are_replaced_and_counted(api, project, device) -> None:
    factories.make_device(project, "other", tags=["vpn", "till"])

    answer = api("PUT", f"/api/devices/{device.public_id}/tags", {"tags": ["Till", "eu", "till "]}).json()

    assert answer == {"ok": True, "deviceId": str(device.public_id), "tags": ["eu", "till"]}
    counts = api("GET", "/api/tags").json()["tags"]
    assert counts == [{"tag": "till", "count": 2}, {"tag": "eu", "count": 1}, {"tag": "vpn", "count": 1}]


@pytest.mark.parametrize("tags", [None, "eu", [""], ["a" * 33], ["a,b"], [5], [None]])
def test_bad_tags_are_refused(api, project, tags) -> None:
    device = factories.make_device(project, tags=["old"])

    refused(api("PUT", f"/api/devices/{device.public_id}/tags", {"tags": tags}), 400, "validation_error")

    assert [tag.text for tag in device.tags.all()] == ["old"]


def test_too_many_tags_are_a_plan_limit(api, device) -> None:
    tags = [f"t{number}" for number in range(21)]

    response = api("PUT", f"/api/devices/{device.public_id}/tags", {"tags": tags})

    assert refused(response, 400, "plan_limit_reached")["details"]["limit"] == "tagsPerDevice"
    assert device.tags.count() == 0


def test_bulk_tags(api, project, device) -> None:
    tagged = factories.make_device(project, "other", tags=["eu"])
    ids = [str(device.public_id), str(tagged.public_id)]

    answer = api("POST", "/api/devices/tags/bulk", {"deviceIds": [*ids, "ghost"], "mode": "add", "tags": ["EU"]})

    assert answer.json() == {"ok": True, "updated": 1, "unchanged": 1, "notFound": ["ghost"]}
    api("POST", "/api/devices/tags/bulk", {"deviceIds": ids, "mode": "replace", "tags": ["a", "b"]})
    api("POST", "/api/devices/tags/bulk", {"deviceIds": ids, "mode": "remove", "tags": ["b"]})
    assert api("GET", "/api/tags").json()["tags"] == [{"tag": "a", "count": 2}]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"mode": "toggle"}, "mode"),
        ({"mode": None}, "mode"),
        ({"tags": ["!"]}, "tags[0]"),
        ({"deviceIds": "all"}, "deviceIds"),
        ({"deviceIds": ["x"] * 501}, "deviceIds"),
        ({"deviceIds": [7]}, "deviceIds[0]"),
    ],
)
def test_a_bad_bulk_changes_nothing(api, project, change, field) -> None:
    device = factories.make_device(project, tags=["old"])
    body = {"deviceIds": [str(device.public_id)], "mode": "replace", "tags": ["new"], **change}

    response = api("POST", "/api/devices/tags/bulk", body)

    assert set(refused(response, 400, "validation_error")["details"]["fields"]) == {field}
    assert [tag.text for tag in device.tags.all()] == ["old"]


# --- Checks asked for --------------------------------------------------------------------------------------


def test_test_now_queues_one_check(api, device, clock) -> None:
    answer = api("POST", f"/api/devices/{device.public_id}/test-now").json()

    assert (answer["ok"], answer["queued"]) == (True, True)
    assert answer["jobId"].startswith("job_")
    assert CheckRequest.objects.get().due_at == clock.now


def test_test_now_pulls_a_new_devices_first_check_forward(api, project, clock) -> None:
    made = api("POST", URL, BODY).json()["device"]
    clock.forward(seconds=1)

    api("POST", f"/api/devices/{made['id']}/test-now")

    assert CheckRequest.objects.get().due_at == clock.now


def test_test_now_is_limited_per_device(api, project, device, clock) -> None:
    other = factories.make_device(project, "other")
    for _ in range(6):
        assert api("POST", f"/api/devices/{device.public_id}/test-now").status_code == 200

    refused(api("POST", f"/api/devices/{device.public_id}/test-now"), 429, "rate_limited")

    assert api("POST", f"/api/devices/{other.public_id}/test-now").status_code == 200
    assert CheckRequest.objects.filter(device=device).count() == 6


def test_what_reports_by_itself_is_not_tested(api, heartbeat) -> None:
    refused(api("POST", f"/api/devices/{heartbeat.public_id}/test-now"), 422, "unsupported", "unsupported")


def test_refresh_all_once_a_minute(api, project, device, heartbeat, clock) -> None:
    answer = api("POST", "/api/devices/refresh-all").json()
    assert answer == {"ok": True, "queued_devices": 1, "cooldownSeconds": 60}

    clock.forward(seconds=19)
    response = api("POST", "/api/devices/refresh-all")
    assert (response.headers["RateLimit-Limit"], response.headers["RateLimit-Remaining"]) == ("1", "0")

    sentence = "Refresh is limited to once per minute for Premium users."
    assert refused(response, 429, "rate_limited", sentence)["retryAfterSeconds"] == 41
    assert response.headers["Retry-After"] == "41"
    assert CheckRequest.objects.count() == 1
    clock.forward(seconds=41)
    assert api("POST", "/api/devices/refresh-all").status_code == 200
    assert api("GET", "/api/me").json()["manual_refresh_last_at"] == "2026-03-02T10:01:00.000Z"


@pytest.mark.parametrize("ip", ["http://shop.example", "shop.example/health", "192.0.2.0/24"])
def test_a_url_is_no_address(api, project, ip) -> None:
    body = {"name": "Till 1", "type": "posserver", "ip": ip}

    answer = refused(api("POST", "/api/projects/berlin-01/devices", body), 400, "validation_error")

    assert list(answer["details"]["fields"]) == ["ip"]
    assert not Device.objects.exists()


def test_details_show_the_heartbeat_in_force_before_it_is_saved(api, heartbeat) -> None:
    path = f"/api/projects/berlin-01/devices/{heartbeat.public_id}"
    config = api("GET", f"/api/devices/{heartbeat.public_id}/heartbeat-config").json()["config"]

    shown = api("GET", path).json()["device"]["heartbeat"]

    assert shown["intervalSeconds"] == config["intervalSeconds"]
    assert "token" not in shown
