"""Built-in rule -5: a device that is down or degraded is trouble, a device that is up is not."""

from apps.alerts.types import SeverityName, Verdict, VerdictKind
from apps.common.values import Ref
from apps.devices.types import Change, StateName

READING: dict[StateName, VerdictKind] = {"down": "bad", "warning": "bad", "up": "ok", "unknown": "missing"}


def severity_of(change: Change, *, own: str) -> SeverityName:
    """Contract Dashmon 9.1: down is critical and warning is warning, unless the device says otherwise.

    `own` is the device's own severity or ""; it outranks the one a probe attached to its finding.
    """
    chosen = own or change.severity or ("critical" if change.after == "down" else "warning")
    return "critical" if chosen == "critical" else "warning"


def judge(
    change: Change,
    *,
    rule_id: int,
    name: str,
    project_id: int | None,
    own_severity: str,
    parents: tuple[int, ...] = (),
) -> Verdict:
    """The rule's verdict on a change of state; the device's facts are handed in."""
    return Verdict(
        workspace_id=change.workspace_id,
        rule_id=rule_id,
        ref=Ref("device", change.device_id),
        at=change.at,
        kind=READING[change.after],
        severity=severity_of(change, own=own_severity),
        cause=change.cause,
        cause_text=change.cause_text,
        before=change.before,
        after=change.after,
        in_maintenance=change.in_maintenance,
        name=name,
        project_id=project_id,
        flapping=change.flapping,
        parents=parents,
    )
