"""Plans by the shared vectors and by the borders the vectors leave out."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from apps.common.clock import parse_iso
from apps.common.errors import PlanLimitError, WriteLockedError
from apps.workspaces import plans
from apps.workspaces.locks import ensure_writable, write_lock
from apps.workspaces.models import Workspace
from apps.workspaces.plans import LIMITS, ensure_room, interval_in_force, limits_of
from apps.workspaces.usage import limits_in_force, plan_of, usage_of
from tests.factories import NOW, make_device, make_project, make_seat, make_workspace

VECTORS = Path(__file__).parents[2] / "vectors" / "dashmon_permissions.json"


def vector_cases(kind: str) -> list[Any]:
    if not VECTORS.exists():
        return []
    cases = json.loads(VECTORS.read_text(encoding="utf-8"))["cases"]
    return [pytest.param(case, id=case["id"]) for case in cases if case["kind"] == kind]


@pytest.mark.parametrize("case", vector_cases("effectivePlan"))
def test_the_plan_in_force_is_the_vectors(case: dict[str, Any]) -> None:
    until = case["user"].get("premium_until")
    plan = plans.effective_plan(
        plan=case["user"].get("plan"),
        status=case["user"].get("plan_status"),
        premium_until=None if until is None else parse_iso(until),
        now=parse_iso(case["now"]),
    )

    assert plan == case["expect"]["plan"]


@pytest.mark.parametrize(
    ("until", "plan"),
    [(None, "premium"), (timedelta(0), "free"), (timedelta(microseconds=1), "premium"), (timedelta(-1), "free")],
)
def test_a_term_ends_with_its_last_instant(until: timedelta | None, plan: str) -> None:
    ends = None if until is None else NOW + until

    assert plans.effective_plan(plan="premium", status="active", premium_until=ends, now=NOW) == plan


def test_a_pending_or_canceled_premium_is_free() -> None:
    for status in ("pending", "canceled"):
        assert plans.effective_plan(plan="premium", status=status, premium_until=None, now=NOW) == "free"


def test_ones_own_machine_counts_nothing_while_premium() -> None:
    limits = limits_of("premium", self_hosted=True)

    assert {name for name, most in limits.items() if most is not None} == {
        "checkIntervalSeconds",
        "historyDays",
        "incidentDays",
    }
    assert limits["checkIntervalSeconds"] == 10
    assert limits_of("free", self_hosted=True) == LIMITS["free"]


def test_an_operators_number_wins_and_unknown_names_do_nothing() -> None:
    limits = limits_of("premium", {"projects": 99, "members": None, "sheep": 3}, self_hosted=True)

    assert (limits["projects"], limits["members"]) == (99, None)
    assert "sheep" not in limits


def test_the_last_place_is_free_and_the_next_is_refused_with_the_sentence() -> None:
    ensure_room("projects", used=2, limits=LIMITS["free"])

    with pytest.raises(PlanLimitError) as refusal:
        ensure_room("projects", used=3, limits=LIMITS["free"])

    assert refusal.value.message == "Plan limit reached. Your plan allows 3 projects."
    assert refusal.value.details == {"limit": "projects", "max": 3, "used": 3}


def test_many_at_once_need_room_for_all() -> None:
    ensure_room("tagsPerDevice", used=8, limits=LIMITS["free"], more=2)
    with pytest.raises(PlanLimitError):
        ensure_room("tagsPerDevice", used=8, limits=LIMITS["free"], more=3)


@pytest.mark.parametrize(
    ("requested", "plan", "interval"),
    [
        (None, "free", 7200),
        (None, "premium", 900),
        (60, "free", 7200),
        (7200, "free", 7200),
        (7201, "free", 7201),
        (1, "premium", 900),
        (86_400, "premium", 86_400),
    ],
)
def test_an_interval_is_raised_to_the_plans_minimum(requested: int | None, plan: Any, interval: int) -> None:
    assert interval_in_force(requested, LIMITS[plan]) == interval


def test_an_unasked_interval_of_ones_own_machine_is_a_minute() -> None:
    limits = limits_of("premium", self_hosted=True)

    assert interval_in_force(None, limits) == 60
    assert interval_in_force(5, limits) == 10
    assert interval_in_force(None, limits_of("premium", {"checkIntervalSeconds": None})) == 60


@pytest.mark.django_db
def test_limits_follow_plan_profile_and_overrides(settings: Settings) -> None:
    workspace = make_workspace(limit_overrides={"projects": 7})

    assert limits_in_force(workspace, now=NOW)["members"] is None
    settings.PROFILE = "saas"
    assert limits_in_force(workspace, now=NOW)["members"] == 10
    workspace.premium_until = NOW
    assert plan_of(workspace, now=NOW) == "free"
    assert limits_in_force(workspace, now=NOW)["members"] == 1
    assert limits_in_force(workspace, now=NOW)["projects"] == 7


@pytest.mark.django_db
def test_usage_counts_what_is_ones_own(settings: Settings) -> None:
    settings.PROFILE = "saas"
    ours, theirs = make_workspace(), make_workspace()
    for workspace in (ours, theirs):
        make_project(workspace)
    full = make_project(ours)
    make_device(full)
    make_device(full)
    make_seat(ours, "viewer")

    usage = usage_of(ours)

    assert (usage["projects"], usage["devicesMaxInProject"], usage["members"], usage["apiTokens"]) == (2, 2, 2, 0)


@pytest.fixture
def crowded(settings: Settings) -> Workspace:
    """A workspace with one project and one member more than its plan allows."""
    settings.PROFILE = "saas"
    workspace = make_workspace()
    make_project(workspace)
    make_project(workspace)
    make_seat(workspace, "viewer")
    workspace.limit_overrides = {"projects": 1, "members": 1}
    workspace.save()
    return workspace


@pytest.mark.django_db
def test_a_workspace_over_its_limits_is_locked_since_it_was_seen(crowded: Workspace) -> None:
    lock = write_lock(crowded, now=NOW)
    later = write_lock(Workspace.objects.get(pk=crowded.pk), now=NOW + timedelta(hours=1))

    assert lock.as_wire() == later.as_wire()
    assert lock.as_wire() == {
        "locked": True,
        "reason": "over_plan_limits",
        "over": [{"limit": "projects", "max": 1, "used": 2}, {"limit": "members", "max": 1, "used": 2}],
        "since": "2026-03-02T10:00:00.000Z",
    }


@pytest.mark.django_db
def test_a_locked_workspace_refuses_writes_and_says_what_is_over(crowded: Workspace) -> None:
    with pytest.raises(WriteLockedError) as refusal:
        ensure_writable(crowded, now=NOW)

    assert [item["limit"] for item in refusal.value.details["over"]] == ["projects", "members"]


@pytest.mark.django_db
def test_the_lock_lifts_the_moment_usage_fits_and_starts_anew_afterwards(crowded: Workspace) -> None:
    write_lock(crowded, now=NOW)
    crowded.limit_overrides = {"projects": 2, "members": 2}

    assert not write_lock(crowded, now=NOW).locked
    ensure_writable(crowded, now=NOW)
    assert Workspace.objects.get(pk=crowded.pk).locked_since is None

    crowded.limit_overrides = {"projects": 1}
    later = NOW + timedelta(days=9)
    assert write_lock(crowded, now=later).since == later


@pytest.mark.django_db
def test_a_workspace_without_limits_forgets_that_it_was_locked(crowded: Workspace, settings: Settings) -> None:
    write_lock(crowded, now=NOW)
    settings.PROFILE = "self_hosted"
    crowded.limit_overrides = {}

    assert write_lock(crowded, now=NOW).as_wire() == {"locked": False, "reason": None, "over": [], "since": None}
    assert Workspace.objects.get(pk=crowded.pk).locked_since is None
