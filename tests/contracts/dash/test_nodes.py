"""Nodes as the admin has them (contract Dash 7.2 to 7.4)."""

import json
from pathlib import Path
from typing import Any

import pytest

from apps.audit.models import AuditEntry
from apps.nodes.models import Node
from apps.nodes.selectors import node_by_secret
from apps.nodes.services import create_node
from apps.workspaces.models import Workspace
from tests.contracts.dash.conftest import Caller, refused

PATH = "/api/admin/nodes/"
VECTORS = Path(__file__).parents[2] / "vectors"
FRESH = {
    "id": 1,
    "name": "Untitled",
    "hostname": "Untitled",
    "is_guest_visible": False,
    "traffic_p95_enabled": False,
    "traffic_cycle_mode": "default",
    "traffic_billing_start_day": 1,
    "traffic_billing_anchor_date": "",
    "traffic_billing_timezone": "",
    "traffic_direction_mode": "default",
    "tags": [],
    "display_order": 1,
    "group_ids": [1],
    "version": {"version": "unknown", "is_outdated": True, "supports_auto_update": False},
}


@pytest.fixture
def node(workspace: Workspace, clock) -> Node:
    return create_node(workspace=workspace, actor="somebody", now=clock.now)


def row(call: Caller, number: int = 1) -> dict[str, Any]:
    return next(each for each in call("GET", PATH).json() if each["id"] == number)


def without_secret(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "secret"}


# --- The list ---------------------------------------------------------------------------------------


def test_a_node_is_made_with_a_secret_and_on_top(admin: Caller, workspace: Workspace) -> None:
    assert admin("GET", PATH).json() == []

    for _ in range(2):
        response = admin("POST", PATH)
        assert (response.status_code, response.content) == (204, b"")

    response = admin("GET", PATH)
    assert response.headers["Cache-Control"] == "no-store"
    newer, older = response.json()
    assert without_secret(older) == FRESH
    assert without_secret(newer) == FRESH | {"id": 2, "display_order": 2}
    assert older["secret"] != newer["secret"]
    assert older["secret"].isalnum()
    assert len(older["secret"]) == 16
    assert AuditEntry.objects.of(workspace).filter(verb="node.create", actor="Dash admin").count() == 2


def test_what_comes_with_a_post_does_not_matter(admin: Caller) -> None:
    assert admin("POST", PATH, "nonsense", Content_Type="text/plain").status_code == 204


def test_what_is_known_of_a_node_is_shown(admin: Caller, node: Node) -> None:
    Node.objects.filter(pk=node.pk).update(
        hostname="metal-fra-01", addresses={"peer": "203.0.113.7"}, agent_version="0.2.3", agent_kind="dash"
    )

    found = row(admin)

    assert (found["hostname"], found["ip"]) == ("metal-fra-01", "203.0.113.7")
    assert found["version"] == {"version": "0.2.3", "is_outdated": False, "supports_auto_update": True}


@pytest.mark.parametrize(
    ("version", "kind", "told"),
    [
        ("0.2.1", "dash", (False, True)),
        ("0.2.1-rc.1", "dash", (True, False)),
        ("0.2.0", "dash", (True, False)),
        ("1", "dash", (True, False)),
        ("1.2.3", "nezha", (False, False)),
    ],
)
def test_an_old_agent_does_not_update_itself(
    admin: Caller, node: Node, version: str, kind: str, told: tuple[bool, bool]
) -> None:
    Node.objects.filter(pk=node.pk).update(agent_version=version, agent_kind=kind)

    found = row(admin)["version"]
    assert (found["version"], (found["is_outdated"], found["supports_auto_update"])) == (version, told)


def test_a_thousand_and_one_nodes_are_all_listed(admin: Caller, workspace: Workspace, monkeypatch, clock) -> None:
    monkeypatch.setattr("apps.nodes.selectors.MOST", 3)
    for _ in range(7):
        create_node(workspace=workspace, actor="a", now=clock.now)

    assert [each["id"] for each in admin("GET", PATH).json()] == [7, 6, 5, 4, 3, 2, 1]


def test_a_full_plan_takes_no_more(admin: Caller, workspace: Workspace, settings) -> None:
    settings.PROFILE = "saas"
    Workspace.objects.filter(pk=workspace.pk).update(limit_overrides={"nodes": 0})

    refused(admin("POST", PATH), 400, "plan_limit_reached")

    assert not Node.objects.exists()


# --- Changes ----------------------------------------------------------------------------------------


def test_everything_about_a_node_is_said_at_once(admin: Caller, node: Node) -> None:
    admin("POST", "/api/admin/groups/", {"name": "hk"})
    body = {
        "name": " metal-fra-01 ",
        "is_guest_visible": True,
        "traffic_p95_enabled": True,
        "display_order": 12,
        "tags": [" prod ", "", "hk", "prod", None],
        "secret": " new-secret ",
        "group_ids": [2, 1, 2],
        "traffic_direction_mode": "both",
        "traffic_cycle_mode": "clamp_to_month_end",
        "traffic_billing_start_day": 31,
        "traffic_billing_anchor_date": "",
        "traffic_billing_timezone": "Europe/Berlin",
    }

    assert admin("PATCH", f"{PATH}1", body).status_code == 204

    assert row(admin) == FRESH | body | {
        "name": "metal-fra-01",
        "tags": ["prod", "hk"],
        "secret": "new-secret",
        "group_ids": [1, 2],
    }


def test_null_says_as_little_as_nothing(admin: Caller, node: Node) -> None:
    admin("PATCH", f"{PATH}1", {"name": "metal", "tags": ["a"]})

    assert admin("PATCH", f"{PATH}1", {"name": None, "secret": None, "display_order": 7}).status_code == 204

    assert without_secret(row(admin)) == FRESH | {"name": "metal", "tags": ["a"], "display_order": 7}


def test_lists_are_cleared_by_empty_ones(admin: Caller, node: Node) -> None:
    admin("PATCH", f"{PATH}1", {"tags": ["a"]})

    assert admin("PATCH", f"{PATH}1", {"tags": [], "group_ids": []}).status_code == 204

    assert [row(admin)[name] for name in ("tags", "group_ids")] == [[], []]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "no_fields"),
        ({"colour": "red"}, "no_fields"),
        ({"name": None}, "no_fields"),
        ({"name": " "}, "invalid_name"),
        ({"name": "a\tb"}, "invalid_name"),
        ({"name": "x" * 121}, "invalid_name"),
        ({"name": 7}, "invalid_request"),
        ({"is_guest_visible": "yes"}, "invalid_request"),
        ({"traffic_p95_enabled": 1}, "invalid_request"),
        ({"display_order": 0}, "invalid_display_order"),
        ({"display_order": -1}, "invalid_display_order"),
        ({"display_order": 2**31}, "invalid_display_order"),
        ({"display_order": 1.5}, "invalid_request"),
        ({"tags": None}, "invalid_tags"),
        ({"tags": "prod"}, "invalid_tags"),
        ({"tags": [1]}, "invalid_tags"),
        ({"tags": {"a": 1}}, "invalid_tags"),
        ({"tags": [["x"]]}, "invalid_tags"),
        ({"tags": ["x" * 65]}, "invalid_tags"),
        ({"secret": "  "}, "invalid_secret"),
        ({"secret": "x" * 129}, "invalid_secret"),
        ({"group_ids": [987654]}, "invalid_group_ids"),
        ({"group_ids": [0]}, "invalid_group_ids"),
        ({"group_ids": [2**63]}, "invalid_group_ids"),
        ({"group_ids": None}, "invalid_group_ids"),
        ({"group_ids": ["1"]}, "invalid_request"),
        ({"traffic_direction_mode": "in"}, "invalid_traffic_direction_mode"),
        ({"traffic_direction_mode": ""}, "invalid_traffic_direction_mode"),
        ({"traffic_cycle_mode": "weekly"}, "invalid_traffic_cycle_mode"),
        ({"name": "good", "display_order": 0}, "invalid_display_order"),
    ],
)
def test_what_cannot_be_changes_nothing(admin: Caller, node: Node, body: dict[str, Any], code: str) -> None:
    before = row(admin)

    refused(admin("PATCH", f"{PATH}1", body), 400, code)

    assert row(admin) == before


def test_what_is_said_is_judged_before_who_is_meant(admin: Caller) -> None:
    refused(admin("PATCH", f"{PATH}x", {}), 400, "invalid_id")
    refused(admin("PATCH", f"{PATH}99", {}), 400, "no_fields")
    refused(admin("PATCH", f"{PATH}99", {"name": "metal"}), 404, "not_found")


@pytest.mark.parametrize(
    "case", json.loads((VECTORS / "dash_node_cycle_patch.json").read_text())["cases"], ids=lambda case: case["id"]
)
def test_the_vectors_of_cycles_hold_on_the_wire(admin: Caller, node: Node, case: dict[str, Any]) -> None:
    before = row(admin)
    response = admin("PATCH", f"{PATH}1", case["patch"])

    if case["expect"]["status"] == 204:
        assert response.status_code == 204
        assert row(admin) == before | case["expect"]["stored"]
    else:
        refused(response, case["expect"]["status"], case["expect"]["code"])
        assert row(admin) == before


@pytest.mark.parametrize(
    "case", json.loads((VECTORS / "dash_tags.json").read_text())["cases"], ids=lambda case: case["id"]
)
def test_the_vectors_of_tags_hold_on_the_wire(admin: Caller, node: Node, case: dict[str, Any]) -> None:
    response = admin("PATCH", f"{PATH}1", {"tags": case["tags"]})

    assert response.status_code == case["expect"]["status"]
    if response.status_code == 204:
        assert row(admin)["tags"] == case["expect"]["stored"]
    else:
        refused(response, 400, case["expect"]["code"])


def test_a_new_secret_ends_the_old_one_at_once(admin: Caller, node: Node, workspace: Workspace, clock) -> None:
    old = row(admin)["secret"]

    def owner(raw: str) -> Node | None:
        return node_by_secret(raw, workspace=None, default_workspace=workspace.pk, now=clock.now)

    assert owner(old) == node
    admin("PATCH", f"{PATH}1", {"secret": "new-secret"})

    assert (owner(old), owner("new-secret")) == (None, node)
    assert "new-secret" not in str(list(AuditEntry.objects.values()))


def test_two_nodes_never_share_a_secret(admin: Caller, node: Node) -> None:
    admin("POST", PATH)
    admin("PATCH", f"{PATH}1", {"secret": "new-secret"})
    before = row(admin, 2)

    refused(admin("PATCH", f"{PATH}2", {"secret": "new-secret", "name": "twin"}), 409, "duplicate_secret")

    assert row(admin, 2) == before


def test_two_workspaces_may_choose_the_same_secret(admin: Caller, stranger: Caller, node: Node) -> None:
    stranger("POST", PATH)

    for call in (admin, stranger):
        assert call("PATCH", f"{PATH}1", {"secret": "new-secret"}).status_code == 204


# --- Order, percentile, deletion ---------------------------------------------------------------------


@pytest.fixture
def three(workspace: Workspace, clock) -> list[Node]:
    return [create_node(workspace=workspace, actor="a", now=clock.now) for _ in range(3)]


def order(call: Caller) -> list[tuple[int, int]]:
    return [(each["id"], each["display_order"]) for each in call("GET", PATH).json()]


def test_nodes_are_arranged(admin: Caller, three) -> None:
    assert admin("PUT", f"{PATH}display-order", {"ids": [2, 3, 1]}).status_code == 204

    assert order(admin) == [(2, 3), (3, 2), (1, 1)]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_ids"),
        ({"ids": None}, "invalid_ids"),
        ({"ids": []}, "invalid_ids"),
        ({"ids": [1, 2]}, "invalid_ids"),
        ({"ids": [1, 2, 3, 4]}, "invalid_ids"),
        ({"ids": [1, 2, 2]}, "invalid_ids"),
        ({"ids": [1, 2, 0]}, "invalid_ids"),
        ({"ids": [1, 2, 999999]}, "invalid_ids"),
        ({"ids": [*range(1, 10_002)]}, "invalid_ids"),
        ({"ids": ["1", 2, 3]}, "invalid_request"),
        ({"ids": "1,2,3"}, "invalid_request"),
    ],
)
def test_an_order_names_every_node_once(admin: Caller, three, body: dict[str, Any], code: str) -> None:
    refused(admin("PUT", f"{PATH}display-order", body), 400, code)

    assert order(admin) == [(3, 3), (2, 2), (1, 1)]


def test_the_percentile_is_switched_for_several(admin: Caller, three) -> None:
    assert admin("PATCH", f"{PATH}traffic-p95", {"ids": [1, 3], "enabled": True}).status_code == 204
    assert [each["traffic_p95_enabled"] for each in admin("GET", PATH).json()] == [True, False, True]

    assert admin("PATCH", f"{PATH}traffic-p95", {"ids": [3], "enabled": False}).status_code == 204
    assert [each["traffic_p95_enabled"] for each in admin("GET", PATH).json()] == [False, False, True]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"ids": [1]}, 400, "invalid_fields"),
        ({"ids": [1], "enabled": None}, 400, "invalid_fields"),
        ({"ids": [1], "enabled": "true"}, 400, "invalid_request"),
        ({"enabled": True}, 400, "invalid_ids"),
        ({"ids": [], "enabled": True}, 400, "invalid_ids"),
        ({"ids": [1, -3], "enabled": True}, 400, "invalid_ids"),
        ({"ids": [1, 2**63], "enabled": True}, 400, "invalid_ids"),
        ({"ids": [1, 99], "enabled": True}, 404, "not_found"),
        ({"ids": [1, 2**63 - 1], "enabled": True}, 404, "not_found"),
    ],
)
def test_the_percentile_is_switched_for_all_or_none(
    admin: Caller, three, body: dict[str, Any], status: int, code: str
) -> None:
    refused(admin("PATCH", f"{PATH}traffic-p95", body), status, code)

    assert not Node.objects.filter(p95=True).exists()


def test_a_deleted_node_is_gone_with_its_secret(admin: Caller, three, workspace: Workspace, clock) -> None:
    secret = row(admin, 2)["secret"]

    assert admin("DELETE", f"{PATH}2/").status_code == 204

    assert [each["id"] for each in admin("GET", PATH).json()] == [3, 1]
    assert node_by_secret(secret, workspace=None, default_workspace=workspace.pk, now=clock.now) is None
    refused(admin("DELETE", f"{PATH}2"), 404, "not_found")
    refused(admin("PATCH", f"{PATH}2", {"name": "back"}), 404, "not_found")


# --- Who may ----------------------------------------------------------------------------------------


def test_nodes_of_another_workspace_are_not_there(admin: Caller, stranger: Caller, three) -> None:
    before = admin("GET", PATH).json()

    assert stranger("GET", PATH).json() == []
    refused(stranger("PATCH", f"{PATH}1", {"name": "mine"}), 404, "not_found")
    refused(stranger("DELETE", f"{PATH}1"), 404, "not_found")
    refused(stranger("PUT", f"{PATH}display-order", {"ids": [1, 2, 3]}), 400, "invalid_ids")
    refused(stranger("PATCH", f"{PATH}traffic-p95", {"ids": [1], "enabled": True}), 404, "not_found")
    refused(stranger("PATCH", f"{PATH}1", {"group_ids": [1]}), 404, "not_found")

    assert admin("GET", PATH).json() == before


@pytest.mark.parametrize(
    ("method", "tail", "body"),
    [
        ("GET", "", None),
        ("POST", "", None),
        ("PATCH", "1", {"name": "mine"}),
        ("DELETE", "1", None),
        ("PUT", "display-order", {"ids": [3, 2, 1]}),
        ("PATCH", "traffic-p95", {"ids": [1], "enabled": True}),
    ],
)
def test_guests_are_asked_to_sign_in(admin: Caller, three, method: str, tail: str, body) -> None:
    before = admin("GET", PATH).json()

    refused(Caller()(method, f"{PATH}{tail}", body), 401, "unauthorized")

    assert admin("GET", PATH).json() == before
