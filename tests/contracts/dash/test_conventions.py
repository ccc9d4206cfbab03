"""What holds for every address of the surface (contract Dash 1)."""

import pytest

from apps.workspaces.models import Workspace
from tests.contracts.dash.conftest import Caller, refused

GOOD = '{"password":"Opens-The-Dash","persistence":"session"}'


@pytest.mark.parametrize("path", ["/api/version", "/api/version/"])
def test_both_spellings_are_answered_and_none_redirects(guest: Caller, path: str) -> None:
    response = guest("GET", path)

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    assert response.headers["Cache-Control"] == "no-store"
    assert set(response.json()) == {"version", "node_version"}


@pytest.mark.parametrize(
    "path", ["/api/auth/nothing", "/api/admin", "/api/node/x/", "/api/front/", "/api/statistics/x", "/theme/x.css"]
)
def test_what_is_not_there_is_said_in_this_surfaces_shape(guest: Caller, path: str) -> None:
    refused(guest("GET", path), 404, "not_found")
    refused(guest("POST", path, {}), 404, "not_found")


def test_other_surfaces_keep_their_own_words(guest: Caller) -> None:
    assert set(guest("GET", "/api/nothing").json()) > {"code", "message", "requestId"}
    assert "requestId" in guest("GET", "/api/metrics/down-events").json()


def test_a_wrong_method_names_the_right_ones(guest: Caller) -> None:
    response = guest("DELETE", "/api/version")

    refused(response, 405, "method_not_allowed")
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD"}
    refused(guest("OPTIONS", "/api/version"), 405, "method_not_allowed")


@pytest.mark.parametrize("path", ["/api/admin/nodes", "/api/admin/groups/1", "/api/auth/sessions/", "/api/auth/login"])
@pytest.mark.parametrize("method", ["OPTIONS", "TRACE", "PURGE"])
def test_a_method_that_is_nowhere_is_said_to_be_wrong_before_anybody_is_asked_who_they_are(
    guest: Caller, path: str, method: str
) -> None:
    response = guest(method, path)

    refused(response, 405, "method_not_allowed")
    assert response.headers["Allow"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("", "invalid_json"),
        ("{", "invalid_json"),
        ("[]", "invalid_json"),
        ("null", "invalid_json"),
        ('{"password":1,"persistence":"session"}', "invalid_json"),
        ('{"password":"x","persistence":"session"} {}', "invalid_json"),
        ('{"password":"x","PASSWORD":"x","persistence":"session"}', "invalid_json"),
        (b"\xef\xbb\xbf" + GOOD.encode(), "invalid_json"),
        (GOOD.encode("utf-16"), "invalid_json"),
        (GOOD.encode("utf-32-le"), "invalid_json"),
    ],
)
def test_a_body_is_exactly_one_object_of_the_right_types(guest: Caller, body: str | bytes, code: str) -> None:
    refused(guest("POST", "/api/auth/login", body), 400, code)


def test_keys_are_known_in_any_case_and_unknown_ones_left_out(guest: Caller) -> None:
    body = '{"Password":"Opens-The-Dash","PERSISTENCE":"session","theme":{"dark":true}}'

    assert guest("POST", "/api/auth/login", body).status_code == 200


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_a_body_says_that_it_is_json(guest: Caller, kind: str) -> None:
    refused(guest("POST", "/api/auth/login", {}, Content_Type=kind), 415, "unsupported_media_type")


def test_parameters_of_the_type_do_not_matter(guest: Caller) -> None:
    body = {"password": "x", "persistence": "session"}

    refused(guest("POST", "/api/auth/login", body, Content_Type="application/json; charset=utf-8"), 401, "unauthorized")


def test_a_body_of_more_than_a_mebibyte_is_refused(guest: Caller) -> None:
    refused(guest("POST", "/api/auth/login", " " * (1024 * 1024 + 1)), 413, "body_too_large")


@pytest.mark.parametrize("word", ["Bearer", "bearer", "BEARER"])
def test_the_word_before_a_token_may_be_written_anyhow(admin: Caller, word: str) -> None:
    admin.headers["Authorization"] = f"{word} {admin.headers['Authorization'].split()[1]}"

    assert admin("GET", "/api/auth/sessions").status_code == 200


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "Bearer a b", "Basic eHg6eHg=", "Bearer a.b.c"])
def test_without_a_good_token_the_admins_addresses_are_closed(guest: Caller, header: str) -> None:
    refused(guest("GET", "/api/auth/sessions", Authorization=header), 401, "unauthorized")


@pytest.mark.parametrize("prefixed", [True, False])
def test_a_token_is_known_on_its_own_host_only(
    settings, workspace: Workspace, other: Workspace, admin: Caller, prefixed: bool
) -> None:
    settings.TENANT_DOMAIN = "tenants.example"

    def get(slug: str):
        if prefixed:
            return admin("GET", f"/w/{slug}/api/auth/sessions")
        return admin("GET", "/api/auth/sessions", Host=f"{slug}.tenants.example")

    assert get(workspace.slug).status_code == 200
    refused(get(other.slug), 401, "unauthorized")
