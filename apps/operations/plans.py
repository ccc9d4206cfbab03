"""Changing what a workspace pays for, with everything that follows from it."""

from datetime import datetime

from django.db import transaction

from apps.audit.services import record
from apps.pipeline.lifecycle import follow_plan
from apps.workspaces.models import Workspace


@transaction.atomic
def change_plan(
    *,
    workspace: Workspace,
    plan: Workspace.Plan,
    source: str,
    actor: str,
    now: datetime,
    premium_until: datetime | None = None,
) -> Workspace:
    """Put a workspace on a plan at once; intervals and Premium monitors follow in the same transaction."""
    before = workspace.plan
    workspace.plan, workspace.plan_status, workspace.plan_source = plan, "active", source
    workspace.premium_until = premium_until
    workspace.save(update_fields=["plan", "plan_status", "plan_source", "premium_until"])
    _follow(workspace, actor=actor, before=before, after=plan, now=now)
    return workspace


def lapse_ended_terms(*, now: datetime, limit: int = 100) -> int:
    """Apply the Free plan to workspaces whose Premium term has ended; answers how many. Safe to run twice."""
    ended = Workspace.objects.filter(plan=Workspace.Plan.PREMIUM, plan_status="active", premium_until__lte=now)
    # A closed one must not be scheduled again by what follows; once reopened, its term ends at the next look.
    ended = ended.filter(closed_at__isnull=True)
    keys = ended.order_by("premium_until", "pk").values_list("pk", flat=True)[:limit]
    return sum(_lapse(pk, now=now) for pk in list(keys))


@transaction.atomic
def _lapse(pk: int, *, now: datetime) -> bool:
    # Looked at again under its lock: a term that was renewed meanwhile has not ended.
    ended = Workspace.objects.filter(plan=Workspace.Plan.PREMIUM, plan_status="active", premium_until__lte=now)
    workspace = ended.filter(closed_at__isnull=True).select_for_update().filter(pk=pk).first()
    if workspace is None:
        return False
    workspace.plan_status = "canceled"
    workspace.save(update_fields=["plan_status"])
    _follow(workspace, actor="term", before=Workspace.Plan.PREMIUM, after=Workspace.Plan.FREE, now=now)
    return True


def _follow(workspace: Workspace, *, actor: str, before: str, after: str, now: datetime) -> None:
    follow_plan(workspace=workspace, now=now)
    record(
        workspace=workspace,
        actor=actor,
        verb="workspace.plan",
        subject=workspace.name,
        at=now,
        changes={"plan": [before, after]},
    )
