"""Traffic of interfaces: settings, cycles, days, who may see them (contract Dash 8)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.nodes import services as nodes
from apps.nodes.models import Node
from apps.traffic.plans import CyclePlan, Mode
from apps.traffic.services import change_settings
from apps.workspaces.models import Workspace
from tests.contracts.dash.conftest import Caller, Clock, refused
from tests.contracts.dash.reporting import count, make_node, steadily, vectors

BASE = "/api/statistics/traffic"
SETTINGS = f"{BASE}/settings"
DEFAULTS = {
    "guest_access_mode": "disabled",
    "usage_mode": "lite",
    "cycle_mode": "calendar_month",
    "billing_start_day": 1,
    "billing_anchor_date": "",
    "billing_timezone": "UTC",
    "direction_mode": "out",
}
FEBRUARY = datetime(2026, 2, 1, tzinfo=UTC)
NUMBERS = {
    "in_bytes",
    "out_bytes",
    "in_peak_bytes_per_sec",
    "out_peak_bytes_per_sec",
    "selected_bytes",
    "selected_peak_bytes_per_sec",
    "sample_count",
    "gap_count",
    "reset_count",
}


@pytest.fixture
def node(workspace: Workspace) -> Node:
    """A node since January; the clock says 2 March, 10:00."""
    return make_node(workspace, "metal-fra-01", now=FEBRUARY - timedelta(days=20))


@pytest.fixture
def busy(node: Node, clock: Clock) -> Node:
    """It moves 3,000 bytes in and 6,000 out every five minutes since February."""
    hours = (clock.now - FEBRUARY).total_seconds() / 3600
    count(node, steadily(FEBRUARY, hours), now=clock.now)
    return node


def bill(workspace: Workspace, **more: Any) -> None:
    change_settings(workspace=workspace, fields={"usage": "billing", **more})


def change(node: Node, clock: Clock, **changes: Any) -> None:
    nodes.update_node(node=node, changes=nodes.Changes(**changes), actor="ana", now=clock.now)


def ask(caller: Caller, what: str, **more: Any) -> Any:
    query = "&".join(f"{name}={value}" for name, value in {"server_id": 1, "iface": "eth0", **more}.items())
    return caller("GET", f"{BASE}/{what}?{query}")


# --- Settings -----------------------------------------------------------------------------------------


def test_anybody_reads_the_settings(workspace: Workspace, guest: Caller) -> None:
    assert guest("GET", SETTINGS).json() == DEFAULTS
    assert guest("GET", f"{SETTINGS}/").json() == DEFAULTS

    workspace.timezone = "Asia/Shanghai"
    workspace.save()
    assert guest("GET", SETTINGS).json() == {**DEFAULTS, "billing_timezone": "Asia/Shanghai"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"usage_mode": "billing"}, {"usage_mode": "billing"}),
        (
            {"guest_access_mode": "by_node", "direction_mode": "max"},
            {"guest_access_mode": "by_node", "direction_mode": "max"},
        ),
        (
            {"cycle_mode": "clamp_to_month_end", "billing_start_day": 31, "billing_anchor_date": "2026-01-31"},
            {"cycle_mode": "clamp_to_month_end", "billing_start_day": 31},
        ),
        (
            {
                "cycle_mode": "whmcs_compatible",
                "billing_anchor_date": "2026-01-30T23:30:00Z",
                "billing_timezone": "Asia/Tokyo",
            },
            {
                "cycle_mode": "whmcs_compatible",
                "billing_start_day": 31,
                "billing_anchor_date": "2026-01-31",
                "billing_timezone": "Asia/Tokyo",
            },
        ),
        # What the mode does not use is normalised away; null is the same as nothing.
        ({"billing_start_day": 9, "billing_anchor_date": "2026-01-31", "usage_mode": None}, {}),
    ],
    ids=str,
)
def test_any_part_of_the_settings_can_be_changed(workspace: Workspace, admin: Caller, said: Any, expected: Any) -> None:
    assert admin("PATCH", SETTINGS, said).status_code == 204

    assert admin("GET", SETTINGS).json() == {**DEFAULTS, **expected}


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({}, "no_fields"),
        ({"unknown": 1}, "no_fields"),
        ({"usage_mode": "heavy"}, "invalid_fields"),
        ({"usage_mode": 1}, "invalid_fields"),
        ({"guest_access_mode": "all"}, "invalid_fields"),
        ({"guest_access_mode": True}, "invalid_fields"),
        ({"direction_mode": "in"}, "invalid_fields"),
        ({"cycle_mode": "default"}, "invalid_fields"),
        ({"cycle_mode": ["calendar_month"]}, "invalid_fields"),
        ({"billing_start_day": 0}, "invalid_fields"),
        ({"billing_start_day": "1"}, "invalid_fields"),
        ({"billing_start_day": 1.5}, "invalid_fields"),
        ({"billing_anchor_date": "31.01.2026"}, "invalid_fields"),
        ({"billing_timezone": "Mars/Olympus"}, "invalid_fields"),
        ({"usage_mode": "billing", "direction_mode": "up"}, "invalid_fields"),
        ("[]", "invalid_request"),
        ("{", "invalid_request"),
    ],
    ids=str,
)
def test_what_cannot_be_set_changes_nothing(admin: Caller, said: Any, code: str) -> None:
    refused(admin("PATCH", SETTINGS, said), 400, code)

    assert admin("GET", SETTINGS).json() == DEFAULTS


def test_only_the_admin_changes_them(guest: Caller, stranger: Caller, admin: Caller) -> None:
    refused(guest("PATCH", SETTINGS, {"usage_mode": "billing"}), 401, "unauthorized")
    guest.headers["Authorization"] = "Bearer nonsense"
    refused(guest("PATCH", f"{SETTINGS}/", {"usage_mode": "billing"}), 401, "unauthorized")
    assert stranger("PATCH", SETTINGS, {"usage_mode": "billing"}).status_code == 204

    assert admin("GET", SETTINGS).json() == DEFAULTS


# --- Interfaces and summaries -------------------------------------------------------------------------


def test_interfaces_are_listed_by_name(node: Node, admin: Caller, stranger: Caller, clock: Clock) -> None:
    assert ask(admin, "ifaces").json() == []
    for hours, iface in ((6, "eth1"), (3, "eno1")):
        count(node, steadily(clock.now - timedelta(hours=hours), 1), iface=iface, now=clock.now)

    assert ask(admin, "ifaces").json() == [{"name": "eno1"}, {"name": "eth1"}]
    assert ask(stranger, "ifaces").json() == []
    assert ask(admin, "ifaces", server_id=9).json() == []


def test_lite_says_the_totals_of_the_cycle(busy: Node, admin: Caller) -> None:
    found = ask(admin, "summary").json()

    stats = found.pop("stats")
    assert found == {
        "server_id": 1,
        "server_name": "metal-fra-01",
        "iface": "eth0",
        "usage_mode": "lite",
        "direction_mode": "out",
        "cycle": {
            "mode": "calendar_month",
            "billing_start_day": 1,
            "timezone": "UTC",
            "start": "2026-03-01T00:00:00Z",
            "end": "2026-04-01T00:00:00Z",
        },
    }
    buckets = 34 * 12
    assert (stats["in_bytes"], stats["out_bytes"], stats["selected_bytes"]) == (
        buckets * 3000,
        buckets * 6000,
        buckets * 6000,
    )
    assert (stats["p95_status"], stats["p95_unavailable_reason"], stats["p95_enabled"]) == (
        "lite_mode",
        "lite_mode",
        False,
    )
    assert (stats["coverage_ratio"], stats["expected_sample_count"], stats["status"]) == (1.0, 0, "provisional")


def test_billing_says_percentiles_where_the_node_wants_them(
    workspace: Workspace, busy: Node, admin: Caller, clock: Clock
) -> None:
    bill(workspace, direction="both")
    assert ask(admin, "summary").json()["stats"]["p95_status"] == "disabled"
    change(busy, clock, p95=True)

    found = ask(admin, "summary", period="previous").json()

    stats = found["stats"]
    assert (found["usage_mode"], found["cycle"]["start"], found["cycle"]["end"]) == (
        "billing",
        "2026-02-01T00:00:00Z",
        "2026-03-01T00:00:00Z",
    )
    assert stats == {
        "in_bytes": 28 * 288 * 3000,
        "out_bytes": 28 * 288 * 6000,
        "p95_enabled": True,
        "p95_status": "available",
        "in_p95_bytes_per_sec": 10.0,
        "out_p95_bytes_per_sec": 20.0,
        "in_peak_bytes_per_sec": 10.0,
        "out_peak_bytes_per_sec": 20.0,
        "selected_bytes": 28 * 288 * 9000,
        "selected_p95_bytes_per_sec": 30.0,
        "selected_peak_bytes_per_sec": 30.0,
        "selected_bytes_direction": "total",
        "selected_p95_direction": "total",
        "selected_peak_direction": "total",
        "sample_count": 28 * 288,
        "expected_sample_count": 28 * 288,
        "effective_start": "2026-02-01T00:00:00Z",
        "effective_end": "2026-03-01T00:00:00Z",
        "coverage_ratio": 1.0,
        "covered_until": "2026-03-01T00:00:00Z",
        "gap_count": 0,
        "reset_count": 0,
        "cycle_complete": True,
        "data_complete": True,
        "status": "grace",
        "partial": False,
    }


def test_a_node_goes_by_its_own_cycle_and_direction(busy: Node, admin: Caller, clock: Clock) -> None:
    plan = CyclePlan(Mode.CLAMP, 31, None, "Europe/Berlin")
    change(busy, clock, cycle=plan.document, direction="max")

    found = ask(admin, "summary").json()

    assert found["direction_mode"] == "max"
    assert found["cycle"] == {
        "mode": "clamp_to_month_end",
        "billing_start_day": 31,
        "timezone": "Europe/Berlin",
        "start": "2026-02-27T23:00:00Z",
        "end": "2026-03-30T22:00:00Z",
    }
    assert found["stats"]["selected_bytes"] == (24 + 24 + 11) * 12 * 6000


CYCLES = vectors("dash_billing_cycles")


@pytest.mark.parametrize("case", CYCLES, ids=[case["id"] for case in CYCLES])
def test_cycles_begin_and_end_as_the_vectors_say(node: Node, admin: Caller, clock: Clock, case: Any) -> None:
    said = {"cycle_mode": case["mode"], "billing_start_day": case["billing_start_day"]}
    said |= {"billing_timezone": case["timezone"], "billing_anchor_date": case.get("billing_anchor_date") or ""}
    assert admin("PATCH", SETTINGS, said).status_code == 204
    clock.now = datetime.fromisoformat(case["ref"])

    expected = case["expect"]
    spans = [
        ask(admin_again(node, clock), "summary", period=period).json()["cycle"] for period in ("current", "previous")
    ]

    got = [spans[0]["start"], spans[0]["end"], spans[1]["start"], spans[1]["end"]]
    if not case.get("accept_alternative_boundary"):
        wanted = [expected[name] for name in ("cycle_start", "cycle_end", "previous_cycle_start", "cycle_start")]
        assert got == wanted
    assert got[3] == got[0]
    assert spans[0]["billing_start_day"] == expected["billing_start_day"]
    assert spans[0].get("billing_anchor_date", "") == expected["billing_anchor_date"]


def admin_again(node: Node, clock: Clock) -> Caller:
    """The admin with a session of another time."""
    from tests.contracts.dash.conftest import admin_of

    return admin_of(node.workspace, clock.now)


@pytest.mark.parametrize("usage", ["lite", "billing"])
def test_an_interface_of_which_nothing_is_known_is_answered_all_the_same(
    workspace: Workspace, busy: Node, admin: Caller, usage: str
) -> None:
    change_settings(workspace=workspace, fields={"usage": usage})

    stats = ask(admin, "summary", iface="eth9").json()["stats"]

    assert {name: stats[name] for name in NUMBERS} == dict.fromkeys(NUMBERS, 0)
    assert (stats["selected_bytes_direction"], stats["selected_peak_direction"]) == ("", "")
    assert "selected_p95_direction" not in stats
    assert stats["in_p95_bytes_per_sec"] is stats["selected_p95_bytes_per_sec"] is None
    assert (stats["expected_sample_count"], stats["coverage_ratio"], stats["data_complete"]) == (34 * 12, 0.0, False)
    assert stats["covered_until"] == stats["effective_end"] == "2026-03-02T10:00:00Z"
    assert stats["p95_status"] == stats["p95_unavailable_reason"] == ("lite_mode" if usage == "lite" else "disabled")


def test_a_node_that_is_not_there_has_nothing_in_lite_and_is_unknown_in_billing(
    workspace: Workspace, busy: Node, admin: Caller
) -> None:
    found = ask(admin, "summary", server_id=9).json()
    assert (found["server_id"], found["stats"]["out_bytes"], "server_name" in found) == (9, 0, False)
    assert ask(admin, "monthly", server_id=9).json() == {"includes_current": True, "items": []}

    bill(workspace)
    for what in ("summary", "daily", "monthly"):
        refused(ask(admin, what, server_id=9), 404, "not_found")


def test_another_tenant_knows_nothing_of_it(other: Workspace, busy: Node, stranger: Caller) -> None:
    assert ask(stranger, "summary").json()["stats"]["out_bytes"] == 0
    bill(other)
    refused(ask(stranger, "summary"), 404, "not_found")


# --- Days and months ----------------------------------------------------------------------------------


def test_days_need_billing(busy: Node, admin: Caller) -> None:
    refused(ask(admin, "daily"), 409, "traffic_daily_requires_billing")


def test_days_are_local_and_cut_to_what_is_known(workspace: Workspace, busy: Node, admin: Caller) -> None:
    bill(workspace, zone="Europe/Berlin")

    items = ask(admin, "daily").json()["items"]

    assert [(item["start"], item["end"]) for item in items] == [
        ("2026-02-28T23:00:00Z", "2026-03-01T23:00:00Z"),
        ("2026-03-01T23:00:00Z", "2026-03-02T10:00:00Z"),
    ]
    assert [item["stats"]["out_bytes"] for item in items] == [288 * 6000, 11 * 12 * 6000]
    assert [item["stats"]["cycle_complete"] for item in items] == [True, False]
    assert {item["stats"]["status"] for item in items} == {"provisional"}
    assert items[0] | {"stats": None} == {
        "server_id": 1,
        "iface": "eth0",
        "usage_mode": "billing",
        "direction_mode": "out",
        "start": "2026-02-28T23:00:00Z",
        "end": "2026-03-01T23:00:00Z",
        "stats": None,
    }
    assert ask(admin, "daily", iface="eth9").json() == {"items": []}
    # February is known from its first hour in Berlin's terms on: 28 days of 24 hours.
    assert len(ask(admin, "daily", period="previous").json()["items"]) == 28


@pytest.mark.parametrize("usage", ["lite", "billing"])
def test_months_are_listed_newest_first_where_there_is_data(
    workspace: Workspace, busy: Node, admin: Caller, usage: str
) -> None:
    change_settings(workspace=workspace, fields={"usage": usage})

    current = ask(admin, "monthly").json()
    previous = ask(admin, "monthly", period="previous", months=99).json()

    starts = [item["cycle"]["start"] for item in current["items"]]
    assert (current["includes_current"], starts) == (True, ["2026-03-01T00:00:00Z", "2026-02-01T00:00:00Z"])
    assert not any("server_name" in item for item in current["items"])
    assert previous == {"includes_current": False, "items": current["items"][1:]}
    assert len(ask(admin, "monthly", months=1).json()["items"]) == 1


# --- Questions that cannot be, and guests -------------------------------------------------------------

WRONG: list[dict[str, Any]] = [
    {"server_id": ""},
    {"server_id": 0},
    {"server_id": "x"},
    {"iface": ""},
    {"iface": "ALL"},
    {"iface": "all"},
    {"period": "next"},
]


@pytest.mark.parametrize("wrong", WRONG, ids=str)
@pytest.mark.parametrize("what", ["summary", "daily", "monthly"])
@pytest.mark.parametrize("who", ["admin", "guest"])
def test_a_question_that_cannot_be_is_refused(request: Any, node: Node, who: str, what: str, wrong: Any) -> None:
    refused(ask(request.getfixturevalue(who), what, **wrong), 400, "invalid_request")


@pytest.mark.parametrize("months", ["0", "-1", "six", "1.5"])
@pytest.mark.parametrize("who", ["admin", "guest"])
def test_a_number_of_months_is_a_number(request: Any, node: Node, who: str, months: str) -> None:
    refused(ask(request.getfixturevalue(who), "monthly", months=months), 400, "invalid_request")


@pytest.mark.parametrize("what", ["ifaces", "summary", "daily", "monthly"])
def test_guests_see_traffic_where_the_workspace_and_the_node_say_so(
    workspace: Workspace, busy: Node, guest: Caller, clock: Clock, what: str
) -> None:
    bill(workspace)
    refused(ask(guest, what), 403, "forbidden")
    change(busy, clock, public=True)
    refused(ask(guest, what), 403, "forbidden")

    change_settings(workspace=workspace, fields={"guests_by_node": True})
    assert ask(guest, what).status_code == 200
    refused(ask(guest, what, server_id=9), 403, "forbidden")

    change(busy, clock, public=False)
    refused(ask(guest, what), 403, "forbidden")
