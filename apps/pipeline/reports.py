"""The door for reports of nodes: numbers, documents and facts are kept, rules judge, incidents follow."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from apps.alerts.types import Sample, Subject
from apps.common.values import Observation, SourceRef
from apps.metrics.types import Appended
from apps.nodes import services as nodes
from apps.nodes.latest import detail_of
from apps.nodes.models import Node
from apps.nodes.services.heard import Heard
from apps.pipeline import samples
from apps.pipeline.types import NodeFact, NodeReply

MOST = 500


@transaction.atomic
def submit_reports(*, facts: Sequence[NodeFact], now: datetime, opens_from: datetime | None = None) -> list[NodeReply]:
    """Keep up to 500 reports of any nodes and workspaces and let everything follow; a reply for each, in their order.

    Reports of nodes that are gone, or of another workspace than their node's, are not kept. A report that came before
    changes nothing; one that is older than the newest is history only. Before `opens_from` no incident opens.
    """
    if len(facts) > MOST:
        raise ValueError(f"at most {MOST} reports a batch")
    known = _live_nodes(facts)
    belonging = [fact for fact in facts if _belongs(fact, known)]
    appended = samples.keep([_observation(fact, known[fact.node_id]) for fact in belonging], now=now)
    nodes.note_reports(heard=_heard(appended, belonging, known))
    subjects = {node.pk: subject_of(node) for node in known.values()}
    told = [Sample(subjects[fact.node_id], fact.at, fact.report.values, fact.report.observed_at) for fact in belonging]
    samples.judge(told, now=now, opens_from=opens_from)
    return [_reply(fact, known) for fact in facts]


def _live_nodes(facts: Sequence[NodeFact]) -> dict[int, Node]:
    workspaces, pks = {fact.workspace_id for fact in facts}, {fact.node_id for fact in facts}
    return {node.pk: node for node in Node.objects.live().filter(workspace__in=workspaces, pk__in=pks)}


def _belongs(fact: NodeFact, known: Mapping[int, Node]) -> bool:
    node = known.get(fact.node_id)
    return node is not None and node.workspace_id == fact.workspace_id


def _observation(fact: NodeFact, node: Node) -> Observation:
    return Observation(
        workspace_id=fact.workspace_id,
        source=SourceRef(node.ref),
        at=fact.at,
        values={**fact.report.values, "interval_ms": node.report_interval_s * 1000},
        observed_at=fact.report.observed_at,
        detail=detail_of(fact.report, before=fact.before),
    )


def subject_of(node: Node, *, last_seen_at: datetime | None = None) -> Subject:
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


def _heard(appended: Appended, facts: Sequence[NodeFact], known: Mapping[int, Node]) -> list[Heard]:
    """The reports that became the newest of their nodes; only those say how a node is now."""
    first: dict[tuple[int, datetime], NodeFact] = {}
    for fact in facts:
        first.setdefault((fact.node_id, fact.at), fact)
    newest = [first[seen.source.subject.id, seen.at] for seen in appended.newest]
    return [Heard(known[fact.node_id], fact.report, fact.at, fact.address) for fact in newest]


def _reply(fact: NodeFact, known: Mapping[int, Node]) -> NodeReply:
    if not _belongs(fact, known):
        return NodeReply()
    return NodeReply(kept=True, wanted_version=known[fact.node_id].wanted_version, node_id=fact.node_id)
