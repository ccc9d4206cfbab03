"""Hosts, prefixes, forwarding headers and request ids, at the door and through the whole product."""

import logging
import re
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone
from pytest_django import Settings

from dashmon.middleware import (
    SEEN_EVERY,
    ForwardedMiddleware,
    HostMiddleware,
    PolicyMiddleware,
    RequestIdMiddleware,
    new_request_id,
)
from tests.factories import PASSWORD, make_project, make_token, make_user, make_workspace

pytestmark = pytest.mark.django_db
MADE = re.compile(r"req_[0-9A-HJKMNP-TV-Z]{20}")


class Recorder:
    """What stands behind a middleware: remembers the request and answers plainly."""

    def __init__(self, response: HttpResponse | None = None) -> None:
        self.response = response or HttpResponse("answer")
        self.request: HttpRequest | None = None

    def __call__(self, request: HttpRequest) -> HttpResponse:
        self.request = request
        return self.response

    @property
    def meta(self) -> dict[str, Any]:
        assert self.request is not None, "nothing came through"
        return self.request.META


# --- Request ids ------------------------------------------------------------------------------------


@pytest.mark.parametrize("inbound", ["0123456789abcdef", "a" * 64, "req_7ZK3M5Q2W8R1T6Y4B9NC", "trace.id-0123_4567"])
def test_a_well_formed_request_id_is_echoed(inbound: str) -> None:
    behind = Recorder()

    response = RequestIdMiddleware(behind)(RequestFactory().get("/", headers={"X-Request-Id": inbound}))

    assert response["X-Request-Id"] == behind.meta["dashmon.request_id"] == inbound


@pytest.mark.parametrize(
    "inbound", ["", "short", "a" * 15, "a" * 65, "0123456789abcde!", "0123456789abcdef\n", "ü" * 20]
)
def test_any_other_is_replaced(inbound: str) -> None:
    request = RequestFactory().get("/")
    request.META["HTTP_X_REQUEST_ID"] = inbound

    response = RequestIdMiddleware(Recorder())(request)

    assert MADE.fullmatch(response["X-Request-Id"])


def test_made_request_ids_are_never_the_same() -> None:
    assert len({new_request_id() for _ in range(1000)}) == 1000


# --- Forwarding headers -----------------------------------------------------------------------------

SPOOFED = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}


def forwarded(settings: Settings, peer: str, headers: dict[str, str], trusted: list[str]) -> HttpRequest:
    settings.TRUSTED_PROXIES = trusted
    behind = Recorder()
    request = RequestFactory().get("/", REMOTE_ADDR=peer, headers={"Host": "localhost", **headers})
    RequestIdMiddleware(ForwardedMiddleware(behind))(request)
    assert behind.request is not None
    return behind.request


@pytest.mark.parametrize("trusted", [[], ["10.0.0.0/8"], ["192.0.2.2"]])
def test_a_strangers_forwarding_headers_are_removed(settings: Settings, trusted: list[str]) -> None:
    request = forwarded(settings, "192.0.2.1", SPOOFED | {"Forwarded": "for=203.0.113.7"}, trusted)

    assert (request.META["REMOTE_ADDR"], request.get_host(), request.scheme) == ("192.0.2.1", "localhost", "http")
    assert not [name for name in request.META if "FORWARDED" in name]
    assert not [name for name in request.headers if "Forwarded" in name]
    # Whoever asks for the operator's pages learns that a proxy stands between.
    assert request.META["dashmon.forwarded"] is True


def test_a_request_without_them_is_direct(settings: Settings) -> None:
    assert "dashmon.forwarded" not in forwarded(settings, "192.0.2.1", {}, ["192.0.2.1"]).META


def test_a_trusted_proxy_is_believed(settings: Settings) -> None:
    headers = SPOOFED | {"X-Forwarded-Host": "watch.example"}

    request = forwarded(settings, "10.0.0.2", headers, ["10.0.0.0/8"])

    assert (request.META["REMOTE_ADDR"], request.get_host()) == ("203.0.113.7", "watch.example")
    assert request.is_secure()
    assert request.headers["Host"] == "watch.example"
    assert request.build_absolute_uri("/x") == "https://watch.example/x"


@pytest.mark.parametrize(
    ("hops", "caller"),
    [
        ("203.0.113.7", "203.0.113.7"),
        # What stands before the nearest stranger may be invented.
        ("198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("203.0.113.7, 10.0.0.9", "203.0.113.7"),
        ("127.0.0.1, 203.0.113.7, 10.0.0.9, 10.1.1.1", "203.0.113.7"),
        # Some proxies add the port.
        ("203.0.113.7:52114", "203.0.113.7"),
        ("[2001:db8::7]:52114", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        # Nothing to believe: the proxy itself is the caller.
        ("", "10.0.0.2"),
        ("10.0.0.9", "10.0.0.2"),
        ("198.51.100.1, unknown", "10.0.0.2"),
        ("198.51.100.1, 203.0.113.7.evil.example", "10.0.0.2"),
    ],
)
def test_the_caller_is_the_nearest_hop_that_is_no_proxy_of_ours(settings: Settings, hops: str, caller: str) -> None:
    request = forwarded(settings, "10.0.0.2", {"X-Forwarded-For": hops}, ["10.0.0.0/8"])

    assert request.META["REMOTE_ADDR"] == caller


def test_a_proxy_is_known_by_its_address_inside_ipv6_too(settings: Settings) -> None:
    request = forwarded(settings, "::ffff:10.0.0.2", {"X-Forwarded-For": "203.0.113.7"}, ["10.0.0.0/8"])

    assert request.META["REMOTE_ADDR"] == "203.0.113.7"


@pytest.mark.parametrize(
    ("proto", "secure"), [("https", True), ("HTTPS", True), ("https, http", True), ("http", False), ("", False)]
)
def test_the_scheme_is_the_first_proxys(settings: Settings, proto: str, secure: bool) -> None:
    request = forwarded(settings, "10.0.0.2", {"X-Forwarded-Proto": proto}, ["10.0.0.2"])

    assert request.is_secure() is secure


def test_a_peer_without_an_address_is_nobodys_proxy(settings: Settings) -> None:
    request = forwarded(settings, "", SPOOFED, ["10.0.0.0/8"])

    assert (request.META["REMOTE_ADDR"], request.scheme) == ("", "http")


# --- Hosts ------------------------------------------------------------------------------------------


def hosted(host: str, path: str = "/", response: HttpResponse | None = None) -> tuple[HttpResponse, Recorder]:
    behind = Recorder(response)
    request = RequestFactory().get(path, headers={"Host": host, "Cookie": "dashmon_session=abc"})
    return HostMiddleware(behind)(request), behind


@pytest.mark.parametrize(
    ("host", "slug"), [("localhost:8000", None), ("127.0.0.1", None), ("nas.lan", None), ("acme.localhost", "acme")]
)
def test_known_hosts_come_through_with_their_workspace(host: str, slug: str | None) -> None:
    _, behind = hosted(host)

    assert behind.meta.get("dashmon.workspace_slug") == slug
    assert behind.request is not None
    assert getattr(behind.request, "urlconf", None) == (None if slug is None else "dashmon.urls_workspace")


@pytest.mark.parametrize("host", ["rebound.example", "www.localhost", "acme--shop.localhost", "localhost.evil.example"])
def test_unknown_hosts_are_turned_away_before_anything_runs(host: str) -> None:
    response, behind = hosted(host, "/api/me")

    assert response.status_code == 421
    assert response["Content-Type"].startswith("text/plain")
    assert "DASHMON_BASE_URL" in response.content.decode()
    assert behind.request is None


@pytest.mark.parametrize(
    ("path", "slug", "inner"),
    [
        ("/w/acme/api/projects", "acme", "/api/projects"),
        ("/w/acme/ping/hb_x/start", "acme", "/ping/hb_x/start"),
        ("/w/acme/api/", "acme", "/api/"),
        ("/w/acme/app/", None, "/w/acme/app/"),
        ("/w/acme", None, "/w/acme"),
        ("/w/acme/", None, "/w/acme/"),
        ("/w/ab/api/projects", None, "/w/ab/api/projects"),
        ("/w/www/api/projects", None, "/w/www/api/projects"),
        ("/w/Acme/api/projects", None, "/w/Acme/api/projects"),
        ("/w/acme/apix/projects", None, "/w/acme/apix/projects"),
        ("/x/w/acme/api/projects", None, "/x/w/acme/api/projects"),
    ],
)
def test_a_prefix_names_a_workspace_before_api_paths_only(path: str, slug: str | None, inner: str) -> None:
    _, behind = hosted("localhost", path)

    assert behind.request is not None
    assert (behind.meta.get("dashmon.workspace_slug"), behind.request.path_info) == (slug, inner)
    assert behind.request.path == inner


def test_a_workspaces_own_host_knows_no_prefix() -> None:
    _, behind = hosted("acme.localhost", "/w/other/api/projects")

    assert behind.meta["dashmon.workspace_slug"] == "acme"
    assert behind.request is not None
    assert behind.request.path_info == "/w/other/api/projects"


@pytest.mark.parametrize(
    ("host", "path", "kept"),
    [("localhost", "/api/me", True), ("acme.localhost", "/api/me", False), ("localhost", "/w/acme/api/me", False)],
)
def test_cookies_are_read_and_set_on_the_app_host_only(host: str, path: str, kept: bool) -> None:
    answer = HttpResponse("answer")
    answer.set_cookie("dashmon_session", "fresh")

    response, behind = hosted(host, path, answer)

    assert behind.request is not None
    assert bool(behind.request.COOKIES) is kept
    assert bool(response.cookies) is kept


@pytest.mark.parametrize(
    ("host", "path", "kept"),
    [
        ("acme.localhost", "/api/auth/refresh", {"refresh", "csrf"}),
        ("acme.localhost", "/api/admin/nodes", set()),
        ("localhost", "/w/acme/api/auth/refresh", set()),
    ],
)
def test_a_surfaces_own_sign_in_has_its_cookies_on_a_workspaces_host(host: str, path: str, kept: set[str]) -> None:
    answer = HttpResponse("answer")
    for name in ("refresh", "csrf", "dashmon_session"):
        answer.set_cookie(name, "fresh")
    behind = Recorder(answer)
    request = RequestFactory().get(path, headers={"Host": host, "Cookie": "dashmon_session=a; csrf=b; refresh=c"})

    response = HostMiddleware(behind)(request)

    assert set(behind.request.COOKIES) == set(response.cookies) == kept


# --- Policy -----------------------------------------------------------------------------------------


def through_policy(response: HttpResponse, *, secure: bool = False) -> HttpResponse:
    return PolicyMiddleware(Recorder(response))(RequestFactory().get("/", secure=secure))


def test_pages_run_no_inline_script_and_are_framed_by_nobody() -> None:
    policy = through_policy(HttpResponse("<p>"))["Content-Security-Policy"]

    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-inline" not in policy


def test_a_page_may_bring_its_own_policy_and_data_needs_none() -> None:
    own = HttpResponse("<p>", headers={"Content-Security-Policy": "default-src 'none'"})

    assert through_policy(own)["Content-Security-Policy"] == "default-src 'none'"
    assert "Content-Security-Policy" not in through_policy(HttpResponse("{}", content_type="application/json"))


@pytest.mark.parametrize("secure", [True, False])
def test_cookies_of_a_secure_request_stay_on_secure_connections(secure: bool) -> None:
    response = HttpResponse()
    response.set_cookie("dashmon_session", "x")
    response.set_cookie("dashmon_csrf", "y")

    cookies = through_policy(response, secure=secure).cookies

    assert [bool(cookie["secure"]) for cookie in cookies.values()] == [secure, secure]


# --- The whole product ------------------------------------------------------------------------------


def bearer(raw: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {raw}"}


def test_every_answer_carries_a_request_id(client: Client) -> None:
    for host, status in (("localhost", 404), ("acme.localhost", 404), ("rebound.example", 421)):
        response = client.get("/nowhere", headers={"Host": host, "X-Request-Id": "0123456789abcdef"})
        assert (response.status_code, response["X-Request-Id"]) == (status, "0123456789abcdef")


def test_a_workspaces_host_answers_its_own_tokens_and_no_others(client: Client) -> None:
    acme, other = make_workspace(name="acme"), make_workspace(name="other")
    make_project(acme, "berlin")
    _, ours = make_token(acme)
    _, theirs = make_token(other)

    for path, host in (("/api/projects", "acme.localhost"), ("/w/acme/api/projects", "localhost")):
        good = client.get(path, headers={"Host": host} | bearer(ours))
        bad = client.get(path, headers={"Host": host} | bearer(theirs))
        assert [project["id"] for project in good.json()] == ["berlin"]
        assert (bad.status_code, bad.json()["code"]) == (401, "invalid_token")
    assert client.get("/api/projects", headers={"Host": "localhost"} | bearer(theirs)).status_code == 200


def test_a_session_counts_on_the_app_host_only(client: Client) -> None:
    ana = make_user()
    make_workspace(owner=ana, name="acme")
    client.force_login(ana)

    for host, path, status in (
        ("localhost", "/api/me", 200),
        ("acme.localhost", "/api/me", 401),
        ("localhost", "/w/acme/api/me", 401),
    ):
        assert client.get(path, headers={"Host": host}).status_code == status


def test_nobody_signs_in_on_a_workspaces_host(client: Client) -> None:
    make_user("ana@example.com")
    body = {"identifier": "ana@example.com", "password": PASSWORD}

    for path in ("/auth/local/login", "/auth/local/login/", "/auth/local/signup", "/auth/google", "/logout"):
        response = client.post(path, body, content_type="application/json", headers={"Host": "acme.localhost"})
        assert (response.status_code, response.json()["error"]) == (404, "Not found")
        assert not response.cookies
    response = client.post("/auth/local/login", body, content_type="application/json", headers={"Host": "localhost"})
    assert response.status_code == 200
    assert "dashmon_session" in response.cookies


def test_a_workspaces_host_has_the_api_a_way_to_its_pages_and_nothing_else(client: Client, settings: Settings) -> None:
    settings.HOST, settings.PORT = "127.0.0.1", 8000
    host = {"Host": "acme.localhost:8000"}

    assert client.get("/api/health", headers=host).json()["ok"] is True
    assert client.get("/api/nowhere", headers=host).json()["error"] == "Not found"
    assert client.get("/", headers=host)["Location"] == "http://127.0.0.1:8000/app/w/acme/"
    for path in ("/app/", "/accounts/login/", "/first-run/x"):
        assert client.get(path, headers=host).status_code == 404


def test_log_lines_of_a_request_carry_its_id(caplog: pytest.LogCaptureFixture) -> None:
    import structlog

    seen: dict[str, Any] = {}

    def behind(_: HttpRequest) -> HttpResponse:
        seen.update(structlog.contextvars.get_contextvars())
        logging.getLogger("dashmon.test").info("inside")
        return HttpResponse()

    RequestIdMiddleware(behind)(RequestFactory().get("/", headers={"X-Request-Id": "0123456789abcdef"}))

    assert seen["request_id"] == "0123456789abcdef"
    assert "request_id" not in structlog.contextvars.get_contextvars()


def _seen(client: Client) -> UserSession:
    return UserSession.objects.get(session_key=client.session.session_key)


def test_a_page_writes_that_its_session_was_used_once_a_minute(client: Client) -> None:
    make_workspace(owner=(ana := make_user()))
    client.force_login(ana)
    first = "Mozilla/5.0 (one)"
    client.get("/api/me", headers={"User-Agent": first})
    before = _seen(client)
    for _ in range(3):
        client.get("/api/me", headers={"User-Agent": first})
    assert _seen(client).last_seen_at == before.last_seen_at

    client.get("/api/me", headers={"User-Agent": "Mozilla/5.0 (another)"})
    assert _seen(client).user_agent == "Mozilla/5.0 (another)"
    UserSession.objects.update(last_seen_at=timezone.now() - SEEN_EVERY)
    client.get("/api/me", headers={"User-Agent": "Mozilla/5.0 (another)"})
    assert timezone.now() - _seen(client).last_seen_at < SEEN_EVERY


def test_a_page_is_shown_when_nothing_can_be_written(client: Client, monkeypatch) -> None:
    def full(*_: Any) -> None:
        raise OperationalError("database or disk is full")

    make_workspace(owner=(ana := make_user()))
    client.force_login(ana)
    monkeypatch.setattr(UserSession.objects, "create_from_request", full)

    assert client.get("/api/me").status_code == 200
