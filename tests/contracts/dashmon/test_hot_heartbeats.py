"""Signals over the hot paths: the answers that Django gives, and the same traces (contract Dashmon 6.3)."""

import uuid
from collections.abc import Iterator

import pytest
from django.db import OperationalError
from django.test import Client

from apps.devices.models import Device, DeviceState
from apps.metrics.models import HeartbeatPing
from apps.tokens.models import AgentKey
from apps.workspaces.models import Workspace
from dashmon.hot import committer, heartbeats
from tests.contracts.hot import Door, Reply

pytestmark = pytest.mark.django_db(transaction=True)
RID = str(uuid.UUID(int=7))
SAID = ("content-type", "access-control-allow-origin", "access-control-allow-methods", "ping-body-limit", "retry-after")
LIMITS = ("ratelimit-limit", "ratelimit-remaining")
JSON = "application/json"


@pytest.fixture
def door(transactional_db: None) -> Iterator[Door]:
    door = Door()
    yield door
    door.paths.close()


@pytest.fixture
def token(heartbeat, clock) -> str:
    return str(AgentKey.objects.get().secret)


def facts(reply: Reply) -> dict:
    """What a client sees, without what differs each time."""
    told = reply.json() if reply.content and reply.content != b"OK" else reply.content
    if isinstance(told, dict):
        told = {name: value for name, value in told.items() if name not in {"receivedAt", "requestId"}}
    headers = {name: reply.headers.get(name) for name in (*SAID, *LIMITS)}
    return {"status": reply.status, "told": told, **headers}


def by_django(method: str, path: str, body: bytes, kind: str, accept: str) -> Reply:
    response = Client(raise_request_exception=False).generic(
        method, path, body, content_type=kind, headers={"Accept": accept}
    )
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Reply(response.status_code, headers, response.content)


@pytest.mark.parametrize("accept", ["*/*", "text/plain", "application/json, text/plain;q=0.5"])
@pytest.mark.parametrize(
    "sent",
    [
        ("GET", "", b"", ""),
        ("HEAD", "", b"", ""),
        ("HEAD", "/256", b"", ""),
        ("PUT", "/", b"", ""),
        ("POST", "/start", b"", ""),
        ("POST", "/fail/", b"out of space", "text/plain"),
        ("POST", "/log", b"", ""),
        ("POST", "/3", b"", ""),
        ("POST", "/256", b"", ""),
        ("POST", "/bogus", b"", ""),
        ("GET", "?status=error&msg=a+b%C3%A4", b"", ""),
        ("GET", "?rid=no-uuid", b"", ""),
        ("GET", "?exitCode=1", b"", ""),
        ("POST", "", b'{"status": "start", "rid": "%s"}' % RID.encode(), JSON),
        ("POST", "", b'{"status": "fail"}', "application/problem+json; charset=utf-8"),
        ("POST", "", b"{broken", JSON),
        ("POST", "", b"[" * 20_000, JSON),
        ("POST", "", b"a=b", "application/x-www-form-urlencoded"),
    ],
)
def test_the_answer_and_its_traces_are_those_of_django(token, door, sent, accept) -> None:
    method, rest, body, kind = sent
    path = f"/ping/{token}{rest}"
    django = by_django(method, path, body, kind, accept)
    columns = ("kind", "rid", "exit_code", "duration_ms", "method", "body")
    kept = list(HeartbeatPing.objects.values_list(*columns))
    state = DeviceState.objects.values_list("state", "cause", "cause_text", "version").get()
    HeartbeatPing.objects.all().delete()
    DeviceState.objects.update(state="unknown", cause="", cause_text="", version=0, heartbeat={}, streak=0)

    hot = door(path, body, method=method, kind=kind, accept=accept)

    assert facts(hot) == facts(django)
    assert list(HeartbeatPing.objects.values_list(*columns)) == kept
    assert DeviceState.objects.values_list("state", "cause", "cause_text", "version").get() == state
    assert door.behind.asked == []


def test_strangers_are_told_what_django_tells_them(token, door) -> None:
    for path in ("/ping/hb_unknown", "/api/incoming/heartbeat/hb_unknown/start", "/ping/%00"):
        assert facts(door(path, kind="")) == facts(by_django("POST", path, b"", "", "*/*"))
    assert HeartbeatPing.objects.count() == 0


def test_a_lapsed_plan_and_a_sender_over_its_limit(token, door, heartbeat) -> None:
    path = f"/ping/{token}"
    for _ in range(120):
        assert door(path).status == 200
    assert door(path).status == 429
    assert facts(door(path)) == facts(by_django("POST", path, b"", "", "*/*"))
    assert HeartbeatPing.objects.count() == 120

    heartbeat.paused, heartbeat.pause_reason = True, Device.PauseReason.PREMIUM
    heartbeat.save()
    assert facts(door(path)) == facts(by_django("POST", path, b"", "", "*/*"))
    assert door(path).status == 202


def test_a_workspaces_own_host_knows_its_own_jobs_only(token, door, workspace, clock) -> None:
    other = Workspace.objects.create(slug="globex", name="Globex", created_at=clock())
    at = f"/ping/{token}"

    assert door(at, host=f"{workspace.slug}.localhost").status == 200
    assert door(f"/w/{workspace.slug}{at}", host="localhost").status == 200
    assert door(at, host=f"{other.slug}.localhost").status == 404
    assert door(f"/w/{other.slug}{at}", host="localhost").status == 404
    assert HeartbeatPing.objects.count() == 2


@pytest.mark.parametrize(
    ("method", "body"), [("OPTIONS", b""), ("DELETE", b""), ("POST", b"x" * (heartbeats.SMALL + 1))]
)
def test_what_is_seldom_goes_on_to_django(token, door, method, body) -> None:
    assert door(f"/ping/{token}", body, method=method).status == 204
    assert door.behind.asked == [f"/ping/{token}"]


def test_a_body_of_many_parts_is_read_and_a_vanished_sender_leaves_nothing(token, door) -> None:
    assert door(f"/ping/{token}", parts=[b"a", b"b", b"c"], kind="text/plain").status == 200
    assert bytes(HeartbeatPing.objects.get().body) == b"abc"

    assert door(f"/ping/{token}", parts=[]).status == 0
    assert HeartbeatPing.objects.count() == 1


def test_nothing_is_promised_while_the_database_is_away(token, door, monkeypatch) -> None:
    def away(*_args: object) -> list[object]:
        raise OperationalError("gone")

    monkeypatch.setattr(committer, "_in_one_transaction", away)

    reply = door(f"/ping/{token}")

    assert (reply.status, reply.json()["code"], reply.headers["retry-after"]) == (503, "db_unavailable", "5")
    assert reply.json()["requestId"] == reply.headers["x-request-id"]
    assert HeartbeatPing.objects.count() == 0
