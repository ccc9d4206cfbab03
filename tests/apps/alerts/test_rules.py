"""Rules as rows: born, written, switched, deleted, mounted."""

from dataclasses import replace

import pytest
from django.db import connection, transaction

from apps.alerts import services
from apps.alerts.built_in import BUILT_IN, FIRST_RULES
from apps.alerts.conditions import Condition
from apps.alerts.cycles import Cycle
from apps.alerts.documents import RuleDraft, cover_of, from_json, to_json
from apps.alerts.models import AlertRule, RuleState
from apps.alerts.selectors import rule_by_number, rules_of
from apps.alerts.windows import Now, Share, Streak
from apps.audit.models import AuditEntry
from apps.common.errors import ForbiddenError, InvalidInputError, NotFoundError, PlanLimitError
from apps.common.values import Cover
from apps.workspaces.models import Workspace
from tests import factories
from tests.apps.alerts.making import START, at, subject
from tests.together import at_once

CPU = Condition("cpu.ratio", "ge", 0.9, window=Streak(60), missing="clear")
DRAFT = RuleDraft("CPU high", "node", (CPU,))
CONDITIONS = (
    CPU,
    Condition("net.tx_bytes", "outside", high=1e12, window=Cycle(START, 1, "month", "Europe/Berlin"), missing="zero"),
    Condition("cpu.load1", "gt", 0, 1, plus="cores", window=Share(5, every=True), missing="bad"),
    Condition("disk.ratio[sda]", "outside", low=0.1, window=Now(), cover=Cover(False, frozenset({3, 1}))),
)


@pytest.fixture
def workspace(db: None) -> Workspace:
    return factories.make_workspace()


def make(workspace: Workspace, draft: RuleDraft = DRAFT, *, seconds: float = 0) -> AlertRule:
    return services.create_rule(workspace=workspace, draft=draft, actor="ana@example.com", now=at(seconds))


def stand(rule: AlertRule, phase: str = "firing", *, number: int = 7) -> RuleState:
    return RuleState.objects.create(
        workspace_id=rule.workspace_id,
        rule=rule,
        generation=rule.generation,
        subject_kind="node",
        subject_id=number,
        phase=phase,
    )


def verbs(workspace: Workspace) -> list[str]:
    entries = AuditEntry.objects.of(workspace).filter(verb__startswith="rule.")
    return list(entries.order_by("id").values_list("verb", flat=True))


def test_a_fresh_workspace_has_the_built_in_rules_and_four_of_its_own_about_nothing(workspace: Workspace) -> None:
    built_in, own = rules_of(workspace, built_in=True), rules_of(workspace, built_in=False)

    assert [(rule.number, rule.key) for rule in built_in] == [(spec.number, spec.key) for spec in BUILT_IN]
    assert [from_json(rule.conditions) for rule in built_in] == [spec.conditions for spec in BUILT_IN]
    assert [rule.number for rule in own] == [4, 3, 2, 1]
    assert [services.draft_of(rule) for rule in reversed(own)] == list(FIRST_RULES)
    assert {cover_of(from_json(rule.conditions)) for rule in own} == {Cover(default_on=False)}


def test_built_in_rules_come_back_but_rules_that_people_deleted_do_not(workspace: Workspace) -> None:
    services.delete_rule(rule=rule_by_number(workspace, 1), actor="ana", now=START)
    AlertRule.objects.of(workspace).filter(number=-3).delete()

    services.ensure_builtin_rules(workspace=workspace)

    assert len(rules_of(workspace, built_in=True)) == len(BUILT_IN)
    assert [rule.number for rule in rules_of(workspace, built_in=False)] == [4, 3, 2]


@pytest.mark.parametrize("condition", CONDITIONS, ids=lambda condition: condition.metric)
def test_a_condition_reads_back_as_it_was_kept(condition: Condition) -> None:
    assert from_json(to_json([condition])) == (condition,)


def test_a_rule_is_numbered_on_and_audited(workspace: Workspace) -> None:
    rule = make(workspace, RuleDraft("  CPU \n high ", "node", CONDITIONS, severity="critical", cooldown_s=60))

    assert (rule.number, rule.name, rule.generation, rule.changed_at) == (5, "CPU high", 1, START)
    assert services.draft_of(rule).conditions == CONDITIONS
    assert verbs(workspace) == ["rule.create"]


@pytest.mark.parametrize(
    ("draft", "field"),
    [
        (replace(DRAFT, name="  "), "name"),
        (replace(DRAFT, name="x" * 121), "name"),
        (replace(DRAFT, severity="loud"), "severity"),
        (replace(DRAFT, cooldown_s=-1), "cooldown_s"),
        (replace(DRAFT, cooldown_s=10**9), "cooldown_s"),
        (replace(DRAFT, conditions=()), "conditions"),
        (replace(DRAFT, conditions=(CPU,) * 11), "conditions"),
        (replace(DRAFT, subject_kind="device"), "conditions.0.metric"),
        (replace(DRAFT, subject_kind="planet"), "conditions.0.metric"),
        (replace(DRAFT, conditions=(CPU, replace(CPU, op="like"))), "conditions.1.op"),
        (replace(DRAFT, conditions=(replace(CPU, missing="guess"),)), "conditions.0.missing"),
        (replace(DRAFT, conditions=(replace(CPU, bound=float("nan")),)), "conditions.0.bound"),
        (replace(DRAFT, conditions=(replace(CPU, low=float("inf")),)), "conditions.0.low"),
        (replace(DRAFT, conditions=(replace(CPU, plus="cores"),)), "conditions.0.plus"),
        (replace(DRAFT, conditions=(replace(CPU, window=Streak(-1)),)), "conditions.0.window"),
        (replace(DRAFT, conditions=(replace(CPU, window=Share(0)),)), "conditions.0.window"),
        (replace(DRAFT, conditions=(replace(CPU, window=Share(10**6)),)), "conditions.0.window"),
        (replace(DRAFT, conditions=(replace(CPU, window=Cycle(START, 1, "day")),)), "conditions.0.window"),
        (replace(DRAFT, conditions=(replace(CPU, cover=Cover(True, frozenset({0}))),)), "conditions.0.cover"),
        (replace(DRAFT, conditions=(replace(CPU, op="changed"),)), "conditions.0.window"),
    ],
)
def test_what_is_not_possible_is_named_and_nothing_is_made(workspace: Workspace, draft: RuleDraft, field: str) -> None:
    before = AlertRule.objects.count()

    with pytest.raises(InvalidInputError) as refusal:
        make(workspace, draft)

    assert list(refusal.value.fields) == [field]
    assert AlertRule.objects.count() == before
    assert verbs(workspace) == []


@pytest.mark.parametrize(
    ("cycle", "fine"),
    [
        (Cycle(START, 1, "month"), True),
        (Cycle(START, 1, "month", "Mars/Olympus"), False),
        (Cycle(START, 0, "month"), False),
        (Cycle(START.replace(tzinfo=None), 1, "month"), False),
        (Cycle(START, 1, "fortnight"), False),
    ],
)
def test_a_cycle_needs_an_instant_a_unit_and_a_zone_that_there_are(workspace, cycle: Cycle, fine: bool) -> None:
    condition = Condition("net.rx_bytes", "outside", high=1, window=cycle)
    if fine:
        make(workspace, replace(DRAFT, conditions=(condition,)))
        return
    with pytest.raises(InvalidInputError):
        make(workspace, replace(DRAFT, conditions=(condition,)))


def test_a_workspace_has_only_so_many_rules(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_RULES", 5)
    make(workspace)

    with pytest.raises(PlanLimitError):
        make(workspace)


def test_another_name_changes_nothing_else(workspace: Workspace) -> None:
    rule = make(workspace)
    stand(rule)

    changed = services.update_rule(rule=rule, draft=replace(DRAFT, name="Busy"), actor="ana", now=at(60))

    assert (changed.reason, changed.rule.name, changed.rule.generation) == (None, "Busy", 1)
    assert (changed.rule.changed_at, changed.rule.updated_at) == (START, at(60))
    assert RuleState.objects.filter(rule=rule).exists()


@pytest.mark.parametrize(
    "draft",
    [
        replace(DRAFT, severity="critical"),
        replace(DRAFT, cooldown_s=60),
        replace(DRAFT, repeat="tick"),
        replace(DRAFT, stale="close"),
        replace(DRAFT, conditions=(replace(CPU, bound=0.8),)),
        replace(DRAFT, conditions=(CPU, replace(CPU, metric="mem.ratio"))),
    ],
)
def test_every_other_change_begins_a_generation_and_forgets_where_the_rule_stood(workspace, draft: RuleDraft) -> None:
    rule, other = make(workspace), make(workspace)
    stand(rule)
    stand(other)

    changed = services.update_rule(rule=rule, draft=draft, actor="ana", now=at(60))

    assert (changed.reason, changed.rule.generation, changed.rule.changed_at) == ("rule_updated", 2, at(60))
    assert [state.rule_id for state in RuleState.objects.all()] == [other.pk]


def test_switching_off_ends_what_it_said_and_switching_on_begins_anew(workspace: Workspace) -> None:
    rule = make(workspace)
    stand(rule)

    off = services.switch_rule(rule=rule, enabled=False, actor="ana", now=at(60))
    again = services.switch_rule(rule=rule, enabled=False, actor="ana", now=at(90))
    on = services.switch_rule(rule=rule, enabled=True, actor="ana", now=at(120))

    assert [changed.reason for changed in (off, again, on)] == ["rule_disabled", None, "rule_updated"]
    assert (on.rule.generation, on.rule.changed_at) == (3, at(120))
    assert not RuleState.objects.exists()
    assert verbs(workspace) == ["rule.create", "rule.disable", "rule.enable"]


def test_a_deleted_rule_is_not_there_and_its_number_is_not_used_again(workspace: Workspace) -> None:
    rule = make(workspace)

    services.delete_rule(rule=rule, actor="ana", now=at(60))

    with pytest.raises(NotFoundError):
        rule_by_number(workspace, rule.number)
    with pytest.raises(NotFoundError):
        services.switch_rule(rule=rule, enabled=True, actor="ana", now=at(90))
    assert make(workspace).number == rule.number + 1


def test_built_in_rules_are_only_switched(workspace: Workspace) -> None:
    rule = rule_by_number(workspace, -1)

    with pytest.raises(ForbiddenError):
        services.update_rule(rule=rule, draft=DRAFT, actor="ana", now=START)
    with pytest.raises(ForbiddenError):
        services.delete_rule(rule=rule, actor="ana", now=START)

    assert services.switch_rule(rule=rule, enabled=False, actor="ana", now=START).rule.enabled is False


def test_mounting_touches_the_cover_and_not_the_generation(workspace: Workspace) -> None:
    rule = make(workspace, replace(DRAFT, conditions=(replace(CPU, cover=Cover(default_on=False)),)))
    nodes = [subject(7, workspace_id=workspace.pk), subject(8, workspace_id=workspace.pk)]

    services.mount_rules(
        workspace=workspace, numbers=[rule.number, -1], subjects=nodes, mounted=True, actor="ana", now=START
    )
    services.mount_rules(
        workspace=workspace, numbers=[rule.number, -1], subjects=nodes[:1], mounted=False, actor="ana", now=START
    )

    rule.refresh_from_db()
    assert (cover_of(from_json(rule.conditions)), rule.generation) == (Cover(False, frozenset({8})), 1)
    offline = rule_by_number(workspace, -1)
    assert cover_of(from_json(offline.conditions)) == Cover(True, frozenset({7}))


def test_unmounting_forgets_only_the_subjects_that_it_is_about(workspace: Workspace) -> None:
    rule = make(workspace)
    stand(rule, number=7)
    stand(rule, number=8)

    services.mount_rules(
        workspace=workspace,
        numbers=[rule.number],
        subjects=[subject(7, workspace_id=workspace.pk)],
        mounted=False,
        actor="ana",
        now=START,
    )

    assert [state.subject_id for state in RuleState.objects.all()] == [8]


def test_mounting_what_is_not_there_changes_nothing(workspace: Workspace) -> None:
    rule, node = make(workspace), subject(7, workspace_id=workspace.pk)
    foreign = make(factories.make_workspace(), seconds=1)
    before = AlertRule.objects.get(pk=rule.pk).conditions

    for numbers, subjects in (
        ([], [node]),
        ([rule.number], []),
        ([rule.number, 99], [node]),
        ([rule.number], [subject(7, workspace_id=foreign.workspace_id)]),
    ):
        with pytest.raises(InvalidInputError):
            services.mount_rules(
                workspace=workspace, numbers=numbers, subjects=subjects, mounted=False, actor="ana", now=START
            )

    assert AlertRule.objects.get(pk=rule.pk).conditions == before


def test_a_foreign_rule_is_not_there(workspace: Workspace) -> None:
    foreign = make(factories.make_workspace())

    with pytest.raises(NotFoundError):
        rule_by_number(workspace, foreign.number)
    assert foreign.pk not in {rule.pk for rule in rules_of(workspace)}


def test_forgetting_a_subject_keeps_nothing_about_it(workspace: Workspace) -> None:
    rule = make(workspace)
    gone = subject(7, workspace_id=workspace.pk)
    stand(rule)

    services.forget(workspace_id=workspace.pk, ref=gone.ref)

    assert not RuleState.objects.exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_a_report_does_not_wait_for_whoever_changes_its_rule() -> None:
    rule = make(factories.make_workspace())

    def report() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '2s'")
        stand(rule)

    # Whoever changes the rule forgets next what reports have written: who waits for the other would wait for ever.
    with transaction.atomic():
        services.switch_rule(rule=rule, enabled=False, actor="ana", now=at(60))
        assert at_once(report) == [None]
