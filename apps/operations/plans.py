"""Changing what a workspace pays for, with everything that follows from it."""

from datetime import datetime

from django.db import transaction

from apps.audit.services import record
from apps.devices.services import fit_to_plan
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
    fit_to_plan(workspace=workspace, now=now)
    record(
        workspace=workspace,
        actor=actor,
        verb="workspace.plan",
        subject=workspace.name,
        at=now,
        changes={"plan": [before, plan]},
    )
    return workspace


def lapse_ended_terms(*, now: datetime, limit: int = 100) -> int:
    """Apply the Free plan to workspaces whose Premium term has ended; answers how many. Safe to run twice."""
    ended = Workspace.objects.filter(plan=Workspace.Plan.PREMIUM, plan_status="active", premium_until__lte=now)
    done = 0
    for workspace in ended.order_by("pk")[:limit]:
        with transaction.atomic():
            fit_to_plan(workspace=workspace, now=now)
            Workspace.objects.filter(pk=workspace.pk, premium_until__lte=now).update(plan_status="canceled")
        done += 1
    return done
