"""Reports of a batch held against all rules in force: a constant number of statements, however many subjects."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from apps.alerts.dockets import NOBODY, Docket, Kind, View, dockets_in_force
from apps.alerts.memory import Memory
from apps.alerts.models import AlertRule, RuleState, SubjectClock
from apps.alerts.statements import ClockRow, Key, StateRow, lock_clocks, move_clocks, states_of
from apps.alerts.states import IDLE, Rule, Standing
from apps.alerts.types import Sample, Subject

REFRESH = timedelta(minutes=1)
StateKey = tuple[Key, int]  # subject, rule


def key_of(subject: Subject) -> Key:
    return (subject.workspace_id, subject.ref.kind, subject.ref.id)


class Kept(NamedTuple):
    """Where a rule stands with a subject. `pk` is its row's, None where there is none yet."""

    pk: int | None
    generation: int
    standing: Standing
    refreshed_at: datetime | None

    def is_current(self, rule: Rule) -> bool:
        """Whether it says anything: what is of an older generation does not."""
        return self.generation == rule.generation

    def fires_quietly(self, rule: Rule, *, now: datetime) -> bool:
        """Whether the rule fires with nothing to remember, and told its value less than a minute ago."""
        standing, told_at = self.standing, self.refreshed_at
        if standing.phase != "firing" or told_at is None or now - told_at >= REFRESH or not self.is_current(rule):
            return False
        memories = standing.memories
        return len(memories) == len(rule.conditions) and all(memory.empty for memory in memories)


@dataclass(slots=True)
class Clock:
    """A subject's clock as it goes on within the batch."""

    pk: int
    judged_since: datetime
    judged_at: datetime


@dataclass(slots=True)
class Batch:
    """What a batch of reports goes on from, its clocks locked, and what has become of it."""

    dockets: Mapping[Kind, Docket]
    clocks: dict[Key, Clock]
    states: dict[Key, dict[int, Kept]]
    changed: dict[StateKey, Kept] = field(default_factory=dict)
    ended: dict[StateKey, Kept] = field(default_factory=dict)
    judged: dict[int, datetime] = field(default_factory=dict)

    def docket(self, subject: Subject) -> Docket | None:
        """Rules in force for the subject's kind in its workspace; whether they cover it is another question."""
        return self.dockets.get((subject.workspace_id, subject.ref.kind))

    def is_news(self, sample: Sample) -> bool:
        """Whether a report is newer than what was judged of its subject; from then on it is the newest."""
        clock = self.clocks.get(key_of(sample.subject))
        if clock is None:
            return True
        if sample.at <= clock.judged_at:
            return False
        clock.judged_at = self.judged[clock.pk] = sample.at
        return True

    def silence_s(self, subject: Subject, now: datetime) -> float | None:
        """Seconds since the newest report that anybody knows of; None when there never was one."""
        clock = self.clocks.get(key_of(subject))
        judged_at = clock.judged_at if clock is not None and clock.judged_at >= clock.judged_since else None
        heard = [at for at in (subject.last_seen_at, judged_at) if at is not None]
        return max(0.0, (now - max(heard)).total_seconds()) if heard else None

    def standings(self, subject: Subject) -> Mapping[int, Kept]:
        """Where rules that are not idle stand with the subject, by rule; those of older generations too."""
        return self.states.get(key_of(subject)) or {}

    def state(self, rule: Rule, subject: Subject) -> Kept | None:
        """Where a rule stands with a subject; None where it is idle."""
        found = self.standings(subject).get(rule.pk)
        return found if found is not None and found.is_current(rule) else None

    def put(self, rule: Rule, subject: Subject, standing: Standing, *, refreshed_at: datetime | None) -> None:
        """Keep where the rule stands now: nothing is written where nothing changed, and no row while it is idle."""
        subject_key = key_of(subject)
        states, key = self.states.setdefault(subject_key, {}), (subject_key, rule.pk)
        before = states.get(rule.pk)
        if standing.phase == "idle":
            if before is not None:
                self.ended[key] = states.pop(rule.pk)
                self.changed.pop(key, None)
            return
        after = Kept(before.pk if before is not None else None, rule.generation, standing, refreshed_at)
        if before != after:
            states[rule.pk] = self.changed[key] = after
            self.ended.pop(key, None)

    def drop_outdated(self, rules: Iterable[int]) -> set[int]:
        """Which of these rules were changed, switched off or deleted meanwhile; nothing is kept of those.

        They stay locked until the transaction ends: whoever changes one waits, and closes what it opens now.
        """
        known = {rule.pk: rule.generation for docket in self.dockets.values() for rule in docket.rules}
        rows = AlertRule.objects.filter(pk__in=set(rules), enabled=True, deleted_at__isnull=True).order_by("pk")
        now = dict(rows.select_for_update(no_key=True).values_list("pk", "generation"))
        outdated = {pk for pk in rules if now.get(pk) != known[pk]}
        for kept in (self.changed, self.ended):
            for key in [key for key in kept if key[1] in outdated]:
                del kept[key]
        return outdated

    def save(self) -> None:
        """Write what changed: one statement per kind of change."""
        gone = [kept.pk for kept in self.ended.values() if kept.pk is not None]
        if gone:
            RuleState.objects.filter(pk__in=gone).delete()
        if self.changed:
            RuleState.objects.bulk_create(
                [_row(key, kept) for key, kept in self.changed.items()],
                update_conflicts=True,
                unique_fields=["workspace", "subject_kind", "subject_id", "rule"],
                update_fields=["generation", "phase", "since", "until", "memories", "refreshed_at"],
            )
        if self.judged:
            move_clocks(sorted(self.judged.items()))


def _row(key: StateKey, kept: Kept) -> RuleState:
    (workspace_id, kind, subject_id), rule_id = key
    standing = kept.standing
    return RuleState(
        workspace_id=workspace_id,
        rule_id=rule_id,
        generation=kept.generation,
        subject_kind=kind,
        subject_id=subject_id,
        phase=standing.phase,
        since=standing.since,
        until=standing.until,
        memories=[memory.to_json() for memory in standing.memories],
        refreshed_at=kept.refreshed_at,
    )


def standing_of(kept: Kept | None) -> Standing:
    """Where the pure rule goes on from."""
    return IDLE if kept is None else kept.standing


def open_batch(samples: Sequence[Sample]) -> Batch | None:
    """Everything a batch of reports is judged by; None where no rule is in force for any of them.

    Clocks are locked in one order, so that workers with reports of the same subject queue. A subject that no rule is
    about has none, and costs nothing but a look at what a rule may once have had to say about it.
    """
    dockets = dockets_in_force(samples)
    views = [(sample, view_of(dockets, sample.subject)) for sample in samples]
    judged = {key_of(sample.subject) for sample, view in views if view.is_judged}
    if not judged:
        return None
    about = [sample for sample, view in views if view.about]
    clocks = _lock_clocks(about) if about else {}
    states: dict[Key, dict[int, Kept]] = defaultdict(dict)
    for row in states_of(sorted(judged)):
        states[row.key][row.rule_id] = _kept(row)
    return Batch(dockets, clocks, states)


def view_of(dockets: Mapping[Kind, Docket], subject: Subject) -> View:
    """A subject as the rules in force for its kind see it."""
    docket = dockets.get((subject.workspace_id, subject.ref.kind))
    return NOBODY if docket is None else docket.view(subject)


def _kept(row: StateRow) -> Kept:
    standing = Standing(row.phase, row.since, row.until, _memories(row.memories))  # type: ignore[arg-type]  # the column's choices
    return Kept(row.pk, row.generation, standing, row.refreshed_at)


@lru_cache(maxsize=4096)
def _memories(text: str) -> tuple[Memory, ...]:
    return tuple(Memory.from_json(kept) for kept in json.loads(text))


def _lock_clocks(samples: Sequence[Sample]) -> dict[Key, Clock]:
    first: dict[Key, datetime] = {}
    for sample in samples:
        key = key_of(sample.subject)
        first[key] = min(sample.at, first.get(key, sample.at))
    keys = sorted(first)
    locked = _clocks(lock_clocks(keys))
    if len(locked) == len(keys):
        return locked
    # Born before their first report, so that the report itself counts.
    born = [
        SubjectClock(
            workspace_id=key[0], subject_kind=key[1], subject_id=key[2], judged_since=at, judged_at=at - REFRESH
        )
        for key, at in sorted(first.items())
        if key not in locked
    ]
    SubjectClock.objects.bulk_create(born, ignore_conflicts=True)
    return _clocks(lock_clocks(keys))


def _clocks(rows: Iterable[ClockRow]) -> dict[Key, Clock]:
    return {row.key: Clock(row.pk, row.judged_since, row.judged_at) for row in rows}
