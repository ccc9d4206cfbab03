"""What the newest reports of nodes said, as far as the next one is held against it.

The store knows it, but it is dear to read: it lies among all the values of the report. So a process remembers it of
the reports that it kept itself, and asks the store each time whether they still are the newest ones. An instant names
one report of a node for ever, so what is remembered of it cannot be out of date.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from django.db import transaction

from apps.common.clock import epoch_ms
from apps.common.remembered import Remembered
from apps.common.values import Ref
from apps.metrics.selectors import newest_details, newest_instants
from apps.nodes.latest import stamp_of, stamps_in
from apps.pipeline.types import NodeFact

REMEMBERED = 50_000


class Told(NamedTuple):
    """When a node's newest report came, the agent's own instants of it and of the few before it, oldest first, and
    what tells its documents (b"": not known).
    """

    ts_ms: int
    stamps: tuple[str, ...]
    mark: bytes


_remembered: Remembered[int, Told] = Remembered(REMEMBERED)


def newest_told(facts: Collection[NodeFact]) -> dict[int, Told]:
    """What was told last of the nodes that these reports are about; one statement where it is remembered, else three.

    To be asked when the nodes are locked: then it stays what it is.
    """
    instants = newest_instants(_refs((fact.workspace_id, fact.node_id) for fact in facts))
    known = _remembered.take([ref.id for _, ref in instants])
    found = {
        ref.id: known[ref.id] for (_, ref), ts in instants.items() if ref.id in known and known[ref.id].ts_ms == ts
    }
    unknown = _refs((workspace_id, ref.id) for workspace_id, ref in instants if ref.id not in found)
    for (_, ref), (ts, detail) in newest_details(unknown).items():
        found[ref.id] = Told(ts, stamps_in(detail), b"")
    return found


def told_by(fact: NodeFact, mark: bytes) -> Told:
    """What a report says that is now the newest of its node."""
    return Told(epoch_ms(fact.at), (*fact.before, stamp_of(fact.report)), mark)


def remember_told(told: Mapping[int, Told]) -> None:
    """Remember reports that became the newest ones, once they are committed: what is rolled back was never told."""
    if told:
        transaction.on_commit(lambda: _remembered.put(told))


def _refs(nodes: Iterable[tuple[int, int]]) -> dict[int, set[Ref]]:
    refs: dict[int, set[Ref]] = defaultdict(set)
    for workspace_id, node_id in nodes:
        refs[workspace_id].add(Ref("node", node_id))
    return refs
