"""Reports become verdicts: rules are stepped one report after the other, and only what turned is told."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from apps.alerts.batches import REFRESH, Batch, is_about, key_of, open_batch, standing_of
from apps.alerts.columns import SILENCE
from apps.alerts.models import RuleState
from apps.alerts.states import IDLE, Rule, Step, step
from apps.alerts.types import Sample, SilentReason, Subject, Verdict, VerdictKind
from apps.alerts.words import cause_text
from apps.projects.models import MaintenanceWindow
from apps.projects.windows import windows_between

KIND: Mapping[str, VerdictKind] = {"opened": "bad", "cleared": "ok", "notice": "notice"}


def judge_samples(samples: Sequence[Sample], *, now: datetime, opens_from: datetime | None) -> list[Verdict]:
    """Verdicts of a batch, oldest report first; reports that are not newer than what was judged say nothing."""
    batch = open_batch(samples)
    if batch is None:
        return []
    silenced = _Windows(samples)
    verdicts = []
    for sample in sorted(samples, key=lambda sample: sample.at):
        if not batch.is_news(sample):
            continue
        told = _with_silence(sample, 0)
        for rule in batch.rules_for(sample.subject):
            verdicts += _judge(batch, rule, told, silenced, now=now, opens_from=opens_from)
    return _settle(batch, verdicts)


def judge_silence(subjects: Sequence[Subject], *, now: datetime, opens_from: datetime | None) -> list[Verdict]:
    """Verdicts on subjects that may have fallen silent. A report that was judged meanwhile counts as heard."""
    looks = [Sample(subject, now, {}, silent=True) for subject in subjects]
    batch = open_batch(looks)
    if batch is None:
        return []
    silenced = _Windows(looks)
    verdicts = []
    for look in looks:
        subject = look.subject
        silence = _silence_s(subject, batch, now)
        told = _with_silence(look, silence)
        for rule in batch.rules_for(subject):
            if rule.hears_silence:
                verdicts += _judge(batch, rule, told, silenced, now=now, opens_from=opens_from)
            elif rule.closes_when_stale and silence is not None and silence > subject.stale_after_s:
                verdicts += _gone_stale(batch, rule, subject, now=now)
    return _settle(batch, verdicts)


def _settle(batch: Batch, verdicts: list[Verdict]) -> list[Verdict]:
    """Keep where the rules stand now, and tell what they said unless they were changed while they said it."""
    speaking = {verdict.rule_id for verdict in verdicts if verdict.kind in {"bad", "notice"}}
    outdated = batch.drop_outdated(speaking) if speaking else set()
    batch.save()
    return [verdict for verdict in verdicts if verdict.rule_id not in outdated]


def _silence_s(subject: Subject, batch: Batch, now: datetime) -> float | None:
    """Seconds since the newest report; None when there never was one."""
    clock = batch.clocks.get(key_of(subject))
    judged_at = clock.judged_at if clock is not None and clock.judged_at >= clock.judged_since else None
    heard = [at for at in (subject.last_seen_at, judged_at) if at is not None]
    return max(0.0, (now - max(heard)).total_seconds()) if heard else None


def _with_silence(sample: Sample, silence: float | None) -> Sample:
    values = {SILENCE: silence, **sample.values}
    return Sample(sample.subject, sample.at, values, sample.observed_at, sample.silent)


def _judge(
    batch: Batch,
    rule: Rule,
    sample: Sample,
    silenced: "_Windows",
    *,
    now: datetime,
    opens_from: datetime | None,
) -> list[Verdict]:
    subject, row = sample.subject, batch.state(rule, sample.subject)
    if not is_about(rule, subject):
        return _no_longer_about(batch, rule, subject, now=now)
    standing, clock = standing_of(row), batch.clocks[key_of(subject)]
    started = opens_from is None or now >= opens_from
    after = step(rule, standing, sample, now=now, known_since=clock.judged_since, may_open=started)
    in_window = after.turn is not None and silenced.cover(sample)
    if after.turn is not None and after.turn.kind == "opened" and in_window:
        # Nothing opens inside a maintenance window; what outlasts it opens with the next report.
        after = step(rule, standing, sample, now=now, known_since=clock.judged_since, may_open=False)
    verdicts, refreshed_at = _told(rule, sample, after, row, in_window=in_window, now=now)
    batch.put(rule, subject, after.standing, refreshed_at=refreshed_at)
    return verdicts


def _told(
    rule: Rule, sample: Sample, after: Step, row: RuleState | None, *, in_window: bool, now: datetime
) -> tuple[list[Verdict], datetime | None]:
    """What a step says, and when its value was last told: a turn at once, a lasting value once a minute."""
    refreshed_at = row.refreshed_at if row is not None else None
    if after.turn is not None:
        return [_verdict(rule, sample, after, in_window=in_window)], now
    if after.standing.phase != "firing" or after.reading is None:
        return [], refreshed_at
    if refreshed_at is not None and now - refreshed_at < REFRESH:
        return [], refreshed_at
    return [_verdict(rule, sample, after, in_window=False)], now


def _verdict(rule: Rule, sample: Sample, after: Step, *, in_window: bool) -> Verdict:
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
        in_maintenance=in_window,
        name=subject.name,
        project_id=subject.project_id,
        title=f"{rule.name} on {subject.name}",
        metric=metric,
        value=shown.value,
        threshold=shown.threshold,
        generation=rule.generation,
        observed_at=turn.at if turn is not None else sample.observed_at,
        pending_since=turn.pending_since if turn is not None else None,
    )


def _no_longer_about(batch: Batch, rule: Rule, subject: Subject, *, now: datetime) -> list[Verdict]:
    """A subject that moved out of its rule's reach or cover while the rule had something to say about it."""
    if batch.state(rule, subject) is None:
        return []
    batch.put(rule, subject, IDLE, refreshed_at=None)
    return [_gone(rule, subject, reason="unmounted", now=now)]


def _gone_stale(batch: Batch, rule: Rule, subject: Subject, *, now: datetime) -> list[Verdict]:
    row = batch.state(rule, subject)
    if row is None or row.phase == RuleState.Phase.COOLDOWN:
        return []
    batch.put(rule, subject, IDLE, refreshed_at=None)
    return [_gone(rule, subject, reason="stale", now=now)] if row.phase == RuleState.Phase.FIRING else []


def _gone(rule: Rule, subject: Subject, *, reason: SilentReason, now: datetime) -> Verdict:
    return Verdict(
        workspace_id=subject.workspace_id,
        rule_id=rule.pk,
        ref=subject.ref,
        at=now,
        kind="gone",
        severity=rule.severity,
        cause="",
        cause_text="",
        before=None,
        after=None,
        in_maintenance=False,
        name=subject.name,
        project_id=subject.project_id,
        metric=rule.conditions[0].metric,
        generation=rule.generation,
        reason=reason,
    )


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
