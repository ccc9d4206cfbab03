"""How a workspace counts traffic: who may choose, what a choice does, and borders that are shown before it is saved."""

import re
from datetime import UTC, date, datetime
from typing import Any

import pytest

from apps.audit.models import AuditEntry
from apps.nodes.services import Changes, update_node
from apps.traffic.choices import settings_of
from apps.traffic.models import Settings
from apps.traffic.services import change_settings
from tests import factories
from tests.apps.web.conftest import Scene
from tests.apps.web.machines import add_node

NOW = datetime(2026, 2, 20, 12, tzinfo=UTC)
SENT = {
    "usage": "billing",
    "mode": "clamp_to_month_end",
    "start_day": "31",
    "anchor": "",
    "zone": "Asia/Tokyo",
    "direction": "max",
    "guests_by_node": "on",
}


@pytest.fixture
def path(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr("django.utils.timezone.now", lambda: NOW)
    return scene.path("settings/traffic")


def kept(scene: Scene) -> dict[str, Any]:
    row = settings_of(scene.workspace)
    return {name: getattr(row, name) for name in SENT}


def borders(page: str) -> list[str]:
    return re.findall(r"<td><time [^>]+>([^<]+)</time></td>", page)


def test_everything_is_chosen_at_once_and_told_in_the_trail(scene: Scene, path: str) -> None:
    answer = scene.client(scene.owner).post(path, SENT)

    assert (answer.status_code, answer["Location"]) == (302, path)
    chosen = {"usage": "billing", "mode": "clamp_to_month_end", "start_day": 31, "zone": "Asia/Tokyo"}
    chosen |= {"direction": "max", "guests_by_node": True}
    assert kept(scene) == chosen | {"anchor": None}
    entry = AuditEntry.objects.of(scene.workspace).get(verb="traffic.settings")
    assert (entry.subject, entry.changes) == ("traffic", chosen)
    trail = " ".join(scene.client(scene.owner).get(scene.path("audit/")).content.decode().split())
    assert "changed the settings of <b>traffic</b>" in trail


def test_the_form_is_as_the_workspace_is_and_saving_it_changes_nothing(scene: Scene, path: str) -> None:
    change_settings(
        workspace=scene.workspace, fields={"mode": "whmcs_compatible", "anchor": "2025-08-31", "zone": "EST"}
    )
    client, before = scene.client(scene.owner), kept(scene)

    page = client.get(path).content.decode()

    assert re.search(r'value="whmcs_compatible"[^>]*checked', page)
    assert 'value="2025-08-31"' in page
    assert '<option value="EST" selected>' in page
    client.post(
        path,
        {"usage": "lite", "mode": "whmcs_compatible", "start_day": "31", "anchor": "2025-08-31"}
        | {"zone": "EST", "direction": "out"},
    )
    assert kept(scene) == before
    assert not AuditEntry.objects.of(scene.workspace).filter(verb="traffic.settings").exists()


def test_a_box_that_is_not_ticked_shuts_guests_out(scene: Scene, path: str) -> None:
    client = scene.client(scene.owner)
    client.post(path, SENT)
    client.post(path, {name: value for name, value in SENT.items() if name != "guests_by_node"})

    assert kept(scene)["guests_by_node"] is False
    newest = AuditEntry.objects.of(scene.workspace).filter(verb="traffic.settings").latest("pk")
    assert newest.changes == {"guests_by_node": False}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("usage", ""),
        ("usage", "both"),
        ("mode", "weekly"),
        ("start_day", "0"),
        ("start_day", "32"),
        ("start_day", ""),
        ("start_day", "9" * 40),
        ("anchor", "31.01.2026"),
        ("anchor", "2026-02-30"),
        ("zone", "Mars/Olympus"),
        ("direction", "in"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_and_changes_nothing(
    scene: Scene, path: str, field: str, value: str
) -> None:
    answer = scene.client(scene.owner).post(path, SENT | {field: value})

    page = answer.content.decode()
    assert answer.status_code == 400
    assert f'id="id_{field}_error"' in page
    assert "Nothing has been saved." in page
    assert not Settings.objects.exists()
    assert not AuditEntry.objects.of(scene.workspace).filter(verb="traffic.settings").exists()


@pytest.mark.parametrize("anchor", ["0001-01-31", "9999-12-31", "2028-01-31"])
def test_no_date_is_too_far_away(scene: Scene, path: str, anchor: str) -> None:
    answer = scene.client(scene.owner).post(path, SENT | {"mode": "whmcs_compatible", "anchor": anchor}, follow=True)

    assert answer.status_code == 200
    assert kept(scene)["anchor"] == date.fromisoformat(anchor)
    assert len(borders(answer.content.decode())) == 6


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (
            {"mode": "calendar_month"},
            ["1 Jan 2026", "1 Feb 2026", "1 Feb 2026", "1 Mar 2026", "1 Mar 2026", "1 Apr 2026"],
        ),
        (
            {"mode": "clamp_to_month_end", "start_day": "31"},
            ["31 Dec 2025", "31 Jan 2026", "31 Jan 2026", "28 Feb 2026", "28 Feb 2026", "31 Mar 2026"],
        ),
        (
            {"mode": "whmcs_compatible", "anchor": "2026-01-31"},
            ["31 Dec 2025", "31 Jan 2026", "31 Jan 2026", "3 Mar 2026", "3 Mar 2026", "3 Apr 2026"],
        ),
    ],
)
def test_borders_are_shown_before_anything_is_saved(
    scene: Scene, path: str, choice: dict[str, str], expected: list[str]
) -> None:
    asked = {"usage": "lite", "zone": "", "direction": "out"} | choice

    answer = scene.client(scene.owner).get(path, asked, headers={"HX-Request": "true"})

    found = borders(answer.content.decode())
    assert found == expected
    assert answer["Cache-Control"] == "no-store"
    assert "<html" not in answer.content.decode()
    assert not Settings.objects.exists()


def test_borders_of_what_cannot_be_say_why(scene: Scene, path: str) -> None:
    asked = {"usage": "lite", "mode": "clamp_to_month_end", "start_day": "40", "direction": "out"}

    page = scene.client(scene.owner).get(path, asked, headers={"HX-Request": "true"}).content.decode()

    assert "First day: A day from 1 to 31." in page
    assert borders(page) == []


def test_a_viewer_reads_and_changes_nothing_and_a_stranger_finds_nothing(scene: Scene, path: str) -> None:
    change_settings(workspace=scene.workspace, fields={"usage": "billing", "direction": "both"})
    viewer = scene.client(scene.viewer)
    page = viewer.get(path).content.decode()
    assert "Billing" in page
    assert "Received and sent together" in page
    assert 'id="traffic-form"' not in page
    assert len(borders(page)) == 6
    assert path in viewer.get(scene.path("settings/")).content.decode()

    assert viewer.post(path, SENT).status_code == 403
    assert scene.client(scene.stranger).get(path).status_code == 404
    assert scene.client(scene.stranger).post(path, SENT).status_code == 404
    assert kept(scene)["direction"] == "both"


def test_an_admin_of_some_projects_does_not_choose_for_all(scene: Scene, path: str) -> None:
    admin = factories.make_user("partly@example.com")
    factories.make_seat(scene.workspace, "admin", user=admin, projects=[scene.project])

    assert scene.client(admin).get(path).status_code == 200
    assert scene.client(admin).post(path, SENT).status_code == 403
    assert not Settings.objects.exists()


def test_nodes_with_ways_of_their_own_are_counted(scene: Scene, path: str) -> None:
    own = add_node(scene, "own")
    add_node(scene, "plain")
    assert "does" not in scene.client(scene.viewer).get(path).content.decode()

    update_node(node=own, changes=Changes(direction="both"), actor="ana", now=scene.now)

    assert "; 1 does" in scene.client(scene.viewer).get(path).content.decode()
