"""The OpenAPI document: complete, without warnings, and true of what is answered."""

import io
from typing import Any

import pytest
from django.core.management import call_command
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft4Validator

from apps.api.dashmon.gates import gate_of
from dashmon.environment import sms_provider
from tests import factories
from tests.contracts.dashmon.conftest import refused
from tests.contracts.dashmon.routes import BODIES, Target
from tests.contracts.dashmon.test_permissions import target


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return SchemaGenerator(urlconf="apps.api.dashmon.urls").get_schema(request=None, public=True)


def plain(node: Any) -> Any:
    """OpenAPI 3.0's `nullable` in the words of JSON Schema."""
    if isinstance(node, list):
        return [plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    spelled = {key: plain(value) for key, value in node.items() if key != "nullable"}
    if node.get("nullable") is True:
        return {"anyOf": [spelled, {"type": "null"}]}
    return spelled


def test_the_document_is_made_without_a_warning() -> None:
    out = io.StringIO()

    call_command("spectacular", "--urlconf", "apps.api.dashmon.urls", "--fail-on-warn", "--validate", stdout=out)

    assert "/api/devices/{device_id}/history" in out.getvalue()


def test_every_route_is_documented_with_its_credentials_and_errors(document) -> None:
    operations = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(operations) > 40
    assert len({operation["operationId"] for _, _, operation in operations}) == len(operations)
    for method, path, operation in operations:
        route = path.replace("{", ":").replace("}", "").replace("_id", "")
        gate = gate_of(method, route)
        assert gate is not None, path
        statuses = set(operation["responses"])
        assert gate.public or {"401", "403", "429"} <= statuses, path
        assert operation.get("summary"), path
        schemes = {name for entry in operation.get("security", []) for name in entry}
        expected = (
            set() if gate.public else {"sessionCookie"} if gate.session_only else {"sessionCookie", "bearerToken"}
        )
        assert schemes == expected, path


def test_every_walked_route_is_in_the_document(document) -> None:
    known = {
        (method.upper(), path.count("/"), path.split("{")[0])
        for path, methods in document["paths"].items()
        for method in methods
    }
    for method, route in BODIES:
        assert (method, route.count("/"), route.split(":")[0]) in known, route


@pytest.fixture
def names(workspace, project, now) -> Target:
    factories.make_device(project, "Tagged", tags=["eu"], retries=2)
    return target(workspace, project, now)


@pytest.fixture
def _sms(http_sink, settings) -> None:
    """A provider on this machine, which the public profile would not reach."""
    settings.SMS = sms_provider(f"twilio://AC1:token@127.0.0.1:{http_sink.port}/?from=%2B15551230000&scheme=http")
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


@pytest.mark.usefixtures("_sms")
@pytest.mark.parametrize(("method", "route"), BODIES, ids=str)
def test_answers_are_as_documented(method, route, document, api, names) -> None:
    path = names.path(route)

    response = api(method, path, BODIES[method, route])

    assert response.status_code < 300, response.content
    if response.status_code == 204:
        return
    documented = [
        methods[method.lower()]
        for spelled, methods in document["paths"].items()
        if method.lower() in methods
        and spelled.count("/") == route.count("/")
        and all(a == b or a.startswith("{") for a, b in zip(spelled.split("/"), route.split("/"), strict=True))
        and spelled.count("{") == route.count(":")
    ]
    assert len(documented) == 1, route
    schema = documented[0]["responses"][str(response.status_code)]["content"]["application/json"]["schema"]
    whole = plain({**schema, "components": document["components"]})
    Draft4Validator(whole).validate(response.json())


def test_whatever_takes_parameters_documents_their_refusal(document) -> None:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if any(parameter["in"] == "query" for parameter in operation.get("parameters", [])):
                assert "400" in operation["responses"], (method, path)


@pytest.mark.parametrize("part", ["dns-config", "heartbeat-config", "signals"])
def test_a_device_of_another_type_is_a_documented_refusal(part, document, api, device) -> None:
    response = api("GET", f"/api/devices/{device.public_id}/{part}")

    refused(response, 422, "unsupported")
    assert "422" in document["paths"][f"/api/devices/{{device_id}}/{part}"]["get"]["responses"]


@pytest.mark.parametrize("kind", ["json", "csv", "pdf"])
def test_every_form_of_the_report_is_documented(kind, document, api) -> None:
    content = api("GET", f"/api/reports/uptime?format={kind}").headers["Content-Type"].partition(";")[0]

    assert content in document["paths"]["/api/reports/uptime"]["get"]["responses"]["200"]["content"]


def test_the_reader_needs_nothing_from_elsewhere(api) -> None:
    response = api("GET", "/docs/api/")

    page = response.content.decode()
    assert "http://" not in page
    assert "https://" not in page
    assert "script-src 'self';" in response.headers["Content-Security-Policy"]
    # Every script has an address of its own: the policy refuses inline ones.
    assert page.count("<script") == page.count("<script src=")
    assert api("GET", "/docs/api/?script=").status_code == 200
