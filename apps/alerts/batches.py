"""Reports of a batch held against all rules in force: a constant number of statements, however many subjects."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Q

from apps.alerts.documents import from_json
from apps.alerts.memory import Memory
from apps.alerts.models import AlertRule, RuleState, SubjectClock
from apps.alerts.states import IDLE, Rule, Standing, can_judge, is_about
from apps.alerts.types import Sample, Subject
from apps.projects.models import ProjectMember
from apps.workspaces.models import Membership

REFRESH = timedelta(minutes=1)
Key = tuple[int, str, int]  # workspace, kind, primary key of the subject
StateKey = tuple[int, str, int]  # rule, kind, primary key of the subject


def key_of(subject: Subject) -> Key:
    return (subject.workspace_id, subject.ref.kind, subject.ref.id)


@dataclass(slots=True)
class Batch:
    """The rows that a batch of reports goes on from, locked, and what has become of them."""

    rules: Mapping[tuple[int, str], Sequence[Rule]]
    clocks: dict[Key, SubjectClock]
    states: dict[StateKey, RuleState]
    changed: dict[StateKey, RuleState] = field(default_factory=dict)
    ended: dict[StateKey, RuleState] = field(default_factory=dict)
    judged: dict[Key, SubjectClock] = field(default_factory=dict)

    def rules_for(self, subject: Subject) -> Sequence[Rule]:
        """Rules in force for the subject's kind in its workspace; whether they cover it is another question."""
        return self.rules.get((subject.workspace_id, subject.ref.kind), ())

    def is_news(self, sample: Sample) -> bool:
        """Whether a report is newer than what was judged of its subject; from then on it is the newest."""
        key = key_of(sample.subject)
        clock = self.clocks.get(key)
        if clock is None:
            return True
        if sample.at <= clock.judged_at:
            return False
        clock.judged_at = sample.at
        self.judged[key] = clock
        return True

    def silence_s(self, subject: Subject, now: datetime) -> float | None:
        """Seconds since the newest report that anybody knows of; None when there never was one."""
        clock = self.clocks.get(key_of(subject))
        judged_at = clock.judged_at if clock is not None and clock.judged_at >= clock.judged_since else None
        heard = [at for at in (subject.last_seen_at, judged_at) if at is not None]
        return max(0.0, (now - max(heard)).total_seconds()) if heard else None

    def state(self, rule: Rule, subject: Subject) -> RuleState | None:
        """The row of a rule and a subject; one of an older generation says nothing."""
        found = self.states.get(state_key(rule, subject))
        return found if found is None or found.generation == rule.generation else None

    def put(self, rule: Rule, subject: Subject, standing: Standing, *, refreshed_at: datetime | None) -> None:
        """Keep where the rule stands now: nothing is written where nothing changed, and no row while it is idle."""
        key, row = state_key(rule, subject), self.states.get(state_key(rule, subject))
        if standing.phase == "idle":
            if row is not None:
                self.ended[key] = self.states.pop(key)
                self.changed.pop(key, None)
            return
        fresh = RuleState(
            workspace_id=subject.workspace_id,
            rule_id=rule.pk,
            generation=rule.generation,
            subject_kind=subject.ref.kind,
            subject_id=subject.ref.id,
            phase=standing.phase,
            since=standing.since,
            until=standing.until,
            memories=[memory.to_json() for memory in standing.memories],
            refreshed_at=refreshed_at,
        )
        if row is None or _kept(row) != _kept(fresh):
            self.states[key] = self.changed[key] = fresh
            self.ended.pop(key, None)

    def drop_outdated(self, rules: Iterable[int]) -> set[int]:
        """Which of these rules were changed, switched off or deleted meanwhile; nothing is kept of those.

        They stay locked until the transaction ends: whoever changes one waits, and closes what it opens now.
        """
        known = {rule.pk: rule.generation for of_kind in self.rules.values() for rule in of_kind}
        rows = AlertRule.objects.filter(pk__in=set(rules), enabled=True, deleted_at__isnull=True).order_by("pk")
        now = dict(rows.select_for_update().values_list("pk", "generation"))
        outdated = {pk for pk in rules if now.get(pk) != known[pk]}
        for kept in (self.changed, self.ended):
            for key in [key for key in kept if key[0] in outdated]:
                del kept[key]
        return outdated

    def save(self) -> None:
        """Write what changed: one statement per kind of change."""
        gone = [row.pk for row in self.ended.values() if row.pk is not None]
        if gone:
            RuleState.objects.filter(pk__in=gone).delete()
        if self.changed:
            RuleState.objects.bulk_create(
                self.changed.values(),
                update_conflicts=True,
                unique_fields=["workspace", "subject_kind", "subject_id", "rule"],
                update_fields=["generation", "phase", "since", "until", "memories", "refreshed_at"],
            )
        if self.judged:
            _save_clocks(self.judged.values())


def _save_clocks(clocks: Iterable[SubjectClock]) -> None:
    """Move clocks on. They are there and locked; rows of values cost a third of an update by cases."""
    rows = [
        SubjectClock(
            workspace_id=clock.workspace_id,
            subject_kind=clock.subject_kind,
            subject_id=clock.subject_id,
            judged_since=clock.judged_since,
            judged_at=clock.judged_at,
        )
        for clock in clocks
    ]
    SubjectClock.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["workspace", "subject_kind", "subject_id"],
        update_fields=["judged_at"],
    )


def _kept(row: RuleState) -> tuple[object, ...]:
    return (row.generation, row.phase, row.since, row.until, row.memories, row.refreshed_at)


def state_key(rule: Rule, subject: Subject) -> StateKey:
    return (rule.pk, subject.ref.kind, subject.ref.id)


def standing_of(row: RuleState | None) -> Standing:
    """The row as the pure rule wants it."""
    if row is None:
        return IDLE
    memories = tuple(Memory.from_json(kept) for kept in row.memories)
    return Standing(row.phase, row.since, row.until, memories)  # type: ignore[arg-type]  # the column's choices


def open_batch(samples: Sequence[Sample]) -> Batch | None:
    """Everything a batch of reports is judged by; None where no rule is in force for any of them.

    Clocks are locked in one order, so that workers with reports of the same subject queue. A subject that no rule is
    about has none, and costs nothing but a look at what a rule may once have had to say about it.
    """
    rules = rules_in_force(samples)
    judged = [sample for sample in samples if any(can_judge(rule, sample.subject) for rule in _of(rules, sample))]
    if not judged:
        return None
    about = [sample for sample in judged if any(is_about(rule, sample.subject) for rule in _of(rules, sample))]
    clocks = _lock_clocks(about) if about else {}
    rows = RuleState.objects.filter(_subjects(judged))
    states = {(row.rule_id, row.subject_kind, row.subject_id): row for row in rows}
    return Batch(rules, clocks, states)


def _of(rules: Mapping[tuple[int, str], Sequence[Rule]], sample: Sample) -> Sequence[Rule]:
    return rules.get((sample.subject.workspace_id, sample.subject.ref.kind), ())


def _subjects(samples: Iterable[Sample]) -> Q:
    """The rows about these subjects, of their own workspaces only."""
    wanted: dict[tuple[int, str], set[int]] = defaultdict(set)
    for sample in samples:
        subject = sample.subject
        wanted[(subject.workspace_id, subject.ref.kind)].add(subject.ref.id)
    found = Q()
    for (workspace_id, kind), ids in sorted(wanted.items()):
        found |= Q(workspace_id=workspace_id, subject_kind=kind, subject_id__in=ids)
    return found


def _lock_clocks(samples: Sequence[Sample]) -> dict[Key, SubjectClock]:
    of_subjects = SubjectClock.objects.filter(_subjects(samples)).order_by("pk")
    locked = {_key(row): row for row in of_subjects.select_for_update()}
    first: dict[Key, datetime] = {}
    for sample in samples:
        key = key_of(sample.subject)
        if key not in locked:
            first[key] = min(sample.at, first.get(key, sample.at))
    if not first:
        return locked
    # Born before their first report, so that the report itself counts.
    born = [
        SubjectClock(
            workspace_id=key[0], subject_kind=key[1], subject_id=key[2], judged_since=at, judged_at=at - REFRESH
        )
        for key, at in sorted(first.items())
    ]
    SubjectClock.objects.bulk_create(born, ignore_conflicts=True)
    return {_key(row): row for row in of_subjects.select_for_update()}


def _key(row: SubjectClock) -> Key:
    return (row.workspace_id, row.subject_kind, row.subject_id)


def rules_in_force(samples: Iterable[Sample]) -> Mapping[tuple[int, str], Sequence[Rule]]:
    """Rules that are on and judge values, by workspace and subject kind, in the order of their numbers."""
    workspaces = {sample.subject.workspace_id for sample in samples}
    kinds = {sample.subject.ref.kind for sample in samples}
    rows = AlertRule.objects.filter(
        workspace_id__in=workspaces, subject_kind__in=kinds, enabled=True, deleted_at__isnull=True
    ).select_related("owner")
    in_order = sorted((row for row in rows if row.conditions), key=lambda row: row.number)
    reach = _reach({row.owner.pk for row in in_order if row.owner is not None and _is_scoped(row.owner)})
    found: dict[tuple[int, str], list[Rule]] = defaultdict(list)
    for row in in_order:
        found[(row.workspace_id, row.subject_kind)].append(rule_of(row, projects=reach.get(row.owner_id)))
    return found


def rule_of(row: AlertRule, *, projects: frozenset[int] | None = None) -> Rule:
    """A row as it is judged by; `projects` cuts it down to what its owner reaches."""
    return Rule(
        pk=row.pk,
        workspace_id=row.workspace_id,
        number=row.number,
        name=row.name,
        generation=row.generation,
        changed_at=row.changed_at,
        conditions=from_json(row.conditions),
        severity=row.severity,  # type: ignore[arg-type]  # the column's choices are the names of SeverityName
        cooldown_s=row.cooldown_s,
        closes_when_stale=row.stale == AlertRule.Stale.CLOSE,
        projects=projects,
    )


def _is_scoped(owner: Membership) -> bool:
    return owner.reach == Membership.Reach.PROJECTS


def _reach(seats: set[int]) -> dict[int | None, frozenset[int]]:
    if not seats:
        return {}
    scopes: dict[int | None, set[int]] = {seat: set() for seat in seats}
    for seat, project in ProjectMember.objects.filter(seat_id__in=seats).values_list("seat_id", "project_id"):
        scopes[seat].add(project)
    return {seat: frozenset(projects) for seat, projects in scopes.items()}
