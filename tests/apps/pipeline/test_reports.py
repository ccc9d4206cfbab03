"""The door for reports of nodes: kept, shown, judged, and never twice."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.alerts import services as alerts
from apps.alerts.conditions import Condition
from apps.alerts.documents import RuleDraft
from apps.api.dash.node_views import node_view
from apps.api.dash.reports import read_report
from apps.api.dash.statics import read_static
from apps.common.errors import NotFoundError
from apps.common.values import Ref
from apps.incidents import services as incidents
from apps.incidents.models import Incident
from apps.metrics import services as metrics
from apps.metrics.models import HeadRow, LatestRow, Source
from apps.nodes import selectors, services
from apps.nodes.models import Node, NodeSection
from apps.nodes.types import Document, Documents, Report
from apps.pipeline.lifecycle import forget, forget_retired, retire_node
from apps.pipeline.pictures import pictures
from apps.pipeline.reports import submit_reports
from apps.pipeline.silence import NodeWatch, sweep_nodes
from apps.pipeline.types import NodeFact
from apps.tokens.models import AgentKey
from apps.workspaces.models import Workspace
from tests import factories
from tests.together import at_once

CASES = json.loads((Path(__file__).parents[2] / "vectors/dash_node_reports.json").read_text(encoding="utf-8"))["cases"]
NOW = factories.NOW
BUSY = Condition("cpu.ratio", "ge", 0.9, missing="clear")


@pytest.fixture
def workspace(db: None) -> Workspace:
    return factories.make_workspace()


@pytest.fixture
def node(workspace: Workspace) -> Node:
    return make_node(workspace)


def make_node(workspace: Workspace, name: str = "web") -> Node:
    return services.create_node(workspace=workspace, name=name, actor="ana", now=NOW)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def report(ratio: float = 0.5, **fields: Any) -> Report:
    told = Report("dash", "0.2.3", NOW, {"cpu.ratio": ratio}, sections=raid(available=False))
    return replace(told, **fields)


def raid(*, available: bool) -> Documents:
    return Documents(raid=Document(json.dumps({"available": available}).encode(), json.loads))


def fact(node: Node, seconds: float, ratio: float = 0.5, **fields: Any) -> NodeFact:
    return NodeFact(node.workspace_id, node.pk, at(seconds), report(ratio, **fields), address="203.0.113.7")


def submit(*facts: NodeFact, after: float = 0, **options: Any) -> list[tuple[bool, str]]:
    now = max((each.at for each in facts), default=NOW) + timedelta(seconds=after)
    replies = submit_reports(facts=facts, now=now, **options)
    return [(reply.kept, reply.wanted_version) for reply in replies]


def everything() -> dict[str, list[dict[str, Any]]]:
    """Every row of every table of ours."""
    tables = [model for model in apps.get_models() if model.__module__.startswith("apps.")]
    return {table.__name__: list(table.objects.order_by("pk").values()) for table in tables}


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_stored_report_is_shown_as_it_was_sent(workspace: Workspace, case: dict[str, Any]) -> None:
    context, expected = case["context"], dict(case["expect_front_metrics"])
    node = make_node(workspace, context["node_name"])
    changes = services.Changes(tags=context["tags"], rank=context["display_order"])
    services.update_node(node=node, changes=changes, actor="ana", now=NOW)
    services.save_static(node=node, facts=read_static(json.dumps(case["static"]).encode()), now=NOW)
    sent = read_report(json.dumps(case["report"]).encode())
    submit_reports(facts=[NodeFact(workspace.pk, node.pk, at(0), sent)], now=NOW)

    (picture,) = pictures(workspace_id=workspace.pk, nodes=selectors.listed_nodes(workspace, public_only=False))
    view = node_view(picture)

    assert view.pop("pressure", None) == case["report"]["metrics"].get("pressure")
    expected["node"] = {**expected["node"], "id": "1"}
    expected["observation"] = {**expected["observation"], "received_at": "2026-03-02T10:00:00Z"}
    assert view == expected


def test_the_first_report_says_what_a_node_is(node: Node) -> None:
    services.want_version(node=node, version="0.2.9", actor="ana", now=NOW)
    assert submit(fact(node, 0)) == [(True, "0.2.9")]

    fresh = Node.objects.get()
    assert (fresh.agent_kind, fresh.agent_version, fresh.first_report_at) == ("dash", "0.2.3", NOW)
    assert fresh.addresses == {"peer": "203.0.113.7"}
    assert submit(fact(node, 3, version="0.2.9")) == [(True, "")]
    assert Node.objects.get().wanted_version == ""


def test_documents_are_written_when_they_change_and_not_before(node: Node) -> None:
    for seconds, available in enumerate([False, False, True]):
        submit(fact(node, seconds, sections=raid(available=available)))

    kept = NodeSection.objects.get()
    assert (kept.document, kept.at) == ({"available": True}, at(2))
    submit(fact(node, 9, sections=Documents()))
    assert NodeSection.objects.get().document == {"available": True}


def test_an_older_report_is_history_only(node: Node) -> None:
    submit(fact(node, 10))
    submit(fact(node, 5, version="0.1.0", sections=raid(available=True)))

    assert Node.objects.get().agent_version == "0.2.3"
    assert NodeSection.objects.get().document == {"available": False}
    assert HeadRow.objects.count() == 2


def test_of_a_batch_the_newest_report_says_how_a_node_is(node: Node) -> None:
    told = [fact(node, seconds, version=f"0.2.{seconds}") for seconds in (3, 9, 6)]
    submit(*told)

    assert Node.objects.get().agent_version == "0.2.9"


@pytest.mark.parametrize("seed", range(3))
def test_a_whole_history_told_again_in_any_order_changes_nothing(workspace: Workspace, seed: int) -> None:
    alerts.create_rule(
        workspace=workspace, draft=RuleDraft("CPU high", "node", (BUSY,), cooldown_s=30), actor="ana", now=NOW
    )
    nodes, chance = [make_node(workspace), make_node(workspace)], Random(seed)
    told = [fact(node, 3 * tick, chance.choice([0.5, 0.95])) for tick in range(40) for node in nodes]
    submit(*told)
    before = everything()

    again = [*told, *chance.sample(told, 20)]
    chance.shuffle(again)
    while again:
        size = chance.randrange(1, 20)
        submit(*again[:size], after=120)
        del again[:size]

    assert everything() == before
    assert Incident.objects.count() > 1


def test_rules_see_exact_values_and_what_is_never_kept(node: Node, workspace: Workspace) -> None:
    conditions = (
        Condition("cpu.ratio", "ge", 0.9000000001, missing="clear"),
        Condition("disk.primary_ratio", "ge", 0.5, missing="clear"),
    )
    alerts.create_rule(workspace=workspace, draft=RuleDraft("Both", "node", conditions), actor="ana", now=NOW)
    submit(fact(node, 3, values={"cpu.ratio": 0.90000000011, "disk.primary_ratio": 0.6}))

    assert Incident.objects.get().title == "Both on web"
    names = [entry["name"] for entry in Source.objects.get().columns.values()]
    assert "disk.primary_ratio" not in names


def test_reports_of_strangers_and_of_the_deleted_are_not_kept(node: Node, workspace: Workspace) -> None:
    other = factories.make_workspace()
    gone = make_node(workspace)
    retire_node(node=gone, actor="ana", now=NOW)
    foreign = NodeFact(other.pk, node.pk, at(3), report())
    unknown = NodeFact(workspace.pk, 10**9, at(3), report())

    assert submit(foreign, fact(gone, 3), unknown, fact(node, 3)) == [(False, ""), (False, ""), (False, ""), (True, "")]
    assert HeadRow.objects.get().workspace_id == workspace.pk


def test_a_batch_is_bounded(node: Node) -> None:
    with pytest.raises(ValueError):
        submit(*[fact(node, 0)] * 501)


@pytest.mark.parametrize(
    "kill",
    [
        (metrics, "append"),
        (services, "note_reports"),
        (alerts, "evaluate_samples"),
        (incidents, "apply"),
    ],
    ids=lambda place: place[1],
)
def test_what_is_killed_half_way_leaves_nothing_and_works_the_second_time(
    node: Node, workspace: Workspace, monkeypatch, kill: tuple[Any, str]
) -> None:
    alerts.create_rule(workspace=workspace, draft=RuleDraft("CPU high", "node", (BUSY,)), actor="ana", now=NOW)
    before = everything()
    with monkeypatch.context() as broken:
        broken.setattr(*kill, lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            submit(fact(node, 3, 0.95))
    assert everything() == before

    submit(fact(node, 3, 0.95))

    assert Incident.objects.get().opened_at == at(3)
    assert LatestRow.objects.count() == 1


def statements(nodes: Sequence[Node], seconds: float) -> int:
    with CaptureQueriesContext(connection) as found:
        submit(*[fact(node, seconds) for node in nodes])
    return len(found)


def test_a_batch_of_many_nodes_takes_as_many_statements_as_of_one(
    workspace: Workspace, django_capture_on_commit_callbacks
) -> None:
    nodes = [make_node(workspace) for _ in range(30)]
    with django_capture_on_commit_callbacks(execute=True):
        submit(*[fact(node, 0) for node in nodes])

    with django_capture_on_commit_callbacks(execute=True):
        many = statements(nodes, 6)
    assert many == statements(nodes[:1], 9)


def test_a_node_that_falls_silent_is_told_once_and_its_next_report_ends_it(node: Node, workspace: Workspace) -> None:
    never = make_node(workspace, "never")
    submit(fact(node, 0))
    for seconds in (5, 14, 15, 20, 300):
        sweep_nodes(now=at(seconds))

    incident = Incident.objects.get()
    assert (incident.subject_id, incident.opened_at, incident.rule.number) == (node.pk, at(15), -1)
    assert never.pk != node.pk
    submit(fact(node, 301))
    assert Incident.objects.get().closed_at == at(301)


def test_how_long_a_node_may_be_silent_follows_its_interval(node: Node) -> None:
    Node.objects.update(report_interval_s=60)
    submit(fact(node, 0))
    sweep_nodes(now=at(200))
    assert not Incident.objects.exists()

    sweep_nodes(now=at(243))

    assert Incident.objects.count() == 1


def test_nothing_opens_in_the_first_minute_of_a_watch(node: Node) -> None:
    submit(fact(node, 0))
    watch = NodeWatch()
    for seconds in (100, 130, 159):
        watch.look(now=at(seconds))
    assert not Incident.objects.exists()

    assert watch.look(now=at(160)) == 1
    assert Incident.objects.count() == 1


def test_the_sweep_goes_through_every_page_and_leaves_closed_workspaces_alone(workspace: Workspace) -> None:
    nodes = [make_node(workspace, f"node-{number}") for number in range(5)]
    closed = factories.make_workspace()
    nodes.append(make_node(closed))
    submit(*[fact(node, 0) for node in nodes])
    closed.closed_at = NOW
    closed.save()
    retire_node(node=nodes[0], actor="ana", now=NOW)

    assert sweep_nodes(now=at(60), page=2) == 4
    assert Incident.objects.filter(closed_at=None).count() == 4


def test_deleting_a_node_ends_what_is_open_and_later_takes_all_there_is(node: Node, workspace: Workspace) -> None:
    submit(fact(node, 0), fact(other := make_node(workspace), 0))
    sweep_nodes(now=at(60))
    retire_node(node=node, actor="ana", now=at(61))

    ended = Incident.objects.get(subject_id=node.pk)
    assert (ended.close_reason, ended.closed_at) == ("subject_deleted", at(61))
    assert forget_retired(now=at(62)) == 0
    assert LatestRow.objects.count() == 2
    assert forget_retired(now=at(62 + 600)) == 1
    assert forget_retired(now=at(62 + 600)) == 0
    assert list(Node.objects.all()) == [other]
    assert (Source.objects.get().ref, LatestRow.objects.count(), HeadRow.objects.count()) == (f"{other.pk}", 1, 1)
    assert AgentKey.objects.filter(subject="node").count() == 1
    assert NodeSection.objects.count() == 1
    assert not forget(ref=Ref("node", node.pk), now=NOW)
    with pytest.raises(NotFoundError):
        retire_node(node=node, actor="ana", now=NOW)


def test_pictures_are_of_nodes_that_have_reported_in_few_statements(
    workspace: Workspace, django_assert_num_queries
) -> None:
    nodes = [make_node(workspace, name) for name in "abc"]
    submit(*[fact(node, 0) for node in nodes[:2]])
    listed = [selectors.listed(node) for node in selectors.nodes_of(workspace)]

    for queries in (4, 2):  # documents and names of columns are remembered
        with django_assert_num_queries(queries):
            found = pictures(workspace_id=workspace.pk, nodes=listed)
    assert [picture.name for picture in found] == ["b", "a"]
    assert pictures(workspace_id=factories.make_workspace().pk, nodes=listed) == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_workers_with_the_same_reports_keep_each_once() -> None:
    workspace = factories.make_workspace()
    nodes = [make_node(workspace, f"node-{number}") for number in range(12)]

    def send(seed: int) -> None:
        order = Random(seed).sample(nodes, len(nodes))
        submit(*[fact(node, 3, 0.5, values={"cpu.ratio": 0.5, f"temp_c[{node.pk}]": 40.5}) for node in order])

    outcomes = at_once(*[lambda seed=seed: send(seed) for seed in range(4)])

    assert outcomes == [None] * 4
    assert HeadRow.objects.count() == LatestRow.objects.count() == Source.objects.count() == 12
    assert Node.objects.filter(first_report_at=at(3)).count() == 12
