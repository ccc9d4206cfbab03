"""Nodes that report as Dash agents do: bodies of the vectors through the door, and counters over weeks."""

import json
from collections.abc import Iterable
from copy import deepcopy
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import transaction

from apps.api.dash.reports import read_report
from apps.api.dash.statics import read_static
from apps.common.values import Observation, SourceRef
from apps.metrics import services as metrics
from apps.metrics.models import Source
from apps.metrics.tiers import Retention
from apps.nodes import services as nodes
from apps.nodes.models import Node
from apps.pipeline.reports import submit_reports
from apps.pipeline.types import NodeFact
from apps.traffic import services as traffic
from apps.workspaces.models import Workspace

VECTORS = Path(__file__).parents[2] / "vectors"
Document = dict[str, Any]


def vectors(stem: str) -> list[Document]:
    """The cases of a vector file."""
    cases: list[Document] = json.loads((VECTORS / f"{stem}.json").read_text(encoding="utf-8"))["cases"]
    return cases


CASES = vectors("dash_node_reports")


def make_node(workspace: Workspace, name: str = "web", *, now: datetime, **changes: Any) -> Node:
    node = nodes.create_node(workspace=workspace, name=name, actor="ana", now=now)
    return nodes.update_node(node=node, changes=nodes.Changes(**changes), actor="ana", now=now) if changes else node


def introduce(node: Node, *, now: datetime, case: Document = CASES[0]) -> None:
    """The node's static facts, as it sends them once."""
    nodes.save_static(node=node, facts=read_static(json.dumps(case["static"]).encode()), now=now)


def say(node: Node, at: datetime, *, case: Document = CASES[0], **cpu: float) -> None:
    """One report of the vectors at an instant; named values of the processor are said instead of its own."""
    document = deepcopy(case["report"])
    document["metrics"]["cpu"].update(cpu)
    document["timestamp"] = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    report = read_report(json.dumps(document).encode())
    fact = NodeFact(node.workspace_id, node.pk, at, report, address="203.0.113.7")
    submit_reports(facts=[fact], now=at)


def count(node: Node, rows: Iterable[tuple[datetime, int, int]], *, iface: str = "eth0", now: datetime) -> None:
    """Readings of an interface over any time, kept, sealed and reckoned."""
    told = [
        Observation(
            node.workspace_id,
            SourceRef(node.ref),
            at,
            {f"net.rx_bytes[{iface}]": received, f"net.tx_bytes[{iface}]": sent},
        )
        for at, received, sent in rows
    ]
    # Weeks of reports at once, which the usual retention would refuse.
    kept = {node.workspace_id: Retention(reports=None)}
    for first in range(0, len(told), 500):
        with transaction.atomic():
            metrics.append(rows=told[first : first + 500], now=now, retention=kept)
    metrics.seal(source=Source.objects.of(node.workspace_id).get(ref=f"{node.pk}"), now=now)
    while traffic.rewrite_late():
        pass


def steadily(start: datetime, hours: float, *, step_s: int = 300) -> list[tuple[datetime, int, int]]:
    """Counters that grow by 3,000 and 6,000 bytes every five minutes."""
    count_of = int(hours * 3600) // step_s
    return [
        (start + timedelta(seconds=i * step_s), i * 3000 * step_s // 300, i * 6000 * step_s // 300)
        for i in range(count_of + 1)
    ]
