from datetime import timedelta
from uuid import uuid4

import pytest

from apps.alerts import services as alerts
from apps.alerts.built_in import DEVICE_LATENCY
from apps.alerts.conditions import Condition
from apps.alerts.documents import RuleDraft
from apps.alerts.models import AlertRule
from apps.alerts.types import Subject
from apps.common.values import Observation, Ref, SourceRef
from apps.incidents.models import Incident, IncidentEvent
from apps.pipeline.samples import submit_samples
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


def test_an_incident_about_a_node_is_told_in_its_own_words_and_links_to_no_monitor(scene: Scene) -> None:
    node = Subject(scene.workspace.pk, Ref("node", scene.device.pk), 7, "web-1")
    rule = Condition("cpu.ratio", "ge", 0.9, missing="clear")
    draft = RuleDraft("CPU high", "node", (rule,), severity="critical")
    alerts.create_rule(workspace=scene.workspace, draft=draft, actor="ana", now=scene.now)
    seen = Observation(scene.workspace.pk, SourceRef(node.ref), scene.now, {"cpu.ratio": 0.97})
    submit_samples(observations=[seen], subjects={node.ref: node}, now=scene.now)
    incident = Incident.objects.of(scene.workspace).get()
    client = scene.client(scene.viewer)

    page = client.get(scene.path(f"incidents/{incident.wire_id}")).content.decode()
    listed = client.get(scene.path("incidents/")).content.decode()

    assert "CPU high on web-1" in page
    assert ">web-1</a>" in listed
    assert "Node: CPU high" in listed
    assert "Went over the line" in page
    assert "CPU use: 97 %, the limit is 90 %" in page
    assert "None" not in page
    assert "<dt>Node</dt>" in page
    assert "Till 1" not in page


def test_the_list_has_what_every_kind_of_rule_opened_and_says_which(scene: Scene, incident: Incident) -> None:
    slow = Incident.objects.of(scene.workspace).get(pk=incident.pk)
    slow.pk, slow.public_id, slow.number = None, uuid4(), 2
    slow.rule = AlertRule.objects.of(scene.workspace).get(number=DEVICE_LATENCY)
    slow.save()

    response = scene.client(scene.viewer).get(scene.path("incidents/"))

    assert [row.incident.number for row in response.context["rows"]] == [2, 1]
    page = response.content.decode()
    assert "Incident 1 · Monitor state · " in page
    assert "Incident 2 · Device latency · " in page
