"""Coming in and leaving by JSON (contract Dashmon 14 and 16)."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal import auth as totp
from django.contrib.sessions.models import Session

from apps.accounts.models import User
from apps.workspaces.models import Workspace
from tests import factories
from tests.contracts.dashmon.conftest import Caller, refused

SIGNUP, LOGIN = "/auth/local/signup", "/auth/local/login"
ACCOUNT = {"email": "Cy@Example.com", "username": "Cyril", "password": "quite a long one"}


def test_signing_up_opens_a_session_and_a_workspace(db, clock) -> None:
    call = Caller()

    response = call("POST", SIGNUP, ACCOUNT)

    assert response.json() == {"ok": True}
    cookie = response.cookies["dashmon_session"]
    assert (cookie["httponly"], cookie["samesite"], cookie["max-age"]) == (True, "Lax", 7 * 24 * 3600)
    me = call("GET", "/api/me").json()
    assert (me["email"], me["name"], me["role"]) == ("cy@example.com", "Cyril", "owner")
    assert me["workspace"]["ownerUserId"] == me["id"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": None}, "email"),
        ({"password": "short"}, "password"),
        ({"password": None}, "password"),
        ({"username": "ab"}, "username"),
        ({"email": 5}, "email"),
    ],
)
def test_a_bad_sign_up_leaves_nobody(db, clock, change, field) -> None:
    response = Caller()("POST", SIGNUP, {**ACCOUNT, **change})

    body = refused(response, 400, "validation_error")
    assert body["error"] == body["message"]
    assert set(body["details"]["fields"]) == {field}
    assert not User.objects.exists()
    assert not Workspace.objects.exists()


def test_an_address_is_registered_once(db, clock) -> None:
    factories.make_user("cy@example.com")

    body = refused(Caller()("POST", SIGNUP, ACCOUNT), 409, "conflict")

    assert body["error"] == "This e-mail address is already registered."


@pytest.mark.parametrize("policy", ["invite", "first_run"])
def test_a_closed_door_stays_closed(db, clock, settings, policy) -> None:
    settings.SIGNUP = policy

    refused(Caller()("POST", SIGNUP, ACCOUNT), 403, "signup_closed")

    assert not User.objects.exists()


@pytest.fixture
def ana(workspace, owner) -> User:
    return owner


def credentials(**change: object) -> dict[str, object]:
    return {"identifier": "Ana@example.com", "password": factories.PASSWORD, **change}


def test_signing_in_and_out(ana) -> None:
    call = Caller()

    assert call("POST", LOGIN, credentials()).json() == {"ok": True}
    assert call("GET", "/api/me").json()["email"] == "ana@example.com"
    response = call("POST", "/logout")
    assert (response.status_code, response.content) == (204, b"")
    refused(call("GET", "/api/me"), 401, "unauthenticated")


def test_a_fresh_session_id_is_given(ana) -> None:
    call = Caller()
    session = call.client.session
    session["planted"] = True
    session.save()
    before = call.client.cookies["dashmon_session"].value

    call("POST", LOGIN, credentials())

    assert call.client.cookies["dashmon_session"].value != before
    assert not Session.objects.filter(pk=before).exists()


@pytest.mark.parametrize("change", [{"password": "wrong"}, {"identifier": "nobody@example.com"}])
def test_wrong_credentials_all_look_alike(ana, change) -> None:
    response = Caller()("POST", LOGIN, credentials(**change))

    refused(response, 401, "invalid_credentials", "Invalid credentials")
    assert "dashmon_session" not in response.cookies


@pytest.mark.parametrize("change", [{"password": None}, {"identifier": 5}, {"identifier": ""}])
def test_a_malformed_sign_in_is_400(ana, change) -> None:
    refused(Caller()("POST", LOGIN, credentials(**change)), 400, "validation_error")


def test_an_inactive_account_stays_outside(ana) -> None:
    ana.is_active = False
    ana.save()

    refused(Caller()("POST", LOGIN, credentials()), 401, "invalid_credentials")


def test_a_password_alone_does_not_pass_a_second_factor(ana) -> None:
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(ana, secret)
    call = Caller()

    response = call("POST", LOGIN, credentials())

    refused(response, 401, "mfa_required")
    assert "dashmon_session" not in response.cookies
    refused(call("POST", LOGIN, credentials(code="000000x")), 401, "mfa_required")
    refused(call("GET", "/api/me"), 401, "unauthenticated")


def test_a_code_passes_once(ana) -> None:
    secret = totp.generate_totp_secret()
    totp.TOTP.activate(ana, secret)
    counter = next(totp.yield_hotp_counters_from_time())
    code = totp.format_hotp_value(totp.hotp_value(secret, counter))

    assert Caller()("POST", LOGIN, credentials(code=code)).json() == {"ok": True}

    refused(Caller()("POST", LOGIN, credentials(code=code)), 401, "mfa_required")


def test_a_recovery_code_passes_once(ana) -> None:
    totp.TOTP.activate(ana, totp.generate_totp_secret())
    code = RecoveryCodes.activate(ana).get_unused_codes()[0]
    assert Authenticator.objects.filter(user=ana).count() == 2

    assert Caller()("POST", LOGIN, credentials(code=code)).json() == {"ok": True}

    refused(Caller()("POST", LOGIN, credentials(code=code)), 401, "mfa_required")


def test_a_wrong_password_is_told_before_a_missing_code(ana) -> None:
    totp.TOTP.activate(ana, totp.generate_totp_secret())

    refused(Caller()("POST", LOGIN, credentials(password="wrong")), 401, "invalid_credentials")


@pytest.mark.parametrize("path", [SIGNUP, LOGIN])
def test_attempts_are_limited_per_address(db, clock, path) -> None:
    for _ in range(20):
        Caller()("POST", path, {})

    response = Caller()("POST", path, {})

    assert refused(response, 429, "rate_limited")["retryAfterSeconds"] == 60
    assert response.headers["RateLimit-Limit"] == "20"


def test_wrong_passwords_are_told_apart_from_too_many_calls(ana) -> None:
    for _ in range(20):
        refused(Caller()("POST", LOGIN, credentials(password="wrong")), 401, "invalid_credentials")

    refused(Caller()("POST", LOGIN, credentials(password="wrong")), 429, "rate_limited")


def test_guessing_one_account_from_many_addresses_is_stopped(ana) -> None:
    call = Caller()
    for last in range(20):
        call.client.defaults["REMOTE_ADDR"] = f"203.0.113.{last}"
        refused(call("POST", LOGIN, credentials(password="wrong")), 401, "invalid_credentials")
    call.client.defaults["REMOTE_ADDR"] = "203.0.113.99"

    response = call("POST", LOGIN, credentials())

    assert refused(response, 429, "rate_limited")["retryAfterSeconds"] == 300
    assert response.headers["RateLimit-Remaining"] == "0"


@pytest.mark.parametrize("path", [SIGNUP, LOGIN, "/logout"])
def test_other_sites_cannot_sign_anybody_in_or_out(ana, path) -> None:
    call = Caller(user=ana)

    body = {**ACCOUNT, **credentials()}
    refused(call("POST", path, body, Origin="https://evil.example"), 403, "csrf_failed")

    assert call("GET", "/api/me").status_code == 200


def test_a_link_alone_ends_no_session(ana) -> None:
    call = Caller(user=ana)

    assert call("GET", "/logout").status_code == 302

    assert call("GET", "/api/me").status_code == 200
