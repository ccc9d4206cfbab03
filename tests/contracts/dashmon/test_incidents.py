"""Incidents by the API (contract Dashmon 11): the list and its filters, one of them, and what people do to it."""

import json
from datetime import timedelta

import pytest

from apps.alerts.built_in import DEVICE_LATENCY, NODE_OFFLINE
from apps.alerts.models import AlertRule
from apps.alerts.services import ensure_builtin_rules
from apps.alerts.types import Verdict
from apps.audit.models import AuditEntry
from apps.common.values import Ref
from apps.incidents import services
from apps.incidents.models import Incident, IncidentEvent
from apps.pipeline.lifecycle import forget
from tests import factories
from tests.contracts.dashmon.conftest import refused
from tests.contracts.dashmon.test_history import store

INCIDENTS = "/api/incidents"


def outage(device, at, *, minutes: int = 10, over: bool = True) -> Incident:
    """The device is down from `at` on, and well again some minutes later."""
    store(device, at - timedelta(minutes=5), "up")
    store(device, at, "down", latency_us=None)
    if over:
        store(device, at + timedelta(minutes=minutes), "up")
    return Incident.objects.of(device.workspace_id).latest("opened_at", "pk")


@pytest.fixture
def incident(device, clock) -> Incident:
    return outage(device, clock.now - timedelta(minutes=14), over=False)


def path(incident: Incident, tail: str = "") -> str:
    return f"{INCIDENTS}/{incident.wire_id}{tail}"


def test_an_incident_has_every_field_of_the_contract(api, incident, device) -> None:
    body = api("GET", INCIDENTS).json()

    assert (body["total"], body["nextCursor"], body["items"]) == (1, None, body["incidents"])
    row = body["incidents"][0]
    timeline = row.pop("timeline")
    assert row == {
        "id": incident.wire_id,
        "status": "open",
        "severity": "critical",
        "projectId": "berlin-01",
        "deviceId": str(device.public_id),
        "deviceName": "Till 1",
        "title": "Till 1 is down",
        "cause": {"kind": "timeout", "message": row["cause"]["message"]},
        "startedAt": "2026-03-02T09:46:00.000Z",
        "acknowledgedAt": None,
        "acknowledgedBy": None,
        "resolvedAt": None,
        "durationSeconds": 840,
        "causedBy": None,
    }
    assert [(line["at"], line["type"], line["state"]) for line in timeline] == [
        ("2026-03-02T09:46:00.000Z", "opened", "down")
    ]
    assert api("GET", path(incident)).json() == {"incident": {**row, "timeline": timeline}}


@pytest.fixture
def three(device, clock, owner) -> list[Incident]:
    """One resolved, one acknowledged, one open, oldest first, of three devices."""
    second = factories.make_device(factories.make_project(device.workspace, "lisbon-02"), "Till 2")
    third = factories.make_device(device.project, "Till 3")
    resolved = outage(device, clock.now - timedelta(days=3))
    taken = outage(second, clock.now - timedelta(days=2), over=False)
    services.acknowledge(incident=taken, actor="ana@example.com", user=owner, now=clock.now)
    return [resolved, taken, outage(third, clock.now - timedelta(days=1), over=False)]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [2, 1, 0]),
        ("status=all", [2, 1, 0]),
        ("status=open", [2, 1]),
        ("status=acknowledged", [1]),
        ("status=resolved", [0]),
        ("projectId=lisbon-02", [1]),
        ("projectId=berlin-01&status=open", [2]),
        ("from=2026-02-28T10:00:00Z", [2, 1]),
        ("to=2026-02-28T10:00:00Z", [0]),
        ("from=2026-02-27T10:00:00Z&to=2026-03-01T10:00:00.000Z", [1, 0]),
        ("from=2026-02-28T11:00:00%2B01:00&to=2026-02-28T10:00:01Z", [1]),
    ],
)
def test_filters(api, three, query, found) -> None:
    body = api("GET", f"{INCIDENTS}?{query}").json()

    assert [row["id"] for row in body["items"]] == [three[index].wire_id for index in found]
    assert body["total"] == len(found)


def test_incidents_of_one_device(api, three, device) -> None:
    rows = api("GET", f"{INCIDENTS}?deviceId={device.public_id}").json()["items"]

    assert [row["id"] for row in rows] == [three[0].wire_id]


def test_pages_follow_each_other_without_a_gap(api, three) -> None:
    seen, cursor = [], ""
    while True:
        body = api("GET", f"{INCIDENTS}?limit=1{cursor}").json()
        seen += [row["id"] for row in body["items"]]
        assert body["total"] == 3
        if body["nextCursor"] is None:
            break
        cursor = f"&cursor={body['nextCursor']}"

    assert seen == [row.wire_id for row in reversed(three)]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("status=closed", "status"),
        ("from=yesterday", "from"),
        ("to=2026-03-02T10:00:00", "to"),
        ("from=2026-03-02T10:00:00Z&to=2026-03-02T10:00:00Z", "from"),
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("cursor=nonsense", "cursor"),
    ],
)
def test_bad_questions_are_refused(api, query, field) -> None:
    assert field in refused(api("GET", f"{INCIDENTS}?{query}"), 400, "validation_error")["details"]["fields"]


def test_a_project_or_device_that_is_not_there_is_not_found(api, stranger, device) -> None:
    refused(api("GET", f"{INCIDENTS}?projectId=nowhere"), 404, "not_found", "Project not found")
    refused(stranger("GET", f"{INCIDENTS}?deviceId={device.public_id}"), 404, "not_found", "Device not found")
    refused(stranger("GET", f"{INCIDENTS}?projectId=berlin-01"), 404, "not_found", "Project not found")


@pytest.mark.parametrize("name", ["inc_0000000000000000000001", "inc_x", "dlv_0000000000000000000001", "1"])
def test_an_incident_that_is_not_there(api, name) -> None:
    refused(api("GET", f"{INCIDENTS}/{name}"), 404, "not_found", "Incident not found")


def test_the_scope_filters_the_list_and_hides_the_rest(seated, project, three) -> None:
    call = seated("viewer", [project])

    assert [row["id"] for row in call("GET", INCIDENTS).json()["items"]] == [three[2].wire_id, three[0].wire_id]
    refused(call("GET", path(three[1])), 404, "not_found")
    refused(call("GET", f"{INCIDENTS}?projectId=lisbon-02"), 404, "not_found", "Project not found")
    editor = seated("editor", [project])
    refused(editor("POST", path(three[1], "/ack")), 404, "not_found")
    assert editor("POST", path(three[2], "/ack")).status_code == 200


def test_a_deleted_device_leaves_its_incidents(api, incident, device, clock) -> None:
    forget(ref=device.ref, now=clock.now)

    row = api("GET", INCIDENTS).json()["items"][0]

    assert (row["deviceId"], row["deviceName"], row["status"]) == (None, "Till 1", "resolved")


def bad(rule: AlertRule, ref: Ref, name: str, *, at) -> Verdict:
    """A rule about values finds something over its limit."""
    return Verdict(
        workspace_id=rule.workspace_id,
        rule_id=rule.pk,
        ref=ref,
        at=at,
        kind="bad",
        severity="warning",
        cause="",
        cause_text="",
        before=None,
        after=None,
        in_maintenance=False,
        name=name,
        project_id=None,
        metric="latency_us",
    )


@pytest.fixture
def others(incident, workspace, device, clock) -> list[Incident]:
    """Beside the outage: the same device is slow, and a node that happens to have the device's number is offline."""
    rules = {rule.number: rule for rule in ensure_builtin_rules(workspace=workspace)}
    slow = bad(rules[DEVICE_LATENCY], device.ref, "Till 1", at=clock.now)
    offline = bad(rules[NODE_OFFLINE], Ref("node", device.pk), "web-1", at=clock.now)
    return services.apply(verdicts=[slow, offline], now=clock.now)


def test_the_list_says_devices_states_alone(api, incident, others, device) -> None:
    for query in ("", "?status=open", f"?deviceId={device.public_id}"):
        body = api("GET", INCIDENTS + query).json()
        assert ([row["id"] for row in body["items"]], body["total"]) == ([incident.wire_id], 1), query
    summary = api("GET", "/api/support/summary").json()
    assert (summary["openIncidents"], summary["incidents24h"]) == (1, 1)
    assert [row["id"] for row in summary["recentIncidents"]] == [incident.wire_id]


def test_what_a_message_named_can_be_read_and_taken_on(api, others, device) -> None:
    slow, offline = (api("GET", path(other)).json()["incident"] for other in others)

    assert (slow["deviceId"], slow["deviceName"]) == (str(device.public_id), "Till 1")
    assert (offline["deviceId"], offline["deviceName"]) == (None, "web-1")
    assert api("POST", path(others[0], "/ack")).json()["incident"]["status"] == "acknowledged"


# --- Acts ------------------------------------------------------------------------------------------
def test_acknowledging_twice_is_the_same_as_once(api, incident, owner, clock) -> None:
    first = api("POST", path(incident, "/ack")).json()
    clock.forward(minutes=1)
    again = api("POST", path(incident, "/ack")).json()

    assert first["ok"] is True
    assert first["incident"]["status"] == "acknowledged"
    assert first["incident"]["acknowledgedBy"] == str(owner.public_id)
    assert again["incident"]["acknowledgedAt"] == first["incident"]["acknowledgedAt"] == "2026-03-02T10:00:00.000Z"
    assert [line["type"] for line in again["incident"]["timeline"]] == ["opened", "acknowledged"]
    assert AuditEntry.objects.filter(verb="incident.acknowledge").count() == 1


def test_a_token_acknowledges_in_its_own_name(with_token, incident) -> None:
    body = with_token("read_write")("POST", path(incident, "/ack")).json()["incident"]

    assert body["acknowledgedBy"] is None
    assert body["timeline"][-1]["actor"].startswith("token")


def test_a_note_is_in_the_timeline(api, incident) -> None:
    body = api("POST", path(incident, "/note"), {"text": "  Router <b>replaced</b>.  "}).json()

    line = body["incident"]["timeline"][-1]
    assert (line["type"], line["text"], line["actor"]) == ("note", "Router <b>replaced</b>.", "ana@example.com")


@pytest.mark.parametrize("body", [None, {}, {"text": ""}, {"text": "   "}, {"text": 5}, {"text": "x" * 4001}, []])
def test_a_note_without_a_text_changes_nothing(api, incident, body) -> None:
    refused(api("POST", path(incident, "/note"), body), 400, "validation_error")

    assert IncidentEvent.objects.filter(incident=incident, kind="note").count() == 0


def test_resolving_closes_it_once(api, incident) -> None:
    body = api("POST", path(incident, "/resolve"), {"note": "False alarm."}).json()["incident"]

    assert (body["status"], body["resolvedAt"]) == ("resolved", "2026-03-02T10:00:00.000Z")
    last = body["timeline"][-1]
    assert (last["type"], last["reason"], last["text"]) == ("resolved", "resolved_by_hand", "False alarm.")
    refused(api("POST", path(incident, "/resolve")), 409, "conflict")
    refused(api("POST", path(incident, "/ack")), 409, "conflict")
    assert api("POST", path(incident, "/note"), {"text": "Afterwards."}).status_code == 200


@pytest.mark.parametrize("act", ["ack", "note", "resolve"])
def test_who_may_only_read_changes_nothing(seated, with_token, incident, act) -> None:
    body = {"text": "Mine"}

    refused(seated("viewer")("POST", path(incident, f"/{act}"), body), 403, "forbidden")
    refused(with_token("read_only")("POST", path(incident, f"/{act}"), body), 403, "token_read_only")

    incident.refresh_from_db()
    assert incident.status == "open"
    assert IncidentEvent.objects.filter(incident=incident).count() == 1


def test_viewers_do_not_see_addresses(api, seated, incident, clock) -> None:
    services.record_notice(
        incident=incident,
        recipient="ops@example.com",
        channel="email",
        result="delivered",
        delivery="dlv_1",
        at=clock.now,
    )

    shown = api("GET", path(incident)).json()["incident"]["timeline"][-1]
    hidden = seated("viewer")("GET", path(incident)).json()["incident"]["timeline"][-1]

    assert shown == {
        "at": "2026-03-02T10:00:00.000Z",
        "type": "notified",
        "channel": "email",
        "recipient": "ops@example.com",
        "result": "delivered",
    }
    assert hidden == {**shown, "recipient": None}


def test_a_page_of_incidents_costs_the_same_however_long(api, three, django_assert_max_num_queries) -> None:
    with django_assert_max_num_queries(20) as one:
        api("GET", f"{INCIDENTS}?limit=1")
    with django_assert_max_num_queries(len(one)):
        assert len(api("GET", INCIDENTS).json()["items"]) == 3


def test_free_is_refused(api, workspace, incident) -> None:
    workspace.plan = "free"
    workspace.save()

    for method, tail in (("GET", ""), ("POST", "/ack"), ("POST", "/note"), ("POST", "/resolve")):
        refused(api(method, path(incident, tail), {"text": "x"} if method == "POST" else None), 403, "premium_required")
    assert json.loads(api("GET", INCIDENTS).content)["code"] == "premium_required"
