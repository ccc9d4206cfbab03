"""The door for reports of nodes: numbers, documents and facts are kept, rules judge, incidents follow."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from apps.alerts.types import Sample, Subject
from apps.common.values import Observation, SourceRef
from apps.metrics.types import Appended
from apps.nodes import services
from apps.nodes.latest import detail_of
from apps.nodes.models import Node
from apps.nodes.services.heard import Heard
from apps.nodes.statements import lock_reporting
from apps.nodes.types import Reporting
from apps.pipeline import samples
from apps.pipeline.newest import Told, newest_told, remember_told, told_by
from apps.pipeline.types import NodeFact, NodeReply

MOST = 500


@transaction.atomic(savepoint=False)
def submit_reports(*, facts: Sequence[NodeFact], now: datetime, opens_from: datetime | None = None) -> list[NodeReply]:
    """Keep up to 500 reports of any nodes and workspaces and let everything follow; a reply for each, in their order.

    Reports of nodes that are gone, or of another workspace than their node's, are not kept. A report that came before
    changes nothing; one that is older than the newest is history only. Before `opens_from` no incident opens.
    """
    nodes = lock_reporting({fact.node_id for fact in facts})
    return keep_reports(facts=facts, nodes=nodes, before=newest_told(facts), now=now, opens_from=opens_from)


def keep_reports(
    *,
    facts: Sequence[NodeFact],
    nodes: Mapping[int, Reporting],
    before: Mapping[int, Told],
    now: datetime,
    opens_from: datetime | None = None,
) -> list[NodeReply]:
    """`submit_reports` in a transaction that has locked the nodes; `before` is the newest that was known of each."""
    if len(facts) > MOST:
        raise ValueError(f"at most {MOST} reports a batch")
    belonging = [fact for fact in facts if _belongs(fact, nodes)]
    appended = samples.keep([_observation(fact, nodes[fact.node_id]) for fact in belonging], now=now)
    newest = _newest(appended, belonging)
    marks = {fact.node_id: fact.report.sections.mark for fact in newest}
    heard = [_heard(fact, nodes[fact.node_id], before.get(fact.node_id), marks[fact.node_id]) for fact in newest]
    wishes = services.note_reports(heard=heard)
    remember_told({fact.node_id: told_by(fact, marks[fact.node_id]) for fact in newest})
    subjects = {fact.node_id: subject_of(nodes[fact.node_id]) for fact in belonging}
    told = [Sample(subjects[fact.node_id], fact.at, fact.report.values, fact.report.observed_at) for fact in belonging]
    samples.judge(told, now=now, opens_from=opens_from)
    return [_reply(fact, nodes, wishes) for fact in facts]


def _belongs(fact: NodeFact, known: Mapping[int, Reporting]) -> bool:
    node = known.get(fact.node_id)
    return node is not None and node.workspace_id == fact.workspace_id


def _observation(fact: NodeFact, node: Reporting) -> Observation:
    return Observation(
        workspace_id=fact.workspace_id,
        source=SourceRef(node.ref),
        at=fact.at,
        values={**fact.report.values, "interval_ms": node.report_interval_s * 1000},
        observed_at=fact.report.observed_at,
        detail=detail_of(fact.report, before=fact.before),
    )


def subject_of(node: Node | Reporting, *, last_seen_at: datetime | None = None) -> Subject:
    """A node as rules see it."""
    return Subject(
        workspace_id=node.workspace_id,
        ref=node.ref,
        number=node.number,
        name=node.name,
        project_id=node.project_id,
        cores=node.cores,
        stale_after_s=node.stale_after_s,
        last_seen_at=last_seen_at,
    )


def _newest(appended: Appended, facts: Sequence[NodeFact]) -> list[NodeFact]:
    """The reports that became the newest of their nodes; only those say how a node is now."""
    first: dict[tuple[int, datetime], NodeFact] = {}
    for fact in facts:
        first.setdefault((fact.node_id, fact.at), fact)
    return [first[seen.source.subject.id, seen.at] for seen in appended.newest]


def _heard(fact: NodeFact, node: Reporting, before: Told | None, mark: bytes) -> Heard:
    repeats = before is not None and before.mark == mark
    return Heard(node, fact.report, fact.at, fact.address, repeats)


def _reply(fact: NodeFact, known: Mapping[int, Reporting], wishes: Mapping[int, str]) -> NodeReply:
    if not _belongs(fact, known):
        return NodeReply()
    wanted = wishes.get(fact.node_id, known[fact.node_id].wanted_version)
    return NodeReply(kept=True, wanted_version=wanted, node_id=fact.node_id)
