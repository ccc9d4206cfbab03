"""Reports become verdicts: rules are stepped one report after the other, and only what turned is told."""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from apps.alerts.batches import REFRESH, Batch, Kept, key_of, open_batch, standing_of
from apps.alerts.columns import SILENCE
from apps.alerts.dockets import Docket
from apps.alerts.quotas import with_used
from apps.alerts.states import Rule, Step, TurnKind, meet
from apps.alerts.types import Sample, Subject, Verdict, VerdictKind
from apps.alerts.words import cause_text
from apps.projects.models import MaintenanceWindow
from apps.projects.windows import windows_between

KIND: Mapping[TurnKind, VerdictKind] = {"opened": "bad", "cleared": "ok", "notice": "notice", "gone": "gone"}


def judge_samples(samples: Sequence[Sample], *, now: datetime, opens_from: datetime | None) -> list[Verdict]:
    """Verdicts of a batch, oldest report first; reports that are not newer than what was judged say nothing."""
    batch = open_batch(samples)
    if batch is None:
        return []
    court = _Court(batch, _Windows(samples), now, may_open=opens_from is None or now >= opens_from)
    verdicts = []
    for sample in sorted(with_used(batch, samples), key=lambda sample: sample.at):
        if batch.is_news(sample):
            verdicts += court.hear(sample)
    return _settle(batch, verdicts)


def judge_silence(subjects: Sequence[Subject], *, now: datetime, opens_from: datetime | None) -> list[Verdict]:
    """Verdicts on subjects that may have fallen silent. A report that was judged meanwhile counts as heard."""
    looks = [Sample(subject, now, {}, silent=True) for subject in subjects]
    batch = open_batch(looks)
    if batch is None:
        return []
    court = _Court(batch, _Windows(looks), now, may_open=opens_from is None or now >= opens_from)
    verdicts = []
    for look in looks:
        silence = batch.silence_s(look.subject, now)
        verdicts += court.look(replace(look, values={SILENCE: silence}))
    return _settle(batch, verdicts)


def _settle(batch: Batch, verdicts: list[Verdict]) -> list[Verdict]:
    """Keep where the rules stand now, and tell what they said unless they were changed while they said it."""
    speaking = {verdict.rule_id for verdict in verdicts if verdict.kind in {"bad", "notice"}}
    outdated = batch.drop_outdated(speaking) if speaking else set()
    batch.save()
    return [verdict for verdict in verdicts if verdict.rule_id not in outdated]


@dataclass(frozen=True, slots=True)
class _Court:
    """All that one batch is judged with."""

    batch: Batch
    windows: "_Windows"
    now: datetime
    may_open: bool

    def hear(self, sample: Sample) -> list[Verdict]:
        """What every rule of the subject's kind makes of one report; most reports stir none."""
        docket = self.batch.docket(sample.subject)
        stirred = self._stirred(docket, sample) if docket is not None else ()
        if docket is None or not stirred:
            return []
        # Who reports is not silent.
        return self._step(docket, stirred, replace(sample, values={SILENCE: 0, **sample.values}))

    def look(self, silent: Sample) -> list[Verdict]:
        """What rules make of a subject that is silent: those about it, and those that have something to say."""
        docket = self.batch.docket(silent.subject)
        if docket is None:
            return []
        concerned = {*docket.view(silent.subject).about, *self._open(docket, silent.subject)}
        return self._step(docket, concerned, silent)

    def _stirred(self, docket: Docket, sample: Sample) -> Collection[int]:
        """The rules that this report may move, by primary key: all others stay where they are for certain."""
        view, values = docket.view(sample.subject), sample.values
        stirred = set(view.stirred_by(values))
        for rule, kept in self._open(docket, sample.subject).values():
            watched = view.about.get(rule.pk)
            if watched is not None and kept.fires_quietly(rule, now=self.now) and watched.lasts(values):
                stirred.discard(rule.pk)
            else:
                stirred.add(rule.pk)
        return stirred

    def _open(self, docket: Docket, subject: Subject) -> dict[int, tuple[Rule, Kept]]:
        """The rules that are not idle about a subject."""
        standings = self.batch.standings(subject)
        if not standings:
            return {}
        kept = [(rule, standings[rule.pk]) for rule in docket.rules if rule.pk in standings]
        return {rule.pk: (rule, kept) for rule, kept in kept if kept.is_current(rule)}

    def _step(self, docket: Docket, rules: Collection[int], sample: Sample) -> list[Verdict]:
        verdicts: list[Verdict] = []
        for rule in docket.rules:
            if rule.pk in rules:
                verdicts += self._judge(rule, sample, self.batch.state(rule, sample.subject))
        return verdicts

    def _judge(self, rule: Rule, sample: Sample, row: Kept | None) -> list[Verdict]:
        after = self._meet(rule, sample, row, may_open=self.may_open)
        muted = after.turn is not None and self.windows.cover(sample)
        if muted and after.turn is not None and after.turn.kind == "opened":
            # Nothing opens inside a maintenance window; what outlasts it opens with the next report.
            after = self._meet(rule, sample, row, may_open=False)
        verdicts, refreshed_at = self._told(rule, sample, after, row, muted=muted)
        self.batch.put(rule, sample.subject, after.standing, refreshed_at=refreshed_at)
        return verdicts

    def _meet(self, rule: Rule, sample: Sample, row: Kept | None, *, may_open: bool) -> Step:
        clock = self.batch.clocks.get(key_of(sample.subject))
        known_since = clock.judged_since if clock is not None else sample.at
        return meet(rule, standing_of(row), sample, now=self.now, known_since=known_since, may_open=may_open)

    def _told(
        self, rule: Rule, sample: Sample, after: Step, row: Kept | None, *, muted: bool
    ) -> tuple[list[Verdict], datetime | None]:
        """What a step says, and when its value was last told: a turn at once, a lasting value once a minute."""
        refreshed_at = row.refreshed_at if row is not None else None
        if after.turn is not None:
            return [_verdict(rule, sample, after, muted=muted)], self.now
        if after.standing.phase != "firing" or after.reading is None:
            return [], refreshed_at
        if refreshed_at is not None and self.now - refreshed_at < REFRESH:
            return [], refreshed_at
        return [_verdict(rule, sample, after, muted=False)], self.now


def _verdict(rule: Rule, sample: Sample, after: Step, *, muted: bool) -> Verdict:
    subject, turn = sample.subject, after.turn
    shown = turn if turn is not None else after.reading
    assert shown is not None
    metric = turn.metric if turn is not None else rule.conditions[0].metric
    return Verdict(
        workspace_id=subject.workspace_id,
        rule_id=rule.pk,
        ref=subject.ref,
        at=sample.at,
        kind=KIND[turn.kind] if turn is not None else "bad",
        severity=rule.severity,
        cause=metric,
        cause_text=cause_text(subject.ref.kind, metric, shown.value, shown.threshold),
        before=None,
        after=None,
        in_maintenance=muted,
        name=subject.name,
        project_id=subject.project_id,
        title=f"{rule.name} on {subject.name}",
        metric=metric,
        value=shown.value,
        threshold=shown.threshold,
        generation=rule.generation,
        observed_at=turn.at if turn is not None else sample.observed_at,
        pending_since=turn.pending_since if turn is not None else None,
        reason=turn.reason if turn is not None else None,
        facts=_facts(sample),
    )


def _facts(sample: Sample) -> dict[str, Any]:
    """What messages may want; without single disks, sensors and interfaces, of which a machine has many."""
    known = {**sample.subject.before, **sample.values}
    values = {
        name: value for name, value in known.items() if value is not None and math.isfinite(value) and "[" not in name
    }
    return {**sample.subject.facts, "number": sample.subject.number, "values": values}


class _Windows:
    """Maintenance windows of the batch's subjects, read when the first rule turns and not before."""

    def __init__(self, samples: Sequence[Sample]) -> None:
        self._samples = samples
        self._found: dict[tuple[int, str], dict[int, list[MaintenanceWindow]]] | None = None

    def cover(self, sample: Sample) -> bool:
        """Whether a window of the subject or of its project covers the report's instant."""
        if self._found is None:
            self._found = self._read()
        subject = sample.subject
        windows = self._found[(subject.workspace_id, subject.ref.kind)][subject.ref.id]
        return any(window.covers(sample.at) for window in windows)

    def _read(self) -> dict[tuple[int, str], dict[int, list[MaintenanceWindow]]]:
        projects: dict[tuple[int, str], dict[int, int | None]] = defaultdict(dict)
        for sample in self._samples:
            subject = sample.subject
            projects[(subject.workspace_id, subject.ref.kind)][subject.ref.id] = subject.project_id
        start = min(sample.at for sample in self._samples)
        end = max(sample.at for sample in self._samples)
        return {
            (workspace_id, kind): windows_between(
                workspace_id=workspace_id, kind=kind, subjects=subjects, start=start, end=end
            )
            for (workspace_id, kind), subjects in projects.items()
        }
