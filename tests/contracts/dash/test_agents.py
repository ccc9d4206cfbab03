"""What agents send where the hot paths do not listen: the same answers, from Django (contract Dash 3)."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from apps.metrics.models import HeadRow
from apps.nodes import services
from apps.nodes.models import Node
from apps.nodes.selectors import secret_of
from apps.pipeline.lifecycle import retire_node
from apps.workspaces.models import Workspace
from tests.contracts.dash.conftest import Caller, Clock, refused
from tests.contracts.hot import Door

VECTORS = Path(__file__).parents[2] / "vectors" / "dash_node_reports.json"
CASE = json.loads(VECTORS.read_text(encoding="utf-8"))["cases"][0]
METRICS, STATIC, IDENTITY = "/api/node/metrics", "/api/node/static", "/api/node/identity"


@pytest.fixture
def node(workspace: Workspace, clock: Clock) -> Node:
    return services.create_node(workspace=workspace, name="web", actor="ana", now=clock.now)


@pytest.fixture
def secret(node: Node) -> str:
    return secret_of(node) or ""


@pytest.mark.parametrize("slash", ["", "/"])
def test_reports_facts_and_identity_are_taken(guest: Caller, node: Node, secret: str, slash: str) -> None:
    report = guest("POST", METRICS + slash, CASE["report"], X_Node_Secret=secret)
    static = guest("POST", STATIC + slash, CASE["static"], X_Node_Secret=secret)
    identity = guest("POST", IDENTITY + slash, {}, X_Node_Secret=secret).json()

    assert (report.status_code, report.json()) == (200, {"ok": True, "update": None})
    assert (static.status_code, static.content) == (200, b"ok")
    assert identity["install_id"].startswith("server_")
    node.refresh_from_db()
    assert (node.hostname, node.agent_version) == ("metal-fra-01", "0.2.3")
    assert HeadRow.objects.of(node.workspace_id).count() == 1


@pytest.mark.parametrize("path", [METRICS, STATIC, IDENTITY])
def test_strangers_are_refused_and_nothing_is_kept(guest: Caller, node: Node, path: str) -> None:
    body = {METRICS: CASE["report"], STATIC: CASE["static"], IDENTITY: {}}[path]

    refused(guest("POST", path, body), 401, "unauthorized")
    refused(guest("POST", path, body, X_Node_Secret="nobodys"), 401, "unauthorized")
    plain = guest("POST", path, "{}", X_Node_Secret="nobodys", Content_Type="text/plain")
    refused(plain, 415, "unsupported_media_type")
    assert not HeadRow.objects.exists()


@pytest.mark.parametrize(("path", "code"), [(METRICS, "invalid_metrics"), (STATIC, "invalid_static_payload")])
def test_a_body_is_judged_before_its_secret(guest: Caller, node: Node, path: str, code: str) -> None:
    refused(guest("POST", path, {}, X_Node_Secret="nobodys"), 422, code)
    refused(guest("POST", path, "{", X_Node_Secret="nobodys"), 400, "invalid_request")


def test_a_deleted_node_and_another_workspaces_host_know_no_secret(
    guest: Caller, node: Node, secret: str, other: Workspace, clock: Clock
) -> None:
    host = {"Host": f"{other.slug}.localhost"}
    refused(guest("POST", METRICS, CASE["report"], X_Node_Secret=secret, **host), 401, "unauthorized")
    retire_node(node=node, actor="ana", now=clock.now)
    refused(guest("POST", METRICS, CASE["report"], X_Node_Secret=secret), 401, "unauthorized")


@pytest.mark.django_db(transaction=True)
def test_a_wish_is_told_with_the_report_at_both_doors(workspace: Workspace, node: Node, secret: str) -> None:
    from apps.api.dash.bundle import bundled_version

    wanted = bundled_version()
    static = {**CASE["static"], "version": "0.0.1"}
    report = {**CASE["report"], "version": "0.0.1"}
    assert Caller()("POST", STATIC, static, X_Node_Secret=secret).status_code == 200
    services.want_version(node=node, version=wanted, actor="ana", now=timezone.now())
    door = Door()
    try:
        hot: Any = door(METRICS, report, secret=secret, host="acme.localhost:8000").json()
        prefixed: Any = door(f"/w/{workspace.slug}{METRICS}", report, secret=secret, host="127.0.0.1:8000").json()
    finally:
        door.paths.close()
    django = Caller()("POST", METRICS, report, X_Node_Secret=secret, Host="127.0.0.1:8000").json()

    for told, base in ((hot, "http://acme.localhost:8000"), (prefixed, f"http://127.0.0.1:8000/w/{workspace.slug}")):
        assert told["update"]["version"] == wanted
        assert told["update"]["url"].startswith(f"{base}/deploy/")
    assert django["update"]["url"].startswith("http://127.0.0.1:8000/deploy/")
    assert django["update"]["sha256"] == hot["update"]["sha256"]
