"""Public pages through Django: forms, languages, private pages, subscriptions, a host name of its own."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from apps.notifications.models import Delivery
from apps.statuspages import services, shelf
from apps.statuspages.models import Subscriber
from apps.statuspages.services.subscribers import unsubscribe_token
from tests.apps.statuspages.conftest import Shop


@pytest.fixture(autouse=True)
def _now(shop: Shop, monkeypatch) -> None:
    from django.utils import timezone

    monkeypatch.setattr(timezone, "now", lambda: shop.now)


@pytest.fixture
def client() -> Client:
    return Client(enforce_csrf_checks=True)


def private(shop: Shop) -> str:
    return str(services.update_page(page=shop.page, values={"visibility": "private_token"}, now=shop.now)[1])


def test_the_page_is_whole_without_script_cookie_or_foreign_thing(shop, client) -> None:
    response = client.get("/status/acme")
    body = response.content.decode()

    assert response.status_code == 200
    assert "<script" not in body
    assert " style=" not in body
    assert not re.search(r'(?:src|href)="(?:https?:)?//', body)
    assert len(re.findall(r"<h1", body)) == 1
    assert {"Berlin branch", "Lisbon branch", "Till 1"} <= set(re.findall(r">([^<>]+)</h[23]>", body))
    assert not response.cookies
    assert response["Vary"] == "Accept-Encoding"
    assert "default-src 'none'" in response["Content-Security-Policy"]
    assert response["Cache-Control"].startswith("public, max-age=15, s-maxage=15")


def test_a_signed_in_visitor_gets_the_same_page_without_a_cookie(shop, client, django_user_model) -> None:
    owner = django_user_model.objects.get()
    plain = client.get("/status/acme")
    client.force_login(owner)

    response = client.get("/status/acme")

    assert response.content == plain.content
    assert not response.cookies
    assert "Cookie" not in response["Vary"]


def test_both_forms_of_the_address_answer_and_unknown_ones_do_not(shop, client) -> None:
    assert client.get("/status/acme/").status_code == 200
    for path in ("/status/nobody", "/status/acme/incidents/nothing", "/status/acme/badge.svg?project=x", "/status/%00"):
        assert client.get(path).status_code == 404, path


@pytest.mark.parametrize(
    ("locale", "header", "query", "language"),
    [
        ("en", "de", "", "en"),
        ("fr", "de", "", "fr"),
        ("auto", "de-CH, en;q=0.5", "", "de"),
        ("auto", "", "", "en"),
        ("en", "", "?lang=ja", "ja"),
        ("auto", "de", "?lang=zh-hans", "zh-hans"),
        ("de", "", "?lang=xx", "de"),
    ],
)
def test_the_page_speaks_the_visitors_language(
    shop, client, *, locale: str, header: str, query: str, language: str
) -> None:
    services.update_page(page=shop.page, values={"locale": locale}, now=shop.now)

    response = client.get(f"/status/acme{query}", headers={"Accept-Language": header})

    assert f'<html lang="{language}"' in response.content.decode()
    assert response["Content-Language"] == language
    assert ("Accept-Language" in response["Vary"]) is (locale == "auto" and not query)


def test_the_accent_has_a_style_sheet_that_the_policy_names(shop, client) -> None:
    import base64
    from hashlib import sha256

    services.update_page(page=shop.page, values={"accentColor": "#2563eb"}, now=shop.now)
    response = client.get("/status/acme")

    (style,) = re.findall(r"<style>(.*?)</style>", response.content.decode())
    assert "#2563eb" in style
    fingerprint = base64.b64encode(sha256(style.encode()).digest()).decode()
    assert f"'sha256-{fingerprint}'" in response["Content-Security-Policy"]


def test_stories_are_told_on_the_page_in_history_and_by_themselves(shop, client) -> None:
    first = services.publish(
        page=shop.page, status="investigating", title="Slow checkout", body="**Soon.**", now=shop.now
    )
    services.publish(
        page=shop.page,
        status="maintenance",
        title="Database upgrade",
        starts_at=shop.now + timedelta(days=1),
        ends_at=shop.now + timedelta(days=1, hours=1),
        now=shop.now,
    )

    front = client.get("/status/acme").content.decode()
    assert "<strong>Soon.</strong>" in front
    assert "Monitors are up; an incident is being worked on" in front
    assert front.index("Slow checkout") < front.index("Berlin branch") < front.index("Database upgrade")
    assert "Slow checkout" in client.get("/status/acme/history").content.decode()
    assert "<h1>Slow checkout</h1>" in client.get(f"/status/acme/incidents/{first.thread}").content.decode()

    services.publish(page=shop.page, status="resolved", title="Fixed", thread=first.thread, now=shop.now)
    over = client.get("/status/acme").content.decode()
    assert over.index("Slow checkout") > over.index("Past incidents")


def test_search_engines_are_told(shop, client) -> None:
    services.update_page(page=shop.page, values={"allowIndexing": False}, now=shop.now)

    response = client.get("/status/acme")

    assert response["X-Robots-Tag"] == "noindex, nofollow"
    assert 'name="robots"' in response.content.decode()


def test_other_pages_may_frame_the_line_and_nothing_else(shop, client) -> None:
    line, page = client.get("/status/acme/embed"), client.get("/status/acme")

    assert "frame-ancestors *" in line["Content-Security-Policy"]
    assert "X-Frame-Options" not in line
    assert page["X-Frame-Options"] == "SAMEORIGIN"
    assert client.get("/status/acme/embed.js")["Content-Type"].startswith("text/javascript")
    assert client.get("/status/acme/badge.svg?project=berlin-01")["Content-Type"] == "image/svg+xml"


# --- Private pages ----------------------------------------------------------------------------------
def test_a_private_page_asks_for_its_token_and_remembers_it_for_this_page(shop, client) -> None:
    token = private(shop)

    closed = client.get("/status/acme")
    assert closed.status_code == 401
    assert "Berlin" not in closed.content.decode()
    assert "no-store" in closed["Cache-Control"]
    assert client.post("/status/acme/open", {"token": "wrong"}).status_code == 401

    opened = client.post("/status/acme/open", {"token": f" {token} "})
    cookie = opened.cookies["dashmon_page"]
    assert (opened.status_code, opened["Location"]) == (302, "/status/acme")
    assert (cookie["path"], cookie["httponly"], cookie["samesite"]) == ("/status/acme", True, "Lax")
    assert token not in cookie.value

    page = client.get("/status/acme")
    assert page.status_code == 200
    assert page["Cache-Control"].startswith("private")
    assert token not in page.content.decode()
    services.rotate_token(page=shop.page, now=shop.now)
    assert client.get("/status/acme").status_code == 401


@pytest.mark.parametrize("tail", ["feed.rss", "feed.json", "calendar.ics", "badge.svg", "history", "embed", "logo.png"])
def test_everything_of_a_private_page_is_private(shop, client, tail) -> None:
    token = private(shop)

    assert client.get(f"/status/acme/{tail}").status_code == 401
    assert client.get(f"/status/acme/{tail}", headers={"X-Status-Token": token}).status_code in {200, 404}


def test_another_sites_form_opens_nothing(shop, client) -> None:
    token = private(shop)

    response = client.post("/status/acme/open", {"token": token}, headers={"Sec-Fetch-Site": "cross-site"})

    assert (response.status_code, bool(response.cookies)) == (401, False)


# --- Subscriptions ----------------------------------------------------------------------------------
def subscribe(client: Client, **fields: str):
    return client.post("/status/acme/subscribe", {"lang": "en", **fields})


def test_known_and_unknown_addresses_get_the_same_answer(shop, client) -> None:
    shop.subscriber("ana@example.com")

    known, unknown = subscribe(client, email="ana@example.com"), subscribe(client, email="eve@example.com")

    assert known.content == unknown.content
    assert known.status_code == unknown.status_code == 200
    assert subscribe(client, email="nonsense").status_code == 400


def test_looking_at_the_link_confirms_nothing_and_the_button_does(shop, client) -> None:
    subscribe(client, email="ana@example.com")
    text = Delivery.objects.get().payload["text"]
    path = re.search(r"/status/acme/confirm/\S+", text)[0]

    for _ in range(2):
        assert client.get(path).status_code == 200
        assert client.head(path).status_code == 200
    assert Subscriber.objects.get().confirmed_at is None

    assert client.post(path).status_code == 200
    assert Subscriber.objects.get().confirmed_at == shop.now
    assert client.post(path).status_code == 410


def test_one_post_ends_a_subscription_and_a_look_does_not(shop, client) -> None:
    path = f"/status/acme/unsubscribe/{unsubscribe_token(shop.subscriber())}"

    assert client.get(path).status_code == 200
    assert Subscriber.objects.count() == 1
    # As a mail program sends it (RFC 8058), from its own site.
    response = client.post(path, {"List-Unsubscribe": "One-Click"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert response.status_code == 200
    assert Subscriber.objects.count() == 0
    assert client.post(path).content == response.content


def test_where_nobody_may_subscribe_there_is_no_form_and_no_door(shop, client) -> None:
    services.update_page(page=shop.page, values={"subscribersEnabled": False}, now=shop.now)

    assert "<form" not in client.get("/status/acme").content.decode()
    assert subscribe(client, email="ana@example.com").status_code == 401
    assert Subscriber.objects.count() == 0


def test_the_form_can_be_filled_in_ten_times_a_minute(shop, client) -> None:
    from apps.web.views.status.public import tries

    tries.clear()
    answers = [subscribe(client, email=f"p{number}@example.com").status_code for number in range(11)]
    tries.clear()

    assert answers == [200] * 10 + [429]


# --- A name of its own ------------------------------------------------------------------------------
def test_a_page_answers_at_the_root_of_its_own_name_and_nothing_else_does(shop, client, settings) -> None:
    settings.PROFILE = "self_hosted"
    services.set_domain(page=shop.page, hostname="status.example.com", now=shop.now)

    front = client.get("/", headers={"host": "status.example.com"})
    assert front.status_code == 200
    assert 'href="/feed.atom"' in front.content.decode()
    assert client.get("/feed.rss", headers={"host": "status.example.com:8443"}).status_code == 200
    for path in ("/app/", "/api/me", "/api/health", "/accounts/login/", "/status/acme"):
        assert client.get(path, headers={"host": "status.example.com"}).status_code == 404, path
    assert client.get("/", headers={"host": "other.example.com"}).status_code == 421


def test_a_name_that_is_not_proved_serves_nothing(shop, client, settings) -> None:
    settings.PROFILE = "saas"
    services.set_domain(page=shop.page, hostname="status.example.com", now=shop.now)

    assert client.get("/", headers={"host": "status.example.com"}).status_code == 421


def test_the_two_places_of_a_page_are_kept_apart(shop, client, settings) -> None:
    settings.PROFILE = "self_hosted"
    services.set_domain(page=shop.page, hostname="status.example.com", now=shop.now)
    own = client.get("/", headers={"host": "status.example.com"}).content.decode()

    app = client.get("/status/acme").content.decode()

    assert 'action="/subscribe"' in own
    assert 'action="/status/acme/subscribe"' in app
    assert len(shelf.pages._entries) == 2
