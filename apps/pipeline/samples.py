"""The door for reports of nodes, containers and instances: kept, judged, incidents follow. One transaction."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import islice

from django.db import transaction

from apps.alerts import services as alerts
from apps.alerts.types import Sample, Subject, Verdict
from apps.common import bus
from apps.common.values import Observation, Ref
from apps.incidents import services as incidents
from apps.metrics import services as metrics
from apps.metrics.types import Appended


@transaction.atomic
def submit_samples(
    *,
    observations: Sequence[Observation],
    subjects: Mapping[Ref, Subject],
    now: datetime,
    opens_from: datetime | None = None,
) -> list[Verdict]:
    """Keep up to 500 reports, judge them and let incidents follow; answers what was said.

    `subjects` describes who reported; reports of others, and of another workspace than their subject's, are dropped.
    Rules see the values exactly as they came; what is derived for them alone is not kept. A report that came before
    changes nothing. Before `opens_from` (the first minute after a start, contract Dash 9.4) nothing opens.
    """
    known = [seen for seen in observations if _belongs(seen, subjects)]
    keep(known, now=now)
    samples = [Sample(subjects[seen.source.subject], seen.at, seen.values, seen.observed_at) for seen in known]
    return judge(samples, now=now, opens_from=opens_from)


def keep(observations: Sequence[Observation], *, now: datetime) -> Appended:
    """Keep reports in the caller's transaction; what feeds on them, such as traffic, follows their sealing."""
    return metrics.append(rows=observations, now=now)


def judge(samples: Sequence[Sample], *, now: datetime, opens_from: datetime | None = None) -> list[Verdict]:
    """Let the rules judge samples and incidents follow, in the caller's transaction."""
    if not samples:
        return []
    return _apply(alerts.evaluate_samples(samples=samples, now=now, opens_from=opens_from), now=now)


@transaction.atomic
def sweep_silence(
    *, subjects: Iterable[Subject], now: datetime, limit: int = 500, opens_from: datetime | None = None
) -> int:
    """Look at up to `limit` subjects that may have fallen silent; answers how many were looked at.

    The caller hands them in, those that were heard of longest ago first. Killed anywhere and run again, it ends the
    same: a silence is told once.
    """
    looked_at = list(islice(subjects, limit))
    _apply(alerts.evaluate_silence(subjects=looked_at, now=now, opens_from=opens_from), now=now)
    return len(looked_at)


def _belongs(seen: Observation, subjects: Mapping[Ref, Subject]) -> bool:
    subject = subjects.get(seen.source.subject)
    # What a node says about another subject is that subject's latency seen from there, not a report of its own.
    return subject is not None and subject.workspace_id == seen.workspace_id and seen.source.via is None


def _apply(verdicts: list[Verdict], *, now: datetime) -> list[Verdict]:
    if verdicts:
        incidents.apply(verdicts=verdicts, now=now)
        transaction.on_commit(lambda: bus.publish(bus.NOTIFICATIONS))
    return verdicts
