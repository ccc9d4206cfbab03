"""Batches of reports against all rules: verdicts, what is kept, and what that costs."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.alerts import services
from apps.alerts.conditions import Condition
from apps.alerts.documents import RuleDraft
from apps.alerts.models import AlertRule, RuleState, SubjectClock
from apps.alerts.types import Sample, Subject, Verdict
from apps.alerts.windows import Share, Streak
from apps.common.values import Cover, Ref
from apps.projects.windows import Target, set_window
from apps.workspaces.models import Membership, Workspace
from tests import factories
from tests.apps.alerts.making import START, at, subject

CPU = Condition("cpu.ratio", "ge", 0.9, missing="clear")
GOOD, BAD = {"cpu.ratio": 0.5}, {"cpu.ratio": 0.95}


@pytest.fixture
def workspace(db: None) -> Workspace:
    return factories.make_workspace()


@pytest.fixture
def node(workspace: Workspace) -> Subject:
    return subject(7, workspace_id=workspace.pk, name="web-1")


def make(workspace: Workspace, *conditions: Condition, owner: Membership | None = None, **facts) -> AlertRule:
    draft = RuleDraft("CPU high", facts.pop("kind", "node"), conditions or (CPU,), **facts)
    return services.create_rule(workspace=workspace, draft=draft, owner=owner, actor="ana", now=START)


def tell(node: Subject, seconds: float, values: Mapping[str, float | None], **options) -> list[Verdict]:
    sample = Sample(node, at(seconds), values, options.pop("observed_at", None))
    return services.evaluate_samples(samples=[sample], now=options.pop("now", at(seconds)), **options)


def look(nodes: Sequence[Subject], seconds: float, **options) -> list[Verdict]:
    return services.evaluate_silence(subjects=nodes, now=at(seconds), **options)


def kinds(verdicts: Sequence[Verdict]) -> list[str]:
    return [verdict.kind for verdict in verdicts]


def test_a_bad_report_opens_with_its_value_limit_and_words_and_a_good_one_closes(workspace, node) -> None:
    rule = make(workspace, severity="critical")

    (opened,) = tell(node, 3, BAD)
    (closed,) = tell(node, 6, GOOD)

    assert (opened.kind, opened.rule_id, opened.ref, opened.severity) == ("bad", rule.pk, node.ref, "critical")
    assert (opened.metric, opened.value, opened.threshold, opened.generation) == ("cpu.ratio", 0.95, 0.9, 1)
    assert opened.title == "CPU high on web-1"
    assert opened.cause_text == "CPU use: 95 %, the limit is 90 %"
    assert (closed.kind, closed.value, closed.at) == ("ok", 0.5, at(6))
    assert not RuleState.objects.exists()


def test_a_row_that_changes_and_ends_in_one_batch_is_gone(workspace, node) -> None:
    make(workspace)
    tell(node, 3, BAD)
    assert RuleState.objects.get().phase == "firing"

    # The first one tells the lasting value anew, which moves the row; the second one clears.
    batch = [Sample(node, at(seconds), values) for seconds, values in ((70, BAD), (73, GOOD))]
    verdicts = services.evaluate_samples(samples=batch, now=at(73))

    assert kinds(verdicts) == ["bad", "ok"]
    assert not RuleState.objects.exists()


def test_rows_are_kept_only_while_a_rule_is_not_idle(workspace, node) -> None:
    rule = make(workspace, replace(CPU, window=Streak(60)), cooldown_s=60)
    phases = []
    for seconds, values in ((0, GOOD), (3, BAD), (6, GOOD), (9, BAD), (69, BAD), (72, GOOD), (132, GOOD)):
        tell(node, seconds, values)
        phases.append([state.phase for state in RuleState.objects.filter(rule=rule)])

    assert phases == [[], ["pending"], [], ["pending"], ["firing"], ["cooldown"], []]


def test_reports_that_come_again_or_late_say_nothing(workspace, node) -> None:
    make(workspace, replace(CPU, window=Streak(60)))
    history = [(3, BAD), (63, BAD), (66, GOOD)]
    first = [kinds(tell(node, seconds, values)) for seconds, values in history]

    again = [tell(node, seconds, values) for seconds, values in [*history, (2, BAD)]]

    assert first == [[], ["bad"], ["ok"]]
    assert again == [[], [], [], []]
    assert not RuleState.objects.exists()


def test_one_batch_with_many_reports_of_one_node_is_judged_oldest_first(workspace, node) -> None:
    make(workspace)
    samples = [Sample(node, at(seconds), values) for seconds, values in ((9, GOOD), (3, BAD), (6, BAD))]

    verdicts = services.evaluate_samples(samples=samples, now=at(9))

    assert [(verdict.kind, verdict.at) for verdict in verdicts] == [("bad", at(3)), ("ok", at(9))]


def test_a_lasting_value_is_told_about_once_a_minute(workspace, node) -> None:
    make(workspace)

    told = [bool(tell(node, seconds, BAD)) for seconds in range(0, 190, 3)]

    assert [index * 3 for index, said in enumerate(told) if said] == [0, 60, 120, 180]


def test_share_windows_count_from_the_first_report_not_from_the_first_trouble(workspace, node) -> None:
    make(workspace, replace(CPU, window=Share(5)))

    opened = [bool(tell(node, index * 3, values)) for index, values in enumerate([GOOD, *[BAD] * 6])]

    # Four of the last five ticks, the good one among them.
    assert opened.index(True) == 4


def test_a_window_of_a_rule_that_was_changed_begins_with_the_change(workspace, node) -> None:
    rule = make(workspace, replace(CPU, window=Share(5)))
    for index in range(4):
        tell(node, index * 3, BAD)
    draft = replace(services.draft_of(rule), cooldown_s=1)
    services.update_rule(rule=rule, draft=draft, actor="ana", now=at(10))

    opened = [bool(tell(node, index * 3, BAD)) for index in range(4, 12)]

    assert opened.index(True) == 3


def test_nothing_opens_inside_a_maintenance_window_and_what_outlasts_it_does(workspace, node) -> None:
    make(workspace)
    target = Target(workspace.pk, ref=node.ref)
    set_window(target=target, starts_at=START, ends_at=at(60), now=START)

    inside, after = tell(node, 30, BAD), tell(node, 61, BAD)

    assert (inside, kinds(after)) == ([], ["bad"])


def test_a_window_of_the_project_silences_and_what_opened_before_may_close_in_it(workspace) -> None:
    make(workspace)
    project = factories.make_project(workspace)
    node = subject(7, workspace_id=workspace.pk, project_id=project.pk)
    tell(node, 3, BAD)
    set_window(target=Target(workspace.pk, project=project), starts_at=at(5), ends_at=None, now=START)

    (closed,) = tell(node, 6, GOOD)

    assert (closed.kind, closed.in_maintenance) == ("ok", True)
    assert tell(node, 9, BAD) == []


def test_before_opens_from_what_would_open_waits(workspace, node) -> None:
    make(workspace, replace(CPU, window=Streak(0)))

    early, later = tell(node, 3, BAD, opens_from=at(60)), tell(node, 60, BAD, opens_from=at(60))

    assert (early, kinds(later)) == ([], ["bad"])
    assert later[0].pending_since == at(3)


def test_rules_of_other_workspaces_kinds_and_nodes_have_no_say(workspace, node) -> None:
    make(factories.make_workspace())
    make(workspace, Condition("cpu.cores", "ge", 0.9), kind="container")
    make(workspace, replace(CPU, cover=Cover(False, frozenset({8}))))
    disabled = make(workspace)
    services.switch_rule(rule=disabled, enabled=False, actor="ana", now=START)

    assert tell(node, 3, BAD | {"cpu.cores": 5}) == []


def test_a_rule_looks_no_further_than_its_owners_projects(workspace) -> None:
    inside, outside = factories.make_project(workspace), factories.make_project(workspace)
    make(workspace, owner=factories.make_seat(workspace, "editor", projects=[inside]))
    make(workspace, owner=factories.make_seat(workspace, "admin"))

    seen = {
        project: len(tell(subject(number, workspace_id=workspace.pk, project_id=project), 3, BAD))
        for number, project in ((1, inside.pk), (2, outside.pk), (3, None))
    }

    assert seen == {inside.pk: 2, outside.pk: 1, None: 1}


def test_a_node_that_leaves_the_owners_reach_is_let_go_without_a_word(workspace) -> None:
    project = factories.make_project(workspace)
    make(workspace, owner=factories.make_seat(workspace, "editor", projects=[project]))
    node = subject(7, workspace_id=workspace.pk, project_id=project.pk)
    tell(node, 3, BAD)

    (gone,) = tell(replace(node, project_id=None), 6, BAD)

    assert (gone.kind, gone.reason) == ("gone", "unmounted")
    assert not RuleState.objects.exists()


def test_offline_is_told_once_by_the_server_and_ends_with_the_next_report(workspace, node) -> None:
    tell(node, 0, GOOD)
    heard = replace(node, last_seen_at=START)

    looks = [look([heard], seconds) for seconds in (10, 14, 15, 18)]
    (back,) = tell(node, 20, GOOD)

    assert [kinds(verdicts) for verdicts in looks] == [[], [], ["bad"], []]
    (offline,) = looks[2]
    assert (offline.metric, offline.value, offline.threshold, offline.at) == ("node.silence_s", 15, 14, at(15))
    assert (back.kind, back.value) == ("ok", 0)


def test_a_report_that_the_sweep_has_not_heard_of_counts_as_heard(workspace, node) -> None:
    tell(node, 10, GOOD)

    assert look([replace(node, last_seen_at=START)], 20) == []


def test_a_report_that_arrives_after_a_look_is_judged_all_the_same(workspace, node) -> None:
    make(workspace)
    look([node], 10)

    assert kinds(tell(node, 9, BAD)) == ["bad"]


def test_a_node_that_was_never_heard_of_is_not_offline(workspace, node) -> None:
    assert look([node], 1000) == []


def test_a_stale_node_closes_what_says_so_and_holds_the_rest(workspace, node) -> None:
    closing, holding = make(workspace, stale="close"), make(workspace, stale="hold")
    tell(node, 0, BAD)

    verdicts = look([node], 15)

    assert sorted((verdict.kind, verdict.rule_id == closing.pk) for verdict in verdicts) == [
        ("bad", False),
        ("gone", True),
    ]
    assert [state.rule_id for state in RuleState.objects.filter(rule__number__gt=0)] == [holding.pk]


def test_a_container_that_changes_is_a_notice_and_an_unchanged_one_is_not(workspace) -> None:
    box = Subject(workspace.pk, Ref("container", 3), 3, "alpha/web", before={"state": 1})

    same, changed = tell(box, 3, {"state": 1}), tell(box, 6, {"state": 2})

    assert (same, kinds(changed)) == ([], ["notice"])
    assert changed[0].severity == "info"


def test_a_rule_that_was_changed_while_it_was_judged_says_nothing(workspace, node, monkeypatch) -> None:
    rule = make(workspace)
    honest = services.judging.open_batch

    def open_batch(samples):
        batch = honest(samples)
        AlertRule.objects.filter(pk=rule.pk).update(generation=2)
        return batch

    monkeypatch.setattr(services.judging, "open_batch", open_batch)

    assert tell(node, 3, BAD) == []
    assert not RuleState.objects.filter(rule=rule).exists()


def test_what_is_left_of_an_older_generation_says_nothing(workspace, node) -> None:
    rule = make(workspace, replace(CPU, window=Streak(60)))
    tell(node, 3, BAD)
    AlertRule.objects.filter(pk=rule.pk).update(generation=2)

    assert tell(node, 63, BAD) == []
    assert RuleState.objects.get(rule=rule).generation == 2


def statements(workspace: Workspace, values: Sequence[Mapping[str, float]], *, first: int) -> int:
    """How many statements a batch of so many new nodes takes."""
    samples = [
        Sample(subject(first + index, workspace_id=workspace.pk), START, reported)
        for index, reported in enumerate(values)
    ]
    with CaptureQueriesContext(connection) as captured:
        services.evaluate_samples(samples=samples, now=START)
    return len(captured)


def test_a_batch_takes_as_many_statements_for_sixty_nodes_and_many_rules_as_for_two_nodes_and_few(workspace) -> None:
    make(workspace, replace(CPU, window=Streak(60)))
    make(workspace)
    small = statements(workspace, [GOOD] * 2, first=1)
    for _ in range(10):
        make(workspace, replace(CPU, window=Streak(60)))
        make(workspace)

    assert statements(workspace, [GOOD] * 60, first=100) == small


def test_trouble_on_forty_nodes_takes_as_many_statements_as_on_two(workspace) -> None:
    # One rule that pends and one that fires: eighty rows, which SQLite still takes in one statement.
    make(workspace, replace(CPU, window=Streak(60)))
    make(workspace)
    small = statements(workspace, [BAD] * 2, first=1)

    assert statements(workspace, [BAD] * 40, first=100) == small


def test_a_kind_of_which_no_subject_can_be_judged_takes_one_look(workspace, django_assert_num_queries) -> None:
    device = subject(1, workspace_id=workspace.pk, kind="device")

    with django_assert_num_queries(1):
        services.judging.judge_samples([Sample(device, START, {"latency_us": 1})], now=START, opens_from=None)


def test_the_clock_of_a_subject_is_one_row_however_many_reports_it_sends(workspace, node) -> None:
    for seconds in range(0, 60, 3):
        tell(node, seconds, GOOD)

    clock = SubjectClock.objects.get()
    assert (clock.judged_since, clock.judged_at) == (START, at(57))
