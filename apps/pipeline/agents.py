"""The door for agents of nodes: whose secret it is, and what they say, many agents at once in one transaction.

Secrets are looked up in the transaction that stores what came with them. Nothing about them is remembered between two
batches, so a secret that was changed and a node that was deleted count for nothing from that moment on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction

from apps.common.clock import epoch_ms, from_epoch_ms
from apps.common.values import Ref
from apps.metrics.selectors import newest_details
from apps.nodes import services as nodes
from apps.nodes.latest import REMEMBERED, stamp_of, stamps_in
from apps.nodes.models import Node
from apps.nodes.types import Report, StaticFacts
from apps.pipeline.reports import submit_reports
from apps.pipeline.types import NodeFact, NodeReply
from apps.tokens.models import AgentKey
from apps.tokens.selectors import KnownKey, Sent, keys_of_agents
from apps.workspaces.models import Workspace
from apps.workspaces.selectors import default_workspace

# Of one secret, whichever door it comes to: many nodes share a network (contract Dash 3).
MOST_A_MINUTE = 600
# Two minutes' worth of that at one instant, a millisecond each.
CROWD_MS = 2 * MOST_A_MINUTE


@dataclass(frozen=True, slots=True)
class SentReport:
    """A report on its way in; `at` is the server's clock, `address` where it came from."""

    sender: Sent
    at: datetime
    report: Report
    address: str = ""


@dataclass(frozen=True, slots=True)
class SentStatic:
    """Static facts on their way in."""

    sender: Sent
    facts: StaticFacts


@dataclass(frozen=True, slots=True)
class Identity:
    """What names the workspace to an agent, and whether this very question made it."""

    install_id: str
    created: bool


@transaction.atomic
def receive_reports(
    *, sent: Sequence[SentReport], now: datetime, opens_from: datetime | None = None
) -> list[NodeReply | None]:
    """Keep up to 500 reports of any agents; a reply for each in their order, None for strangers.

    A report that is sent again (one of the last few of its node, by the agent's own clock) is answered and changes
    nothing.
    """
    keys = _keys([each.sender for each in sent], now=now)
    wishes = _lock(keys)
    known = [each for each in sent if each.sender in keys and keys[each.sender].subject_id in wishes]
    fresh = _first_sent([_fact(each, keys[each.sender]) for each in known])
    # A wish that this very report fulfils is not told any more. Nobody else changes one while we hold the nodes.
    for reply in submit_reports(facts=fresh, now=now, opens_from=opens_from):
        wishes[reply.node_id] = reply.wanted_version
    return [_reply(keys.get(each.sender), wishes) for each in sent]


@transaction.atomic
def receive_statics(*, sent: Sequence[SentStatic], now: datetime) -> list[bool]:
    """Keep what agents say about their machines; for each whether its secret is known."""
    keys = _keys([each.sender for each in sent], now=now)
    live = {node.pk: node for node in Node.objects.live().filter(pk__in=_lock(keys))}
    for each in sent:
        node = live.get(keys[each.sender].subject_id) if each.sender in keys else None
        if node is not None:
            nodes.save_static(node=node, facts=each.facts, now=now)
    return [each.sender in keys and keys[each.sender].subject_id in live for each in sent]


@transaction.atomic
def identify(*, senders: Sequence[Sent], now: datetime) -> list[Identity | None]:
    """The install id of each agent's workspace, drawn where there is none yet; None for strangers."""
    keys = _keys(senders, now=now)
    live = _lock(keys)
    workspaces = Workspace.objects.in_bulk([key.workspace_id for key in keys.values()])
    answers: list[Identity | None] = []
    for sender in senders:
        key = keys.get(sender)
        if key is None or key.subject_id not in live:
            answers.append(None)
        else:
            answers.append(Identity(*nodes.draw_install_id(workspace=workspaces[key.workspace_id])))
    return answers


def _keys(senders: Sequence[Sent], *, now: datetime) -> dict[Sent, KnownKey]:
    default = default_workspace() if any(sender.slug is None for sender in senders) else None
    return keys_of_agents(
        set(senders),
        subject=AgentKey.Subject.NODE,
        default_workspace=None if default is None else default.pk,
        now=now,
    )


def _lock(keys: Mapping[Sent, KnownKey]) -> dict[int, str]:
    """The live nodes of these keys with the version that each should become, locked in one order.

    Of two processes that were sent the same report the second one waits here and then sees what the first one kept.
    """
    pks = {key.subject_id for key in keys.values()}
    rows = Node.objects.live().filter(pk__in=pks).select_for_update(no_key=True).order_by("pk")
    return dict(rows.values_list("pk", "wanted_version"))


def _fact(sent: SentReport, key: KnownKey) -> NodeFact:
    return NodeFact(key.workspace_id, key.subject_id, sent.at, sent.report, sent.address)


def _first_sent(facts: Sequence[NodeFact]) -> list[NodeFact]:
    """Without what was sent again: what came lately already, or earlier in the batch."""
    refs: dict[int, set[Ref]] = {}
    for fact in facts:
        refs.setdefault(fact.workspace_id, set()).add(Ref("node", fact.node_id))
    newest = newest_details(refs)
    told = {ref.id: stamps_in(detail) for (_, ref), (_, detail) in newest.items()}
    last = {ref.id: ts for (_, ref), (ts, _) in newest.items()}
    fresh = []
    for fact in facts:
        before, stamp = told.get(fact.node_id, ()), stamp_of(fact.report)
        if stamp not in before:
            fresh.append(_apart(replace(fact, before=before[-REMEMBERED:]), last))
            told[fact.node_id] = (*before, stamp)
    return fresh


def _apart(fact: NodeFact, last: dict[int, int]) -> NodeFact:
    """The report after the node's last one: one instant has one row in history, and reports may share a millisecond.

    Those that did were told at later ones, which the next may meet. Further ahead than that the last one came of a
    clock that was wrong, and the report stays where it is.
    """
    ts = epoch_ms(fact.at)
    before = last.get(fact.node_id, ts - 1)
    if 0 <= before - ts < CROWD_MS:
        ts = before + 1
    last[fact.node_id] = ts
    return fact if ts == epoch_ms(fact.at) else replace(fact, at=from_epoch_ms(ts))


def _reply(key: KnownKey | None, wishes: Mapping[int, str]) -> NodeReply | None:
    if key is None or key.subject_id not in wishes:
        return None
    return NodeReply(kept=True, wanted_version=wishes[key.subject_id], node_id=key.subject_id)
