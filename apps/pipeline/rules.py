"""Changing a rule, and ending in the same transaction what it has open: the one door for every surface."""

from collections.abc import Collection
from datetime import datetime

from django.db import transaction

from apps.alerts import services as alerts
from apps.alerts.documents import RuleDraft
from apps.alerts.models import AlertRule
from apps.alerts.services import Changed
from apps.alerts.types import Subject
from apps.incidents import services as incidents
from apps.workspaces.models import Workspace


@transaction.atomic
def update_rule(*, rule: AlertRule, draft: RuleDraft, actor: str, now: datetime) -> AlertRule:
    """Say a rule differently; whatever changes but its name ends what is open, silently."""
    return _settle(alerts.update_rule(rule=rule, draft=draft, actor=actor, now=now), now=now)


@transaction.atomic
def switch_rule(*, rule: AlertRule, enabled: bool, actor: str, now: datetime) -> AlertRule:
    """Switch a rule on or off; off ends what is open, silently."""
    return _settle(alerts.switch_rule(rule=rule, enabled=enabled, actor=actor, now=now), now=now)


@transaction.atomic
def delete_rule(*, rule: AlertRule, actor: str, now: datetime) -> AlertRule:
    """Delete a rule of people's own; what it has open ends silently, what it once opened stays to be read."""
    return _settle(alerts.delete_rule(rule=rule, actor=actor, now=now), now=now)


@transaction.atomic
def mount_rules(
    *,
    workspace: Workspace,
    numbers: Collection[int],
    subjects: Collection[Subject],
    mounted: bool,
    actor: str,
    now: datetime,
) -> list[AlertRule]:
    """Let rules cover subjects, or no longer; what they have open about subjects that are uncovered ends silently."""
    rules = alerts.mount_rules(
        workspace=workspace, numbers=numbers, subjects=subjects, mounted=mounted, actor=actor, now=now
    )
    if not mounted:
        refs = {subject.ref for subject in subjects}
        incidents.close_of_rules(rules=[rule.pk for rule in rules], reason="unmounted", refs=refs, now=now)
    return rules


def _settle(changed: Changed, *, now: datetime) -> AlertRule:
    if changed.reason is not None:
        incidents.close_of_rules(rules=[changed.rule.pk], reason=changed.reason, now=now)
    return changed.rule
