"""Whatever a client sends, the answer is a refusal or a success, never an error of ours."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts.dashmon.conftest import Caller
from tests.contracts.dashmon.routes import BODIES, Target
from tests.contracts.dashmon.test_permissions import target

KEYS = [
    "id",
    "name",
    "location",
    "notes",
    "type",
    "ip",
    "port",
    "url",
    "ping_interval",
    "tags",
    "retries",
    "retryIntervalSeconds",
    "severity",
    "parentDeviceIds",
    "paused",
    "deviceIds",
    "mode",
    "startTime",
    "endTime",
    "reason",
    "enabled",
    "cooldownMinutes",
    "to",
    "secret",
    "label",
    "accessLevel",
    "expiresInDays",
    "timezone",
    "ownerUserId",
    "email",
    "role",
    "projectIds",
    "request",
    "assertions",
    "degradedMs",
    "tls",
    "domain",
    "tcp",
    "hostname",
    "recordType",
    "resolvers",
    "match",
    "expected",
    "ttl",
    "timeoutMs",
    "intervalSeconds",
    "graceSeconds",
    "schedule",
    "filters",
    "methods",
    "config",
    "synthetic",
    "regenerateToken",
    "slug",
    "visibility",
    "customDomain",
    "accentColor",
    "locale",
    "showUptimeDays",
    "title",
    "body",
    "status",
    "incidentKey",
    "startsAt",
    "endsAt",
]
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=30),
    st.sampled_from(
        ["", "\x00", "\ud800", "2026-03-02T09:00:00Z", "0001-01-01T00:00:00+14:00", "http://[::1", "a@b.co", "cron"]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=4), inner),
    max_leaves=6,
)
WRITES = [key for key in BODIES if key[0] in {"POST", "PUT"}]
QUERY_KEYS = (
    *("limit", "cursor", "range", "from", "to", "resolution", "window"),
    *("period", "format", "timezone", "hours", "status", "projectId", "deviceId"),
)
QUERY_WORDS = ("json", "csv", "pdf", "monthly", "Europe", "../UTC", "0001-01-01", "9999-12-31T23:59:59Z", "-1", "1e9")
QUERIES = st.dictionaries(st.sampled_from(QUERY_KEYS), st.text(max_size=20) | st.sampled_from(QUERY_WORDS), max_size=4)
FAST = settings(
    max_examples=25, deadline=None, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
def place(workspace, project, now, settings) -> Target:
    settings.RATE_LIMITS = False
    return target(workspace, project, now)


@pytest.mark.parametrize("key", WRITES, ids=str)
@FAST
@given(body=VALUES, change=st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=2))
def test_any_body_is_answered(key: tuple[str, str], api: Caller, place: Target, body: Any, change: Any) -> None:
    method, route = key
    sound = BODIES[key] or {}
    for sent in (body, {**sound, **change}):
        response = api(method, place.path(route), sent)

        assert response.status_code < 500, (sent, response.content)
        if response.content:
            json.loads(response.content)


QUERIED = [
    "/api/projects",
    "/api/devices/:deviceId/history",
    "/api/devices/:deviceId/signals",
    "/api/devices/:deviceId/analytics",
    "/api/devices/:id/latency/percentiles",
    "/api/reports/uptime",
    "/api/metrics/down-events",
    "/api/incidents",
    "/api/status-pages",
]


@pytest.mark.parametrize("route", QUERIED)
@FAST
@given(query=QUERIES)
def test_any_query_is_answered(route: str, api: Caller, place: Target, query: dict[str, str]) -> None:
    response = api.client.get(place.path(route), query)

    # The only rows a query can name are a project and a device.
    known = {200, 400, 404} if {"projectId", "deviceId"} & set(query) else {200, 400}
    assert response.status_code in known, (query, response.content)


@FAST
@given(raw=st.binary(max_size=60), kind=st.sampled_from(["application/json", "text/plain", ""]))
def test_any_signal_is_answered(api: Caller, place: Target, raw: bytes, kind: str) -> None:
    config = api("GET", place.path("/api/devices/:deviceId/heartbeat-config")).json()["config"]

    response = Caller().client.post(f"/ping/{config['token']}", raw, content_type=kind or "application/octet-stream")

    assert response.status_code in {200, 400}, (raw, response.content)


@pytest.mark.parametrize("part", ["%00", "a%2Fb", "%F0%9F%92%A9", "x" * 400, "..", "%25"])
def test_any_name_in_a_path_is_answered(api: Caller, part: str) -> None:
    for path in (
        f"/api/projects/{part}",
        f"/api/devices/{part}/history",
        f"/ping/{part}",
        f"/api/user/api-tokens/{part}",
        f"/api/incidents/{part}",
        f"/api/devices/{part}/analytics",
    ):
        for method in ("GET", "DELETE", "POST"):
            assert api(method, path).status_code in {404, 405, 400}, (method, path)
