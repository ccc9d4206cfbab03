"""Nodes for pages: made by the services, heard of by reports that an agent really sends."""

import json
from copy import deepcopy
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from apps.api.dash.reports import read_report
from apps.api.dash.statics import read_static
from apps.nodes.models import Node
from apps.nodes.services import create_node, save_static
from apps.pipeline.reports import submit_reports
from apps.pipeline.types import NodeFact
from tests.apps.web.conftest import Scene

VECTORS = Path(__file__).parents[2] / "vectors" / "dash_node_reports.json"
CASE = json.loads(VECTORS.read_text(encoding="utf-8"))["cases"][0]
IFACE = CASE["report"]["metrics"]["network"][0]["name"]


def add_node(scene: Scene, name: str = "web-1", **fields: Any) -> Node:
    """A node of the scene's project, three days old."""
    made = scene.now - timedelta(days=3)
    fields.setdefault("project", scene.project)
    return create_node(workspace=scene.workspace, name=name, actor="ana", now=made, **fields)


def hear(node: Node, *instants: datetime, cpu: float = 0.2175, received: int = 10**9, sick: bool = False) -> Node:
    """Reports of these instants, oldest first, each 60 MB of traffic after the one before; and the static facts.

    A sick machine has drives that SMART says fail, which a built-in rule finds.
    """
    save_static(node=node, facts=read_static(json.dumps(CASE["static"]).encode()), now=instants[0])
    told = []
    for count, at in enumerate(instants):
        body = deepcopy(CASE["report"])
        body["metrics"]["cpu"]["usage_ratio"] = cpu
        if not sick:
            body["metrics"]["disk"]["smart"]["devices"] = body["metrics"]["disk"]["smart"]["devices"][:1]
            body["metrics"]["raid"]["arrays"] = []
        counters = {"bytes_recv": received + count * 40_000_000, "bytes_sent": received + count * 20_000_000}
        body["metrics"]["network"][0] |= counters
        told.append(NodeFact(node.workspace_id, node.pk, at, read_report(json.dumps(body).encode()), "192.0.2.7"))
    submit_reports(facts=told, now=instants[-1])
    node.refresh_from_db()
    return node


def lately(scene: Scene, *, minutes: int = 30, step_s: int = 60) -> list[datetime]:
    """Instants of the last minutes, oldest first; the newest a second ago."""
    count = minutes * 60 // step_s
    return [scene.now - timedelta(seconds=1 + step_s * back) for back in reversed(range(count))]
