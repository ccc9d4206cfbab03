"""Synthetic, DNS and heartbeat documents (contract Dashmon 6.1 to 6.3)."""

from datetime import timedelta

import pytest

from apps.audit.models import AuditEntry
from apps.devices.models import DeviceState
from apps.tokens.models import AgentKey
from tests import factories
from tests.contracts.dashmon.conftest import Caller, refused

SYNTHETIC = {
    "enabled": True,
    "request": {"method": "GET", "url": "https://shop.example.com/health", "timeoutMs": 5000},
    "degradedMs": 2000,
    "assertions": [
        {"id": "a1", "source": "status_code", "op": "in", "value": ["200-299", 304], "severity": "down"},
        {"id": "a4", "source": "json", "path": "$.db.status", "op": "eq", "value": "ok"},
    ],
}


def test_a_synthetic_is_stored_normalised_and_shown(api, workspace, device) -> None:
    path = f"/api/devices/{device.public_id}/synthetic"

    answer = api("PUT", path, SYNTHETIC).json()

    assert (answer["ok"], answer["deviceId"]) == (True, str(device.public_id))
    assert answer["synthetic"]["request"]["followRedirects"] is True
    shown = api("GET", f"/api/projects/berlin-01/devices/{device.public_id}").json()["device"]
    assert shown["synthetic"] == answer["synthetic"]
    assert api("PUT", path, answer["synthetic"]).json() == answer
    assert AuditEntry.objects.of(workspace).filter(verb="device.synthetic").count() == 2


def test_every_bad_part_of_a_synthetic_is_named(api, device) -> None:
    bad = {
        **SYNTHETIC,
        "request": {"url": "ftp://shop.example.com/"},
        "assertions": [SYNTHETIC["assertions"][0], {"source": "body", "op": "gt_ish", "value": 1}],
    }

    response = api("PUT", f"/api/devices/{device.public_id}/synthetic", bad)

    fields = refused(response, 400, "validation_error")["details"]["fields"]
    assert {"request.url", "assertions[1].op"} <= set(fields)
    device.refresh_from_db()
    assert device.synthetic is None


@pytest.mark.parametrize("body", [[], "x", 5, None])
def test_a_synthetic_must_be_an_object(api, device, body) -> None:
    raw = "null" if body is None else None
    path = f"/api/devices/{device.public_id}/synthetic"
    response = api("PUT", path, body) if raw is None else api.client.put(path, raw, content_type="application/json")

    refused(response, 400, "validation_error")


@pytest.mark.parametrize("kind", ["dns", "heartbeat", "agent"])
def test_some_types_have_no_synthetic(api, project, kind) -> None:
    device = factories.make_device(project, kind=kind)

    refused(api("PUT", f"/api/devices/{device.public_id}/synthetic", {}), 422, "unsupported", "unsupported")


# --- DNS ---------------------------------------------------------------------------------------------------


def test_dns_defaults_before_any_save(api, project) -> None:
    device = factories.make_device(project, kind="dns")

    config = api("GET", f"/api/devices/{device.public_id}/dns-config").json()["config"]

    assert (config["recordType"], config["resolvers"], config["timeoutMs"]) == ("A", ["system"], 5000)


@pytest.mark.parametrize("wrap", [False, True])
def test_a_dns_config_is_stored(api, project, wrap) -> None:
    device = factories.make_device(project, kind="dns")
    path = f"/api/devices/{device.public_id}/dns-config"
    inner = {
        "hostname": "Example.COM.",
        "recordType": "A",
        "match": "exact",
        "expected": ["203.0.113.10"],
        "retries": 0,
    }

    answer = api("PUT", path, {"config": inner} if wrap else inner).json()

    assert answer["ok"] is True
    assert (answer["config"]["hostname"], answer["config"]["retries"]) == ("example.com", 0)
    assert api("GET", path).json() == {"config": answer["config"]}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"recordType": "ANY"}, "recordType"),
        ({"resolvers": ["169.254.169.254"]}, "resolvers[0]"),
        ({"nope": 1}, "nope"),
    ],
)
def test_a_bad_dns_config_changes_nothing(api, project, change, field) -> None:
    device = factories.make_device(project, kind="dns")
    body = {"hostname": "example.com", **change}

    response = api("PUT", f"/api/devices/{device.public_id}/dns-config", body)

    assert set(refused(response, 400, "validation_error")["details"]["fields"]) == {field}
    device.refresh_from_db()
    assert device.dns is None


def test_only_dns_devices_have_a_dns_config(api, device) -> None:
    path = f"/api/devices/{device.public_id}/dns-config"

    refused(api("GET", path), 422, "unsupported")
    refused(api("PUT", path, {"hostname": "example.com"}), 422, "unsupported")


def test_a_dns_document_is_judged_before_its_device_is_looked_up(api) -> None:
    path = "/api/devices/00000000-0000-0000-0000-000000000000/dns-config"

    refused(api("PUT", path, {"recordType": "ANY"}), 400, "validation_error")
    refused(api("PUT", path, {"hostname": "example.com"}), 404, "not_found")


# --- Heartbeat ---------------------------------------------------------------------------------------------


def test_a_heartbeat_shows_its_address_and_state(api, heartbeat, clock) -> None:
    body = api("GET", f"/api/devices/{heartbeat.public_id}/heartbeat-config").json()

    token = AgentKey.objects.get().secret
    assert body["config"]["token"] == token
    assert body["config"]["webhookUrl"].endswith(f"/api/incoming/heartbeat/{token}")
    assert body["config"]["tokenCreatedAt"] == "2026-03-02T10:00:00.000Z"
    assert body["state"] == {
        "state": "new",
        "running": False,
        "lastSignalAt": None,
        "lastDurationMs": None,
        "nextExpectedAt": None,
        "downAt": None,
    }


@pytest.mark.parametrize("who", ["viewer", "read_only"])
def test_who_may_not_see_secrets_sees_none(seated, with_token, heartbeat, who) -> None:
    call = seated("viewer") if who == "viewer" else with_token("read_only")

    response = call("GET", f"/api/devices/{heartbeat.public_id}/heartbeat-config")

    config = response.json()["config"]
    assert (config["token"], config["webhookUrl"], config["redacted"]) == (None, None, True)
    assert AgentKey.objects.get().secret.encode() not in response.content


def test_a_change_keeps_what_it_does_not_name_and_moves_the_deadline(api, heartbeat, clock) -> None:
    path = f"/api/devices/{heartbeat.public_id}/heartbeat-config"
    Caller()("POST", f"/api/incoming/heartbeat/{AgentKey.objects.get().secret}")
    api("PUT", path, {"graceSeconds": 60})

    body = api("PUT", path, {"intervalSeconds": 600}).json()

    assert body["ok"] is True
    assert (body["config"]["intervalSeconds"], body["config"]["graceSeconds"]) == (600, 60)
    assert body["state"]["nextExpectedAt"] == "2026-03-02T10:10:00.000Z"
    assert body["state"]["downAt"] == "2026-03-02T10:11:00.000Z"
    assert DeviceState.objects.get(pk=heartbeat.pk).due_at == clock.now + timedelta(minutes=10)


def test_a_fresh_token_kills_the_old_one_at_once(api, workspace, heartbeat) -> None:
    old = AgentKey.objects.get().secret

    config = api("PUT", f"/api/devices/{heartbeat.public_id}/heartbeat-config", {"regenerateToken": True}).json()

    fresh = config["config"]["token"]
    assert fresh != old
    refused(Caller()("POST", f"/api/incoming/heartbeat/{old}"), 404, "not_found")
    assert Caller()("POST", f"/api/incoming/heartbeat/{fresh}").status_code == 200
    entry = AuditEntry.objects.of(workspace).get(verb="device.heartbeat")
    assert fresh not in str(entry.changes)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"intervalSeconds": 9}, "intervalSeconds"),
        ({"graceSeconds": "60"}, "graceSeconds"),
        ({"mode": "cron", "schedule": "61 * * * *"}, "schedule"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"unknown": 1}, "unknown"),
        ({"regenerateToken": "yes"}, "regenerateToken"),
    ],
)
def test_a_bad_heartbeat_config_changes_nothing(api, heartbeat, body, field) -> None:
    before = (heartbeat.heartbeat, AgentKey.objects.get().secret)

    response = api("PUT", f"/api/devices/{heartbeat.public_id}/heartbeat-config", body)

    assert set(refused(response, 400, "validation_error")["details"]["fields"]) == {field}
    heartbeat.refresh_from_db()
    assert (heartbeat.heartbeat, AgentKey.objects.get().secret) == before


def test_only_heartbeats_have_a_heartbeat_config(api, device) -> None:
    path = f"/api/devices/{device.public_id}"

    refused(api("GET", f"{path}/heartbeat-config"), 422, "unsupported")
    refused(api("PUT", f"{path}/heartbeat-config", {}), 422, "unsupported")
    refused(api("GET", f"{path}/signals"), 422, "unsupported")
