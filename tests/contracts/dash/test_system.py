"""The front end's looks and what the admin sets about them (contract Dash 5 and 11)."""

import pytest

from apps.api.dash.preferences import preferences_of
from apps.workspaces.models import Workspace
from apps.workspaces.surfaces import change_surface_data, surface_data
from tests.contracts.dash.conftest import Caller, refused

PATH = "/api/admin/system/settings/"
AS_IT_COMES = {
    "history_guest_access_mode": "disabled",
    "logo_url": "/brandlogo.svg",
    "page_title": "Ithiltir Monitor Dashboard",
    "topbar_text": "Ithiltir Control",
}
PICTURE = "data:image/png;base64," + "A" * (768 * 1024 - 22)


def brand(call: Caller) -> dict[str, str]:
    response = call("GET", "/api/front/brand")
    assert response.headers["Cache-Control"] == "no-store"
    return response.json()


def test_everything_has_a_value_from_the_start(admin: Caller, guest: Caller) -> None:
    response = admin("GET", PATH)

    assert response.json() == AS_IT_COMES
    assert response.headers["Cache-Control"] == "no-store"
    assert brand(guest) == {name: AS_IT_COMES[name] for name in ("logo_url", "page_title", "topbar_text")}


def test_some_values_are_changed_and_the_others_stay(admin: Caller, guest: Caller, workspace: Workspace) -> None:
    change_surface_data(workspace=workspace, surface="dash", changes={"install_id": "server_1"})

    assert admin("PATCH", PATH, {"page_title": " Acme ", "history_guest_access_mode": "by_node"}).status_code == 204

    assert admin("GET", PATH).json() == AS_IT_COMES | {"page_title": "Acme", "history_guest_access_mode": "by_node"}
    assert brand(guest)["page_title"] == "Acme"
    assert preferences_of(workspace).guests_see_history
    assert surface_data(workspace, "dash")["install_id"] == "server_1"


def test_a_blank_text_goes_back_to_how_it_comes(admin: Caller) -> None:
    admin("PATCH", PATH, {"page_title": "Acme", "topbar_text": "Acme", "logo_url": "/own.svg"})

    assert admin("PATCH", PATH, {"page_title": "", "topbar_text": " ", "logo_url": ""}).status_code == 204

    assert admin("GET", PATH).json() == AS_IT_COMES


@pytest.mark.parametrize("logo", ["/own.svg", "https://acme.example/logo.png", "HTTP://acme.example/l", PICTURE])
def test_a_logo_is_a_path_an_address_or_the_picture_itself(admin: Caller, guest: Caller, logo: str) -> None:
    assert admin("PATCH", PATH, {"logo_url": logo}).status_code == 204

    assert brand(guest)["logo_url"] == logo


@pytest.mark.parametrize(
    "body",
    [
        {"history_guest_access_mode": "all"},
        {"history_guest_access_mode": ""},
        {"page_title": "x" * 121},
        {"page_title": "a\x07b"},
        {"topbar_text": "x" * 65},
        {"logo_url": "javascript:alert(1)"},
        {"logo_url": "//evil.example/x.png"},
        {"logo_url": "logo.png"},
        {"logo_url": "https://"},
        {"logo_url": "http://[half"},
        {"logo_url": 'https://x.example/"onerror="'},
        {"logo_url": "data:text/html;base64,AAAA"},
        {"logo_url": "data:image/png;base64,<svg>"},
        {"logo_url": PICTURE + "A"},
        {"page_title": "Good", "topbar_text": "x" * 65},
    ],
)
@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_what_cannot_be_changes_nothing(admin: Caller, method: str, body: dict[str, str]) -> None:
    sent = ({"history_guest_access_mode": "by_node"} if method == "PUT" else {}) | body

    refused(admin(method, PATH, sent), 400, "invalid_fields")

    assert admin("GET", PATH).json() == AS_IT_COMES


@pytest.mark.parametrize("body", [{}, {"page_title": None}, {"theme": "dark"}])
def test_a_change_of_nothing_is_refused(admin: Caller, body: dict[str, str]) -> None:
    refused(admin("PATCH", PATH, body), 400, "no_fields")


def test_the_whole_says_at_least_what_guests_see(admin: Caller) -> None:
    refused(admin("PUT", PATH, {"page_title": "Acme"}), 400, "invalid_fields")

    assert admin("PUT", PATH, {"history_guest_access_mode": "by_node"}).status_code == 204
    assert admin("GET", PATH).json() == AS_IT_COMES | {"history_guest_access_mode": "by_node"}


@pytest.mark.parametrize("method", ["PATCH", "PUT"])
def test_a_wrong_type_is_no_request(admin: Caller, method: str) -> None:
    refused(admin(method, PATH, {"page_title": 7}), 400, "invalid_request")


def test_looks_belong_to_one_workspace(
    admin: Caller, stranger: Caller, guest: Caller, other: Workspace, settings
) -> None:
    settings.TENANT_DOMAIN = "tenants.example"
    admin("PATCH", PATH, {"page_title": "Acme"})

    assert stranger("GET", PATH).json() == AS_IT_COMES
    theirs = guest("GET", "/api/front/brand", Host=f"{other.slug}.tenants.example")
    assert theirs.json()["page_title"] == AS_IT_COMES["page_title"]


def test_guests_change_nothing(guest: Caller) -> None:
    for method in ("GET", "PATCH", "PUT"):
        refused(guest(method, PATH, {"page_title": "Mine"}), 401, "unauthorized")


def test_where_there_is_no_workspace_there_is_no_brand(guest: Caller, settings) -> None:
    settings.TENANT_DOMAIN = "tenants.example"

    refused(guest("GET", "/api/front/brand", Host="nobody.tenants.example"), 404, "not_found")


def test_a_bad_token_makes_a_guest(workspace: Workspace) -> None:
    for header in ("Bearer nonsense", "bearer x", "Basic x", "Bearer"):
        assert Caller()("GET", "/api/front/brand", Authorization=header).status_code == 200


def test_writes_wait_while_the_workspace_is_over_its_plan(admin: Caller, workspace: Workspace, settings) -> None:
    settings.PROFILE = "saas"
    Workspace.objects.filter(pk=workspace.pk).update(limit_overrides={"members": 0})

    refused(admin("PATCH", PATH, {"page_title": "Acme"}), 403, "write_locked")
    refused(admin("POST", "/api/admin/groups", {"name": "hk"}), 403, "write_locked")

    assert admin("GET", PATH).json() == AS_IT_COMES
