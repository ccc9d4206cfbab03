"""Transport, errors, headers, cross-site writes, lists and limits (contract Dashmon 1)."""

import json
from datetime import timedelta

import pytest
from django.db import OperationalError
from django.test import Client

from apps.api.dashmon.views.projects import ProjectsView
from apps.common.clock import iso_ms
from apps.notifications.models import Delivery
from apps.projects.models import Project
from tests import factories
from tests.contracts.dashmon.conftest import refused

ID = "abcDEF012345._-x"


def test_a_request_id_is_echoed_or_made(api) -> None:
    assert api("GET", "/api/me", X_Request_Id=ID).headers["X-Request-Id"] == ID
    assert api("GET", "/api/me", X_Request_Id="too short").headers["X-Request-Id"].startswith("req_")
    assert refused(api("GET", "/api/nothing", X_Request_Id=ID), 404, "not_found")["requestId"] == ID


def test_authenticated_answers_carry_version_cache_and_limits(api) -> None:
    headers = api("GET", "/api/me").headers

    assert headers["Dashmon-Api-Version"] == "2026-04-05"
    assert headers["Cache-Control"] == "no-store"
    assert headers["Content-Type"] == "application/json"
    assert int(headers["RateLimit-Limit"]) > int(headers["RateLimit-Remaining"]) > 0
    assert 1 <= int(headers["RateLimit-Reset"]) <= 60


@pytest.mark.parametrize("path", ["/api/nope", "/api/nope/", "/api", "/api/", "/api/devices", "/auth/local/nope"])
def test_paths_nobody_owns_are_json_404(api, path) -> None:
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        response = api(method, path)

        refused(response, 404, "not_found", "Not found")
        assert response.headers["Content-Type"] == "application/json"


def test_a_wrong_method_is_json_405_with_the_right_ones(api, project) -> None:
    response = api("PATCH", "/api/projects/berlin-01", {"name": "x"})

    refused(response, 405, "method_not_allowed")
    assert response.headers["Allow"] == "GET, PUT, DELETE"


@pytest.mark.parametrize(
    "raw", [b"{", b"\xff", b'{"name": "\xed\xa0\x80"}', b'{"name": "\\ud800"}', b'{"name": NaN}', b"[" * 100_000]
)
def test_a_body_that_is_not_json_is_400(api, raw) -> None:
    response = api.client.generic("POST", "/api/projects", raw, content_type="application/json")

    refused(response, 400, "validation_error")
    assert Project.objects.count() == 0


@pytest.mark.parametrize("body", [[], "text", 5, True])
def test_a_body_that_is_no_object_is_400(api, body) -> None:
    refused(api("POST", "/api/projects", body), 400, "validation_error")


def test_a_body_over_256_kib_is_413(api) -> None:
    refused(api("POST", "/api/projects", {"name": "x", "notes": "n" * 262_144}), 413, "payload_too_large")
    assert Project.objects.count() == 0


def test_every_bad_field_is_named(api) -> None:
    response = api("POST", "/api/projects", {"name": "n" * 121, "location": 5, "notes": ["x"]})

    assert set(refused(response, 400, "validation_error")["details"]["fields"]) == {"name", "location", "notes"}


def test_an_unforeseen_error_is_json_500_and_tells_nothing(api, monkeypatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("password=hunter2")

    monkeypatch.setattr(ProjectsView, "get", broken)

    response = api("GET", "/api/projects")

    refused(response, 500, "internal_error", "internal_error")
    assert b"hunter2" not in response.content


def test_a_database_that_is_gone_is_503_with_retry_after(api, monkeypatch) -> None:
    def gone(*_: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(ProjectsView, "get", gone)

    response = api("GET", "/api/projects")

    refused(response, 503, "db_unavailable", "db_unavailable")
    assert response.headers["Retry-After"] == "5"


def test_an_error_of_a_handler_rolls_the_write_back(api, monkeypatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(ProjectsView, "audit", broken)

    refused(api("POST", "/api/projects", {"name": "Half done"}), 500, "internal_error")

    assert Project.objects.count() == 0


# --- Credentials -------------------------------------------------------------------------------------------


def test_a_bad_bearer_never_falls_back_to_the_cookie(api) -> None:
    refused(api("GET", "/api/me", Authorization="Bearer dm_live_wrong"), 401, "invalid_token", "invalid_token")


def test_a_revoked_and_an_expired_token_are_told_apart(workspace, with_token, clock) -> None:
    token, raw = factories.make_token(workspace, days=1)
    client = Client()
    bearer = {"Authorization": f"Bearer {raw}"}
    assert client.get("/api/me", headers=bearer).status_code == 200

    clock.forward(days=1)
    refused(client.get("/api/me", headers=bearer), 401, "token_expired")

    token.revoked_at = clock.now
    token.save()
    refused(client.get("/api/me", headers=bearer), 401, "token_revoked")


def test_a_token_of_a_free_workspace_needs_premium(workspace, with_token) -> None:
    call = with_token()
    workspace.plan = "free"
    workspace.save()

    refused(call("GET", "/api/projects"), 403, "premium_required", "premium_required")


def test_a_read_only_token_reads_and_does_not_write(with_token, project) -> None:
    call = with_token("read_only")

    assert call("GET", "/api/projects").status_code == 200
    refused(call("DELETE", "/api/projects/berlin-01"), 403, "token_read_only")
    assert Project.objects.count() == 1


def test_the_last_use_of_a_token_is_remembered(workspace, clock) -> None:
    token, raw = factories.make_token(workspace)

    Client().get("/api/me", headers={"Authorization": f"Bearer {raw}"})

    token.refresh_from_db()
    assert token.last_used_at == clock.now


# --- Cross-site writes -------------------------------------------------------------------------------------

CROSS = [
    {"Sec_Fetch_Site": "cross-site"},
    {"Sec_Fetch_Site": "same-site"},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "https://testserver"},
    {"Origin": "http://testserver:8443"},
    {"Referer": "https://evil.example/page"},
]
OWN = [
    {},
    {"Sec_Fetch_Site": "same-origin"},
    {"Sec_Fetch_Site": "none"},
    {"Origin": "http://testserver"},
    {"Referer": "http://testserver/app/"},
]


@pytest.mark.parametrize("headers", CROSS, ids=str)
def test_a_cookie_write_from_elsewhere_is_refused(api, headers) -> None:
    refused(api("POST", "/api/projects", {"name": "Forged"}, **headers), 403, "csrf_failed", "csrf_failed")
    assert Project.objects.count() == 0


@pytest.mark.parametrize("headers", OWN, ids=str)
def test_a_cookie_write_from_here_or_from_a_program_passes(api, headers) -> None:
    assert api("POST", "/api/projects", {"name": "Mine"}, **headers).status_code == 200


def test_a_form_post_by_cookie_is_refused(api) -> None:
    response = api.client.post("/api/projects", {"name": "Forged"})

    refused(response, 403, "csrf_failed")
    assert Project.objects.count() == 0


def test_reads_and_tokens_do_not_care_where_they_come_from(api, with_token) -> None:
    foreign = {"Origin": "https://partner.example", "Sec_Fetch_Site": "cross-site"}

    assert api("GET", "/api/projects", **foreign).status_code == 200
    assert with_token()("POST", "/api/projects", {"name": "By token"}, **foreign).status_code == 200


def test_a_foreign_write_does_not_use_up_the_allowance(api) -> None:
    for _ in range(130):
        api("POST", "/api/projects", {"name": "Forged"}, Sec_Fetch_Site="cross-site")

    assert api("POST", "/api/projects", {"name": "Mine"}).status_code == 200


# --- Lists -------------------------------------------------------------------------------------------------


@pytest.fixture
def many(workspace, clock) -> list[str]:
    """Keys of five projects, newest first; two of one instant."""
    for number in range(5):
        factories.make_project(workspace, f"p{number}", now=clock.now)
        clock.forward(seconds=number % 2)
    return [f"p{number}" for number in reversed(range(5))]


def test_projects_are_a_bare_array_newest_first(api, many) -> None:
    response = api("GET", "/api/projects")

    assert [row["id"] for row in response.json()] == many
    assert "X-Next-Cursor" not in response.headers


def test_the_cursor_walks_every_project_once(api, many) -> None:
    seen, cursor = [], None
    while True:
        query = "limit=2" + (f"&cursor={cursor}" if cursor else "")
        response = api("GET", f"/api/projects?{query}")
        seen += [row["id"] for row in response.json()]
        cursor = response.headers.get("X-Next-Cursor")
        if cursor is None:
            break

    assert seen == many


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "limit=1.5", "cursor=%21", "cursor=WzFd", "cursor=WzEsbnVsbF0"]
)
def test_a_bad_page_is_400(api, query) -> None:
    refused(api("GET", f"/api/projects?{query}"), 400, "validation_error")


# --- Limits ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("plan", "most"), [("free", 60), ("premium", 120)])
def test_writes_are_limited_per_user_and_route(workspace, api, clock, plan, most) -> None:
    workspace.plan = plan
    workspace.save()
    for _ in range(most):
        assert api("PUT", "/api/projects/berlin-01", {"name": "Same"}).status_code == 200

    clock.forward(seconds=20)
    response = api("PUT", "/api/projects/berlin-01", {"name": "Once more"})

    body = refused(response, 429, "rate_limited", "Too many write requests. Please slow down.")
    assert body["retryAfterSeconds"] == 40
    assert response.headers["Retry-After"] == "40"
    assert response.headers["RateLimit-Remaining"] == "0"
    assert Project.objects.get().name == "Same"
    # Another route has a count of its own, and so has the next minute.
    assert api("POST", "/api/projects", {"name": "Other"}).status_code == 200
    clock.forward(seconds=40)
    assert api("PUT", "/api/projects/berlin-01", {"name": "Next minute"}).status_code == 200


def test_limits_can_be_switched_off(settings, api, project) -> None:
    settings.RATE_LIMITS = False

    responses = [api("PUT", "/api/projects/berlin-01", {"name": "Same"}) for _ in range(125)]

    assert {response.status_code for response in responses} == {200}
    assert "RateLimit-Limit" not in responses[-1].headers


def test_reads_by_token_are_counted_per_token(with_token) -> None:
    first, second = with_token(), with_token()

    first("GET", "/api/me")

    assert first("GET", "/api/me").headers["RateLimit-Remaining"] == "598"
    assert second("GET", "/api/me").headers["RateLimit-Remaining"] == "599"


def test_health_answers_without_a_credential(db, clock) -> None:
    body = Client().get("/api/health").json()

    assert (body["ok"], body["service"], body["time"]) == (True, "dashmon", iso_ms(clock.now))
    assert body["status"] == "ok"
    behind = {"lagMs": 0}
    assert body["checks"] == {
        "db": "ok",
        "scheduler": behind,
        "events": behind,
        "escalations": behind,
        "deliveries": behind,
        "storage": {"writable": True},
    }


@pytest.mark.parametrize(("late_s", "status"), [(60, "ok"), (61, "degraded")])
def test_health_says_what_is_late_and_how_late_and_still_serves(device, clock, late_s, status) -> None:
    Delivery.objects.create(
        workspace=device.workspace,
        kind="email",
        event_name="test",
        recipient="ana@example.com",
        recipient_key="a",
        dedupe_key="a",
        created_at=clock.now,
        next_at=clock.now - timedelta(seconds=late_s),
    )

    response = Client().get("/api/health")

    assert (response.status_code, response.json()["ok"], response.json()["status"]) == (200, True, status)
    assert response.json()["checks"]["deliveries"] == {"lagMs": late_s * 1000}
    # Nothing of a workspace is in it, not even how many there are.
    assert "ana" not in response.content.decode()


def test_health_counts_queues_once_for_everybody_who_asks(db, clock, django_assert_max_num_queries) -> None:
    Client().get("/api/health")

    with django_assert_max_num_queries(2):
        Client().get("/api/health")


def test_health_says_503_when_the_database_is_gone(db, clock, monkeypatch) -> None:
    def gone() -> None:
        raise OperationalError("connection refused")

    with monkeypatch.context() as patch:
        patch.setattr("apps.api.dashmon.views.meta.connection.cursor", gone)
        response = Client().get("/api/health")

    assert response.status_code == 503
    assert json.loads(response.content)["error"] == "db_unavailable"


def test_capabilities_are_public(db) -> None:
    body = Client().get("/api/meta/capabilities").json()

    assert body["auth"]["bearer"]["expiresInDays"] == {"min": 1, "max": 3650, "default": None}
    assert body["limits"] == {"history": {"default": 60, "max": 500}, "list": {"default": 50, "max": 200}}


@pytest.mark.parametrize("name", ["Origin", "Referer"])
def test_half_an_address_is_nobodys_origin(api, name) -> None:
    response = api("POST", "/api/projects", {"name": "Berlin"}, **{name: "http://[::1"})

    refused(response, 403, "csrf_failed")
    assert Project.objects.count() == 0


def test_a_choice_says_what_there_is(api, device) -> None:
    sound = {"deviceIds": [str(device.public_id)], "tags": ["eu"]}

    for mode in ("all", None, ["add"]):
        body = refused(api("POST", "/api/devices/tags/bulk", {**sound, "mode": mode}), 400, "validation_error")
        assert body["details"]["fields"]["mode"] in {"One of add, remove, replace.", "Required."}


def test_a_body_that_the_framework_cuts_off_is_413(api, settings) -> None:
    # As with a body in chunks: its length shows while it is read.
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

    response = api("POST", "/api/projects", {"name": "x" * 2000})

    refused(response, 413, "payload_too_large")
    assert Project.objects.count() == 0


def test_more_parameters_than_anybody_needs_are_400(api, heartbeat) -> None:
    token = api("GET", f"/api/devices/{heartbeat.public_id}/heartbeat-config").json()["config"]["token"]
    query = "&".join(f"a{number}=1" for number in range(2000))

    refused(api("GET", f"/api/projects?{query}"), 400, "validation_error")
    refused(api("GET", f"/ping/{token}?{query}"), 400, "validation_error")
