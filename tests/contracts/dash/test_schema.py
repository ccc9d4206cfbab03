"""The OpenAPI document: complete, without warnings, and true of who may ask."""

import io
from typing import Any

import pytest
from django.core.management import call_command
from django.urls import resolve
from drf_spectacular.generators import SchemaGenerator

from tests.contracts.dash.conftest import Caller, refused

# Method and path as contract 16 has them; whoever may ask without a token is marked.
ROUTES = {
    "POST /api/auth/login": "open",
    "POST /api/auth/refresh": "open",
    "POST /api/auth/logout": "open",
    "GET /api/auth/sessions": "admin",
    "DELETE /api/auth/sessions": "admin",
    "DELETE /api/auth/sessions/{sid}": "admin",
    "GET /api/version": "open",
    "GET /api/front/brand": "anybody",
    "GET /api/admin/groups": "admin",
    "POST /api/admin/groups": "admin",
    "GET /api/admin/groups/map": "admin",
    "PATCH /api/admin/groups/{number}": "admin",
    "DELETE /api/admin/groups/{number}": "admin",
    "GET /api/admin/nodes": "admin",
    "POST /api/admin/nodes": "admin",
    "GET /api/admin/nodes/deploy": "admin",
    "PUT /api/admin/nodes/display-order": "admin",
    "PATCH /api/admin/nodes/traffic-p95": "admin",
    "PATCH /api/admin/nodes/{number}": "admin",
    "DELETE /api/admin/nodes/{number}": "admin",
    "POST /api/admin/nodes/{number}/upgrade": "admin",
    "GET /api/admin/system/settings": "admin",
    "PUT /api/admin/system/settings": "admin",
    "PATCH /api/admin/system/settings": "admin",
    "GET /api/admin/system/themes": "admin",
    "POST /api/admin/system/themes/upload": "admin",
    "POST /api/admin/system/themes/{theme}/apply": "admin",
    "DELETE /api/admin/system/themes/{theme}": "admin",
    "GET /theme/active.css": "open",
    "GET /theme/active.json": "open",
    "GET /theme/preview/{theme}.png": "open",
}
SECURITY: dict[str, list[set[str]]] = {"admin": [{"dashBearer"}], "anybody": [set(), {"dashBearer"}], "open": []}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return SchemaGenerator(urlconf="apps.api.dash.urls").get_schema(request=None, public=True)


def filled(path: str) -> str:
    for name, value in (("{number}", "7"), ("{sid}", "x"), ("{theme}", "midnight")):
        path = path.replace(name, value)
    return path


def test_the_document_is_made_without_a_warning() -> None:
    out = io.StringIO()

    call_command("spectacular", "--urlconf", "apps.api.dash.urls", "--fail-on-warn", "--validate", stdout=out)

    assert "/api/admin/nodes/{number}" in out.getvalue()


def test_the_document_is_served(guest: Caller) -> None:
    assert b"Dashmon: Dash API" in guest("GET", "/api/schema/dash").content


@pytest.mark.parametrize("route", ROUTES)
def test_a_route_is_documented_with_who_may_ask(document, route: str) -> None:
    method, path = route.split()
    operation = document["paths"][path][method.lower()]

    assert [set(entry) for entry in operation.get("security", [])] == SECURITY[ROUTES[route]]
    assert operation["summary"]
    assert ("401" in operation["responses"]) is (ROUTES[route] == "admin" or path.startswith("/api/auth/"))
    if "requestBody" in operation and "/upload" not in path:
        assert {"400", "413", "415"} <= set(operation["responses"])


@pytest.mark.parametrize("path", sorted({filled(route.split()[1]) for route in ROUTES}))
def test_both_spellings_are_one_view_on_every_host(path: str) -> None:
    for table in ("dashmon.urls", "dashmon.urls_workspace"):
        plain, slashed = (resolve(address, urlconf=table).func.view_class for address in (path, f"{path}/"))
        assert plain is slashed
        assert plain.__module__.startswith("apps.api.dash.")


@pytest.mark.parametrize("route", [route for route, access in ROUTES.items() if access == "admin"])
def test_the_admins_routes_are_closed_to_everybody_else(guest: Caller, route: str) -> None:
    method, path = route.split()

    refused(guest(method, filled(path)), 401, "unauthorized")
    refused(guest(method, f"{filled(path)}/", Authorization="Bearer nonsense"), 401, "unauthorized")
