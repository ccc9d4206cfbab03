"""The list of nodes, a new one, and groups."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.audit.models import AuditEntry
from apps.nodes.models import Node, NodeGroup
from apps.nodes.selectors import secret_of
from apps.nodes.services import Changes, create_group, update_node
from apps.projects.services import set_scope
from apps.workspaces.models import Membership
from tests import factories
from tests.apps.web.conftest import Scene
from tests.apps.web.machines import add_node, hear, lately
from tests.apps.web.test_monitors import names


def page_of(scene: Scene, tail: str, *, viewer: bool = False) -> str:
    answer = scene.client(scene.viewer if viewer else scene.owner).get(scene.path(tail))
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_worst_stands_first_and_every_state_is_said(scene: Scene) -> None:
    hear(add_node(scene, "calm"), *lately(scene, minutes=2))
    hear(add_node(scene, "gone"), scene.now - timedelta(minutes=11))
    add_node(scene, "new")

    page = page_of(scene, "nodes/")

    assert names(page) == ["gone", "new", "calm"]
    assert "Silent</span>" in page
    assert '<span class="sub">11 min</span>' in page
    assert "Never seen</span>" in page
    assert "Online</span>" in page
    assert 'aria-label="CPU"' in page
    assert 'aria-valuetext="21 %, 16 cores"' in page
    assert "9 of 31.3 GiB" in page
    assert "310 of 900 GiB" in page
    assert "Debian 12.11" in page
    assert "9.86 Mbit/s" in page
    assert "14 d 6 h" in page


def test_a_silent_node_has_no_speed_and_no_uptime(scene: Scene) -> None:
    hear(add_node(scene, "gone"), scene.now - timedelta(minutes=11))

    page = page_of(scene, "nodes/")

    assert "Mbit/s" not in page
    assert "14 d" not in page
    assert "is-old" in page


def test_filters_order_and_form_live_in_the_address(scene: Scene) -> None:
    hear(add_node(scene, "alpha"), *lately(scene, minutes=2))
    tagged = add_node(scene, "beta")
    group = create_group(workspace=scene.workspace, name="Lab", actor="ana", now=scene.now)
    changes = Changes(tags=["Edge"], groups=[group.number])
    update_node(node=tagged, changes=changes, actor="ana", now=scene.now)

    def shown(query: str) -> list[str]:
        return names(page_of(scene, f"nodes/?{query}"))

    assert shown("q=ALPH") == shown("state=online") == ["alpha"]
    assert shown("q=192.0.2.7") == ["alpha"]
    assert shown("tag=Edge") == shown(f"group={group.number}") == shown("q=lab") == ["beta"]
    assert shown("sort=name") == ["alpha", "beta"]
    assert shown("sort=-name") == ["beta", "alpha"]
    assert shown("sort=nonsense&page=nonsense&group=x&state=x") == ["beta", "alpha"]
    cards = page_of(scene, "nodes/?view=cards")
    assert "<table" not in cards
    assert names(cards) == ["beta", "alpha"]


def test_an_empty_filter_leads_out_and_an_empty_list_leads_in(scene: Scene) -> None:
    empty = page_of(scene, "nodes/")
    assert "See your machines" in empty
    assert scene.path("nodes/new") in empty
    assert scene.path("nodes/new") not in page_of(scene, "nodes/", viewer=True)

    add_node(scene)
    page = page_of(scene, "nodes/?q=nothing-here&tag=x")
    assert "No node fits “nothing-here” with tag x" in page
    assert "1 node exists without this filter" in page


def test_many_nodes_come_in_pages_and_cost_no_more_statements(
    scene: Scene, django_assert_max_num_queries: pytest.FixtureRequest
) -> None:
    for number in range(53):
        add_node(scene, f"n{number:02}")
    hear(Node.objects.of(scene.workspace).get(name="n07"), scene.now)
    client = scene.client(scene.owner)
    client.get(scene.path("nodes/"))

    with django_assert_max_num_queries(40):  # type: ignore[operator]  # pytest-django's fixture
        first = client.get(scene.path("nodes/?sort=name")).content.decode()
    second = client.get(scene.path("nodes/?sort=name&page=2")).content.decode()

    assert len(names(first)) == 50
    assert names(second) == ["n50", "n51", "n52"]
    assert "51 to 53 of 53 nodes" in second
    assert names(client.get(scene.path("nodes/?sort=name&page=99")).content.decode()) == names(second)


def test_more_than_a_thousand_nodes_are_all_counted_found_and_reached(scene: Scene) -> None:
    hear(add_node(scene, "first"), *lately(scene, minutes=2))
    made = scene.now - timedelta(days=1)
    Node.objects.bulk_create(
        Node(workspace=scene.workspace, number=number, name=f"rack-{number:04}", created_at=made, project=scene.project)
        for number in range(2, 1203)
    )

    page = page_of(scene, "nodes/?sort=name")
    assert "<b>1\u202f202</b> all" in page
    assert "<b>1\u202f201</b> never seen" in page
    assert "1 to 50 of 1\u202f202 nodes" in page
    last = page_of(scene, "nodes/?sort=name&page=25")
    assert names(last) == ["rack-1201", "rack-1202"]
    assert "1\u202f201 to 1\u202f202 of 1\u202f202 nodes" in last
    assert names(page_of(scene, "nodes/?q=rack-1202")) == ["rack-1202"]
    assert names(page_of(scene, "nodes/?state=online&view=cards")) == ["first"]


def test_the_live_part_is_only_the_rows(scene: Scene) -> None:
    hear(add_node(scene), *lately(scene, minutes=2))

    answer = scene.client(scene.owner).get(scene.path("nodes/"), headers={"HX-Request": "true"})

    assert answer["X-Fragment-Version"]
    assert "<h1>" not in answer.content.decode()
    assert names(answer.content.decode()) == ["web-1"]


def test_a_seat_of_some_projects_sees_its_own_nodes_only(scene: Scene) -> None:
    other = factories.make_project(scene.workspace, "paris", name="Paris")
    mine, theirs, nobodys = (
        add_node(scene, "mine"),
        add_node(scene, "theirs", project=other),
        add_node(scene, "x", project=None),
    )
    seat = Membership.objects.of(scene.workspace).get(user=scene.viewer)
    set_scope(seat=seat, project_keys=["berlin"])
    client = scene.client(scene.viewer)

    assert names(client.get(scene.path("nodes/")).content.decode()) == ["mine"]
    assert client.get(scene.path(f"nodes/{mine.number}")).status_code == 200
    for node in (theirs, nobodys):
        for tail in ("", "/live", "/charts", "/heard", "/traffic", "/traffic.csv"):
            assert client.get(scene.path(f"nodes/{node.number}{tail}")).status_code == 404


def test_a_node_is_made_and_its_page_waits_for_the_first_report(scene: Scene) -> None:
    client = scene.client(scene.owner)

    answer = client.post(scene.path("nodes/new"), {"name": " edge-1 ", "project": "berlin"}, follow=True)

    node = Node.objects.of(scene.workspace).get()
    page, secret = answer.content.decode(), secret_of(node)
    assert (node.name, node.project) == ("edge-1", scene.project)
    assert secret
    assert "/deploy/linux/install.sh | sudo bash -s -- " in page
    assert page.count(secret) == 4
    assert "Waiting for the first report" in page
    assert 'hx-trigger="every 2s"' in page
    assert "no-store" in client.get(scene.path(f"nodes/{node.number}/heard"))["Cache-Control"]

    hear(node, timezone.now())
    line = client.get(scene.path(f"nodes/{node.number}/heard")).content.decode()
    assert "The first report is here" in line
    assert "hx-trigger" not in line


def test_a_node_without_a_name_takes_its_machines(scene: Scene) -> None:
    scene.client(scene.owner).post(scene.path("nodes/new"), {"name": "", "project": ""})
    node = Node.objects.of(scene.workspace).get()
    assert (node.name, node.project) == ("Untitled", None)

    assert hear(node, scene.now).name == "metal-fra-01"


@pytest.mark.parametrize(
    "sent",
    [{"name": "x" * 121}, {"name": "a", "project": "elsewhere"}, {"name": "a\x07b"}],
    ids=["long", "project", "bell"],
)
def test_a_bad_node_is_refused_beside_its_field_and_none_is_made(scene: Scene, sent: dict[str, str]) -> None:
    answer = scene.client(scene.owner).post(scene.path("nodes/new"), sent)

    assert answer.status_code == 400
    assert "Nothing has been saved" in answer.content.decode()
    assert not Node.objects.exists()


def test_viewers_make_nothing_and_see_no_secret(scene: Scene) -> None:
    node, client = add_node(scene), scene.client(scene.viewer)
    page = client.get(scene.path(f"nodes/{node.number}")).content.decode()

    assert scene.path(f"nodes/{node.number}/install") not in page
    for tail in ("new", f"{node.number}/install", f"{node.number}/settings"):
        assert client.get(scene.path(f"nodes/{tail}")).status_code == 403
    for tail in (
        "new",
        "groups",
        "groups/1",
        "groups/1/delete",
        *(f"{node.number}/{act}" for act in ("settings", "secret", "delete", "traffic/rebuild")),
    ):
        assert client.post(scene.path(f"nodes/{tail}"), {"name": node.name}).status_code == 403
    assert Node.objects.live().count() == 1
    assert secret_of(node)


def test_groups_are_made_named_and_taken_away(scene: Scene) -> None:
    node, client = add_node(scene), scene.client(scene.owner)
    client.post(scene.path("nodes/groups"), {"name": "Production", "remark": "What sells"})
    group = NodeGroup.objects.of(scene.workspace).get(name="Production")
    update_node(node=node, changes=Changes(groups=[group.number]), actor="ana", now=scene.now)

    page = page_of(scene, "nodes/groups")
    assert "What sells" in page
    assert "Production" in page_of(scene, f"nodes/{node.number}")

    client.post(scene.path(f"nodes/groups/{group.number}"), {"name": "Live", "remark": ""})
    group.refresh_from_db()
    assert (group.name, group.remark) == ("Live", "")
    client.post(scene.path(f"nodes/groups/{group.number}/delete"))
    assert not NodeGroup.objects.filter(pk=group.pk).exists()
    assert Node.objects.live().count() == 1
    verbs = set(AuditEntry.objects.of(scene.workspace).values_list("verb", flat=True))
    assert {"node_group.create", "node_group.update", "node_group.delete"} <= verbs


def test_bad_group_writes_change_nothing(scene: Scene) -> None:
    add_node(scene)
    client = scene.client(scene.owner)
    default = NodeGroup.objects.of(scene.workspace).get()

    assert client.post(scene.path("nodes/groups"), {"name": ""}).status_code == 400
    refused = client.post(scene.path(f"nodes/groups/{default.number}/delete"), follow=True)
    assert "Nothing was changed: The default group stays." in refused.content.decode()
    assert (
        "Nothing was changed" in client.post(scene.path("nodes/groups/1"), {"name": " "}, follow=True).content.decode()
    )
    for number in ("99", "x", "9" * 12):
        assert client.post(scene.path(f"nodes/groups/{number}"), {"name": "a"}).status_code == 404
    assert [group.name for group in NodeGroup.objects.of(scene.workspace)] == ["default"]


def test_an_editor_of_some_projects_changes_no_groups(scene: Scene) -> None:
    add_node(scene)
    editor = factories.make_user("edi@example.com")
    seat = factories.make_seat(scene.workspace, "editor", user=editor)
    set_scope(seat=seat, project_keys=["berlin"])
    client = scene.client(editor)

    assert "New group" not in client.get(scene.path("nodes/groups")).content.decode()
    assert client.post(scene.path("nodes/groups"), {"name": "Mine"}).status_code == 403
    assert client.post(scene.path("nodes/new"), {"name": "a", "project": ""}).status_code == 400
    assert Node.objects.count() == 1
    assert NodeGroup.objects.of(scene.workspace).count() == 1


def test_a_full_plan_refuses_another_node_and_says_so(scene: Scene) -> None:
    scene.workspace.limit_overrides = {"nodes": 1}
    scene.workspace.save()
    add_node(scene)

    answer = scene.client(scene.owner).post(scene.path("nodes/new"), {"name": "second", "project": ""})

    assert answer.status_code == 400
    assert "Nothing has been saved" in answer.content.decode()
    assert Node.objects.count() == 1
