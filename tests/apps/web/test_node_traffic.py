"""Traffic of a node: a cycle in figures, its days, those before it, a file, and a rebuild."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from apps.metrics import services as metrics
from apps.nodes.models import Node
from apps.nodes.services import Changes, update_node
from apps.traffic.models import Rebuild
from apps.traffic.rebuilds import rebuild_state
from apps.traffic.services import change_settings, run_rebuilds
from tests.apps.web.conftest import Scene
from tests.apps.web.machines import IFACE, add_node, hear

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def billed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Node:
    """Ten hours of traffic on the 20th, five minutes apart, in a workspace that counts for billing."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    scene.now = NOW
    change_settings(workspace=scene.workspace, fields={"usage": "billing", "direction": "both"})
    node = add_node(scene)
    hear(node, *(NOW - timedelta(minutes=5 * back) for back in reversed(range(120))))
    while metrics.seal_due(now=NOW, limit=200).sources:
        pass
    return node


def page_of(scene: Scene, node: Node, query: str = "") -> str:
    answer = scene.client(scene.owner).get(scene.path(f"nodes/{node.number}/traffic{query}"))
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_cycle_is_shown_in_figures_and_by_day(scene: Scene, billed: Node) -> None:
    page = page_of(scene, billed)

    assert "1 November 2026 to 1 December 2026" in page
    # 119 steps of 40 and of 20 MB.
    assert "<dd>4.76<span> GB</span>" in page
    assert "<dd>2.38<span> GB</span>" in page
    assert "<dd>7.14<span> GB</span>" in page
    assert "counted: received and sent together" in page
    assert "20 Nov: 4.76 GB received, 2.38 GB sent" in page
    assert "Not switched on for this node" in page
    assert "95th percentile by day" not in page


def test_the_percentile_is_a_line_where_it_is_switched_on(scene: Scene, billed: Node) -> None:
    update_node(node=billed, changes=Changes(p95=True), actor="ana", now=NOW)

    page = page_of(scene, billed)

    # 60 MB in five minutes.
    assert "95th percentile of the cycle 1.60 Mbit/s" in page
    assert "95th percentile by day" in page


def test_the_file_says_the_same_in_bytes(scene: Scene, billed: Node) -> None:
    answer = scene.client(scene.viewer).get(scene.path(f"nodes/{billed.number}/traffic.csv?iface={IFACE}"))

    assert answer["Content-Disposition"] == f'attachment; filename="web-1-{IFACE}-traffic.csv"'
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))  # type: ignore[attr-defined]  # a stream
    assert sum(int(row["received_bytes"]) for row in rows) == 119 * 40_000_000
    assert rows[-1]["day"] == "2026-11-20"
    assert rows[-1]["counted_bytes"] == str(119 * 60_000_000)


def test_another_interface_and_the_cycle_before(scene: Scene, billed: Node) -> None:
    other = page_of(scene, billed, "?iface=eno2")
    assert '<option value="eno2" selected>' in other
    before = page_of(scene, billed, "?cycle=previous")
    assert "1 October 2026 to 1 November 2026" in before
    assert "Nothing was counted in this cycle" in before
    assert f'<option value="{IFACE}" selected>' in page_of(scene, billed, "?iface=nonsense&cycle=nonsense")


def test_lite_mode_has_a_total_and_no_days(scene: Scene, billed: Node) -> None:
    change_settings(workspace=scene.workspace, fields={"usage": "lite"})

    page = page_of(scene, billed)

    assert "shows traffic in lite mode" in page
    assert scene.path("settings/traffic") in page
    assert "Export CSV" not in page
    refused = scene.client(scene.owner).get(scene.path(f"nodes/{billed.number}/traffic.csv"))
    assert refused.status_code == 409


def test_without_a_report_there_is_no_traffic(scene: Scene) -> None:
    node = add_node(scene)

    assert "No traffic yet" in page_of(scene, node)
    answer = scene.client(scene.owner).get(scene.path(f"nodes/{node.number}/traffic.csv"))
    assert len(b"".join(answer.streaming_content).splitlines()) == 1  # type: ignore[attr-defined]  # a stream


def test_a_rebuild_is_started_tells_how_far_it_is_and_ends(scene: Scene, billed: Node) -> None:
    client, path = scene.client(scene.owner), scene.path(f"nodes/{billed.number}/traffic/rebuild")

    page = client.post(path, follow=True).content.decode()
    assert "A rebuild runs: 0 % done." in page
    assert 'aria-label="Rebuild"' in page
    assert "A rebuild is running already." in client.post(path, follow=True).content.decode()
    row = Rebuild.objects.of(scene.workspace).get()
    Rebuild.objects.update(next_ms=row.first_ms + (row.end_ms - row.first_ms) // 2)
    assert "% done." in client.get(path).content.decode()
    assert 'hx-trigger="every 2s"' in client.get(path).content.decode()
    Rebuild.objects.update(next_ms=row.first_ms)

    run_rebuilds(now=NOW)

    assert rebuild_state(scene.workspace).state == "completed"
    line = client.get(path).content.decode()
    assert "The last rebuild went through." in line
    assert "hx-trigger" not in line
    assert "<dd>7.14<span> GB</span>" in page_of(scene, billed)


def test_who_may_not_rebuild_sees_no_button(scene: Scene, billed: Node) -> None:
    client, path = scene.client(scene.viewer), scene.path(f"nodes/{billed.number}/traffic/rebuild")

    assert "<form" not in client.get(path).content.decode()
    assert client.post(path).status_code == 403
    assert not Rebuild.objects.exists()


def test_a_rebuild_of_another_node_is_told_as_such(scene: Scene, billed: Node) -> None:
    other = hear(add_node(scene, "other"), NOW - timedelta(minutes=10), NOW)
    client = scene.client(scene.owner)
    client.post(scene.path(f"nodes/{other.number}/traffic/rebuild"))

    assert (
        "A rebuild of another node runs"
        in client.get(scene.path(f"nodes/{billed.number}/traffic/rebuild")).content.decode()
    )
