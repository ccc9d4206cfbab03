"""Signing in by the pages, as a browser does it: password, second step, sign-out."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import User
from apps.operations.sign_up import sign_up
from tests.factories import NOW, PASSWORD

pytestmark = pytest.mark.django_db
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
COUNTER = 59_840_000
ACTIVATE = "/accounts/2fa/totp/activate/"
LOGIN, SECOND_STEP = "/accounts/login/", "/accounts/2fa/authenticate/"


@pytest.fixture
def ana() -> User:
    return sign_up(email="ana@example.com", password=PASSWORD, now=NOW)


@pytest.fixture
def guarded(ana: User) -> User:
    """Ana with an authenticator app and recovery codes."""
    totp.TOTP.activate(ana, SECRET)
    RecoveryCodes.activate(ana)
    return ana


def enter(client: Client, password: str = PASSWORD, email: str = "ana@example.com", **more: str) -> HttpResponse:
    return client.post(LOGIN, {"login": email, "password": password, **more})


@pytest.fixture(autouse=True)
def _still_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test straddles two periods of the authenticator app."""
    monkeypatch.setattr(totp, "yield_hotp_counters_from_time", lambda: iter([COUNTER]))


def code_of(secret: str) -> str:
    """What the authenticator app shows."""
    return totp.format_hotp_value(totp.hotp_value(secret, COUNTER))


def is_in(client: Client) -> bool:
    return client.get("/api/me").status_code == 200


@pytest.mark.parametrize("email", ["ana@example.com", " ANA@Example.com "])
def test_a_password_lets_in(client: Client, ana: User, email: str) -> None:
    response = enter(client, email=email)

    assert (response.status_code, response["Location"]) == (302, "/app/")
    cookie = response.cookies["dashmon_session"]
    assert (bool(cookie["httponly"]), cookie["samesite"], cookie["path"], cookie["domain"]) == (True, "Lax", "/", "")
    assert cookie["max-age"] == 7 * 24 * 3600
    assert client.get("/api/me").json()["id"] == str(ana.public_id)


@pytest.mark.parametrize(("email", "password"), [("ana@example.com", "wrong"), ("nobody@example.com", PASSWORD)])
def test_a_wrong_password_and_an_unknown_address_look_the_same(
    client: Client, ana: User, email: str, password: str
) -> None:
    response = enter(client, password, email)

    assert response.status_code == 200
    assert "are not correct" in response.content.decode()
    assert not is_in(client)


def test_a_closed_account_stays_out(client: Client, ana: User) -> None:
    User.objects.update(is_active=False)

    enter(client)

    assert not is_in(client)


def test_guessing_is_slowed_down(client: Client, ana: User) -> None:
    for _ in range(20):
        enter(client, "wrong")

    enter(client)

    assert not is_in(client)


def test_nobody_is_led_to_another_site_after_signing_in(client: Client, ana: User) -> None:
    assert enter(client, next="https://evil.example/")["Location"] == "/app/"
    client.post("/accounts/logout/")
    assert enter(client, next="/app/w/acme/")["Location"] == "/app/w/acme/"


def test_the_session_of_before_is_not_the_session_of_after(client: Client, ana: User) -> None:
    session = client.session
    session["planted"] = "by somebody else"
    session.save()
    before = session.session_key
    assert before is not None
    client.cookies["dashmon_session"] = before

    enter(client)

    assert client.cookies["dashmon_session"].value != before


def test_leaving_takes_a_click(client: Client, ana: User) -> None:
    enter(client)

    client.get("/accounts/logout/")
    assert is_in(client)
    client.post("/accounts/logout/")
    assert not is_in(client)


def test_an_authenticator_app_is_asked_for_after_the_password(client: Client, guarded: User) -> None:
    response = enter(client)

    assert (response.status_code, response["Location"]) == (302, SECOND_STEP)
    page = client.get(SECOND_STEP)
    assert page.status_code == 200
    assert "one-time-code" in page.content.decode()
    assert not is_in(client)
    assert client.get("/app/").status_code == 302


def test_the_right_code_lets_in(client: Client, guarded: User) -> None:
    enter(client)

    response = client.post(SECOND_STEP, {"code": code_of(SECRET)})

    assert (response.status_code, response["Location"]) == (302, "/app/")
    assert is_in(client)


@pytest.mark.parametrize("code", ["", "000000", "abcdef", "12345"])
def test_a_wrong_code_does_not(client: Client, guarded: User, code: str) -> None:
    enter(client)

    response = client.post(SECOND_STEP, {"code": code})

    assert response.status_code == 200
    assert not is_in(client)


def test_a_code_that_was_used_is_used_up(client: Client, guarded: User) -> None:
    code = code_of(SECRET)
    enter(client)
    client.post(SECOND_STEP, {"code": code})
    other = Client()

    enter(other)
    other.post(SECOND_STEP, {"code": code})

    assert is_in(client)
    assert not is_in(other)


def test_a_code_without_the_password_opens_nothing(client: Client, guarded: User) -> None:
    client.post(SECOND_STEP, {"code": code_of(SECRET)})

    assert not is_in(client)


def test_a_recovery_code_works_once(client: Client, guarded: User) -> None:
    recovery = Authenticator.objects.get(user=guarded, type=Authenticator.Type.RECOVERY_CODES)
    code = recovery.wrap().get_unused_codes()[0]
    enter(client)
    client.post(SECOND_STEP, {"code": code})
    assert is_in(client)

    other = Client()
    enter(other)
    other.post(SECOND_STEP, {"code": code})
    assert not is_in(other)


def test_the_secrets_of_the_second_step_are_not_in_the_database(guarded: User) -> None:
    stored = {row.type: str(row.data) for row in Authenticator.objects.all()}

    assert set(stored) == {"totp", "recovery_codes"}
    assert SECRET not in stored["totp"]
    app = Authenticator.objects.get(type=Authenticator.Type.TOTP).wrap()
    assert app.validate_code(code_of(SECRET))


def test_switching_the_second_step_on_asks_for_the_password_and_a_working_code(client: Client, ana: User) -> None:
    enter(client)
    confirm = client.get(ACTIVATE)["Location"]
    assert client.get(confirm).status_code == 200
    assert client.post(confirm, {"password": "wrong"}).status_code == 200
    assert client.post(confirm, {"password": PASSWORD})["Location"] == ACTIVATE

    assert client.get(ACTIVATE).status_code == 200
    client.post(ACTIVATE, {"code": "000000"})
    assert not Authenticator.objects.exists()
    secret = client.session[totp.SECRET_SESSION_KEY]
    client.post(ACTIVATE, {"code": code_of(secret)})
    assert Authenticator.objects.filter(user=ana, type=Authenticator.Type.TOTP).exists()

    other = Client()
    assert enter(other)["Location"] == SECOND_STEP
    assert not is_in(other)


def test_where_sign_up_is_closed_the_page_makes_no_account(client: Client, settings: Settings) -> None:
    settings.SIGNUP = "invite"

    response = client.post("/accounts/signup/", {"email": "eve@example.com", "password1": PASSWORD})

    assert response.status_code == 200
    assert not User.objects.exists()


def test_where_sign_up_is_open_it_comes_with_a_workspace(client: Client, settings: Settings) -> None:
    settings.SIGNUP = "open"

    client.post("/accounts/signup/", {"email": "Bo@Example.com", "password1": PASSWORD})

    bo = User.objects.get(email="bo@example.com")
    assert client.get("/api/me").json()["workspace"]["ownerUserId"] == str(bo.public_id)


def test_a_password_that_anyone_would_try_makes_no_account(client: Client, settings: Settings) -> None:
    settings.SIGNUP = "open"

    client.post("/accounts/signup/", {"email": "bo@example.com", "password1": "password123"})

    assert not User.objects.exists()


def test_sign_in_pages_run_no_inline_script_and_are_not_kept(client: Client) -> None:
    page = client.get(LOGIN)

    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert "no-store" in page["Cache-Control"]
    assert "<script>" not in page.content.decode()
