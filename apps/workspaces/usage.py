"""How much of its plan a workspace uses. Apps above register what they count; this one never looks up."""

from collections.abc import Callable
from datetime import datetime

from django.conf import settings

from apps.workspaces.models import Workspace
from apps.workspaces.plans import Limit, PlanName, effective_plan, limits_of

Counter = Callable[[int], int]
_COUNTERS: dict[str, Counter] = {}


def register_counter(name: str, counter: Counter) -> None:
    """Count `name` (projects, devicesMaxInProject, statusPages, apiTokens) by workspace key from now on."""
    _COUNTERS[name] = counter


def usage_of(workspace: Workspace) -> dict[str, int]:
    """Everything counted, by the names of contract Dashmon section 4 (`usage` of /api/me)."""
    return {name: counter(workspace.pk) for name, counter in sorted(_COUNTERS.items())}


def plan_of(workspace: Workspace, *, now: datetime) -> PlanName:
    """The plan in force at this instant."""
    return effective_plan(
        plan=workspace.plan, status=workspace.plan_status, premium_until=workspace.premium_until, now=now
    )


def limits_in_force(workspace: Workspace, *, now: datetime) -> dict[Limit, int | None]:
    """Limits of the workspace at this instant, with the profile and the operator's overrides."""
    return limits_of(
        plan_of(workspace, now=now),
        workspace.limit_overrides,
        self_hosted=settings.PROFILE == "self_hosted",
    )
