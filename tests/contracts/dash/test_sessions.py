"""Coming in, staying, leaving (contract Dash 2)."""

import json
from base64 import urlsafe_b64decode
from http.cookies import Morsel
from threading import Barrier, Thread
from typing import Any
from uuid import UUID, uuid4

import jwt
import pytest

from apps.tokens import signed
from apps.tokens.logins import login_of, open_session, renew_session, set_login_password
from apps.tokens.models import LoginSession
from apps.workspaces.models import Workspace
from tests.contracts.dash.conftest import PASSWORD, Caller, refused

DAYS = 14 * 24 * 3600


def enter(call: Caller, *, persistence: str = "persistent", password: str = PASSWORD, **more: str):
    return call("POST", "/api/auth/login", {"password": password, "persistence": persistence, **more})


def cookie(call: Caller, name: str) -> Morsel[str]:
    return call.client.cookies[name]


def proof(call: Caller) -> dict[str, str]:
    return {"X_CSRF_Token": cookie(call, "csrf").value}


def test_a_password_opens_a_session_for_a_quarter_of_an_hour(guest: Caller, workspace: Workspace) -> None:
    response = enter(guest)

    assert response.status_code == 200
    said = response.json()
    assert said["expires_at"] == "2026-03-02T10:15:00Z"
    assert str(UUID(said["csrf_token"])) == said["csrf_token"]
    assert said["csrf_token"] == cookie(guest, "csrf").value
    inside = Caller(said["access_token"])
    assert inside("GET", "/api/auth/sessions/").status_code == 200
    assert LoginSession.objects.get().workspace == workspace


CLAIMS = {"kind", "sid", "ver", "sub", "iss", "aud", "jti", "iat", "nbf", "exp"}


def claims_of(token: str) -> dict[str, Any]:
    head, claims, _ = token.split(".")
    read = [json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4))) for part in (head, claims)]
    assert read[0] == {"alg": "HS256", "typ": "JWT"}
    assert set(read[1]) == CLAIMS
    said: dict[str, Any] = read[1]
    return said


def test_tokens_are_signed_claims_of_one_session(guest: Caller) -> None:
    access, refresh = claims_of(enter(guest).json()["access_token"]), claims_of(cookie(guest, "refresh").value)

    assert [(each["kind"], each["iss"], each["aud"]) for each in (access, refresh)] == [
        ("access", "dash", "dash_front"),
        ("refresh", "dash", "dash_front"),
    ]
    assert access["sid"] == refresh["sid"] == str(LoginSession.objects.get().sid)
    assert [each["exp"] - each["iat"] for each in (access, refresh)] == [15 * 60, DAYS]
    assert access["jti"] != refresh["jti"]


@pytest.mark.parametrize(
    "forge",
    [
        lambda claims, key: jwt.encode(claims, key, algorithm="HS512"),
        lambda claims, key: jwt.encode(claims, "another key of more than 32 bytes", algorithm="HS256"),
        lambda claims, _: jwt.encode(claims, None, algorithm="none"),
        lambda claims, key: jwt.encode({**claims, "kind": "refresh"}, key, algorithm="HS256"),
        lambda claims, key: jwt.encode({**claims, "ver": 2}, key, algorithm="HS256"),
        lambda claims, key: jwt.encode({**claims, "sid": "x"}, key, algorithm="HS256"),
        lambda claims, key: jwt.encode({**claims, "aud": "nezha_front"}, key, algorithm="HS256"),
        lambda claims, key: jwt.encode({**claims, "exp": claims["iat"]}, key, algorithm="HS256"),
        lambda claims, key: jwt.encode({**claims, "exp": "9" * 12}, key, algorithm="HS256"),
        lambda claims, key: jwt.encode({k: v for k, v in claims.items() if k != "exp"}, key, algorithm="HS256"),
    ],
    ids=["algorithm", "key", "none", "kind", "version", "session", "audience", "over", "text", "endless"],
)
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_token_that_is_not_quite_ours_opens_nothing(guest: Caller, forge: Any) -> None:
    access = enter(guest).json()["access_token"]
    key = signed._key("dash")  # only who has the key can forge what is judged here
    assert Caller(jwt.encode(claims_of(access), key, algorithm="HS256"))("GET", "/api/auth/sessions").status_code == 200

    refused(Caller(forge(claims_of(access), key))("GET", "/api/auth/sessions"), 401, "unauthorized")


def test_the_refresh_token_is_no_bearer(guest: Caller) -> None:
    enter(guest)

    refused(Caller(cookie(guest, "refresh").value)("GET", "/api/auth/sessions"), 401, "unauthorized")


def test_the_refresh_cookie_is_for_the_browser_and_the_other_for_its_scripts(guest: Caller) -> None:
    enter(guest)

    refresh, csrf = cookie(guest, "refresh"), cookie(guest, "csrf")
    assert [refresh["httponly"], refresh["path"], refresh["samesite"], refresh["secure"]] == [
        True, "/api/auth", "Lax", ""
    ]  # fmt: skip
    assert [csrf["httponly"], csrf["path"], csrf["samesite"], csrf["secure"]] == ["", "/", "Lax", ""]
    assert [refresh["max-age"], csrf["max-age"]] == [DAYS, DAYS]


def test_a_session_of_the_window_ends_with_it(guest: Caller) -> None:
    enter(guest, persistence=" Session ")

    assert [cookie(guest, name)[part] for name in ("refresh", "csrf") for part in ("max-age", "expires")] == [""] * 4


def test_over_tls_the_cookies_go_there_alone(guest: Caller) -> None:
    body = {"password": PASSWORD, "persistence": "session"}
    guest.client.post("/api/auth/login", body, content_type="application/json", secure=True)

    for name in ("refresh", "csrf"):
        assert [cookie(guest, name)["secure"], cookie(guest, name)["samesite"]] == [True, "None"]


@pytest.mark.parametrize("persistence", ["weekly", "", None, "sessions"])
def test_how_long_it_is_kept_must_be_said(guest: Caller, workspace: Workspace, persistence: str | None) -> None:
    refused(enter(guest, persistence=persistence), 400, "invalid_persistence")
    refused(enter(guest, persistence=persistence, password="wrong"), 400, "invalid_persistence")
    assert not LoginSession.objects.exists()


@pytest.mark.parametrize("password", ["", "opens-the-dash", "Another-One", " Opens-The-Dash", None])
def test_a_wrong_password_opens_nothing(guest: Caller, other: Workspace, password: str | None) -> None:
    response = enter(guest, password=password)

    assert refused(response, 401, "unauthorized")["message"] == "invalid credentials"
    assert not response.cookies
    assert not LoginSession.objects.exists()


def test_five_attempts_a_minute_and_network(guest: Caller, clock) -> None:
    for number in range(5):
        guest.client.defaults["REMOTE_ADDR"] = f"192.0.2.{number}"
        refused(enter(guest, password="wrong"), 401, "unauthorized")

    response = enter(guest)
    refused(response, 429, "rate_limited")
    assert int(response.headers["Retry-After"]) > 0
    guest.client.defaults["REMOTE_ADDR"] = "192.0.3.1"
    assert enter(guest).status_code == 200
    guest.client.defaults["REMOTE_ADDR"] = "192.0.2.9"
    clock.forward(seconds=61)
    assert enter(guest).status_code == 200


def test_what_one_tenant_uses_up_another_one_still_has(settings, guest: Caller, other: Workspace) -> None:
    settings.TENANT_DOMAIN = "tenants.example"
    body = {"password": "Another-One", "persistence": "session"}
    for _ in range(5):
        refused(enter(guest, password="wrong"), 401, "unauthorized")
    refused(enter(guest), 429, "rate_limited")

    def enter_at(slug: str) -> Any:
        return guest("POST", "/api/auth/login", body, Host=f"{slug}.tenants.example")

    assert enter_at(other.slug).status_code == 200
    for number in range(54):
        refused(enter_at(f"nobody{number}"), 401, "unauthorized")
    refused(enter_at("nobody54"), 429, "rate_limited")


def test_neighbours_of_ipv6_are_one_network(guest: Caller) -> None:
    for number in range(5):
        guest.client.defaults["REMOTE_ADDR"] = f"2001:db8:0:{number}::1"
        refused(enter(guest, password="wrong"), 401, "unauthorized")

    refused(enter(guest), 429, "rate_limited")


def test_the_host_says_which_workspace_is_meant(settings, guest: Caller, other: Workspace) -> None:
    settings.TENANT_DOMAIN = "tenants.example"

    response = guest(
        "POST",
        "/api/auth/login",
        {"password": "Another-One", "persistence": "session"},
        Host=f"{other.slug}.tenants.example",
    )

    assert response.status_code == 200
    assert set(response.cookies) == {"refresh", "csrf"}
    assert LoginSession.objects.get().workspace == other


def test_a_name_says_it_on_the_host_of_all(guest: Caller, other: Workspace) -> None:
    refused(enter(guest, username=other.slug), 401, "unauthorized")
    refused(enter(guest, username="nobody"), 401, "unauthorized")

    assert enter(guest, username=other.slug, password="Another-One").status_code == 200
    assert LoginSession.objects.get().workspace == other


def test_a_workspace_without_a_password_of_its_own_is_closed(guest: Caller, workspace: Workspace) -> None:
    login_of(workspace, "dash").delete()

    refused(enter(guest), 401, "unauthorized")


def test_an_access_token_is_over_after_a_quarter_of_an_hour(guest: Caller, clock) -> None:
    inside = Caller(enter(guest).json()["access_token"])

    clock.forward(minutes=14, seconds=59)
    assert inside("GET", "/api/auth/sessions").status_code == 200
    clock.forward(seconds=1)
    refused(inside("GET", "/api/auth/sessions"), 401, "unauthorized")


def test_a_renewal_changes_every_token_and_keeps_the_session(guest: Caller, clock) -> None:
    before = enter(guest).json()
    refresh = cookie(guest, "refresh").value
    clock.forward(minutes=10)

    response = guest("POST", "/api/auth/refresh", **proof(guest))

    after = response.json()
    assert response.status_code == 200
    assert after["expires_at"] == "2026-03-02T10:25:00Z"
    assert before["csrf_token"] != after["csrf_token"] == cookie(guest, "csrf").value
    assert refresh != cookie(guest, "refresh").value
    assert cookie(guest, "refresh")["max-age"] == DAYS
    assert LoginSession.objects.count() == 1
    # Another window of the same browser holds the token before.
    for access in (before["access_token"], after["access_token"]):
        assert Caller(access)("GET", "/api/auth/sessions").status_code == 200


def test_a_refresh_token_is_good_once(guest: Caller) -> None:
    enter(guest)
    old = cookie(guest, "refresh").value
    assert guest("POST", "/api/auth/refresh", **proof(guest)).status_code == 200
    fresh = cookie(guest, "refresh").value

    guest.client.cookies["refresh"] = old
    response = guest("POST", "/api/auth/refresh", **proof(guest))
    assert refused(response, 401, "unauthorized")["message"] == "refresh token invalid"

    guest.client.cookies["refresh"] = fresh
    assert guest("POST", "/api/auth/refresh", **proof(guest)).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_of_two_renewals_at_once_one_counts(workspace: Workspace, now) -> None:
    passes = open_session(login=login_of(workspace, "dash"), persistent=True, now=now)
    start, answers = Barrier(2), []

    def renew() -> None:
        from django.db import connection

        start.wait()
        answers.append(renew_session(surface="dash", refresh=passes.refresh, now=now))
        connection.close()

    threads = [Thread(target=renew) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answer is None for answer in answers) == [False, True]


def test_a_renewal_proves_that_it_reads_its_cookies(guest: Caller) -> None:
    enter(guest)

    for headers in ({}, {"X_CSRF_Token": ""}, {"X_CSRF_Token": str(uuid4())}):
        response = guest("POST", "/api/auth/refresh", **headers)
        assert refused(response, 401, "unauthorized")["message"] == "csrf validation failed"
        refused(guest("POST", "/api/auth/logout", **headers), 401, "unauthorized")
    assert LoginSession.objects.count() == 1
    del guest.client.cookies["refresh"]
    response = guest("POST", "/api/auth/refresh", **proof(guest))
    assert refused(response, 401, "unauthorized")["message"] == "refresh token missing"


def test_a_session_that_nobody_renews_ends_after_two_weeks(guest: Caller, clock) -> None:
    enter(guest)
    clock.forward(days=14)

    refused(guest("POST", "/api/auth/refresh", **proof(guest)), 401, "unauthorized")


def test_a_session_is_renewed_on_its_own_host_only(settings, guest: Caller, workspace, other) -> None:
    settings.TENANT_DOMAIN = "tenants.example"
    enter(guest)

    foreign = guest("POST", "/api/auth/refresh", Host=f"{other.slug}.tenants.example", **proof(guest))
    refused(foreign, 401, "unauthorized")
    own = guest("POST", "/api/auth/refresh", Host=f"{workspace.slug}.tenants.example", **proof(guest))
    assert own.status_code == 200
    assert set(own.cookies) == {"refresh", "csrf"}


def test_leaving_ends_the_session_and_takes_the_cookies(guest: Caller) -> None:
    inside = Caller(enter(guest).json()["access_token"])
    kept = {name: cookie(guest, name).value for name in ("refresh", "csrf")}

    response = guest("POST", "/api/auth/logout", **proof(guest))

    assert (response.status_code, response.content) == (204, b"")
    assert [response.cookies[name]["max-age"] for name in ("refresh", "csrf")] == [0, 0]
    assert [response.cookies[name]["path"] for name in ("refresh", "csrf")] == ["/api/auth", "/"]
    refused(inside("GET", "/api/auth/sessions"), 401, "unauthorized")
    # Leaving once more is no mistake.
    for name, value in kept.items():
        guest.client.cookies[name] = value
    assert guest("POST", "/api/auth/logout", **proof(guest)).status_code == 204


def test_sessions_are_listed_with_ones_own_marked(workspace: Workspace, now, clock) -> None:
    login = login_of(workspace, "dash")
    mine = open_session(login=login, persistent=True, now=now)
    clock.forward(days=1)
    window = open_session(login=login, persistent=False, now=clock.now)
    mine_again = renew_session(surface="dash", refresh=mine.refresh, now=clock.now)

    sessions = Caller(mine_again.access)("GET", "/api/auth/sessions/").json()["sessions"]

    ends = "2026-03-17T10:00:00Z"
    assert sorted(sessions, key=lambda row: row["current"]) == [
        {"id": str(window.session.sid), "expires_at": ends, "session_only": True, "current": False},
        {"id": str(mine.session.sid), "expires_at": ends, "session_only": False, "current": True},
    ]


def test_a_session_that_is_ended_is_over_at_once(workspace: Workspace, admin: Caller, now) -> None:
    theirs = open_session(login=login_of(workspace, "dash"), persistent=True, now=now)

    response = admin("DELETE", f"/api/auth/sessions/{theirs.session.sid}")

    assert response.status_code == 204
    assert not response.cookies
    refused(Caller(theirs.access)("GET", "/api/auth/sessions"), 401, "unauthorized")
    assert admin("GET", "/api/auth/sessions").status_code == 200


@pytest.mark.parametrize("by_name", [True, False])
def test_ending_ones_own_takes_the_cookies_too(workspace: Workspace, now, by_name: bool) -> None:
    mine = open_session(login=login_of(workspace, "dash"), persistent=True, now=now)
    name = "current" if by_name else str(mine.session.sid)

    response = Caller(mine.access)("DELETE", f"/api/auth/sessions/{name}")

    assert response.status_code == 204
    assert [response.cookies[each]["max-age"] for each in ("refresh", "csrf")] == [0, 0]
    refused(Caller(mine.access)("GET", "/api/auth/sessions"), 401, "unauthorized")


def test_all_are_ended_together(workspace: Workspace, other: Workspace, admin: Caller, stranger: Caller, now) -> None:
    theirs = open_session(login=login_of(workspace, "dash"), persistent=True, now=now)

    assert admin("DELETE", "/api/auth/sessions/").status_code == 204

    for call in (admin, Caller(theirs.access)):
        refused(call("GET", "/api/auth/sessions"), 401, "unauthorized")
    assert stranger("GET", "/api/auth/sessions").status_code == 200


def test_nobody_ends_the_sessions_of_another_workspace(other: Workspace, admin: Caller, stranger: Caller) -> None:
    theirs = LoginSession.objects.get(workspace=other)

    assert admin("DELETE", f"/api/auth/sessions/{theirs.sid}").status_code == 204
    assert admin("DELETE", f"/api/auth/sessions/{uuid4()}").status_code == 204
    assert admin("DELETE", "/api/auth/sessions/no-uuid").status_code == 204
    refused(admin("DELETE", "/api/auth/sessions/%20"), 400, "invalid_session")

    assert stranger("GET", "/api/auth/sessions").status_code == 200
    refused(admin("GET", f"/api/auth/sessions/{theirs.sid}"), 405, "method_not_allowed")


def test_another_password_ends_what_the_one_before_opened(workspace: Workspace, admin: Caller, now) -> None:
    set_login_password(workspace=workspace, surface="dash", password="Fresh-And-Long", now=now)

    refused(admin("GET", "/api/auth/sessions"), 401, "unauthorized")
    guest = Caller()
    refused(enter(guest), 401, "unauthorized")
    assert enter(guest, password="Fresh-And-Long").status_code == 200


def test_a_closed_workspace_opens_to_nobody(workspace: Workspace, admin: Caller, guest: Caller, now) -> None:
    enter(guest)
    Workspace.objects.filter(pk=workspace.pk).update(closed_at=now)

    refused(admin("GET", "/api/auth/sessions"), 401, "unauthorized")
    refused(guest("POST", "/api/auth/refresh", **proof(guest)), 401, "unauthorized")
    refused(enter(guest), 401, "unauthorized")


def test_a_browser_too_many_ends_the_oldest(workspace: Workspace, monkeypatch, clock) -> None:
    monkeypatch.setattr("apps.tokens.logins.MOST_SESSIONS", 3)
    login, passes = login_of(workspace, "dash"), []
    for _ in range(4):
        clock.forward(minutes=1)
        passes.append(open_session(login=login, persistent=True, now=clock.now))

    assert [Caller(each.access)("GET", "/api/auth/sessions").status_code for each in passes] == [401, 200, 200, 200]
