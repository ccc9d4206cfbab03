"""The operational snapshot (contract Dashmon 13)."""

from datetime import timedelta

import pytest

from apps.pipeline.lifecycle import set_paused
from apps.projects.windows import Target, set_window
from tests import factories
from tests.contracts.dashmon.conftest import refused
from tests.contracts.dashmon.test_history import store
from tests.contracts.dashmon.test_incidents import outage

SUMMARY = "/api/support/summary"


@pytest.fixture
def busy(project, device, clock):
    """Up, down, degraded, in maintenance, paused, never checked."""
    down, degraded, silenced, paused = (factories.make_device(project, f"Till {number}") for number in range(2, 6))
    factories.make_device(project, "Till 6")
    store(device, clock.now - timedelta(minutes=1))
    outage(down, clock.now - timedelta(hours=2), over=False)
    store(degraded, clock.now - timedelta(minutes=1), "warning")
    target = Target(workspace_id=silenced.workspace_id, ref=silenced.ref)
    set_window(target=target, starts_at=clock.now, ends_at=clock.now + timedelta(hours=1), now=clock.now)
    set_paused(device=paused, paused=True, now=clock.now)
    return down


def test_everything_the_contract_names(api, workspace, busy) -> None:
    body = api("GET", SUMMARY).json()

    recent = body.pop("recentIncidents")
    assert body == {
        "generatedAt": "2026-03-02T10:00:00.000Z",
        "apiVersion": "2026-04-05",
        "workspace": {
            "ownerUserId": str(workspace.public_id),
            "plan": "premium",
            "writeLock": {"locked": False},
        },
        "counts": {
            "projects": 1,
            "devices": 6,
            "up": 1,
            "down": 1,
            "warning": 1,
            "maintenance": 1,
            "paused": 1,
            "unknown": 1,
        },
        "openIncidents": 2,
        "incidents24h": 2,
        "lastCheckAt": "2026-03-02T09:59:00.000Z",
        "checksLagSeconds": 0,
        "statusPages": 0,
        # Three of four results: one was down.
        "uptime7d": 75.0,
    }
    assert recent[0] == {
        "id": recent[0]["id"],
        "deviceName": "Till 3",
        "startedAt": "2026-03-02T09:59:00.000Z",
        "resolvedAt": None,
    }


def test_an_empty_workspace(api) -> None:
    body = api("GET", SUMMARY).json()

    assert (body["lastCheckAt"], body["uptime7d"], body["recentIncidents"]) == (None, None, [])
    assert set(body["counts"].values()) == {0}


def test_it_is_free_and_follows_the_scope(api, seated, workspace, busy) -> None:
    elsewhere = factories.make_project(workspace)
    scoped = seated("editor", [elsewhere])("GET", SUMMARY).json()
    assert (scoped["counts"]["projects"], scoped["counts"]["devices"], scoped["openIncidents"]) == (1, 0, 0)
    workspace.plan = "free"
    workspace.save()

    assert api("GET", SUMMARY).json()["workspace"]["plan"] == "free"


def test_a_viewer_may_not_and_a_reading_token_may(seated, with_token, stranger, busy) -> None:
    refused(seated("viewer")("GET", SUMMARY), 403, "forbidden")

    assert with_token("read_only")("GET", SUMMARY).json()["counts"]["devices"] == 6
    assert stranger("GET", SUMMARY).json()["counts"]["devices"] == 0


def test_a_share_is_cut_and_never_rounded_up(api, device, clock) -> None:
    for back in range(1500):
        store(device, clock.now - timedelta(minutes=1501 - back), "down" if back == 700 else "up")

    assert api("GET", SUMMARY).json()["uptime7d"] == 99.933
