"""The rules in force, read with every batch and compiled once: which of them look at a subject, and at what.

A docket is made of what the rows say and of nothing else, so a rule that was changed is another docket: nothing has
to be told that it is out of date.
"""

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from apps.alerts.columns import SILENCE, value_of
from apps.alerts.conditions import Condition, badness, read
from apps.alerts.cycles import Cycle
from apps.alerts.documents import from_json
from apps.alerts.models import AlertRule
from apps.alerts.statements import RuleRow, rule_rows
from apps.alerts.states import Rule, can_judge, is_about
from apps.alerts.types import Sample, Subject
from apps.alerts.windows import Now, Share
from apps.common.instants import instant_of
from apps.projects.models import ProjectMember
from apps.workspaces.models import Membership

# Workspaces and kinds whose rules are kept compiled, and subjects whose view is kept with them.
DOCKETS, VIEWS = 256, 2048
Kind = tuple[int, str]  # workspace, kind of subject
Values = Mapping[str, float | None]


class Watch(NamedTuple):
    """One condition that one value decides at once, compiled for one subject."""

    metric: str
    is_bad: Callable[[float], bool]
    bad_when_missing: bool

    def sees_trouble(self, values: Values) -> bool:
        """Whether the value that a report has for it is bad."""
        value = value_of(values, self.metric)
        if value is None or not math.isfinite(value):
            return self.bad_when_missing
        return self.is_bad(value)


class Watched(NamedTuple):
    """A rule that is about a subject. `watches` is None where one value alone decides nothing."""

    rule: Rule
    watches: Sequence[Watch] | None
    # No condition has to be bad for a while: what it says depends on the report alone.
    is_instant: bool

    def rests(self, values: Values) -> bool:
        """Whether the rule, while idle, stays idle for certain."""
        return self.watches is not None and not any(watch.sees_trouble(values) for watch in self.watches)

    def lasts(self, values: Values) -> bool:
        """Whether the rule, while it fires, goes on firing for certain and has nothing to remember."""
        return self.is_instant and self.watches is not None and all(each.sees_trouble(values) for each in self.watches)


class View(NamedTuple):
    """A subject as the rules of its workspace see it."""

    # Some rule could judge it, whether it covers it or not.
    is_judged: bool
    about: Mapping[int, Watched]

    def stirred_by(self, values: Values) -> list[int]:
        """The rules that may leave rest with this report."""
        return [pk for pk, watched in self.about.items() if not watched.rests(values)]


NOBODY = View(is_judged=False, about={})


class Docket:
    """The rules of one workspace about one kind of subject, in the order of their numbers."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = rules
        self.counts_cycles = any(isinstance(each.window, Cycle) for rule in rules for each in rule.conditions)
        self._views: dict[tuple[object, ...], View] = {}

    def view(self, subject: Subject) -> View:
        """What there is to judge about a subject; kept for those whose facts are the same."""
        facts = (
            subject.number,
            subject.project_id,
            subject.cores,
            subject.stale_after_s,
            subject.latency_limit_us,
        )
        found = self._views.get(facts)
        if found is None:
            if len(self._views) >= VIEWS:
                self._views.clear()
            found = self._views[facts] = _view(self.rules, subject)
        return found


def _view(rules: Sequence[Rule], subject: Subject) -> View:
    about = {rule.pk: _watched(rule, subject) for rule in rules if is_about(rule, subject)}
    return View(any(can_judge(rule, subject) for rule in rules), about)


def _watched(rule: Rule, subject: Subject) -> Watched:
    watches = [_watch(condition, subject) for condition in rule.conditions]
    known = [watch for watch in watches if watch is not None]
    is_instant = all(isinstance(condition.window, Now) for condition in rule.conditions)
    return Watched(rule, known if len(known) == len(watches) else None, is_instant)


def _watch(condition: Condition, subject: Subject) -> Watch | None:
    """None for what takes more than one value: a cycle, a share of ticks, a change."""
    if isinstance(condition.window, Cycle | Share) or condition.op == "changed":
        return None
    is_bad = badness(condition, subject)
    if condition.metric == SILENCE:
        # Who reports is not silent.
        return Watch(SILENCE, is_bad, is_bad(0))
    missing = read(condition, None, subject)
    return Watch(condition.metric, is_bad, missing is not None and missing.bad)


def dockets_in_force(samples: Iterable[Sample]) -> Mapping[Kind, Docket]:
    """The rules that judge values of these subjects' kinds, by workspace and kind: one statement, or two."""
    workspaces = {sample.subject.workspace_id for sample in samples}
    kinds = {sample.subject.ref.kind for sample in samples}
    rows = rule_rows(workspaces, kinds)
    reach = _reach({row.seat for row in rows if row.seat is not None and row.reach == Membership.Reach.PROJECTS})
    found: dict[Kind, list[tuple[RuleRow, frozenset[int] | None]]] = defaultdict(list)
    for row in rows:
        found[(row.workspace_id, row.subject_kind)].append((row, reach.get(row.seat)))
    dockets = {kind: _docket(tuple(said)) for kind, said in found.items()}
    return {kind: docket for kind, docket in dockets.items() if docket.rules}


def rules_in_force(samples: Iterable[Sample]) -> Mapping[Kind, Sequence[Rule]]:
    """Rules that are on and judge values, by workspace and subject kind, in the order of their numbers."""
    return {kind: docket.rules for kind, docket in dockets_in_force(samples).items()}


@lru_cache(maxsize=DOCKETS)
def _docket(said: Sequence[tuple[RuleRow, frozenset[int] | None]]) -> Docket:
    rules = [_rule(row, projects) for row, projects in said]
    # Without conditions its facts are told to it.
    return Docket([rule for rule in rules if rule.conditions])


def _rule(row: RuleRow, projects: frozenset[int] | None) -> Rule:
    """A row as it is judged by; `projects` cuts it down to what its owner reaches."""
    return Rule(
        pk=row.pk,
        workspace_id=row.workspace_id,
        number=row.number,
        name=row.name,
        generation=row.generation,
        changed_at=instant_of(row.changed_at),
        conditions=from_json(json.loads(row.conditions)),
        severity=row.severity,  # type: ignore[arg-type]  # the column's choices are the names of SeverityName
        cooldown_s=row.cooldown_s,
        closes_when_stale=row.stale == AlertRule.Stale.CLOSE,
        projects=projects,
    )


def _reach(seats: set[int]) -> dict[int | None, frozenset[int]]:
    if not seats:
        return {}
    scopes: dict[int | None, set[int]] = {seat: set() for seat in seats}
    for seat, project in ProjectMember.objects.filter(seat_id__in=seats).values_list("seat_id", "project_id"):
        scopes[seat].add(project)
    return {seat: frozenset(projects) for seat, projects in scopes.items()}
