"""Groups of nodes (contract Dash 7.1)."""

import pytest

from apps.audit.models import AuditEntry
from apps.nodes.models import NodeGroup
from apps.nodes.services import create_node
from apps.workspaces.models import Workspace
from tests.contracts.dash.conftest import Caller, refused

PATH = "/api/admin/groups/"
DEFAULT = {"id": 1, "name": "default", "remark": "default", "server_count": 0}


def test_the_default_group_is_there_from_the_start(admin: Caller) -> None:
    assert admin("GET", PATH).json() == [DEFAULT]
    assert admin("GET", f"{PATH}map").json() == {"1": "default"}


def test_only_live_nodes_are_counted(admin: Caller, workspace: Workspace, clock) -> None:
    nodes = [create_node(workspace=workspace, actor="a", now=clock.now) for _ in range(3)]
    assert admin("GET", PATH).json()[0]["server_count"] == 3

    assert admin("DELETE", f"/api/admin/nodes/{nodes[0].number}").status_code == 204

    assert admin("GET", PATH).json()[0]["server_count"] == 2


def test_a_group_is_made_named_anew_and_taken_away(admin: Caller, workspace: Workspace) -> None:
    assert admin("POST", PATH, {"name": "  hk ", "remark": " Hong Kong "}).status_code == 204
    assert admin("GET", PATH).json()[1] == {"id": 2, "name": "hk", "remark": "Hong Kong", "server_count": 0}

    assert admin("PATCH", f"{PATH}2", {"remark": ""}).status_code == 204
    assert admin("GET", PATH).json()[1] == {"id": 2, "name": "hk", "remark": "", "server_count": 0}
    assert admin("PATCH", f"{PATH}2/", {"name": "sg"}).status_code == 204
    assert admin("GET", f"{PATH}map/").json() == {"1": "default", "2": "sg"}

    response = admin("DELETE", f"{PATH}2")
    assert (response.status_code, response.content) == (204, b"")
    assert admin("GET", PATH).json() == [DEFAULT]
    verbs = AuditEntry.objects.of(workspace).filter(verb__startswith="node_group").order_by("pk")
    assert [(entry.verb, entry.actor) for entry in verbs] == [
        ("node_group.create", "Dash admin"),
        *[("node_group.update", "Dash admin")] * 2,
        ("node_group.delete", "Dash admin"),
    ]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_name"),
        ({"name": " "}, "invalid_name"),
        ({"name": None}, "invalid_name"),
        ({"name": "x" * 65}, "invalid_name"),
        ({"name": "a\nb"}, "invalid_name"),
        ({"name": "hk", "remark": "x" * 256}, "invalid_remark"),
        ({"name": 7}, "invalid_request"),
        ([], "invalid_request"),
    ],
)
def test_a_group_that_cannot_be_is_not_made(admin: Caller, body, code: str) -> None:
    refused(admin("POST", PATH, body), 400, code)

    assert NodeGroup.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "no_fields"),
        ({"name": None}, "no_fields"),
        ({"colour": "red"}, "no_fields"),
        ({"name": " "}, "invalid_fields"),
        ({"name": "good", "remark": "x" * 256}, "invalid_fields"),
        ({"name": ["a"]}, "invalid_request"),
    ],
)
def test_a_change_that_cannot_be_changes_nothing(admin: Caller, body, code: str) -> None:
    refused(admin("PATCH", f"{PATH}1", body), 400, code)
    # What is said is judged before who is meant.
    refused(admin("PATCH", f"{PATH}77", body), 400, code)

    assert admin("GET", PATH).json() == [DEFAULT]


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "9223372036854775808", "٣"])
def test_an_id_is_a_positive_number(admin: Caller, number: str) -> None:
    refused(admin("DELETE", f"{PATH}{number}"), 400, "invalid_id")
    refused(admin("PATCH", f"{PATH}{number}", {"name": "hk"}), 400, "invalid_id")


def test_a_group_that_is_not_there_is_not_found(admin: Caller) -> None:
    for number in ("999999", "9223372036854775807"):
        refused(admin("DELETE", f"{PATH}{number}"), 404, "not_found")
        refused(admin("PATCH", f"{PATH}{number}", {"name": "hk"}), 404, "not_found")


def test_the_default_group_stays(admin: Caller) -> None:
    refused(admin("DELETE", f"{PATH}1"), 409, "default_group_not_deletable")

    assert admin("GET", PATH).json() == [DEFAULT]


def test_the_groups_of_another_workspace_are_not_there(admin: Caller, stranger: Caller) -> None:
    admin("POST", PATH, {"name": "hk"})

    refused(stranger("PATCH", f"{PATH}2", {"name": "mine"}), 404, "not_found")
    refused(stranger("DELETE", f"{PATH}2"), 404, "not_found")
    assert stranger("GET", f"{PATH}map").json() == {"1": "default"}
    assert admin("GET", f"{PATH}map").json() == {"1": "default", "2": "hk"}


@pytest.mark.parametrize(
    ("method", "path"), [("GET", PATH), ("POST", PATH), ("GET", f"{PATH}map"), ("PATCH", f"{PATH}1")]
)
def test_guests_are_asked_to_sign_in(guest: Caller, method: str, path: str) -> None:
    refused(guest(method, path, {"name": "hk"}), 401, "unauthorized")
    assert [group.name for group in NodeGroup.objects.all()] == ["default"]
