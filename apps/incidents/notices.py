"""News that is no trouble: an incident that is born closed."""

from datetime import datetime

from django.db import transaction

from apps.alerts.models import AlertRule
from apps.alerts.types import Verdict
from apps.common.values import Ref
from apps.incidents.models import Incident
from apps.incidents.services import apply


@transaction.atomic
def add_notice(
    *,
    rule: AlertRule,
    ref: Ref,
    name: str,
    project_id: int | None,
    title: str,
    cause: str,
    cause_text: str,
    at: datetime,
    now: datetime,
) -> Incident | None:
    """Tell that something happened once: an incident that is born closed (address changed, command finished).

    `name` is the subject's, `cause` names the kind of news in at most 32 characters and tells two of one instant
    apart. The same news told again changes nothing. None for that, and where the rule is off.
    """
    if not rule.enabled or rule.deleted_at is not None:
        return None
    notice = Verdict(
        workspace_id=rule.workspace_id,
        rule_id=rule.pk,
        ref=ref,
        at=at,
        kind="notice",
        severity=rule.severity,  # type: ignore[arg-type]  # the column's choices are the names of SeverityName
        cause=cause,
        cause_text=cause_text,
        before=None,
        after=None,
        in_maintenance=False,
        name=name,
        project_id=project_id,
        title=title,
        metric=cause,
        generation=rule.generation,
    )
    told = apply(verdicts=[notice], now=now)
    return told[0] if told else None
