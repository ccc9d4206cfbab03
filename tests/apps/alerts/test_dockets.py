"""Most reports stir no rule: whatever they say, the outcome is that of stepping every rule through every report."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from apps.alerts import dockets, judging, services
from apps.alerts.columns import SILENCE, value_of
from apps.alerts.conditions import COMPARE, Condition, read
from apps.alerts.cycles import Cycle
from apps.alerts.documents import RuleDraft
from apps.alerts.models import AlertRule, RuleState, SubjectClock
from apps.alerts.states import can_judge, is_about
from apps.alerts.types import Sample, Subject, Verdict
from apps.alerts.windows import Now, Share, Streak, Window
from apps.common.values import Cover
from apps.workspaces.models import Workspace
from tests import factories
from tests.apps.alerts.making import START, at, rule, subject

METRICS = ("cpu.ratio", "cpu.load1", "net.all_rate", "disk.ratio[sda]", SILENCE)
NUMBERS = (0.0, 0.5, 1.0, 2, 14, None, float("nan"), float("inf"))
TROUBLE = {"cpu.ratio": 2, "cpu.load1": 9, "net.rx_rate": 1, "net.tx_rate": 2}


def any_condition(chance: Random) -> Condition:
    metric = chance.choice(METRICS)
    op = chance.choice([*COMPARE, "outside", "changed"])
    plus = {"cpu.load1": "cores", SILENCE: "stale_after_s"}.get(metric, "") if chance.random() < 0.5 else ""
    windows: list[Window] = [Now(), Now(), Now(), Streak(0), Streak(9), Share(3), Share(2, every=True)]
    return Condition(
        metric,
        op,
        chance.choice([0, 0.5, 1, 3]),
        chance.choice([0, 1]),
        plus=plus,  # type: ignore[arg-type]  # one of them
        low=chance.choice([None, 0.5]),
        high=chance.choice([None, 1]),
        window=Now() if op == "changed" else chance.choice(windows),
        missing=chance.choice(["clear", "hold", "zero", "bad"]),
        cover=chance.choice([Cover(), Cover(), Cover(numbers=frozenset({8})), Cover(False, frozenset({7, 9}))]),
    )


def likely_condition(chance: Random) -> Condition:
    """One that people set, and that now and then is bad."""
    metric = chance.choice(["cpu.ratio", "cpu.load1", "net.all_rate"])
    return Condition(metric, "ge", 1, window=chance.choice([Now(), Now(), Streak(6)]), missing="clear")


def any_values(chance: Random) -> dict[str, float | None]:
    names = ("cpu.ratio", "cpu.load1", "net.rx_rate", "net.tx_rate", "disk.ratio[sda]")
    return {name: chance.choice(NUMBERS) for name in names if chance.random() < 0.8}


def is_fine(condition: Condition, sample: Sample) -> bool:
    """Whether nothing about one condition is bad, as reading it says."""
    if isinstance(condition.window, Cycle | Share) or condition.op == "changed":
        return False
    values = {SILENCE: 0, **sample.values}
    reading = read(condition, value_of(values, condition.metric), sample.subject)
    return reading is None or not reading.bad


@pytest.mark.parametrize("seed", range(8))
def test_a_view_is_what_reading_each_condition_says(seed: int) -> None:
    chance = Random(seed)
    for _ in range(60):
        rules = [
            rule(*[any_condition(chance) for _ in range(chance.randint(1, 3))], pk=pk, projects=reach)
            for pk, reach in enumerate(chance.choices([None, frozenset({1}), frozenset()], k=4))
        ]
        docket = dockets.Docket(rules)
        for _ in range(10):
            who = subject(chance.choice([7, 8, 9]), project_id=chance.choice([None, 1]), cores=chance.choice([None, 2]))
            sample = Sample(who, START, any_values(chance))
            view = docket.view(who)

            assert list(view.about) == [each.pk for each in rules if is_about(each, who)]
            assert view.is_judged == any(can_judge(each, who) for each in rules)
            assert view.stirred_by(sample.values) == [
                each.pk
                for each in rules
                if is_about(each, who) and not all(is_fine(condition, sample) for condition in each.conditions)
            ]


def test_views_are_kept_for_few_subjects_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dockets, "VIEWS", 2)
    docket = dockets.Docket([rule(Condition("cpu.ratio", "ge", 0.9, cover=Cover(numbers=frozenset({8}))))])

    for _ in range(2):
        assert [bool(docket.view(subject(number)).about) for number in (7, 8, 9)] == [True, False, True]


@pytest.fixture
def workspace(db: None) -> Workspace:
    return factories.make_workspace()


def history(chance: Random, who: Subject) -> Iterator[tuple[list[Sample], dict[str, Any]]]:
    """Batches of reports: some of them of the past, some at once, some in the first minute after a start."""
    seconds = 0
    for _ in range(40):
        batch = []
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            seconds += chance.choice([1, 3, 3, 3, 9, 60, -2])
            values = any_values(chance) if chance.random() < 0.3 else dict(TROUBLE)
            told = at(seconds - 1) if chance.random() < 0.8 else None
            batch.append(Sample(who, at(seconds), values, told))
        yield batch, {"now": at(seconds), "opens_from": at(100) if chance.random() < 0.5 else None}


def standing(who: Subject) -> list[tuple[Any, ...]]:
    """What is kept about a subject, without what names it."""
    states = RuleState.objects.filter(subject_id=who.ref.id).order_by("rule")
    clocks = SubjectClock.objects.filter(subject_id=who.ref.id)
    columns = ("rule", "generation", "phase", "since", "until", "memories", "refreshed_at")
    return [*states.values_list(*columns), *clocks.values_list("judged_since", "judged_at")]


def said(verdicts: list[Verdict], who: Subject) -> list[Verdict]:
    return [replace(verdict, ref=who.ref) for verdict in verdicts]


@pytest.mark.parametrize("seed", range(12))
def test_reports_end_as_if_every_rule_had_been_stepped(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    chance = Random(seed)
    for _ in range(6):
        make = chance.choice([any_condition, likely_condition])
        conditions = tuple(make(chance) for _ in range(chance.choice([1, 2])))
        draft = RuleDraft("Any", "node", conditions, cooldown_s=chance.choice([0, 30]))
        services.create_rule(workspace=workspace, draft=draft, actor="ana", now=START)
    quick = subject(7, workspace_id=workspace.pk, cores=2)
    stepped = replace(quick, ref=quick.ref._replace(id=8))

    for number, (batch, options) in enumerate(history(chance, quick)):
        if number == 25:
            AlertRule.objects.filter(pk=AlertRule.objects.of(workspace).order_by("pk")[0].pk).update(generation=2)
        ours = services.evaluate_samples(samples=batch, **options)
        with monkeypatch.context() as all_of_them:
            all_of_them.setattr(judging._Court, "_stirred", lambda _, docket, __: {each.pk for each in docket.rules})
            copies = [replace(sample, subject=stepped) for sample in batch]
            theirs = services.evaluate_samples(samples=copies, **options)

        assert said(theirs, quick) == ours
        assert standing(stepped) == standing(quick)
