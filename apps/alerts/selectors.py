"""Reads of rules; the deleted ones are not there."""

from collections.abc import Sequence

from django.db.models import Count, Q

from apps.alerts.models import AlertRule, RuleState
from apps.common.errors import NotFoundError
from apps.workspaces.models import Workspace


def rules_of(workspace: Workspace | int, *, built_in: bool | None = None) -> Sequence[AlertRule]:
    """All rules, people's own newest first and then the built-in ones; `built_in` limits it to one of the two.

    Each carries `firing`: about how many subjects it has something open by now.
    """
    rows = AlertRule.objects.of(workspace).filter(deleted_at__isnull=True)
    if built_in is not None:
        rows = rows.filter(number__lt=0) if built_in else rows.filter(number__gt=0)
    counted = rows.annotate(firing=Count("states", filter=Q(states__phase=RuleState.Phase.FIRING)))
    return list(counted.order_by("-number"))


def rule_by_number(workspace: Workspace | int, number: int) -> AlertRule:
    """One rule; NotFoundError when it is unknown, deleted or of another workspace, all alike."""
    rule: AlertRule | None = AlertRule.objects.of(workspace).filter(number=number, deleted_at__isnull=True).first()
    if rule is None:
        raise NotFoundError("There is no such rule.")
    return rule


def states_of(rule: AlertRule) -> Sequence[RuleState]:
    """Where a rule stands with the subjects it is not idle about, for surfaces that show it."""
    return list(RuleState.objects.of(rule.workspace_id).filter(rule=rule).order_by("subject_kind", "subject_id"))
