"""The same said about many nodes: each keeps the rest of what it has, and it is all of them or none."""

from typing import Any

import pytest
from django.db import connection

from apps.audit.models import AuditEntry
from apps.common.errors import InvalidInputError, NotFoundError
from apps.nodes import selectors, services
from apps.nodes.models import Node
from apps.nodes.services import Changes, Shift
from apps.workspaces.models import Workspace
from tests import factories
from tests.apps.nodes.conftest import make_node
from tests.together import at_once

NOW = factories.NOW


def shift(workspace: Workspace, numbers: list[int], projects: list[int] | None = None, **said: Any) -> int:
    return services.shift_nodes(
        workspace=workspace, numbers=numbers, shift=Shift(**said), projects=projects, actor="ana", now=NOW
    )


def standing(workspace: Workspace) -> list[tuple[tuple[str, ...], list[int], bool]]:
    nodes = Node.objects.of(workspace).live().order_by("number")
    entries = {entry.number: entry for entry in selectors.roster_of(workspace)}
    return [(entries[node.number].tags, sorted(entries[node.number].groups), node.public) for node in nodes]


@pytest.fixture
def three(workspace: Workspace) -> list[Node]:
    nodes = [make_node(workspace, name) for name in "abc"]
    services.create_group(workspace=workspace, name="Lab", actor="ana", now=NOW)
    services.update_node(node=nodes[1], changes=Changes(tags=["x", "y"], groups=[2]), actor="ana", now=NOW)
    AuditEntry.objects.all().delete()
    return nodes


def test_each_keeps_the_rest_and_only_what_changes_is_written_down(workspace: Workspace, three: list[Node]) -> None:
    assert shift(workspace, [1, 2], join=2, add_tags=[" y ", "z"], public=True) == 2
    assert standing(workspace) == [(("y", "z"), [1, 2], True), (("x", "y", "z"), [2], True), ((), [1], False)]
    assert [entry.changes for entry in AuditEntry.objects.order_by("subject")] == [
        {"groups": [1, 2], "tags": ["y", "z"], "public": True},
        {"tags": ["x", "y", "z"], "public": True},
    ]

    assert shift(workspace, [1, 2, 3], leave=2, drop_tags=["y"], public=True) == 3
    assert standing(workspace) == [(("z",), [1], True), (("x", "z"), [], True), ((), [1], True)]
    assert shift(workspace, [1, 2, 3], leave=2, drop_tags=["y"], public=True) == 0


@pytest.mark.parametrize(
    ("numbers", "said", "error"),
    [
        ([1, 99], {"public": True}, NotFoundError),
        ([1, 2], {"public": True, "add_tags": [f"t{number}" for number in range(31)]}, InvalidInputError),
        ([1, 2], {"public": True, "add_tags": ["x" * 65]}, InvalidInputError),
        ([1, 2], {"public": True, "join": 99}, InvalidInputError),
    ],
    ids=["unknown", "too many tags", "long tag", "no group"],
)
def test_where_one_cannot_be_none_is_changed(
    workspace: Workspace, three: list[Node], numbers: list[int], said: dict[str, Any], error: type[Exception]
) -> None:
    before = standing(workspace)

    with pytest.raises(error):
        shift(workspace, numbers, **said)

    assert standing(workspace) == before
    assert not AuditEntry.objects.exists()


def test_nodes_of_others_out_of_reach_or_gone_are_not_there(
    workspace: Workspace, stranger: Workspace, three: list[Node]
) -> None:
    foreign = make_node(stranger, "foreign")
    services.retire_node(node=three[2], actor="ana", now=NOW)

    for numbers, projects in (([1], []), ([3], None), ([4], None)):
        with pytest.raises(NotFoundError):
            shift(workspace, numbers, projects, public=True)
    shift(workspace, [1], public=True)
    foreign.refresh_from_db()
    assert not foreign.public


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_tags_that_two_people_add_at_once_are_both_there() -> None:
    workspace = factories.make_workspace()
    for name in "abcd":
        make_node(workspace, name)

    outcomes = at_once(*[lambda tag=tag: shift(workspace, [4, 2, 1, 3], add_tags=[tag]) for tag in ("p", "q", "r")])

    assert outcomes == [4, 4, 4]
    assert [sorted(tags) for tags, _, _ in standing(workspace)] == [["p", "q", "r"]] * 4
