"""Nodes as they are now: rows, newest reports and documents together, in a fixed number of statements."""

import hashlib
from collections.abc import Sequence

from apps.common.clock import from_epoch_ms
from apps.common.values import Ref
from apps.metrics.selectors import latest_reports, newest_instants
from apps.nodes.selectors import digests_of, sections_of
from apps.nodes.types import Latest, ListedNode, NodePicture, stale_after_s


def pictures(*, workspace_id: int, nodes: Sequence[ListedNode]) -> list[NodePicture]:
    """The nodes of a workspace that have ever reported, in the order they are handed in."""
    reports = latest_reports(workspace_id=workspace_id, refs=_refs(nodes))
    sections = sections_of(workspace_id, list(reports))
    return [
        NodePicture(
            number=node.number,
            name=node.name,
            rank=node.rank,
            tags=node.tags,
            stale_after_s=stale_after_s(node.report_interval_s),
            latest=Latest(from_epoch_ms(report.ts_ms), report.values, report.detail),
            sections=sections[node.pk],
        )
        for node in nodes
        if (report := reports.get(node.pk)) is not None
    ]


def mark_of(*, workspace_id: int, nodes: Sequence[ListedNode]) -> str:
    """A text that is another one whenever a picture of these nodes is; far cheaper than the pictures."""
    refs = _refs(nodes)
    instants = newest_instants({workspace_id: refs}) if nodes else {}
    digests = digests_of(workspace_id, [node.pk for node in nodes])
    mark = hashlib.blake2b(digest_size=16)
    for node, ref in zip(nodes, refs, strict=True):
        said = (node.pk, node.number, node.name, node.rank, node.tags, node.report_interval_s)
        mark.update(repr((said, instants.get((workspace_id, ref)), digests[node.pk])).encode())
    return mark.hexdigest()


def _refs(nodes: Sequence[ListedNode]) -> list[Ref]:
    return [Ref("node", node.pk) for node in nodes]
