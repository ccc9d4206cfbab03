"""The receiver and its log (contract Dashmon 6.3)."""

import uuid

import pytest
from django.test import Client

from apps.devices.models import Device
from apps.metrics.models import HeartbeatPing
from apps.tokens.models import AgentKey
from tests import factories
from tests.contracts.dashmon.conftest import Caller, refused

RID = str(uuid.UUID(int=7))


@pytest.fixture
def url(heartbeat, clock) -> str:
    return f"/api/incoming/heartbeat/{AgentKey.objects.get().secret}"


@pytest.fixture
def signals(api, heartbeat):
    """The log as the API shows it."""
    return lambda query="": api("GET", f"/api/devices/{heartbeat.public_id}/signals{query}").json()


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_a_bare_signal_is_a_success(url, signals, method) -> None:
    response = Caller()(method, url)

    assert response.json() == {
        "ok": True,
        "signal": "success",
        "state": "up",
        "receivedAt": "2026-03-02T10:00:00.000Z",
    }
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Ping-Body-Limit"] == "100000"
    assert "Set-Cookie" not in response.headers
    row = signals()["signals"][0]
    assert (row["signal"], row["method"], row["receivedAt"]) == ("success", method, "2026-03-02T10:00:00.000Z")


def test_head_answers_without_a_body(url, signals) -> None:
    response = Caller()("HEAD", url)

    assert (response.status_code, response.content) == (200, b"")
    assert signals()["total"] == 1


@pytest.mark.parametrize(
    ("rest", "signal", "state"),
    [
        ("/start", "start", "new"),
        ("/start/", "start", "new"),
        ("/fail", "fail", "down"),
        ("/log", "log", "new"),
        ("/0", "success", "up"),
        ("/3", "fail", "down"),
        ("?status=running", "start", "new"),
        ("?status=error", "fail", "down"),
        ("?exitCode=1", "fail", "down"),
        ("/", "success", "up"),
    ],
)
@pytest.mark.parametrize("prefix", ["/api/incoming/heartbeat/", "/ping/"])
def test_signals_by_path_and_query(url, prefix, rest, signal, state) -> None:
    answer = Caller()("GET", url.replace("/api/incoming/heartbeat/", prefix) + rest).json()

    assert (answer["signal"], answer["state"]) == (signal, state)


def test_signals_by_json_with_their_duration(url, signals, clock) -> None:
    Caller()("POST", url, {"status": "start", "rid": RID})
    clock.forward(seconds=4, milliseconds=100)

    answer = Caller()("POST", url, {"status": "ok", "rid": RID, "msg": "done"}).json()

    assert answer["signal"] == "success"
    end, start = signals()["items"]
    assert (start["signal"], start["rid"]) == ("start", RID)
    assert (end["signal"], end["rid"], end["durationMs"]) == ("success", RID, 4100)


@pytest.mark.parametrize("rest", ["/256", "/bogus", "?rid=no-uuid", "?exitCode=-1", "?status=sideways"])
def test_a_bad_signal_is_400_and_leaves_no_trace(url, rest) -> None:
    refused(Caller()("POST", url + rest), 400, "validation_error")

    assert HeartbeatPing.objects.count() == 0


def test_a_body_that_is_not_json_still_counts(url, signals) -> None:
    for raw, kind in ((b"{broken", "application/json"), (b"a=b", "application/x-www-form-urlencoded")):
        assert Client().post(url, raw, content_type=kind).status_code == 200

    assert [row["body"] for row in signals()["signals"]] == ["a=b", "{broken"]


def test_a_long_body_is_cut_not_refused(url, signals) -> None:
    response = Client().post(url, b"x" * 700_000, content_type="text/plain")

    assert response.status_code == 200
    assert signals()["signals"][0]["body"] == "x" * 100_000


def test_plain_text_for_clients_that_prefer_it(url) -> None:
    response = Caller()("GET", url, Accept="text/plain")

    assert (response.content, response.headers["Content-Type"]) == (b"OK", "text/plain; charset=utf-8")


def test_browsers_may_report_from_anywhere(url, db) -> None:
    response = Client().options(url, headers={"Origin": "https://elsewhere.example"})

    assert response.status_code == 204
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    assert Caller()("POST", url, Origin="https://elsewhere.example", Sec_Fetch_Site="cross-site").status_code == 200


def test_an_unknown_token_is_404(db, clock) -> None:
    refused(Caller()("POST", "/api/incoming/heartbeat/hb_unknown"), 404, "not_found", "Not found")
    refused(Caller()("GET", "/ping/hb_unknown"), 404, "not_found", "Not found")


def test_a_lapsed_plan_is_202_so_that_jobs_do_not_fail(url, heartbeat) -> None:
    heartbeat.paused, heartbeat.pause_reason = True, Device.PauseReason.PREMIUM
    heartbeat.save()

    response = Caller()("POST", url)

    assert response.status_code == 202
    assert response.json() == {"ok": True, "recorded": False, "reason": "premium_required"}
    assert HeartbeatPing.objects.count() == 0


def test_a_sender_beyond_its_limit_is_429_and_still_alive(url, api, heartbeat, clock) -> None:
    for _ in range(120):
        assert Caller()("POST", url).status_code == 200

    response = Caller()("POST", url)

    assert int(response.headers["Retry-After"]) >= 1
    refused(response, 429, "rate_limited")
    assert (response.headers["RateLimit-Limit"], response.headers["RateLimit-Remaining"]) == ("60", "0")
    assert HeartbeatPing.objects.count() == 120


def test_the_log_is_paged(url, signals, clock) -> None:
    for number in range(5):
        Caller()("POST", f"{url}/{number}")
        clock.forward(seconds=1)

    first = signals("?limit=2")
    second = signals(f"?limit=2&cursor={first['nextCursor']}")
    last = signals(f"?limit=2&cursor={second['nextCursor']}")

    assert [row["exitCode"] for row in first["items"] + second["items"] + last["items"]] == [4, 3, 2, 1, 0]
    assert (first["total"], last["nextCursor"]) == (5, None)
    assert first["signals"] == first["items"]


def test_each_success_and_fail_joins_the_history(url, api, heartbeat, clock) -> None:
    Caller()("POST", url)
    clock.forward(minutes=1)
    Caller()("POST", f"{url}/fail")

    rows = api("GET", f"/api/devices/{heartbeat.public_id}/history").json()["history"]

    assert [row["status"] for row in rows] == ["up", "down"]
    assert api("GET", "/api/projects").json()[0]["status"] == "down"


def test_a_failure_in_a_long_json_body_is_a_failure(api, heartbeat) -> None:
    token = api("GET", f"/api/devices/{heartbeat.public_id}/heartbeat-config").json()["config"]["token"]

    answer = Caller()("POST", f"/api/incoming/heartbeat/{token}", {"msg": "x" * 300_000, "status": "fail"})

    assert answer.json()["signal"] == "fail"
    row = api("GET", f"/api/devices/{heartbeat.public_id}/signals").json()["signals"][0]
    assert len(row["body"]) == 100_000


def test_a_cursor_of_another_list_is_refused(api, workspace, heartbeat) -> None:
    factories.make_project(workspace, "second")
    cursor = api("GET", "/api/projects?limit=1").headers["X-Next-Cursor"]

    response = api("GET", f"/api/devices/{heartbeat.public_id}/signals?cursor={cursor}")

    refused(response, 400, "validation_error", "cursor is not valid")
