"""Rules as rows, and what they say about the changes and the reports that come in."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.alerts import judging
from apps.alerts.built_in import BUILT_IN, DEVICE_STATE, FIRST_RULES, BuiltIn
from apps.alerts.device_state import READING, judge
from apps.alerts.dockets import rules_in_force
from apps.alerts.documents import RuleDraft, checked, from_json, to_json, with_cover
from apps.alerts.models import AlertRule, RuleState, SubjectClock
from apps.alerts.states import can_judge
from apps.alerts.types import Sample, SilentReason, Subject, Verdict
from apps.audit import services as audit
from apps.common.clock import EPOCH
from apps.common.errors import ForbiddenError, InvalidInputError, NotFoundError, PlanLimitError
from apps.common.values import Ref
from apps.devices.models import Device
from apps.devices.selectors import parents_of
from apps.devices.types import Change
from apps.workspaces.models import Membership, Workspace
from apps.workspaces.services import next_number

MOST_RULES = 200
NUMBER_KIND = "alert_rule"


@transaction.atomic
def ensure_builtin_rules(*, workspace: Workspace | int) -> list[AlertRule]:
    """The workspace's built-in rules, made where they are missing. Safe to call again at any time."""
    workspace_id = workspace if isinstance(workspace, int) else workspace.pk
    there = set(AlertRule.objects.of(workspace_id).filter(number__lt=0).values_list("number", flat=True))
    missing = [_born(spec, workspace_id) for spec in BUILT_IN if spec.number not in there]
    AlertRule.objects.bulk_create(missing, ignore_conflicts=True)
    return list(AlertRule.objects.of(workspace_id).filter(number__lt=0).order_by("-number"))


def _born(spec: BuiltIn, workspace_id: int) -> AlertRule:
    return AlertRule(
        workspace_id=workspace_id,
        number=spec.number,
        key=spec.key,
        name=spec.name,
        subject_kind=spec.subject_kind,
        enabled=spec.enabled,
        conditions=to_json(spec.conditions),
        severity=spec.severity,
        cooldown_s=spec.cooldown_s,
        stale=spec.stale,
        created_at=EPOCH,
        updated_at=EPOCH,
        changed_at=EPOCH,
    )


@transaction.atomic
def create_first_rules(*, workspace: Workspace, now: datetime) -> list[AlertRule]:
    """The four rules that a fresh workspace has of its own: enabled, and about nothing until somebody says so."""
    return [_create(workspace=workspace, draft=draft, owner=None, now=now) for draft in FIRST_RULES]


@transaction.atomic
def create_rule(
    *, workspace: Workspace, draft: RuleDraft, owner: Membership | None = None, actor: str, now: datetime
) -> AlertRule:
    """Add a rule. With an owner it is only about what that seat reaches.

    InvalidInputError names the fields that are not possible (`documents.checked`), PlanLimitError when the workspace
    has as many rules as it may; nothing is changed then.
    """
    draft = checked(draft)
    # The lock queues creators, so two requests cannot both take the last place.
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    own = AlertRule.objects.of(workspace).filter(number__gt=0, deleted_at__isnull=True)
    if own.count() >= MOST_RULES:
        raise PlanLimitError(f"A workspace has at most {MOST_RULES} rules of its own.")
    rule = _create(workspace=workspace, draft=draft, owner=owner, now=now)
    _audit(rule, actor=actor, verb="rule.create", at=now)
    return rule


def _create(*, workspace: Workspace, draft: RuleDraft, owner: Membership | None, now: datetime) -> AlertRule:
    rule: AlertRule = AlertRule.objects.create(
        workspace=workspace,
        number=next_number(workspace_id=workspace.pk, kind=NUMBER_KIND),
        owner=owner,
        created_at=now,
        updated_at=now,
        changed_at=now,
        **_fields(draft),
    )
    return rule


def _fields(draft: RuleDraft) -> dict[str, Any]:
    return {
        "name": draft.name,
        "subject_kind": draft.subject_kind,
        "enabled": draft.enabled,
        "conditions": to_json(draft.conditions),
        "severity": draft.severity,
        "repeat": draft.repeat,
        "cooldown_s": draft.cooldown_s,
        "stale": draft.stale,
    }


def draft_of(rule: AlertRule) -> RuleDraft:
    """What people said about a rule, to be said differently."""
    return RuleDraft(
        name=rule.name,
        subject_kind=rule.subject_kind,  # type: ignore[arg-type]  # written from a RuleDraft
        conditions=from_json(rule.conditions),
        severity=rule.severity,  # type: ignore[arg-type]  # the column's choices are the names of SeverityName
        enabled=rule.enabled,
        repeat=rule.repeat,
        cooldown_s=rule.cooldown_s,
        stale=rule.stale,
    )


@dataclass(frozen=True, slots=True)
class Changed:
    """A rule after a change, and why what it has open ends with that, if it does."""

    rule: AlertRule
    reason: SilentReason | None


@transaction.atomic
def update_rule(*, rule: AlertRule, draft: RuleDraft, actor: str, now: datetime) -> Changed:
    """Say a rule differently. Whatever changes but the name begins a new generation and forgets what it stood at.

    InvalidInputError as `create_rule`; ForbiddenError for a built-in rule, which is only switched. The caller closes
    what is open with the reason (`apps.pipeline.rules` does both).
    """
    current = _current(rule)
    if current.built_in:
        raise ForbiddenError("Built-in rules can only be switched on and off.")
    draft = checked(draft)
    before, after = _fields(draft_of(current)), _fields(draft)
    differing = [name for name in after if after[name] != before[name]]
    for name in differing:
        setattr(current, name, after[name])
    current.updated_at = now
    reason = _begin_anew(current, differing, now=now)
    current.save()
    _audit(current, actor=actor, verb="rule.update", at=now, changes={"fields": differing} if differing else None)
    return Changed(current, reason)


def _begin_anew(rule: AlertRule, differing: Collection[str], *, now: datetime) -> SilentReason | None:
    if not set(differing) - {"name"}:
        return None
    rule.generation += 1
    rule.changed_at = now
    RuleState.objects.filter(rule=rule).delete()
    return "rule_updated" if rule.enabled else "rule_disabled"


@transaction.atomic
def switch_rule(*, rule: AlertRule, enabled: bool, actor: str, now: datetime) -> Changed:
    """Switch a rule on or off, a built-in one too. Switching it to what it is changes nothing."""
    current = _current(rule)
    if current.enabled == enabled:
        return Changed(current, None)
    current.enabled, current.updated_at = enabled, now
    reason = _begin_anew(current, ["enabled"], now=now)
    current.save()
    _audit(current, actor=actor, verb="rule.enable" if enabled else "rule.disable", at=now)
    return Changed(current, reason)


@transaction.atomic
def delete_rule(*, rule: AlertRule, actor: str, now: datetime) -> Changed:
    """Delete a rule of people's own. Its row stays for the incidents it opened, and its number is not used again."""
    current = _current(rule)
    if current.built_in:
        raise ForbiddenError("Built-in rules cannot be deleted.")
    current.deleted_at = current.updated_at = now
    current.enabled = False
    current.generation += 1
    current.save()
    RuleState.objects.filter(rule=current).delete()
    _audit(current, actor=actor, verb="rule.delete", at=now)
    return Changed(current, "rule_deleted")


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
    """Let every one of these rules cover every one of these subjects, or none of them (contract Dash 9.2).

    The generation stays: what a rule has open about other subjects goes on. InvalidInputError (`rules`, `subjects`)
    when a list is empty or names a rule that is not there; nothing is changed then.
    """
    rules = list(
        AlertRule.objects.of(workspace)
        .filter(number__in=numbers, deleted_at__isnull=True)
        .select_for_update(no_key=True)
        .order_by("pk")
    )
    if not numbers or len(rules) != len(set(numbers)):
        raise InvalidInputError(fields={"rules": "There is no such rule."})
    if not subjects or any(subject.workspace_id != workspace.pk for subject in subjects):
        raise InvalidInputError(fields={"subjects": "There is no such subject."})
    covered = [subject.number for subject in subjects]
    for rule in rules:
        rule.conditions = to_json(with_cover(from_json(rule.conditions), covered, covered=mounted))
        rule.updated_at = now
        rule.save(update_fields=["conditions", "updated_at"])
        _audit(rule, actor=actor, verb="rule.mount" if mounted else "rule.unmount", at=now, changes={"on": covered})
    if not mounted:
        _forget_states({subject.ref for subject in subjects}, workspace_id=workspace.pk, rules=rules)
    return rules


def forget(*, workspace_id: int, ref: Ref) -> None:
    """A subject is gone for good: nothing about where rules stand with it is kept."""
    for model in (RuleState, SubjectClock):
        model.objects.of(workspace_id).filter(subject_kind=ref.kind, subject_id=ref.id).delete()


def _forget_states(refs: Collection[Ref], *, workspace_id: int, rules: Collection[AlertRule]) -> None:
    for kind in {ref.kind for ref in refs}:
        ids = [ref.id for ref in refs if ref.kind == kind]
        rows = RuleState.objects.of(workspace_id).filter(subject_kind=kind, subject_id__in=ids)
        rows.filter(rule__in=rules).delete()


def judging_values(examples: Collection[Subject]) -> set[int]:
    """Workspaces with a rule in force that could judge values of a subject like the example: one look for a batch."""
    rules = rules_in_force([Sample(example, EPOCH, {}) for example in examples])
    return {
        example.workspace_id
        for example in examples
        if any(can_judge(rule, example) for rule in rules.get((example.workspace_id, example.ref.kind), ()))
    }


@transaction.atomic(savepoint=False)
def evaluate_samples(*, samples: Sequence[Sample], now: datetime, opens_from: datetime | None = None) -> list[Verdict]:
    """What the rules in force make of reports, oldest first; where they stand is kept.

    Called by the pipeline inside its transaction. A report that is not newer than the newest one judged of its
    subject says nothing, however often it is told. Before `opens_from` nothing opens: what would waits. Costs rules
    x subjects in time and a constant number of statements a batch, plus two for every workspace and kind in which
    something turned; SQLite takes what is written in portions of about a hundred rows.
    """
    return judging.judge_samples(samples, now=now, opens_from=opens_from)


@transaction.atomic
def evaluate_silence(
    *, subjects: Sequence[Subject], now: datetime, opens_from: datetime | None = None
) -> list[Verdict]:
    """What the rules in force make of subjects that may have fallen silent, looked at `now` by the server's clock.

    Rules about silence are judged; those that close on stale subjects withdraw. Running it again says nothing new.
    """
    return judging.judge_silence(subjects, now=now, opens_from=opens_from)


def _current(rule: AlertRule) -> AlertRule:
    """The row as it is now, locked; a deleted one is not there.

    The lock of a row that stays: reports that refer to the rule need not wait, or both might wait for each other.
    """
    rows = AlertRule.objects.of(rule.workspace_id).select_for_update(no_key=True)
    current: AlertRule | None = rows.filter(pk=rule.pk, deleted_at__isnull=True).first()
    if current is None:
        raise NotFoundError("There is no such rule.")
    return current


def _audit(rule: AlertRule, *, actor: str, verb: str, at: datetime, changes: dict[str, Any] | None = None) -> None:
    subject = f"rule {rule.number}: {rule.name}"
    audit.record(workspace=rule.workspace_id, actor=actor, verb=verb, subject=subject, at=at, changes=changes)


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
