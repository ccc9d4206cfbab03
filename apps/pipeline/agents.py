"""The door for agents of nodes: whose secret it is, and what they say, many agents at once in one transaction.

Secrets are looked up in the transaction that stores what came with them. Nothing about them is remembered between two
batches, so a secret that was changed and a node that was deleted count for nothing from that moment on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction

from apps.common.clock import epoch_ms, from_epoch_ms
from apps.nodes import services as nodes
from apps.nodes.latest import REMEMBERED, stamp_of
from apps.nodes.models import Node
from apps.nodes.statements import lock_reporting
from apps.nodes.types import Report, StaticFacts
from apps.pipeline.newest import Told, newest_told
from apps.pipeline.reports import keep_reports
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


@transaction.atomic(savepoint=False)
def receive_reports(
    *, sent: Sequence[SentReport], now: datetime, opens_from: datetime | None = None
) -> list[NodeReply | None]:
    """Keep up to 500 reports of any agents; a reply for each in their order, None for strangers.

    A report that is sent again (one of the last few of its node, by its instant and words) is answered and changes
    nothing.
    """
    keys = _keys([each.sender for each in sent], now=now)
    live = lock_reporting(_node_ids(keys))
    known = [each for each in sent if each.sender in keys and keys[each.sender].subject_id in live]
    facts = [_fact(each, keys[each.sender]) for each in known]
    before = newest_told(facts)
    replies = keep_reports(facts=_first_sent(facts, before), nodes=live, before=before, now=now, opens_from=opens_from)
    # A wish that this very report fulfils is not told any more. Nobody else changes one while we hold the nodes.
    wishes = {pk: node.wanted_version for pk, node in live.items()}
    wishes |= {reply.node_id: reply.wanted_version for reply in replies}
    return [_reply(keys.get(each.sender), wishes) for each in sent]


@transaction.atomic
def receive_statics(*, sent: Sequence[SentStatic], now: datetime) -> list[bool]:
    """Keep what agents say about their machines; for each whether its secret is known."""
    keys = _keys([each.sender for each in sent], now=now)
    live = {node.pk: node for node in Node.objects.live().filter(pk__in=lock_reporting(_node_ids(keys)))}
    for each in sent:
        node = live.get(keys[each.sender].subject_id) if each.sender in keys else None
        if node is not None:
            nodes.save_static(node=node, facts=each.facts, now=now)
    return [each.sender in keys and keys[each.sender].subject_id in live for each in sent]


@transaction.atomic
def identify(*, senders: Sequence[Sent], now: datetime) -> list[Identity | None]:
    """The install id of each agent's workspace, drawn where there is none yet; None for strangers."""
    keys = _keys(senders, now=now)
    live = lock_reporting(_node_ids(keys))
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
    return keys_of_agents(set(senders), subject=AgentKey.Subject.NODE, default_workspace=_default, now=now)


def _default() -> int | None:
    default = default_workspace()
    return None if default is None else default.pk


def _node_ids(keys: Mapping[Sent, KnownKey]) -> set[int]:
    return {key.subject_id for key in keys.values()}


def _fact(sent: SentReport, key: KnownKey) -> NodeFact:
    return NodeFact(key.workspace_id, key.subject_id, sent.at, sent.report, sent.address)


def _first_sent(facts: Sequence[NodeFact], before: Mapping[int, Told]) -> list[NodeFact]:
    """Without what was sent again: what came lately already, or earlier in the batch."""
    told = {node_id: newest.stamps for node_id, newest in before.items()}
    last = {node_id: newest.ts_ms for node_id, newest in before.items()}
    fresh = []
    for fact in facts:
        lately, stamp = told.get(fact.node_id, ()), stamp_of(fact.report)
        if stamp not in lately:
            fresh.append(_apart(replace(fact, before=lately[-REMEMBERED:]), last))
            told[fact.node_id] = (*lately, stamp)
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
