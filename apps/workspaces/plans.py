"""What a plan allows: limits, effective plan, write lock. Contract Dashmon section 2, dashmon_permissions.json."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from apps.common.errors import PlanLimitError

PlanName = Literal["free", "premium"]
Limit = Literal[
    "projects",
    "devicesPerProject",
    "checkIntervalSeconds",
    "historyDays",
    "members",
    "statusPages",
    "apiTokens",
    "tagsPerDevice",
    "tags",
    "escalationSteps",
    "onCallSchedules",
    "incidentDays",
    "nodes",
]

LIMITS: dict[PlanName, dict[Limit, int | None]] = {
    "free": {
        "projects": 3,
        "devicesPerProject": 15,
        "checkIntervalSeconds": 7200,
        "historyDays": 7,
        "members": 1,
        "statusPages": 0,
        "apiTokens": 0,
        "tagsPerDevice": 10,
        "tags": 50,
        "escalationSteps": 1,
        "onCallSchedules": 0,
        "incidentDays": 7,
        "nodes": 5,
    },
    "premium": {
        "projects": 10,
        "devicesPerProject": 15,
        "checkIntervalSeconds": 900,
        "historyDays": 90,
        "members": 10,
        "statusPages": 5,
        "apiTokens": 10,
        "tagsPerDevice": 20,
        "tags": 500,
        "escalationSteps": 10,
        "onCallSchedules": 5,
        "incidentDays": 400,
        "nodes": 100,
    },
}
# One's own machine: every workspace Premium, nothing counted, the check interval bounded by sense only.
SELF_HOSTED: dict[Limit, int | None] = {
    "projects": None,
    "devicesPerProject": None,
    "checkIntervalSeconds": 10,
    "historyDays": 400,
    "members": None,
    "statusPages": None,
    "apiTokens": None,
    "tagsPerDevice": None,
    "tags": None,
    "escalationSteps": None,
    "onCallSchedules": None,
    "incidentDays": 400,
    "nodes": None,
}
# An interval for a new device when nobody asked for one and the plan would allow a very short one.
USUAL_INTERVAL_S = 60

_USAGE_OF: dict[str, Limit] = {
    "projects": "projects",
    "devicesMaxInProject": "devicesPerProject",
    "members": "members",
    "statusPages": "statusPages",
}
_SENTENCES: dict[str, str] = {
    "projects": "Plan limit reached. Your plan allows {max} projects.",
    "devicesPerProject": "Plan limit reached. Your plan allows {max} devices per project.",
    "members": "Plan limit reached. Your plan allows {max} members.",
    "apiTokens": "Plan limit reached. Your plan allows {max} API tokens.",
    "tagsPerDevice": "Plan limit reached. Your plan allows {max} tags per device.",
    "nodes": "Plan limit reached. Your plan allows {max} nodes.",
    "tags": "Plan limit reached. Your plan allows {max} different tags.",
    "escalationSteps": "Plan limit reached. Your plan allows {max} escalation steps per project.",
    "onCallSchedules": "Plan limit reached. Your plan allows {max} on-call schedules per project.",
}


@dataclass(frozen=True, slots=True)
class Excess:
    """One limit that usage exceeds."""

    limit: Limit
    max: int
    used: int


def effective_plan(*, plan: str | None, status: str | None, premium_until: datetime | None, now: datetime) -> PlanName:
    """Premium only while plan and status say so and the term has not ended; its last instant is outside."""
    if (plan or "").strip().lower() != "premium" or (status or "active").strip().lower() != "active":
        return "free"
    return "premium" if premium_until is None or now < premium_until else "free"


def limits_of(
    plan: PlanName, overrides: Mapping[str, Any] | None = None, *, self_hosted: bool = False
) -> dict[Limit, int | None]:
    """Every limit in force; None means no limit. An operator's override wins over plan and profile."""
    limits = dict(LIMITS[plan])
    if self_hosted and plan == "premium":
        limits.update(SELF_HOSTED)
    limits.update({name: value for name, value in (overrides or {}).items() if name in limits})
    return limits


def excesses(usage: Mapping[str, int], limits: Mapping[Limit, int | None]) -> list[Excess]:
    """Limits that usage is over, in the contract's order; any one of them locks writes."""
    over = []
    for counted, limit in _USAGE_OF.items():
        most, used = limits[limit], usage.get(counted, 0)
        if most is not None and used > most:
            over.append(Excess(limit, most, used))
    return over


def ensure_room(limit: Limit, *, used: int, limits: Mapping[Limit, int | None], more: int = 1) -> None:
    """Raise PlanLimitError when `more` on top of `used` would exceed the limit."""
    most = limits[limit]
    if most is not None and used + more > most:
        sentence = _SENTENCES.get(limit, "Plan limit reached.").format(max=most)
        raise PlanLimitError(sentence, details={"limit": limit, "max": most, "used": used})


def interval_in_force(requested: int | None, limits: Mapping[Limit, int | None]) -> int:
    """Seconds between checks: what was asked for, raised to the plan's minimum."""
    least = limits["checkIntervalSeconds"] or 1
    if requested is None:
        return max(least, USUAL_INTERVAL_S)
    return max(requested, least)
