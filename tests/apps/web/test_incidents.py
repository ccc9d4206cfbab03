from datetime import timedelta

import pytest

from apps.incidents.models import Incident, IncidentEvent
from tests.apps.web.conftest import Scene, break_down


@pytest.fixture
def incident(scene: Scene) -> Incident:
    return break_down(scene.device, at=scene.now - timedelta(minutes=4))


def path(scene: Scene, incident: Incident, tail: str = "") -> str:
    return scene.path(f"incidents/{incident.wire_id}{tail}")


def test_taking_an_incident_on_puts_the_persons_name_on_it(scene: Scene, incident: Incident) -> None:
    page = scene.client(scene.owner).post(path(scene, incident, "/acknowledge"), follow=True).content.decode()

    incident.refresh_from_db()
    assert incident.acknowledged_by == scene.owner
    assert "ana@example.com</b> acknowledged it" in page


def test_from_the_overview_people_stay_on_the_overview(scene: Scene, incident: Incident) -> None:
    client = scene.client(scene.owner)
    assert "Wrong now" in client.get(scene.path()).content.decode()

    response = client.post(path(scene, incident, "/acknowledge"), {"back": "overview"})

    assert response["Location"] == scene.path()


def test_a_note_is_shown_as_text_and_an_empty_one_is_refused(scene: Scene, incident: Incident) -> None:
    client = scene.client(scene.owner)
    page = client.post(path(scene, incident, "/note"), {"text": "<b>Rolling back</b>"}, follow=True).content.decode()
    assert "&lt;b&gt;Rolling back&lt;/b&gt;" in page

    page = client.post(path(scene, incident, "/note"), {"text": "  "}, follow=True).content.decode()
    assert "A note needs some text." in page
    assert IncidentEvent.objects.filter(incident=incident, kind="note").count() == 1


def test_resolving_by_hand_closes_it_once(scene: Scene, incident: Incident) -> None:
    client = scene.client(scene.owner)
    client.post(path(scene, incident, "/resolve"))
    incident.refresh_from_db()
    assert incident.close_reason == "resolved_by_hand"

    again = client.post(path(scene, incident, "/resolve"))
    assert again.status_code == 409
    assert "already resolved" in again.content.decode()


@pytest.mark.parametrize("act", ["acknowledge", "note", "resolve"])
def test_a_viewer_and_a_stranger_change_nothing(scene: Scene, incident: Incident, act: str) -> None:
    slug = scene.stranger.memberships.get().workspace.slug

    assert scene.client(scene.viewer).post(path(scene, incident, f"/{act}"), {"text": "x"}).status_code == 403
    foreign = f"/app/w/{slug}/incidents/{incident.wire_id}/{act}"
    assert scene.client(scene.stranger).post(foreign, {"text": "x"}).status_code == 404
    incident.refresh_from_db()
    assert incident.acknowledged_at is None
    assert incident.closed_at is None
    assert not IncidentEvent.objects.filter(incident=incident).exclude(kind="opened").exists()


def test_the_list_is_narrowed_by_status(scene: Scene, incident: Incident) -> None:
    client = scene.client(scene.owner)

    def shown(status: str) -> int:
        return len(client.get(scene.path(f"incidents/?status={status}")).context["rows"])

    assert (shown("open"), shown("acknowledged"), shown("resolved"), shown("all")) == (1, 0, 0, 1)


def test_the_short_address_of_messages_leads_to_the_incident_of_its_workspace(scene: Scene, incident: Incident) -> None:
    short = f"/app/incidents/{incident.wire_id}"

    assert scene.client(scene.owner).get(short)["Location"] == path(scene, incident)
    assert scene.client(scene.stranger).get(short).status_code == 404
