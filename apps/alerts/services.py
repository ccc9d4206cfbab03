"""Rules as rows, and what they say about the changes that come in."""

from collections.abc import Iterable, Sequence

from django.db import transaction

from apps.alerts.device_state import READING, judge
from apps.alerts.models import DEVICE_STATE, AlertRule
from apps.alerts.types import Verdict
from apps.devices.models import Device
from apps.devices.selectors import parents_of
from apps.devices.types import Change
from apps.workspaces.models import Workspace

BUILT_IN = ((DEVICE_STATE, "device_state", "Device state"),)


@transaction.atomic
def ensure_builtin_rules(*, workspace: Workspace | int) -> list[AlertRule]:
    """The workspace's built-in rules, made where they are missing. Safe to call again at any time."""
    workspace_id = workspace if isinstance(workspace, int) else workspace.pk
    rules = []
    for number, key, name in BUILT_IN:
        rule, _ = AlertRule.objects.of(workspace_id).get_or_create(
            number=number, defaults={"workspace_id": workspace_id, "key": key, "name": name}
        )
        rules.append(rule)
    return rules


@transaction.atomic
def evaluate(*, changes: Sequence[Change]) -> list[Verdict]:
    """What the rules make of a batch of changes, in the order of the changes.

    Called by the pipeline inside its transaction. A change of a device that no longer exists, or of a workspace
    that switched the rule off, says nothing. Writes nothing but a missing built-in rule.
    """
    rules = _state_rules({change.workspace_id for change in changes})
    devices = _devices(changes)
    parents = parents_of({change.device_id for change in changes if READING[change.after] == "bad"})
    verdicts = []
    for change in changes:
        rule = rules.get(change.workspace_id)
        device = devices.get((change.workspace_id, change.device_id))
        if rule is None or device is None or not rule.enabled:
            continue
        verdict = judge(
            change,
            rule_id=rule.pk,
            name=device.name,
            project_id=device.project_id,
            own_severity=device.severity,
            parents=parents.get(change.device_id, ()),
        )
        verdicts.append(verdict)
    return verdicts


def _state_rules(workspace_ids: set[int]) -> dict[int, AlertRule]:
    rows = AlertRule.objects.filter(workspace_id__in=workspace_ids, number=DEVICE_STATE)
    rules: dict[int, AlertRule] = {rule.workspace_id: rule for rule in rows}
    for workspace_id in workspace_ids - rules.keys():
        # Workspaces are born with their rules; one that is older than a rule gets it here.
        built_in = ensure_builtin_rules(workspace=workspace_id)
        rules[workspace_id] = next(rule for rule in built_in if rule.number == DEVICE_STATE)
    return rules


def _devices(changes: Iterable[Change]) -> dict[tuple[int, int], Device]:
    wanted = {(change.workspace_id, change.device_id) for change in changes}
    rows = Device.objects.filter(
        workspace_id__in={workspace for workspace, _ in wanted}, pk__in={device for _, device in wanted}
    ).only("workspace_id", "project_id", "name", "severity")
    return {(device.workspace_id, device.pk): device for device in rows}
