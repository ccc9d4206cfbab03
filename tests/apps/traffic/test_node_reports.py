"""Traffic of what agents really send: read, kept and sealed as every report of a node is."""

import json
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

import pytest

from apps.api.dash.reports import read_report
from apps.common.clock import from_epoch_ms
from apps.metrics import selectors as metrics
from apps.metrics.models import Block, LatestRow, Source
from apps.metrics.tiers import FACTS, REPORTS
from apps.nodes import services as nodes
from apps.nodes.models import Node
from apps.pipeline.lifecycle import forget
from apps.pipeline.reports import submit_reports
from apps.pipeline.types import NodeFact
from apps.traffic import services
from apps.traffic.facts import Sample
from apps.traffic.models import Interface
from apps.workspaces.models import Workspace
from tests.apps.traffic.conftest import NOW, expected, facts, seal, settle, walk

VECTORS = Path(__file__).parents[2] / "vectors" / "dash_node_reports.json"
REPORT = json.loads(VECTORS.read_text(encoding="utf-8"))["cases"][0]["report"]
IFACE = REPORT["metrics"]["network"][0]["name"]


@pytest.fixture
def node(workspace: Workspace) -> Node:
    return nodes.create_node(workspace=workspace, name="web", actor="ana", now=NOW)


def submit(node: Node, samples: Sequence[Sample]) -> None:
    """The report of the vectors once for every sample, with its counters."""
    told = []
    for ts, received, sent in samples:
        body = deepcopy(REPORT)
        body["metrics"]["network"][0] |= {"bytes_recv": received, "bytes_sent": sent}
        told.append(NodeFact(node.workspace_id, node.pk, from_epoch_ms(ts), read_report(json.dumps(body).encode())))
    submit_reports(facts=told, now=NOW)


def test_facts_of_real_reports_before_and_after_sealing_and_of_late_ones(node: Node, workspace: Workspace) -> None:
    samples = walk(count=120, step_ms=100_000)
    submit(node, [*samples[:40], *samples[60:]])
    assert facts(workspace, IFACE, node.ref) == expected([*samples[:40], *samples[60:]])
    seal(NOW, workspace, node.ref)
    assert services.rewrite_late() == 0

    # Late ones are reckoned from sealed reports, which are hours, not days.
    submit(node, samples[40:60])
    settle(NOW, workspace, node.ref)

    assert facts(workspace, IFACE, node.ref) == expected(samples)
    assert set(Block.objects.values_list("tier", flat=True)) == {FACTS, REPORTS}
    assert {row.name for row in Interface.objects.all()} == {each["name"] for each in REPORT["metrics"]["network"]}


def test_sealing_leaves_the_newest_report_as_it_was_said(node: Node, workspace: Workspace) -> None:
    submit(node, walk(count=5))
    said = metrics.latest_reports(workspace_id=workspace.pk, refs=[node.ref])
    row = LatestRow.objects.values().get()
    LatestRow.objects.update(ts=row["ts"] - 1)

    seal(NOW, workspace, node.ref)

    assert LatestRow.objects.values().get() == {**row, "ts": row["ts"] - 1}
    assert said[node.pk].detail["observed_s"]


def test_a_node_that_is_forgotten_takes_its_traffic_along(node: Node, workspace: Workspace) -> None:
    submit(node, walk(count=5))
    settle(NOW, workspace, node.ref)
    assert Interface.objects.exists()

    assert forget(ref=node.ref, now=NOW)

    assert not Interface.objects.exists()
    assert not Block.objects.exists()
    assert not Source.objects.exists()
