"""Nodes that have stopped reporting: nobody tells of a silence, so somebody has to look."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from apps.alerts.types import Subject
from apps.common.clock import from_epoch_ms
from apps.common.values import Ref
from apps.metrics.selectors import newest_instants
from apps.nodes.models import Node
from apps.pipeline import samples
from apps.pipeline.reports import MOST, subject_of

# What a report may be late without anybody looking.
GRACE_S = 1
# Agents need that long to find a service that was away (contract Dash 9.4).
QUIET_START = timedelta(minutes=1)


class NodeWatch:
    """Looks for silence over and over; nothing opens in the first minute, when every node seems to be silent."""

    def __init__(self) -> None:
        self._since: datetime | None = None

    def look(self, *, now: datetime) -> int:
        """Look at every silent node; answers how many there are."""
        self._since = self._since or now
        return sweep_nodes(now=now, opens_from=self._since + QUIET_START)


def sweep_nodes(*, now: datetime, opens_from: datetime | None = None, page: int = MOST) -> int:
    """Look at every node that has been silent for longer than it reports; answers how many were looked at.

    A page of nodes a transaction, all tenants in turn. Killed anywhere and run again it ends the same.
    """
    looked_at, after = 0, 0
    while found := _heard_of(after, page):
        looked_at += samples.sweep_silence(subjects=_silent(found, now=now), now=now, limit=page, opens_from=opens_from)
        after = found[-1].pk
    return looked_at


def _heard_of(after: int, limit: int) -> list[Node]:
    nodes_heard_of = Node.objects.live().filter(first_report_at__isnull=False, workspace__closed_at__isnull=True)
    return list(nodes_heard_of.filter(pk__gt=after).order_by("pk")[:limit])


def _silent(found: Sequence[Node], *, now: datetime) -> list[Subject]:
    refs: dict[int, list[Ref]] = {}
    for node in found:
        refs.setdefault(node.workspace_id, []).append(node.ref)
    instants = newest_instants(refs)
    silent = []
    for node in found:
        ts = instants.get((node.workspace_id, node.ref))
        last_seen_at = None if ts is None else from_epoch_ms(ts)
        # One that reports in time has nothing to be told; its own reports are judged as they come.
        if last_seen_at is None or (now - last_seen_at).total_seconds() > node.report_interval_s + GRACE_S:
            silent.append(subject_of(node, last_seen_at=last_seen_at))
    return silent
