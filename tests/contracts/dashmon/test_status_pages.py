"""Status pages: settings, tokens, posts and the public answer (contract Dashmon 10)."""

import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.audit.models import AuditEntry
from apps.devices.models import DeviceState
from apps.pipeline.windows import set_maintenance
from apps.projects.windows import Target
from apps.statuspages.models import StatusPage, StatusUpdate
from tests import factories
from tests.apps.web.conftest import measure
from tests.contracts.dashmon.conftest import Caller, refused

PAGE_KEYS = {
    *("id", "slug", "name", "visibility", "projectIds", "description", "url", "customDomain", "theme", "accentColor"),
    *("logoUrl", "locale", "timezone", "showUptimeDays", "showLatency", "allowIndexing", "subscribersEnabled"),
    *("hasToken", "createdAt", "updatedAt"),
}


@pytest.fixture(autouse=True)
def _no_limits(settings: Any) -> None:
    settings.RATE_LIMITS = False


def make(api: Caller, **values: Any) -> dict[str, Any]:
    body = {"name": "Acme status", "slug": "acme", "visibility": "public", "projectIds": [], **values}
    response = api("POST", "/api/status-pages", body)
    assert response.status_code == 201, response.content
    return dict(json.loads(response.content))


def path(made: dict[str, Any], tail: str = "") -> str:
    return f"/api/status-pages/{made['statusPage']['id']}{tail}"


def public(slug: str = "acme", **headers: str) -> Any:
    return Client().get(f"/api/public/status-pages/{slug}", headers=headers)


# --- Settings ---------------------------------------------------------------------------------------
def test_a_public_page_has_every_setting_and_no_token(api, project) -> None:
    made = make(api, projectIds=["berlin-01"])

    page = made["statusPage"]
    assert set(made) == {"statusPage"}
    assert set(page) == PAGE_KEYS
    assert page["id"].startswith("sp_")
    assert page["projectIds"] == ["berlin-01"]
    assert page["url"].endswith("/status/acme")
    defaults = {"theme": "auto", "accentColor": None, "logoUrl": None, "customDomain": None, "locale": "en"}
    assert defaults.items() <= page.items()
    assert (page["showUptimeDays"], page["hasToken"], page["subscribersEnabled"]) == (90, False, True)
    assert api("GET", path(made)).json()["statusPage"] == page
    assert AuditEntry.objects.filter(verb="statusPage.create").count() == 1


def test_a_private_page_shows_its_token_once_and_keeps_a_fingerprint(api) -> None:
    made = make(api, visibility="private_token")

    token = made["accessToken"]
    row = StatusPage.objects.get()
    assert token.startswith("spt_")
    assert row.token_hash == hashlib.sha256(token.encode()).hexdigest()
    assert made["statusPage"]["hasToken"] is True
    assert token not in json.dumps(api("GET", "/api/status-pages").json())


def test_without_a_slug_one_is_made_from_the_name(api) -> None:
    first = api("POST", "/api/status-pages", {"name": "Acme Status"}).json()
    second = api("POST", "/api/status-pages", {"name": "Acme Status"}).json()

    assert [one["statusPage"]["slug"] for one in (first, second)] == ["acme-status", "acme-status-2"]
    assert first["statusPage"]["visibility"] == "public"


def test_a_slug_is_taken_on_the_whole_server(api, stranger) -> None:
    make(api)

    refused(stranger("POST", "/api/status-pages", {"name": "Mine", "slug": "acme"}), 409, "conflict")
    refused(api("POST", "/api/status-pages", {"name": "Mine", "slug": "acme"}), 409, "conflict")
    assert StatusPage.objects.count() == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": 5}, "name"),
        ({"slug": "A"}, "slug"),
        ({"slug": "ab"}, "slug"),
        ({"slug": "über-uns"}, "slug"),
        ({"visibility": "secret"}, "visibility"),
        ({"projectIds": "berlin-01"}, "projectIds"),
        ({"projectIds": ["nowhere"]}, "projectIds"),
        ({"accentColor": "#ffee00"}, "accentColor"),
        ({"accentColor": "javascript:"}, "accentColor"),
        ({"locale": "kl"}, "locale"),
        ({"timezone": "Moon"}, "timezone"),
        ({"showUptimeDays": 91}, "showUptimeDays"),
        ({"showLatency": "yes"}, "showLatency"),
        ({"customDomain": "not a host"}, "customDomain"),
        ({"customDomain": "localhost"}, "customDomain"),
        ({"customDomain": "10.0.0.1"}, "customDomain"),
    ],
)
def test_a_bad_setting_is_refused_and_nothing_is_made(api, project, change, field) -> None:
    body = {"name": "Acme", "projectIds": ["berlin-01"], **change}

    answer = refused(api("POST", "/api/status-pages", body), 400, "validation_error")

    assert field in answer["details"]["fields"]
    assert StatusPage.objects.count() == 0


def test_a_change_changes_what_it_names_and_nothing_else(api, project, clock) -> None:
    made = make(api, projectIds=["berlin-01"], description="Shops")
    clock.forward(minutes=1)

    changed = api("PUT", path(made), {"name": "Shops of Acme", "accentColor": "#2563eb", "projectIds": []}).json()

    page = changed["statusPage"]
    assert (page["name"], page["accentColor"], page["projectIds"]) == ("Shops of Acme", "#2563eb", [])
    assert (page["description"], page["slug"]) == ("Shops", "acme")
    assert page["updatedAt"] > made["statusPage"]["updatedAt"]


def test_going_private_gives_a_token_and_going_public_ends_it(api) -> None:
    made = make(api)

    private = api("PUT", path(made), {"visibility": "private_token"}).json()
    assert private["accessToken"].startswith("spt_")
    assert public().status_code == 401

    again = api("PUT", path(made), {"visibility": "public"}).json()
    assert "accessToken" not in again
    assert again["statusPage"]["hasToken"] is False
    assert public().status_code == 200


def test_a_new_token_ends_the_older_one(api) -> None:
    made = make(api, visibility="private_token")

    fresh = api("POST", path(made, "/regenerate-token")).json()

    assert fresh["ok"] is True
    assert public(x_status_token="x").status_code == 401
    assert public(**{"X-Status-Token": made["accessToken"]}).status_code == 401
    assert public(**{"X-Status-Token": fresh["accessToken"]}).status_code == 200


def test_a_public_page_has_no_token_to_replace(api) -> None:
    refused(api("POST", path(make(api), "/regenerate-token")), 422, "unsupported")


def test_a_deleted_page_is_gone_everywhere(api) -> None:
    made = make(api)

    assert api("DELETE", path(made)).status_code == 204

    refused(api("GET", path(made)), 404, "not_found")
    assert public().status_code == 404
    assert api("GET", "/api/status-pages").json()["total"] == 0


def test_the_list_has_its_form_and_pages(api, clock) -> None:
    for number in range(3):
        clock.forward(minutes=1)
        make(api, slug=f"page-{number}")

    whole = api("GET", "/api/status-pages").json()
    first = api("GET", "/api/status-pages?limit=2").json()
    second = api("GET", f"/api/status-pages?limit=2&cursor={first['nextCursor']}").json()

    assert whole["statusPages"] == whole["items"]
    assert [page["slug"] for page in whole["items"]] == ["page-2", "page-1", "page-0"]
    assert [page["slug"] for page in first["items"] + second["items"]] == ["page-2", "page-1", "page-0"]
    assert (whole["nextCursor"], second["nextCursor"], first["total"]) == (None, None, 3)
    refused(api("GET", "/api/status-pages?cursor=x"), 400, "validation_error")


def test_the_plan_limits_pages_and_a_lapse_hides_them(api, workspace) -> None:
    for number in range(5):
        make(api, slug=f"page-{number}")

    answer = refused(api("POST", "/api/status-pages", {"name": "Sixth"}), 400, "plan_limit_reached")
    assert answer["details"] == {"limit": "statusPages", "max": 5, "used": 5}
    assert api("GET", "/api/me").json()["usage"]["statusPages"] == 5

    workspace.plan = "free"
    workspace.save()
    refused(api("GET", "/api/status-pages"), 403, "premium_required")
    assert public("page-0").status_code == 404
    assert Client().get("/status/page-0").status_code == 404


def test_over_the_limit_writes_wait_and_deleting_helps(api, workspace) -> None:
    made = [make(api, slug=f"page-{number}") for number in range(2)]
    workspace.limit_overrides = {"statusPages": 1}
    workspace.save()

    refused(api("PUT", path(made[0]), {"name": "New"}), 403, "write_locked")
    assert api("DELETE", path(made[0])).status_code == 204
    assert api("PUT", path(made[1]), {"name": "New"}).status_code == 200


def test_a_scoped_member_sees_pages_that_lie_inside_the_scope(api, seated, workspace, project) -> None:
    factories.make_project(workspace, "lisbon-02")
    inside, outside = make(api, projectIds=["berlin-01"]), make(api, slug="both", projectIds=["berlin-01", "lisbon-02"])
    call = seated("editor", [project])
    post = {"status": "info", "title": "Hello", "projectIds": ["berlin-01"]}

    assert [page["slug"] for page in call("GET", "/api/status-pages").json()["items"]] == ["acme"]
    assert call("POST", path(inside, "/updates"), post).status_code == 201
    refused(call("POST", path(outside, "/updates"), post), 404, "not_found")
    elsewhere = {**post, "projectIds": ["lisbon-02"]}
    refused(call("POST", path(inside, "/updates"), elsewhere), 400, "validation_error")
    assert StatusUpdate.objects.count() == 1


def test_reading_needs_no_more_than_reading(api, seated, with_token) -> None:
    made = make(api)

    for call in (seated("viewer"), with_token("read_only")):
        assert call("GET", path(made)).status_code == 200
        assert call("GET", path(made, "/updates")).status_code == 200
        assert call("PUT", path(made), {"name": "Mine"}).status_code == 403
        assert call("POST", path(made, "/updates"), {"status": "info", "title": "x"}).status_code == 403
        assert call("GET", path(made, "/subscribers")).status_code == 403


# --- Posts ------------------------------------------------------------------------------------------
def test_a_post_is_answered_whole_and_listed_newest_first(api, project, clock) -> None:
    made = make(api, projectIds=["berlin-01"])
    body = {
        "status": "investigating",
        "title": "Slow checkout",
        "body": "We are looking into it.",
        "projectIds": ["berlin-01"],
        "incidentKey": None,
        "notifySubscribers": True,
        "startsAt": None,
        "endsAt": None,
    }
    first = api("POST", path(made, "/updates"), body)
    clock.forward(minutes=5)
    key = first.json()["update"]["incidentKey"]
    second = api("POST", path(made, "/updates"), {"status": "resolved", "title": "Fixed", "incidentKey": key})

    update = first.json()["update"]
    assert first.status_code == second.status_code == 201
    assert update["id"].startswith("upd_")
    assert {name: update[name] for name in ("status", "title", "body", "projectIds", "notifySubscribers")} == {
        name: body[name] for name in ("status", "title", "body", "projectIds", "notifySubscribers")
    }
    assert second.json()["update"]["incidentKey"] == key
    listed = api("GET", path(made, "/updates?limit=1")).json()
    assert listed["updates"] == listed["items"]
    assert (listed["items"][0]["title"], listed["total"]) == ("Fixed", 2)
    older = api("GET", path(made, f"/updates?limit=1&cursor={listed['nextCursor']}")).json()
    assert older["items"][0]["title"] == "Slow checkout"
    assert AuditEntry.objects.filter(verb="statusPage.publish").count() == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"status": "broken"}, "status"),
        ({"title": ""}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"body": "x" * 10_001}, "body"),
        ({"projectIds": ["nowhere"]}, "projectIds"),
        ({"incidentKey": "a/b"}, "incidentKey"),
        ({"startsAt": "2026-03-02T10:00:00Z", "endsAt": "2026-03-02T10:00:00Z"}, "endsAt"),
        ({"startsAt": "tomorrow"}, "startsAt"),
        ({"notifySubscribers": 1}, "notifySubscribers"),
    ],
)
def test_a_bad_post_is_refused_and_nothing_is_published(api, change, field) -> None:
    made = make(api)

    answer = refused(
        api("POST", path(made, "/updates"), {"status": "info", "title": "Hello", **change}), 400, "validation_error"
    )

    assert field in answer["details"]["fields"]
    assert StatusUpdate.objects.count() == 0


# --- The public answer ------------------------------------------------------------------------------
def test_the_public_answer_has_the_contracts_form(api, project, device, clock, workspace) -> None:
    factories.make_device(project, "Till 2")
    made = make(api, projectIds=["berlin-01"])
    measure(device, *["up"] * 20, now=clock.now)
    DeviceState.objects.filter(device=device).update(state="up")
    api("POST", path(made, "/updates"), {"status": "identified", "title": "Slow", "body": "**Soon.**"})
    starts = clock.now + timedelta(hours=1)
    set_maintenance(
        target=Target(workspace.pk, project=project),
        starts_at=starts,
        ends_at=starts + timedelta(hours=1),
        reason="router 10.0.0.1",
        now=clock.now,
    )

    response = public()
    body = response.json()

    assert set(body) == {"page", "status", "projects", "updates", "maintenance"}
    assert set(body["page"]) == {"slug", "name", "locale", "timezone", "updatedAt"}
    assert body["status"] == {"indicator": "operational", "label": "Operational"}
    (shown,) = body["projects"]
    assert set(shown) == {"id", "name", "status", "uptime", "days", "devices"}
    assert (shown["id"], shown["name"], shown["status"]) == ("berlin-01", "Berlin branch", "up")
    assert shown["uptime"] == {"24h": 100.0, "7d": 100.0, "30d": 100.0, "90d": 100.0}
    assert len(shown["days"]) == 90
    assert shown["days"][-1]["date"] == "2026-03-02"
    assert set(shown["days"][-1]) == {"date", "uptime_pct", "downSeconds", "maintenanceSeconds", "status"}
    assert shown["days"][0] == {
        "date": "2025-12-03",
        "uptime_pct": None,
        "downSeconds": 0,
        "maintenanceSeconds": 0,
        "status": "unknown",
    }
    assert shown["devices"] == [{"name": "Till 1", "status": "up"}, {"name": "Till 2", "status": "unknown"}]
    (update,) = body["updates"]
    assert set(update) == {"id", "status", "title", "body", "publishedAt"}
    assert update["body"] == "**Soon.**"
    (planned,) = body["maintenance"]
    assert (planned["startsAt"], planned["active"]) == ("2026-03-02T11:00:00.000Z", False)
    assert "10.0.0.1" not in response.content.decode()


def test_the_indicator_follows_the_monitors(api, workspace, project, device) -> None:
    lisbon = factories.make_project(workspace, "lisbon-02")
    other = factories.make_device(lisbon, "Till 9")
    make(api, projectIds=["berlin-01", "lisbon-02"])

    def indicator() -> str:
        from apps.statuspages import shelf

        shelf.pages.clear()
        return str(public().json()["status"]["indicator"])

    DeviceState.objects.update(state="up")
    assert indicator() == "operational"
    DeviceState.objects.filter(device=device).update(state="warning")
    assert indicator() == "degraded"
    DeviceState.objects.filter(device=device).update(state="down")
    assert indicator() == "partial_outage"
    DeviceState.objects.filter(device=other).update(state="down")
    assert indicator() == "major_outage"


def test_a_private_page_answers_who_holds_its_token(api) -> None:
    made = make(api, visibility="private_token")

    answer = refused(public(), 401, "status_token_required", "status_token_required")
    assert "Acme" not in json.dumps(answer)
    refused(public("acme?token=wrong"), 401, "status_token_required")
    by_query = public(f"acme?token={made['accessToken']}")
    assert by_query.status_code == 200
    assert "public" not in by_query["Cache-Control"]
    assert by_query["Cache-Control"].startswith("private")


def test_the_public_answer_can_be_kept_for_fifteen_seconds(api) -> None:
    make(api)

    first = public()

    assert first["Cache-Control"].startswith("public, max-age=15")
    assert first["Access-Control-Allow-Origin"] == "*"
    assert "Set-Cookie" not in first
    assert "Cookie" not in first["Vary"]
    again = public(**{"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", first["ETag"])
    head = Client().head("/api/public/status-pages/acme")
    assert (head.status_code, head.content) == (200, b"")


def test_pages_elsewhere_may_ask_with_the_token_as_a_header(api) -> None:
    make(api)

    asked = Client().options("/api/public/status-pages/acme")

    assert (asked.status_code, asked["Access-Control-Allow-Origin"]) == (204, "*")
    assert "X-Status-Token" in asked["Access-Control-Allow-Headers"]


def test_the_tag_changes_when_something_shown_does(api, project, device) -> None:
    made = make(api, projectIds=["berlin-01"])
    before = public()["ETag"]

    api("POST", path(made, "/updates"), {"status": "info", "title": "News"})

    assert public()["ETag"] != before
    assert public(**{"If-None-Match": before}).status_code == 200


def test_an_unknown_page_is_not_there(api) -> None:
    refused(public("nobody"), 404, "not_found")
    refused(public("acme%00"), 404, "not_found")


def test_a_visitor_may_look_120_times_a_minute(api, settings) -> None:
    make(api)
    settings.RATE_LIMITS = True

    answers = [public().status_code for _ in range(121)]

    assert answers == [200] * 120 + [429]
    body = refused(public(), 429, "rate_limited")
    assert body["retryAfterSeconds"] >= 1


def test_subscribers_are_listed_for_who_may_write(api, clock) -> None:
    from apps.statuspages import services
    from apps.statuspages.models import Subscriber

    made = make(api)
    page = StatusPage.objects.get()
    for name in ("ana", "bo", "cy"):
        services.subscribe(page=page, kind="email", address=f"{name}@example.com", language="en", now=clock.now)
    Subscriber.objects.exclude(address="cy@example.com").update(confirmed_at=clock.now)

    first = api("GET", path(made, "/subscribers?limit=1")).json()
    second = api("GET", path(made, f"/subscribers?limit=1&cursor={first['nextCursor']}")).json()

    assert [row["address"] for row in first["items"] + second["items"]] == ["ana@example.com", "bo@example.com"]
    assert (first["total"], second["nextCursor"]) == (2, None)
