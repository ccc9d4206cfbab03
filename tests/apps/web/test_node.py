"""One node: its page, its live part, its charts' numbers, its settings and its end."""

from datetime import timedelta

import pytest

from apps.audit.models import AuditEntry
from apps.incidents.models import Incident
from apps.nodes.models import Node
from apps.nodes.selectors import node_by_secret, secret_of, tags_of
from apps.nodes.services import create_group
from tests import factories
from tests.apps.web.conftest import Scene
from tests.apps.web.machines import IFACE, add_node, hear, lately

TABS = ("", "/live", "/charts", "/install", "/heard", "/traffic", "/traffic.csv", "/traffic/rebuild", "/settings")
WRITES = ("/settings", "/secret", "/delete", "/traffic/rebuild")


def shown(scene: Scene, node: Node, tail: str = "") -> str:
    answer = scene.client(scene.owner).get(scene.path(f"nodes/{node.number}{tail}"))
    assert answer.status_code == 200
    return answer.content.decode()


def form_of(node: Node, **changed: object) -> dict[str, object]:
    """What a browser sends when somebody only changes these fields."""
    return {"name": node.name, "project": "berlin", "tags": "", "groups": ["1"], "mode": "default", **changed}


def test_a_node_shows_what_the_machine_is_and_how_it_does(scene: Scene) -> None:
    node = hear(add_node(scene), *lately(scene), sick=True)

    page = shown(scene, node)

    for text in ("ACME EPYC 4344P 8-Core, 16 cores", "6.1.0-37-amd64 amd64", "31.3 GiB, swap 4.00 GiB", "192.0.2.7"):
        assert text in page
    assert "310 of 900 GiB" in page
    assert "ACME PM9A3 960GB" in page
    assert "Failed</span>" in page
    assert "Reallocated_Sector_Ct fails now" in page
    assert f'<th scope="row" class="mono">{IFACE}</th>' in page
    assert 'data-node-chart="cpu"' in page
    assert 'aria-label="Processor: Busy average 21.8 %, highest 21.8 %"' in page
    assert "Agent" in page


def test_what_is_open_about_a_node_stands_on_its_page_and_first_in_the_list(scene: Scene) -> None:
    node = hear(add_node(scene, "sick"), *lately(scene, minutes=3), sick=True)
    hear(add_node(scene, "well"), *lately(scene, minutes=3))
    incident = Incident.objects.of(scene.workspace).filter(subject_kind="node", subject_id=node.pk).first()
    assert incident is not None

    page = shown(scene, node)
    assert scene.path(f"incidents/{incident.wire_id}") in page
    listed = scene.client(scene.owner).get(scene.path("nodes/")).content.decode()
    assert listed.index(">sick</a>") < listed.index(">well</a>")
    assert "Needs a look</span>" in listed
    only = scene.client(scene.owner).get(scene.path("nodes/?state=trouble")).content.decode()
    assert ">sick</a>" in only
    assert ">well</a>" not in only


def test_a_node_that_was_never_heard_leads_to_its_install_command(scene: Scene) -> None:
    node = add_node(scene)

    page = shown(scene, node)

    assert "Nothing was heard of it yet" in page
    assert scene.path(f"nodes/{node.number}/install") in page
    assert "data-node-chart" not in page


def test_a_silent_node_says_since_when(scene: Scene) -> None:
    node = hear(add_node(scene), scene.now - timedelta(minutes=11))

    page = shown(scene, node)

    assert "Silent: the last report came 11 min ago." in page


def test_the_numbers_of_the_charts_keep_gaps_and_stay_few(scene: Scene) -> None:
    node = hear(add_node(scene), *lately(scene, minutes=20))
    client = scene.client(scene.owner)

    hour = client.get(scene.path(f"nodes/{node.number}/charts?range=1h")).json()
    month = client.get(scene.path(f"nodes/{node.number}/charts?range=30d")).json()

    cpu = next(chart for chart in hour["charts"] if chart["key"] == "cpu")
    values = cpu["lines"][0]["values"]
    assert len(hour["times"]) == len(values) <= 121
    assert values[0] is None
    assert {value for value in values if value is not None} == {21.75}
    assert len(month["times"]) <= 121
    keys = [chart["key"] for chart in hour["charts"]]
    assert keys[:4] == ["cpu", "load", "memory", "disks"]
    assert {"net-0", "temperature", "connections", "processes"} <= set(keys)
    net = next(chart for chart in hour["charts"] if chart["key"] == "net-0")
    assert max(value for value in net["lines"][0]["values"] if value is not None) == 9864004.0


def test_the_live_part_is_alone_and_never_kept(scene: Scene) -> None:
    node = hear(add_node(scene), *lately(scene, minutes=2))

    answer = scene.client(scene.viewer).get(scene.path(f"nodes/{node.number}/live"))

    assert answer["Cache-Control"] == "no-store"
    assert "<h1>" not in answer.content.decode()
    assert 'hx-trigger="every 3s, seen from:body"' in answer.content.decode()


def test_unknown_deleted_and_foreign_nodes_are_not_there(scene: Scene) -> None:
    node = add_node(scene)
    foreign = scene.stranger.memberships.get().workspace  # type: ignore[attr-defined]  # a reverse relation
    owner, stranger = scene.client(scene.owner), scene.client(scene.stranger)

    for tail in TABS:
        assert owner.get(scene.path(f"nodes/99{tail}")).status_code == 404
        assert owner.get(scene.path(f"nodes/x1{tail}")).status_code == 404
        assert stranger.get(scene.path(f"nodes/{node.number}{tail}")).status_code == 404
        assert stranger.get(f"/app/w/{foreign.slug}/nodes/{node.number}{tail}").status_code == 404
    for tail in WRITES:
        assert stranger.post(scene.path(f"nodes/{node.number}{tail}"), {"name": node.name}).status_code == 404
    assert Node.objects.live().count() == 1


def test_nobody_sees_a_node_without_signing_in(scene: Scene, client) -> None:
    node = add_node(scene)
    for tail in TABS:
        answer = client.get(scene.path(f"nodes/{node.number}{tail}"))
        assert answer.status_code == 302
        assert "/accounts/login/" in answer["Location"]


def test_settings_are_saved_together(scene: Scene) -> None:
    node = add_node(scene)
    factories.make_project(scene.workspace, "paris", name="Paris")
    group = create_group(workspace=scene.workspace, name="Lab", actor="ana", now=scene.now)
    sent = form_of(
        node,
        name="edge-9",
        project="paris",
        tags="Edge, eu ,Edge",
        groups=[str(group.number)],
        public="on",
        note="In rack 4",
        mode="clamp_to_month_end",
        start_day="31",
        zone="Asia/Tokyo",
        direction="max",
        p95="on",
    )

    answer = scene.client(scene.owner).post(scene.path(f"nodes/{node.number}/settings"), sent)

    assert answer.status_code == 302
    node.refresh_from_db()
    assert node.cycle == {"mode": "clamp_to_month_end", "start_day": 31, "anchor": "", "zone": "Asia/Tokyo"}
    assert (node.name, node.project.key, node.direction, node.p95, node.public) == (
        "edge-9",
        "paris",
        "max",
        True,
        True,
    )
    assert tags_of(node) == ("Edge", "eu")
    assert [each.number for each in node.groups.all()] == [group.number]
    page = shown(scene, node, "/settings")
    assert 'value="Edge, eu"' in page
    assert '<option value="clamp_to_month_end" selected>' in page

    scene.client(scene.owner).post(scene.path(f"nodes/{node.number}/settings"), form_of(node))
    node.refresh_from_db()
    assert (node.cycle, node.p95, node.direction, node.public) == (None, False, "", False)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"name": ""}, "name"),
        ({"project": "nowhere"}, "project"),
        ({"tags": "x" * 65}, "tags"),
        ({"groups": ["99"]}, "groups"),
        ({"mode": "sometimes"}, "mode"),
        ({"mode": "clamp_to_month_end", "start_day": "32"}, "start_day"),
        ({"mode": "whmcs_compatible", "anchor": "soon"}, "anchor"),
        ({"mode": "clamp_to_month_end"}, "mode"),
        ({"zone": "Mars/Olympus"}, "zone"),
        ({"direction": "sideways"}, "direction"),
    ],
)
def test_a_bad_setting_is_refused_beside_its_field_and_nothing_changes(
    scene: Scene, changed: dict[str, object], field: str
) -> None:
    node = add_node(scene)

    answer = scene.client(scene.owner).post(
        scene.path(f"nodes/{node.number}/settings"), form_of(node, **{"note": "new", **changed})
    )

    assert answer.status_code == 400
    assert list(answer.context["form"].errors) == [field]
    node.refresh_from_db()
    assert (node.name, node.note, node.project) == ("web-1", "", scene.project)


def test_a_new_secret_is_shown_and_the_old_one_counts_for_an_hour(scene: Scene) -> None:
    node = add_node(scene)
    old = secret_of(node) or ""
    assert old in shown(scene, node, "/settings")

    answer = scene.client(scene.owner).post(scene.path(f"nodes/{node.number}/secret"), follow=True)

    new = secret_of(node) or ""
    assert new != old
    assert new in answer.content.decode()

    def found(raw: str, hours: int) -> Node | None:
        at = scene.now + timedelta(hours=hours)
        return node_by_secret(raw, workspace=scene.workspace.pk, default_workspace=None, now=at)

    assert found(old, 0) == found(new, 0) == found(new, 2) == node
    assert found(old, 2) is None


def test_a_node_goes_when_its_name_was_typed(scene: Scene) -> None:
    node, client = hear(add_node(scene), *lately(scene, minutes=2)), scene.client(scene.owner)
    path = scene.path(f"nodes/{node.number}")

    wrong = client.post(f"{path}/delete", {"name": "web-2"}, follow=True)
    assert "Nothing was deleted" in wrong.content.decode()
    assert Node.objects.live().count() == 1

    client.post(f"{path}/delete", {"name": " web-1 "})
    assert not Node.objects.live().exists()
    assert client.get(path).status_code == 404
    assert secret_of(node) is None
    assert AuditEntry.objects.of(scene.workspace).filter(verb="node.delete", subject="web-1").exists()


def test_the_side_bar_counts_nodes_and_leads_to_them(scene: Scene) -> None:
    add_node(scene)
    page = scene.client(scene.viewer).get(scene.path("monitors/")).content.decode()

    assert scene.path("nodes/") in page
    assert 'data-go="n"' in page
