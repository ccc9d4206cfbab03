"""Setting a billing cycle: what is needed, what is tolerated, what is refused and why."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from apps.traffic.choices import NodeChoice
from apps.traffic.plans import (
    CycleFaultError,
    CyclePlan,
    Fault,
    Mode,
    anchor_text,
    plan_asked_for,
    plan_changed_by,
    plan_in,
)


def fault_of(fields: dict[str, Any]) -> Fault:
    with pytest.raises(CycleFaultError) as refused:
        plan_asked_for(fields, zone="UTC")
    return refused.value.fault


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"zone": "UTC"}, Fault.INCOMPLETE),
        ({"mode": "calendar_month"}, Fault.INCOMPLETE),
        ({"mode": "clamp_to_month_end", "zone": "UTC"}, Fault.INCOMPLETE),
        ({"mode": "whmcs_compatible", "anchor": "2026-01-31"}, Fault.INCOMPLETE),
        ({"mode": "weekly", "zone": "UTC"}, Fault.MODE),
        ({"mode": None}, Fault.MODE),
        ({"mode": ["default"]}, Fault.MODE),
        *(
            ({"mode": "clamp_to_month_end", "zone": "UTC", "start_day": day}, Fault.START_DAY)
            for day in (0, 32, True, "5", 5.0, None)
        ),
        ({"mode": "whmcs_compatible", "zone": "", "anchor": "", "start_day": 32}, Fault.START_DAY),
        *(
            ({"mode": "default", "anchor": anchor}, Fault.ANCHOR)
            for anchor in ("2026-02-30", "31.01.2026", "2026-01-31T10:00:00", 20260131, None, "20260131", "2026-W31-1")
        ),
        *(
            ({"mode": "calendar_month", "zone": zone}, Fault.ZONE)
            for zone in ("No/Such_Zone", "localtime", "../etc/passwd", None, 1)
        ),
    ],
)
def test_what_cannot_be_is_refused_by_the_name_of_the_field(fields: dict[str, Any], fault: Fault) -> None:
    assert fault_of(fields) == fault


def test_what_a_mode_does_not_use_is_dropped() -> None:
    sent = {"mode": "calendar_month", "start_day": 40, "anchor": "2026-01-31", "zone": " Europe/Berlin "}

    assert plan_asked_for(sent, zone="UTC") == CyclePlan(Mode.CALENDAR, 1, None, "Europe/Berlin")
    assert plan_asked_for({**sent, "mode": "default"}, zone="UTC") is None


def test_the_day_of_a_walk_is_that_of_its_anchor() -> None:
    sent = {"mode": "whmcs_compatible", "start_day": 4, "anchor": "2026-01-31", "zone": ""}

    assert plan_asked_for(sent, zone="UTC") == CyclePlan(Mode.WHMCS, 31, date(2026, 1, 31), "")
    assert plan_asked_for({**sent, "anchor": " "}, zone="UTC") == CyclePlan(Mode.WHMCS, 4, None, "")


@pytest.mark.parametrize(
    ("own", "workspace", "expected"),
    [("", "UTC", date(2026, 1, 31)), ("", "Asia/Tokyo", date(2026, 2, 1)), ("Asia/Tokyo", "UTC", date(2026, 2, 1))],
)
def test_an_instant_as_anchor_is_a_date_in_the_cycles_zone(own: str, workspace: str, expected: date) -> None:
    sent = {"mode": "whmcs_compatible", "anchor": "2026-01-31T20:00:00Z", "zone": own}

    plan = plan_asked_for(sent, zone=workspace)

    assert plan is not None
    assert (plan.anchor, anchor_text(plan)) == (expected, expected.isoformat())


def test_a_workspace_changes_one_field_and_keeps_the_rest() -> None:
    plan = CyclePlan(Mode.CLAMP, 15, None, "Asia/Shanghai")

    assert plan_changed_by(plan, {"start_day": 20}, zone="UTC") == CyclePlan(Mode.CLAMP, 20, None, "Asia/Shanghai")
    assert plan_changed_by(plan, {"mode": "calendar_month"}, zone="UTC") == CyclePlan(zone="Asia/Shanghai")
    walk = plan_changed_by(plan, {"mode": "whmcs_compatible", "anchor": "2026-02-28"}, zone="UTC")
    assert walk == CyclePlan(Mode.WHMCS, 28, date(2026, 2, 28), "Asia/Shanghai")


@pytest.mark.parametrize("fields", [{"start_day": 0}, {"start_day": "x"}, {"mode": "default"}, {"zone": "Nowhere"}])
def test_a_workspace_cannot_be_given_nonsense_in_any_mode(fields: dict[str, Any]) -> None:
    with pytest.raises(CycleFaultError):
        plan_changed_by(CyclePlan(), fields, zone="UTC")


def test_a_plan_without_a_zone_takes_the_workspaces() -> None:
    assert CyclePlan().named("Europe/Berlin").zone == "Europe/Berlin"
    assert CyclePlan(zone="UTC").named("Europe/Berlin").zone == "UTC"


@pytest.mark.parametrize(
    "plan", [CyclePlan(), CyclePlan(Mode.CLAMP, 31, None, "UTC"), CyclePlan(Mode.WHMCS, 30, date(2026, 1, 30), "")]
)
def test_a_plan_kept_as_a_document_is_read_as_it_was(plan: CyclePlan) -> None:
    choice = NodeChoice.kept(cycle=plan.document, direction="", p95=True, created_at=datetime(2026, 1, 1, tzinfo=UTC))

    assert choice == NodeChoice(plan, None, p95=True, created_ms=1_767_225_600_000)
    assert plan_in(None) is plan_in({}) is None
