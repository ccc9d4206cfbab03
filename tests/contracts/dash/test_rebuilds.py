"""Reckoning traffic anew, from the request to the end of the work (contract Dash 8.10)."""

from datetime import timedelta

import pytest

from apps.metrics.models import Block
from apps.metrics.tiers import FACTS
from apps.nodes.models import Node
from apps.traffic import services as traffic
from apps.traffic.models import Rebuild
from apps.workspaces.models import Workspace
from tests.contracts.dash.conftest import Caller, Clock, refused
from tests.contracts.dash.reporting import count, make_node, steadily

STATE = "/api/admin/nodes/traffic/rebuild"
START = "/api/admin/nodes/1/traffic/rebuild"


@pytest.fixture
def node(workspace: Workspace, clock: Clock) -> Node:
    node = make_node(workspace, now=clock.now - timedelta(days=2))
    count(node, steadily(clock.now - timedelta(days=1), 23), now=clock.now)
    return node


def used(caller: Caller) -> int:
    found: int = caller("GET", "/api/statistics/traffic/summary?server_id=1&iface=eth0").json()["stats"]["out_bytes"]
    return found


def test_nothing_runs_until_somebody_asks(workspace: Workspace, admin: Caller) -> None:
    assert admin("GET", STATE).json() == {"server_id": 0, "status": "idle", "running": False}


def test_a_rebuild_is_asked_for_runs_and_ends(node: Node, admin: Caller, clock: Clock) -> None:
    before = used(admin)
    Block.objects.of(node.workspace_id).filter(tier=FACTS).delete()
    assert used(admin) < before

    response = admin("POST", START)
    running = {"server_id": 1, "status": "running", "running": True, "started_at": "2026-03-02T10:00:00Z"}
    assert (response.status_code, response.json()) == (202, running)
    refused(admin("POST", f"{START}/"), 409, "traffic_rebuild_running")

    # A quarter of a day at a time, by whichever worker comes.
    clock.forward(seconds=10)
    traffic.run_rebuilds(now=clock.now, limit=1)
    assert admin("GET", f"{STATE}/").json() == running
    traffic.run_rebuilds(now=clock.now)

    assert admin("GET", STATE).json() == {
        "server_id": 1,
        "status": "completed",
        "running": False,
        "started_at": "2026-03-02T10:00:00Z",
        "finished_at": "2026-03-02T10:00:10Z",
    }
    assert used(admin) == before
    assert admin("POST", START).status_code == 202


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("failed", "traffic rebuild failed"),
        ("timeout", "traffic rebuild timed out"),
        ("canceled", "traffic rebuild was canceled"),
    ],
)
def test_a_rebuild_that_failed_says_why(node: Node, admin: Caller, clock: Clock, reason: str, sentence: str) -> None:
    admin("POST", START)
    Rebuild.objects.update(status="failed", reason=reason, finished_at=clock.now)

    said = admin("GET", STATE).json()

    assert (said["status"], said["running"]) == ("failed", False)
    assert (said["code"], said["error"]) == (f"traffic_rebuild_{reason}", sentence)


def test_a_rebuild_that_takes_too_long_is_given_up(node: Node, admin: Caller, clock: Clock) -> None:
    admin("POST", START)
    clock.forward(hours=7)
    traffic.run_rebuilds(now=clock.now)

    assert Rebuild.objects.get().reason == "timeout"


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "99999999999999999999"])
def test_a_number_that_is_none_is_refused(workspace: Workspace, admin: Caller, number: str) -> None:
    refused(admin("POST", f"/api/admin/nodes/{number}/traffic/rebuild"), 400, "invalid_id")


def test_a_node_that_is_not_there_is_not_reckoned(workspace: Workspace, admin: Caller) -> None:
    refused(admin("POST", START), 404, "not_found")
    assert not Rebuild.objects.exists()


def test_a_rebuild_of_a_node_that_never_reported_is_soon_through(
    workspace: Workspace, admin: Caller, clock: Clock
) -> None:
    make_node(workspace, now=clock.now)

    response = admin("POST", START)
    assert (response.status_code, response.json()["status"]) == (202, "running")
    traffic.run_rebuilds(now=clock.now)

    state = admin("GET", STATE).json()
    assert (state["server_id"], state["status"], state["running"]) == (1, "completed", False)


def test_only_the_admin_of_the_workspace_asks(node: Node, guest: Caller, stranger: Caller, admin: Caller) -> None:
    refused(guest("POST", START), 401, "unauthorized")
    refused(guest("GET", STATE), 401, "unauthorized")
    refused(stranger("POST", START), 404, "not_found")
    admin("POST", START)

    assert stranger("GET", STATE).json()["status"] == "idle"
