"""Replays dashmon_permissions.json: gates, effective plan, write lock, plan limits, intervals."""

from collections.abc import Callable, Mapping
from typing import Any

from apps.api.dashmon.errors import STATUS
from apps.api.dashmon.gates import ANONYMOUS, Caller, decide, gate_of
from apps.common.clock import parse_iso
from apps.common.errors import PlanLimitError
from apps.workspaces.permissions import TOKEN_READ_ONLY, TOKEN_READ_WRITE, Actor
from apps.workspaces.plans import effective_plan, ensure_room, excesses, interval_in_force, limits_of

SOME_PROJECT = frozenset({1})
ACTORS: dict[str, Caller] = {
    "anonymous": ANONYMOUS,
    "owner": Caller.of("session", Actor(1, "owner", "owner")),
    "admin": Caller.of("session", Actor(1, "admin", "admin")),
    "editor": Caller.of("session", Actor(1, "editor", "editor")),
    "editor_scoped": Caller.of("session", Actor(1, "editor", "editor", projects=SOME_PROJECT)),
    "viewer": Caller.of("session", Actor(1, "viewer", "viewer")),
    "token_rw": Caller.of("bearer", Actor(1, "editor", "token", grants=TOKEN_READ_WRITE)),
    "token_ro": Caller.of("bearer", Actor(1, "viewer", "token", grants=TOKEN_READ_ONLY), read_only=True),
}


def _same(got: Any, expected: Any, what: str) -> None:
    assert got == expected, f"{what}: expected {expected!r}, got {got!r}"


def _gate(case: Mapping[str, Any]) -> None:
    gate = gate_of(case["method"], case["route"])
    assert gate is not None, f"no gate for {case['method']} {case['route']}"
    refusal = decide(
        gate,
        ACTORS[case["actor"]],
        plan=case["plan"],
        locked=case["writeLocked"],
        in_scope=case.get("inScope", True),
    )
    got = {
        "allowed": refusal is None,
        "status": None if refusal is None else refusal.status,
        "code": None if refusal is None else refusal.code,
    }
    _same(got, case["expect"], f"{case['method']} {case['route']} as {case['actor']}")


def _effective_plan(case: Mapping[str, Any]) -> None:
    user = case["user"]
    until = user.get("premium_until")
    plan = effective_plan(
        plan=user.get("plan"),
        status=user.get("plan_status"),
        premium_until=None if until is None else parse_iso(until),
        now=parse_iso(case["now"]),
    )
    _same(plan, case["expect"]["plan"], "effective plan")


def _write_lock(case: Mapping[str, Any]) -> None:
    over = excesses(case["usage"], limits_of(case["plan"], case.get("limitOverrides")))
    wire = [{"limit": item.limit, "max": item.max, "used": item.used} for item in over]
    _same({"locked": bool(over), "over": wire}, case["expect"], "write lock")


def _create(case: Mapping[str, Any]) -> None:
    got: dict[str, Any] = {"allowed": True}
    try:
        ensure_room(case["limit"], used=case["used"], limits=limits_of(case["plan"], case.get("limitOverrides")))
    except PlanLimitError as error:
        got = {
            "allowed": False,
            "status": STATUS[error.code],
            "code": error.code,
            "error": error.message,
            "details": error.details,
        }
    # A case that says nothing about the sentence leaves it open.
    _same({name: got[name] for name in case["expect"]}, case["expect"], "creating one more")


def _interval(case: Mapping[str, Any]) -> None:
    interval = interval_in_force(case["requested"], limits_of(case["plan"], case.get("limitOverrides")))
    _same(interval, case["expect"]["ping_interval"], "interval in force")


KINDS: dict[str, Callable[[Mapping[str, Any]], None]] = {
    "gate": _gate,
    "effectivePlan": _effective_plan,
    "writeLock": _write_lock,
    "create": _create,
    "interval": _interval,
}


def replay(_document: dict[str, Any], case: dict[str, Any]) -> None:
    """Judge one case; AssertionError when the product disagrees."""
    assert case["kind"] in KINDS, f"unknown kind {case['kind']!r}"
    KINDS[case["kind"]](case)


CASES: dict[str, Callable[[dict[str, Any], dict[str, Any]], None]] = {"dashmon_permissions": replay}
