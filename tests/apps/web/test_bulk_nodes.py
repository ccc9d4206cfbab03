"""What is done to many nodes at once: to all that is ticked, or to nothing."""

from typing import Any

import pytest

from apps.audit.models import AuditEntry
from apps.common.errors import NotFoundError
from apps.nodes.models import Node, NodeGroup
from apps.nodes.selectors import tags_of
from apps.nodes.services import Changes, create_group, update_node
from apps.pipeline.lifecycle import retire_node
from apps.projects.services import set_scope
from tests import factories
from tests.apps.web.conftest import Scene
from tests.apps.web.machines import add_node, hear, lately
from tests.apps.web.test_monitors import names


@pytest.fixture
def nodes(scene: Scene) -> list[Node]:
    return [add_node(scene, name) for name in ("a", "b", "c")]


@pytest.fixture
def lab(scene: Scene, nodes: list[Node]) -> NodeGroup:
    return create_group(workspace=scene.workspace, name="Lab", actor="ana", now=scene.now)


def tick(scene: Scene, *ticked: Node, query: str = "", **fields: str) -> str:
    """Send the bar under the list for these nodes; the page that follows."""
    sent = {"pick": [str(node.number) for node in ticked], **fields}
    return scene.client(scene.owner).post(scene.path(f"nodes/{query}"), sent, follow=True).content.decode()


def groups(node: Node) -> set[str]:
    return set(node.groups.values_list("name", flat=True))


def tags(node: Node) -> tuple[str, ...]:
    return tags_of(Node.objects.get(pk=node.pk))


def trail(scene: Scene, verb: str = "node.update") -> list[str]:
    return sorted(AuditEntry.objects.of(scene.workspace).filter(verb=verb).values_list("subject", flat=True))


def test_nodes_join_a_group_and_leave_it_again(scene: Scene, nodes: list[Node], lab: NodeGroup) -> None:
    a, b, c = nodes
    update_node(node=b, changes=Changes(groups=[1, lab.number]), actor="ana", now=scene.now)
    AuditEntry.objects.all().delete()

    page = tick(scene, a, b, act="join", group=str(lab.number), query="?sort=name")

    assert "1 of 2 nodes added to Lab." in page
    assert 'aria-sort="ascending"' in page
    assert [groups(node) for node in nodes] == [{"default", "Lab"}, {"default", "Lab"}, {"default"}]
    assert trail(scene) == ["a"]
    assert "2 of 3 nodes taken out of Lab." in tick(scene, a, b, c, act="leave", group=str(lab.number))
    assert [groups(node) for node in nodes] == [{"default"}] * 3
    assert trail(scene) == ["a", "a", "b"]


def test_tags_are_put_on_and_taken_off_and_others_stay(scene: Scene, nodes: list[Node]) -> None:
    a, b, c = nodes
    update_node(node=b, changes=Changes(tags=["Old", "EU"]), actor="ana", now=scene.now)

    assert "EU, Edge 1 added to 2 of 2 nodes." in tick(scene, a, b, act="tag", tags="EU, Edge 1,")
    assert [tags(node) for node in nodes] == [("EU", "Edge 1"), ("Old", "EU", "Edge 1"), ()]
    assert "EU removed from 2 of 3 nodes." in tick(scene, a, b, c, act="untag", tags="EU")
    assert [tags(node) for node in nodes] == [("Edge 1",), ("Old", "Edge 1"), ()]
    assert "EU added to 1 of 1 node." in tick(scene, c, tags="EU")


def test_nodes_are_shown_to_guests_and_hidden(scene: Scene, nodes: list[Node]) -> None:
    assert "2 of 2 nodes shown to guests" in tick(scene, *nodes[:2], act="show")
    assert [node.public for node in Node.objects.order_by("number")] == [True, True, False]
    assert "1 of 2 nodes hidden from guests" in tick(scene, *nodes[1:], act="hide")
    assert [node.public for node in Node.objects.order_by("number")] == [True, False, False]
    assert trail(scene) == ["a", "b", "b"]


@pytest.mark.parametrize(
    "sent",
    [
        {"act": "tag", "tags": " , "},
        {"act": "tag", "tags": "x" * 65},
        {"act": "tag", "tags": ",".join(f"t{number}" for number in range(32))},
        {"act": "join", "group": ""},
        {"act": "join", "group": "99"},
        {"act": "leave", "group": "9" * 30},
        {"act": "explode"},
        {"act": "delete"},
        {"act": ""},
        {"act": "show", "pick": []},
        {"act": "show", "pick": ["1", "99"]},
        {"act": "show", "pick": ["1", "x"]},
        {"act": "show", "pick": ["1", "9" * 30]},
        {"act": "show", "pick": [str(number) for number in range(1, 202)]},
    ],
)
def test_bad_input_changes_nothing_and_is_told(scene: Scene, nodes: list[Node], sent: dict[str, str]) -> None:
    update_node(node=nodes[1], changes=Changes(tags=["Old"]), actor="ana", now=scene.now)
    AuditEntry.objects.all().delete()

    client, path = scene.client(scene.owner), scene.path("nodes/")
    page = client.post(path, {"pick": ["1", "2"]} | sent, follow=True).content.decode()

    assert "nothing has been changed" in page or "Nothing was changed: " in page
    assert [tags(node) for node in nodes] == [(), ("Old",), ()]
    assert not Node.objects.filter(public=True).exists()
    assert [groups(node) for node in nodes] == [{"default"}] * 3
    assert not AuditEntry.objects.exists()


def test_deleting_names_what_goes_and_asks_for_their_number(scene: Scene, nodes: list[Node]) -> None:
    client, path = scene.client(scene.owner), scene.path("nodes/delete?state=never")
    sent = {"pick": ["1", "3"]}
    ask = client.post(path, sent)
    page = ask.content.decode()
    assert ask.status_code == 200
    assert "Delete 2 nodes" in page
    assert "<b>a</b>" in page
    assert "<b>b</b>" not in page
    assert "Never seen" in page
    assert Node.objects.live().count() == 3

    wrong = client.post(path, sent | {"count": "3"})
    assert wrong.status_code == 400
    assert "That is not 2. Nothing was deleted." in wrong.content.decode()
    assert Node.objects.live().count() == 3

    done = client.post(path, sent | {"count": " 2 "})
    assert done["Location"] == scene.path("nodes/?state=never")
    assert names(client.get(scene.path("nodes/")).content.decode()) == ["b"]
    assert trail(scene, "node.delete") == ["a", "c"]
    assert client.get(path)["Location"] == scene.path("nodes/?state=never")


@pytest.mark.parametrize("numbers", [[], ["1", "99"], ["1", "x"]])
def test_what_cannot_all_go_stays(scene: Scene, nodes: list[Node], numbers: list[str]) -> None:
    client = scene.client(scene.owner)

    page = client.post(scene.path("nodes/delete"), {"pick": numbers, "count": str(len(numbers))}, follow=True)

    assert "Nothing was deleted: " in page.content.decode()
    assert Node.objects.live().count() == 3
    assert trail(scene, "node.delete") == []


def test_where_somebody_else_was_faster_nothing_goes(
    scene: Scene, nodes: list[Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    def retire(**said: Any) -> None:
        if said["node"].name == "c":
            raise NotFoundError("Node not found")
        retire_node(**said)

    monkeypatch.setattr("apps.web.views.nodes.many.retire_node", retire)

    sent = {"pick": ["1", "3"], "count": "2"}
    page = scene.client(scene.owner).post(scene.path("nodes/delete"), sent, follow=True).content.decode()

    assert "Nothing was deleted: some of these nodes are not there any more." in page
    assert Node.objects.live().count() == 3
    assert trail(scene, "node.delete") == []


def test_viewers_tick_nothing_and_strangers_find_nothing(scene: Scene, nodes: list[Node]) -> None:
    viewer, stranger = scene.client(scene.viewer), scene.client(scene.stranger)
    elsewhere = f"/app/w/{scene.stranger.memberships.get().workspace.slug}/nodes/"
    assert 'name="pick"' not in viewer.get(scene.path("nodes/")).content.decode()

    for client, status in ((viewer, 403), (stranger, 404)):
        assert client.post(scene.path("nodes/"), {"act": "show", "pick": ["1"]}).status_code == status
        assert client.post(scene.path("nodes/delete"), {"pick": ["1"], "count": "1"}).status_code == status
    stranger.post(elsewhere, {"act": "show", "pick": ["1"]})
    stranger.post(f"{elsewhere}delete", {"pick": ["1"], "count": "1"})
    assert Node.objects.live().filter(public=False).count() == 3


def test_a_seat_of_some_projects_changes_its_own_nodes_only(scene: Scene, nodes: list[Node]) -> None:
    theirs = add_node(scene, "theirs", project=factories.make_project(scene.workspace, "paris"))
    editor = factories.make_user("edi@example.com")
    set_scope(seat=factories.make_seat(scene.workspace, "editor", user=editor), project_keys=["berlin"])
    client = scene.client(editor)

    mixed = {"pick": ["1", str(theirs.number)]}
    page = client.post(scene.path("nodes/"), mixed | {"act": "show"}, follow=True).content.decode()
    assert "some of these nodes are not there any more" in page
    client.post(scene.path("nodes/delete"), mixed | {"count": "2"})
    assert Node.objects.live().filter(public=False).count() == 4
    client.post(scene.path("nodes/"), {"pick": ["1"], "act": "show"})
    assert Node.objects.get(number=1).public


def test_over_the_plan_nodes_may_go_and_nothing_else(scene: Scene, nodes: list[Node]) -> None:
    scene.workspace.limit_overrides = {"devicesPerProject": 0}
    scene.workspace.save()
    client = scene.client(scene.owner)

    assert client.post(scene.path("nodes/"), {"act": "show", "pick": ["1"]}).status_code == 403
    assert not Node.objects.filter(public=True).exists()
    client.post(scene.path("nodes/delete"), {"pick": ["1", "2"], "count": "2"})
    assert Node.objects.live().count() == 1


def test_rows_and_cards_can_be_ticked_and_so_can_the_live_part(scene: Scene) -> None:
    hear(add_node(scene, "a <b>"), *lately(scene, minutes=2))
    client = scene.client(scene.owner)

    for query, headers in (("", {}), ("?view=cards", {}), ("", {"HX-Request": "true"})):
        page = client.get(scene.path(f"nodes/{query}"), headers=headers).content.decode()
        assert 'value="1" aria-label="Select a &lt;b&gt;"' in " ".join(page.split())
        assert 'aria-label="Selected nodes"' in page
