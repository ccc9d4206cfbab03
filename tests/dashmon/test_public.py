"""The door before Django: kept answers leave from it, everything else goes through, nothing differs."""

import asyncio
from typing import Any

import pytest
from django.test import Client

from apps.statuspages import services, shelf
from apps.statuspages.shelf import FRESH_S
from dashmon.public import PublicPages
from tests import factories


class Behind:
    """What stands behind the door."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.asked.append(scope["path"])
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def ask(
    door: PublicPages, path: str, *, method: str = "GET", peer: str = "127.0.0.1", **headers: str
) -> dict[str, Any]:
    """One request; status, headers and body of the answer."""
    path, _, query = path.partition("?")
    sent: list[dict[str, Any]] = []
    named = {"host": "testserver", **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
        "client": (peer, 5000),
    }

    async def send(message: Any) -> None:
        sent.append(dict(message))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    asyncio.run(door(scope, receive, send))
    start, body = sent
    return {"status": start["status"], "headers": dict(start["headers"]), "body": body["body"]}


@pytest.fixture
def page(db: None, now):
    workspace = factories.make_workspace(now=now)
    project = factories.make_project(workspace, "berlin-01", now=now)
    factories.make_device(project, now=now)
    made, _ = services.create_page(
        workspace=workspace, values={"name": "Acme", "slug": "acme", "locale": "auto"}, projects=[project], now=now
    )
    return made


@pytest.fixture
def client() -> Client:
    return Client(headers={"host": "testserver"})


@pytest.fixture
def behind() -> Behind:
    return Behind()


@pytest.fixture
def door(behind: Behind) -> PublicPages:
    return PublicPages(behind)


# What only Django's own middleware adds, and what belongs to one answer.
APART = {"x-request-id", "x-frame-options", "cross-origin-opener-policy", "referrer-policy", "allow"}
APART |= {f"access-control-{name}" for name in ("allow-methods", "allow-headers", "expose-headers")}
SAME = (
    "/status/acme",
    "/status/acme?lang=de",
    "/status/acme/feed.rss",
    "/status/acme/badge.svg?project=berlin-01",
    "/api/public/status-pages/acme",
)


@pytest.mark.parametrize("path", SAME)
def test_what_django_answered_once_is_answered_here_in_the_same_bytes(client, page, door, behind, path) -> None:
    assert ask(door, path)["status"] == 204
    first = client.get(path)

    again = ask(door, path)

    assert behind.asked == [path.partition("?")[0]]
    assert (again["status"], again["body"]) == (200, first.content)
    ours = {name.decode(): value.decode() for name, value in again["headers"].items()}
    theirs = {name.lower(): value for name, value in first.headers.items()}
    assert {name: value for name, value in theirs.items() if name not in APART}.items() <= ours.items()
    assert len(ours["x-request-id"]) >= 16


def test_each_language_and_host_is_an_answer_of_its_own(client, page, door, behind) -> None:
    client.get("/status/acme", headers={"Accept-Language": "de"})

    assert b'lang="de"' in ask(door, "/status/acme", accept_language="de-CH")["body"]
    assert ask(door, "/status/acme", accept_language="fr")["status"] == 204
    assert ask(door, "/status/acme", host="evil.example")["status"] == 204


def test_head_gzip_and_unchanged_work_here_too(client, page, door) -> None:
    client.get("/status/acme")

    head = ask(door, "/status/acme", method="HEAD")
    packed = ask(door, "/status/acme", accept_encoding="gzip")
    unchanged = ask(door, "/status/acme", if_none_match=packed["headers"][b"etag"].decode())

    assert (head["body"], int(head["headers"][b"content-length"]) > 1000) == (b"", True)
    assert packed["body"][:2] == b"\x1f\x8b"
    assert (unchanged["status"], unchanged["body"]) == (304, b"")


@pytest.mark.parametrize("query", ["token=x", "lang=de&a=1", "x"])
def test_unusual_questions_go_through(client, page, door, query) -> None:
    client.get(f"/status/acme?{query}")

    assert ask(door, f"/status/acme?{query}")["status"] == 204


def test_writes_and_other_paths_go_through(client, page, door) -> None:
    client.get("/status/acme")

    for method, path in (("POST", "/status/acme"), ("GET", "/app/"), ("GET", "/api/me"), ("GET", "/static/x.css")):
        assert ask(door, path, method=method)["status"] == 204


def test_private_answers_never_come_from_here(client, page, door, now) -> None:
    _, token = services.update_page(page=page, values={"visibility": "private_token"}, now=now)
    assert client.get("/status/acme", headers={"X-Status-Token": token}).status_code == 200
    assert client.get("/api/public/status-pages/acme", headers={"X-Status-Token": token}).status_code == 200

    assert ask(door, "/status/acme", x_status_token=token)["status"] == 204
    assert ask(door, "/status/acme")["status"] == 204
    assert ask(door, "/api/public/status-pages/acme")["status"] == 204


def test_a_page_that_becomes_private_is_gone_at_once(client, page, door, now) -> None:
    client.get("/status/acme")
    assert ask(door, "/status/acme")["status"] == 200

    services.update_page(page=page, values={"visibility": "private_token"}, now=now)

    assert ask(door, "/status/acme")["status"] == 204


def test_one_of_many_is_sent_to_render_when_the_answer_is_old(client, page, door, monkeypatch) -> None:
    client.get("/status/acme")
    clock = shelf.pages._clock
    monkeypatch.setattr(shelf.pages, "_clock", lambda: clock() + FRESH_S)

    assert [ask(door, "/status/acme")["status"] for _ in range(5)] == [204, 200, 200, 200, 200]


@pytest.fixture
def _one_minute(monkeypatch) -> None:
    monkeypatch.setattr("dashmon.public.time.time", lambda: 1_000_000.0)


@pytest.mark.usefixtures("_one_minute")
def test_visits_are_counted_by_the_address_that_trusted_proxies_name(client, page, behind, settings) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    door = PublicPages(behind)
    client.get("/status/acme")

    def visit(forwarded: str) -> int:
        return int(ask(door, "/status/acme", peer="10.0.0.1", x_forwarded_for=forwarded)["status"])

    assert [visit("198.51.100.7") for _ in range(121)] == [200] * 120 + [204]
    assert visit("198.51.100.8") == 200
    assert visit("198.51.100.7, 198.51.100.9") == 200


@pytest.mark.usefixtures("_one_minute")
def test_strangers_cannot_name_themselves(client, page, behind, settings) -> None:
    settings.TRUSTED_PROXIES = []
    door = PublicPages(behind)
    client.get("/status/acme")

    answers = [ask(door, "/status/acme", x_forwarded_for=f"198.51.100.{number}")["status"] for number in range(121)]

    assert answers == [200] * 120 + [204]
