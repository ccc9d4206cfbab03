"""Writes about nodes: each does all or nothing, says who did it, and never reaches into another workspace."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from apps.audit.models import AuditEntry
from apps.common.errors import ConflictError, InvalidInputError, NotFoundError, PlanLimitError
from apps.nodes import selectors, services
from apps.nodes.models import Node, NodeGroup, NodeSection, NodeTag
from apps.nodes.services import Changes
from apps.nodes.types import StaticFacts
from apps.projects.models import Tag
from apps.tokens.models import AgentKey
from apps.workspaces.models import Workspace
from tests import factories
from tests.apps.nodes.conftest import make_node
from tests.together import at_once

NOW = factories.NOW
HOUR = timedelta(hours=1)


def update(node: Node, **changes: Any) -> Node:
    return services.update_node(node=node, changes=Changes(**changes), actor="ana", now=NOW)


def by_secret(raw: str, *, workspace: int | None = None, default: int | None = None, after=timedelta(0)) -> Node | None:
    return selectors.node_by_secret(raw, workspace=workspace, default_workspace=default, now=NOW + after)


def test_a_new_node_has_a_secret_the_default_group_and_the_top(workspace: Workspace) -> None:
    first, second = make_node(workspace), make_node(workspace, "db")

    assert [(node.number, node.rank) for node in (first, second)] == [(1, 1), (2, 2)]
    assert [node.name for node in selectors.nodes_of(workspace)] == ["db", "web"]
    group = NodeGroup.objects.of(workspace).get()
    assert (group.number, group.is_default) == (1, True)
    assert selectors.members_of([group]) == {group.pk: [1, 2]}
    secret = selectors.secret_of(first)
    assert len(secret) == 16
    assert secret.isalnum()
    assert selectors.secrets_of(workspace, [first, second]) == {
        first.pk: secret,
        second.pk: selectors.secret_of(second),
    }


def test_a_secret_is_never_stored_or_told_in_clear(node: Node) -> None:
    update(node, secret="a-secret-of-ours")

    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM tokens_agentkey")
        stored = [bytes(row[0]) for row in cursor.fetchall()]
    assert stored
    assert not any(b"a-secret-of-ours" in each for each in stored)
    assert "a-secret-of-ours" not in str(list(AuditEntry.objects.values()))


def test_the_plan_limit_refuses_and_leaves_nothing_behind(db: None) -> None:
    workspace = factories.make_workspace(plan="free")
    for _ in range(5):
        make_node(workspace)

    with pytest.raises(PlanLimitError):
        make_node(workspace)

    assert Node.objects.count() == AgentKey.objects.count() == 5
    services.retire_node(node=Node.objects.first(), actor="ana", now=NOW)
    assert make_node(workspace).number == 6


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_of_many_creators_at_once_only_so_many_get_in() -> None:
    workspace = factories.make_workspace(plan="free")

    outcomes = at_once(*[lambda: make_node(workspace)] * 8)

    assert sum(isinstance(outcome, PlanLimitError) for outcome in outcomes) == 3
    assert sorted(Node.objects.values_list("number", flat=True)) == [1, 2, 3, 4, 5]


def test_everything_said_anew_is_there_and_nothing_else_changes(node: Node) -> None:
    group = services.create_group(workspace=node.workspace, name=" hk ", actor="ana", now=NOW)
    update(node, name=" fra-01 ", public=True, p95=True, rank=7, tags=["prod", "A"], groups=[group.number], note="x")
    update(node, public_note="y", direction="max", cycle={"mode": "calendar_month"})

    fresh = selectors.node_by_number(node.workspace, node.number)
    told = (fresh.name, fresh.public, fresh.p95, fresh.rank, fresh.note, fresh.public_note, fresh.direction)
    assert told == ("fra-01", True, True, 7, "x", "y", "max")
    assert fresh.cycle == {"mode": "calendar_month"}
    assert selectors.tags_of(fresh) == ("prod", "A")
    assert [each.name for each in fresh.groups.all()] == ["hk"]
    assert update(node, cycle={}).cycle is None
    assert AuditEntry.objects.filter(verb="node.update").count() == 3


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("name", "a\nb"),
        ("name", "x" * 121),
        ("rank", 0),
        ("rank", 2**31),
        ("secret", " "),
        ("secret", "x" * 129),
        ("direction", "up"),
        ("tags", ["x" * 65]),
        ("groups", [99]),
        ("note", "x" * 4001),
    ],
)
def test_what_cannot_be_is_refused_by_its_name_and_changes_nothing(node: Node, field: str, value: Any) -> None:
    before = Node.objects.values().get()

    with pytest.raises(InvalidInputError) as refused:
        update(node, **{"name": "other", "public": True, field: value})

    assert list(refused.value.fields) == [field]
    assert Node.objects.values().get() == before


def test_a_groups_number_of_another_workspace_is_unknown(node: Node, stranger: Workspace) -> None:
    services.create_group(workspace=stranger, name="theirs", actor="bob", now=NOW)

    with pytest.raises(InvalidInputError):
        update(node, groups=[2])


def test_tags_nobody_carries_are_forgotten(node: Node) -> None:
    update(node, tags=["a", "b"])
    update(node, tags=["b"])

    assert list(Tag.objects.values_list("text", flat=True)) == ["b"]
    assert NodeTag.objects.count() == 1


def test_a_chosen_secret_counts_in_its_workspace_and_the_default_one(node: Node, stranger: Workspace) -> None:
    generated = selectors.secret_of(node)
    update(node, secret=" new-secret ")
    theirs = make_node(stranger)
    update(theirs, secret="new-secret")

    ours = node.workspace_id
    assert by_secret(generated) is None
    assert by_secret("new-secret") is None
    assert by_secret("new-secret", workspace=ours) == by_secret("new-secret", default=ours) == node
    assert by_secret("new-secret", workspace=stranger.pk) == theirs
    assert by_secret(selectors.secret_of(make_node(stranger)), default=ours).workspace_id == stranger.pk
    assert by_secret(selectors.secret_of(make_node(stranger)), workspace=ours) is None


def test_a_secret_another_node_has_is_refused_and_both_keep_theirs(node: Node, workspace: Workspace) -> None:
    other = make_node(workspace)
    update(node, secret="shared-secret")
    kept = selectors.secret_of(other)

    with pytest.raises(ConflictError) as refused:
        update(other, secret="shared-secret", name="renamed")

    assert refused.value.code == "duplicate_secret"
    assert selectors.secret_of(other) == kept
    assert Node.objects.get(pk=other.pk).name == "web"
    update(node, secret="shared-secret")
    assert AgentKey.objects.filter(subject_id=node.pk).count() == 1


def test_after_a_rotation_both_secrets_count_until_the_overlap_is_over(node: Node) -> None:
    old = selectors.secret_of(node)
    new = services.rotate_secret(node=node, overlap=HOUR, actor="ana", now=NOW)

    assert selectors.secret_of(node) == new != old
    assert by_secret(old) == by_secret(new) == node
    assert by_secret(old, after=HOUR) is None
    assert by_secret(new, after=HOUR) == node
    services.rotate_secret(node=node, overlap=HOUR, actor="ana", now=NOW + 2 * HOUR)
    assert AgentKey.objects.filter(subject_id=node.pk).count() == 2


def test_a_closed_workspace_knows_no_secrets(node: Node, workspace: Workspace) -> None:
    workspace.closed_at = NOW
    workspace.save()

    assert by_secret(selectors.secret_of(node)) is None


def test_a_retired_node_is_gone_for_everybody(node: Node, workspace: Workspace) -> None:
    secret = selectors.secret_of(node)
    services.retire_node(node=node, actor="ana", now=NOW)

    assert by_secret(secret) is None
    assert selectors.nodes_of(workspace) == []
    assert selectors.members_of(selectors.groups_of(workspace)) == {NodeGroup.objects.get().pk: []}
    for write in (
        lambda: update(node, name="x"),
        lambda: services.retire_node(node=node, actor="ana", now=NOW),
        lambda: services.rotate_secret(node=node, overlap=HOUR, actor="ana", now=NOW),
        lambda: services.move_node(node=node, project=None, actor="ana", now=NOW),
        lambda: services.want_version(node=node, version="1.0.0", actor="ana", now=NOW),
        lambda: selectors.node_by_number(workspace, node.number),
    ):
        with pytest.raises(NotFoundError):
            write()


def test_another_workspaces_nodes_are_unknown(node: Node, stranger: Workspace) -> None:
    with pytest.raises(NotFoundError):
        selectors.node_by_number(stranger, node.number)
    with pytest.raises(NotFoundError):
        services.set_p95(workspace=stranger, numbers=[node.number], enabled=True, actor="bob", now=NOW)
    with pytest.raises(InvalidInputError):
        services.set_order(workspace=stranger, numbers=[node.number], actor="bob", now=NOW)
    with pytest.raises(NotFoundError):
        services.move_node(node=node, project=factories.make_project(stranger), actor="ana", now=NOW)
    assert selectors.nodes_of(stranger) == []
    assert selectors.sections_of(stranger.pk, [node.pk]) == {node.pk: {}}


def test_nodes_are_arranged_all_or_none(workspace: Workspace) -> None:
    numbers = [make_node(workspace, name).number for name in "abc"]
    services.set_order(workspace=workspace, numbers=[2, 1, 3], actor="ana", now=NOW)

    assert [node.number for node in selectors.nodes_of(workspace)] == [2, 1, 3]
    for wrong in ([], [1, 2], [1, 2, 2], [1, 2, 3, 4], [*numbers, 1]):
        with pytest.raises(InvalidInputError):
            services.set_order(workspace=workspace, numbers=wrong, actor="ana", now=NOW)
    assert [node.rank for node in selectors.nodes_of(workspace)] == [3, 2, 1]


def test_the_percentile_is_switched_for_all_or_none(workspace: Workspace) -> None:
    make_node(workspace), make_node(workspace)
    with pytest.raises(NotFoundError):
        services.set_p95(workspace=workspace, numbers=[1, 9], enabled=True, actor="ana", now=NOW)
    assert not Node.objects.filter(p95=True).exists()

    services.set_p95(workspace=workspace, numbers=[1, 2, 2], enabled=True, actor="ana", now=NOW)

    assert Node.objects.filter(p95=True).count() == 2


def test_groups_are_made_named_and_deleted_but_the_default_one_stays(workspace: Workspace) -> None:
    group = services.create_group(workspace=workspace, name="hk", remark=" Hong Kong ", actor="ana", now=NOW)
    services.update_group(group=group, name="sg", actor="ana", now=NOW)

    assert [(each.number, each.name, each.remark) for each in selectors.groups_of(workspace)] == [
        (1, "default", "default"),
        (2, "sg", "Hong Kong"),
    ]
    default = selectors.group_by_number(workspace, 1)
    with pytest.raises(ConflictError):
        services.delete_group(group=default, actor="ana", now=NOW)
    for wrong in ({"name": " "}, {"name": "x" * 65}, {"remark": "x" * 256}, {"name": "a\tb"}):
        with pytest.raises(InvalidInputError):
            services.update_group(group=group, actor="ana", now=NOW, **wrong)
    services.delete_group(group=group, actor="ana", now=NOW)
    with pytest.raises(NotFoundError):
        services.delete_group(group=group, actor="ana", now=NOW)


def test_lists_have_a_bound_and_take_few_statements(workspace: Workspace, django_assert_num_queries) -> None:
    for name in "abcd":
        update(make_node(workspace, name), tags=["x", name], public=name == "b")

    with django_assert_num_queries(4):
        found = selectors.nodes_of(workspace, limit=3, offset=1)
        assert [(node.name, selectors.tags_of(node)) for node in found] == [
            ("c", ("x", "c")),
            ("b", ("x", "b")),
            ("a", ("x", "a")),
        ]
    assert [node.name for node in selectors.nodes_of(workspace, public_only=True)] == ["b"]


def test_a_roster_holds_every_node_within_reach_in_three_statements(
    workspace: Workspace, stranger: Workspace, django_assert_num_queries
) -> None:
    project = factories.make_project(workspace)
    group = services.create_group(workspace=workspace, name="Lab", actor="a", now=NOW)
    for name in "abc":
        update(make_node(workspace, name), tags=["x", name], groups=[group.number] if name == "b" else [1])
    services.move_node(node=Node.objects.get(name="b"), project=project, actor="a", now=NOW)
    services.retire_node(node=Node.objects.get(name="a"), actor="a", now=NOW)
    make_node(stranger, "foreign")

    with django_assert_num_queries(3):
        found = selectors.roster_of(workspace)

    told = [(entry.number, entry.name, entry.tags, entry.groups) for entry in found]
    assert told == [(3, "c", ("x", "c"), {1: "default"}), (2, "b", ("x", "b"), {group.number: "Lab"})]
    node = Node.objects.get(name="c")
    assert (found[0].ref, found[0].stale_after_s, found[0].created_at) == (node.ref, node.stale_after_s, NOW)
    assert [entry.name for entry in selectors.roster_of(workspace, projects=[project.pk])] == ["b"]
    assert selectors.roster_of(workspace, projects=[]) == []


def test_nodes_are_found_by_their_numbers_in_the_order_of_the_question(
    workspace: Workspace, stranger: Workspace
) -> None:
    nodes = [make_node(workspace, name) for name in "abc"]
    make_node(stranger, "foreign")
    services.retire_node(node=nodes[1], actor="a", now=NOW)

    assert [node.name for node in selectors.nodes_by_number(workspace, [3, 2, 1, 99])] == ["c", "a"]
    assert selectors.nodes_by_number(workspace, [1, 3], projects=[]) == []
    assert selectors.nodes_by_number(workspace, []) == []


def test_listed_are_those_that_ever_reported_in_two_statements(
    workspace: Workspace, stranger: Workspace, django_assert_num_queries
) -> None:
    for name in "abcd":
        update(make_node(workspace, name), tags=["x", name], public=name == "b")
    update(make_node(stranger, "e"), tags=["theirs"])
    Node.objects.exclude(name="c").update(first_report_at=NOW)
    services.retire_node(node=Node.objects.get(name="d"), actor="a", now=NOW)

    with django_assert_num_queries(2):
        found = selectors.listed_nodes(workspace, public_only=False)

    assert [(node.name, node.tags) for node in found] == [("b", ("x", "b")), ("a", ("x", "a"))]
    assert found == [selectors.listed(Node.objects.get(name=name)) for name in "ba"]
    assert selectors.listed_nodes(workspace, public_only=True) == found[:1]
    for limit, offset, names in ((1, 0, "b"), (1, 1, "a"), (5, 1, "a"), (None, 1, "a"), (5, 2, "")):
        page = selectors.listed_nodes(workspace, public_only=False, limit=limit, offset=offset)
        assert [node.name for node in page] == list(names)


@pytest.mark.parametrize("document", [{"name": "\ud800"}, {"size": 2**70, "ratio": 0.1, "none": None, "ä": [1.0, "€"]}])
def test_documents_come_back_as_they_were_told(workspace: Workspace, document: dict[str, Any]) -> None:
    if connection.vendor == "postgresql" and "name" in document:
        pytest.skip("PostgreSQL keeps no half of a surrogate pair")
    node = make_node(workspace, "a")
    NodeSection.objects.create(workspace=workspace, node=node, section="raid", digest="x", document=document, at=NOW)

    assert selectors.sections_of(workspace.pk, [node.pk]) == {node.pk: {"raid": document}}


def test_a_document_is_read_again_when_it_is_another_one(workspace: Workspace, django_assert_num_queries) -> None:
    node = make_node(workspace, "a")
    fields = {"workspace": workspace, "node": node, "at": NOW}
    NodeSection.objects.create(section="raid", digest="1", document={"said": 1}, **fields)
    NodeSection.objects.create(section="smart", digest="2", document=[], **fields)
    for queries in (2, 1):
        with django_assert_num_queries(queries):
            assert selectors.sections_of(workspace.pk, [node.pk]) == {node.pk: {"raid": {"said": 1}, "smart": []}}

    NodeSection.objects.filter(section="raid").update(digest="3", document={"said": 3})

    for queries in (2, 1):
        with django_assert_num_queries(queries):
            assert selectors.sections_of(workspace.pk, [node.pk]) == {node.pk: {"raid": {"said": 3}, "smart": []}}


@pytest.mark.parametrize("many", [1, 1000])
def test_documents_of_other_nodes_and_workspaces_are_left_out(
    workspace: Workspace, stranger: Workspace, monkeypatch: pytest.MonkeyPatch, *, many: int
) -> None:
    monkeypatch.setattr(selectors, "MANY", many)
    node, other, theirs = make_node(workspace, "a"), make_node(workspace, "b"), make_node(stranger, "c")
    for each in (node, other, theirs):
        for section in ("smart", "raid"):
            fields = {"section": section, "digest": f"{section} {each.name}", "document": {"of": each.name}}
            NodeSection.objects.create(workspace=each.workspace, node=each, at=NOW, **fields)

    asked = [node.pk, theirs.pk]
    sections = {"smart": {"of": "a"}, "raid": {"of": "a"}}
    assert selectors.sections_of(workspace.pk, asked) == {node.pk: sections, theirs.pk: {}}
    digests = [("raid", "raid a"), ("smart", "smart a")]
    assert selectors.digests_of(workspace.pk, asked) == {node.pk: digests, theirs.pk: []}


FACTS = StaticFacts(
    version="0.2.3",
    hostname="metal-fra-01",
    report_interval_s=10,
    document={
        "cpu": {"model": "EPYC", "vendor": "AMD", "frequency_mhz": 1, "cores_logical": 16},
        "memory": {"total": 9, "swap_total": 4},
        "disks": {"usage": [{"key": "raid:md0", "name": "md0", "ref": "raid:md0", "mountpoint": "/"}], "io": []},
    },
)


def test_static_facts_name_a_node_that_has_no_name(workspace: Workspace, node: Node) -> None:
    unnamed = services.create_node(workspace=workspace, actor="ana", now=NOW)
    for each in (node, unnamed):
        services.save_static(node=each, facts=FACTS, now=NOW)

    found = {each.number: each for each in selectors.nodes_of(workspace)}
    assert (found[1].name, found[2].name) == ("web", "metal-fra-01")
    assert (found[1].cores, found[1].report_interval_s, found[1].stale_after_s) == (16, 10, 42)
    sections = selectors.sections_of(workspace.pk, [node.pk])[node.pk]
    assert selectors.disk_instance({"disks": sections["static"]["disks"]}, "usage", "/") == "raid:md0"
    assert selectors.disk_instance(sections, "usage", "sda") is None


def test_static_facts_said_again_write_nothing(node: Node) -> None:
    services.save_static(node=node, facts=FACTS, now=NOW)
    services.save_static(node=node, facts=FACTS, now=NOW + HOUR)

    assert NodeSection.objects.get().at == NOW


def test_a_wish_is_over_once_the_agent_reports_it(node: Node) -> None:
    services.want_version(node=node, version="0.2.3", actor="ana", now=NOW)
    services.save_static(node=node, facts=FACTS, now=NOW)

    assert Node.objects.get().wanted_version == ""


def test_facts_about_a_node_that_is_gone_are_dropped(node: Node) -> None:
    services.retire_node(node=node, actor="ana", now=NOW)
    services.save_static(node=node, facts=FACTS, now=NOW)

    assert not NodeSection.objects.exists()


def test_the_install_id_is_drawn_once_for_each_workspace(workspace: Workspace, stranger: Workspace) -> None:
    drawn = [services.draw_install_id(workspace=each) for each in (workspace, workspace, stranger)]

    assert [created for _, created in drawn] == [True, False, True]
    assert drawn[0][0] == drawn[1][0] != drawn[2][0]
    prefix, _, digits = drawn[0][0].partition("_")
    assert (prefix, len(digits), set(digits) <= set("0123456789abcdef")) == ("server", 32, True)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_of_many_that_ask_first_one_draws_the_install_id() -> None:
    workspace = factories.make_workspace()

    drawn: list[Any] = at_once(*[lambda: services.draw_install_id(workspace=workspace)] * 6)

    assert len({value for value, _ in drawn}) == 1
    assert sum(created for _, created in drawn) == 1
