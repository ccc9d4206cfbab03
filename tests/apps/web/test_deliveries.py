from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.incidents.models import Incident
from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Delivery
from apps.notifications.services import deliver_due, fan_out, send_test, set_alert_settings
from tests import factories
from tests.apps.web.conftest import Scene, break_down
from tests.sinks.http import HttpSink


@pytest.fixture
def incident(scene: Scene, http_sink: HttpSink, mailoutbox: list[Any]) -> Incident:
    """Told by mail and by a webhook whose other side refuses for good; a test of the workspace's rule beside it."""
    document = {
        "channels": [
            {"id": "ch_mail", "type": "email", "name": "Ops", "to": ["ops@example.com"]},
            {"id": "ch_hook", "type": "webhook", "name": "Pager", "url": http_sink.url},
        ]
    }
    set_alert_settings(project=scene.project, document=document, actor="test", now=scene.now)
    found = break_down(scene.device, at=scene.now - timedelta(minutes=4))
    fan_out(now=scene.now, limit=50)
    http_sink.status = 503
    deliver_due(now=scene.now, limit=50)
    send_test(workspace=scene.workspace, kind=ChannelKind.EMAIL, now=scene.now, to="me@example.com")
    return found


@pytest.fixture
def client(scene: Scene) -> Client:
    return scene.client(scene.owner)


def shown(client: Client, scene: Scene, **asked: str) -> list[str]:
    page = client.get(scene.path("alerts/deliveries/"), asked)
    assert page.status_code == 200
    return sorted(row.kind + " " + row.event for row, _ in page.context["rows"])


def give_up(delivery: Delivery) -> Delivery:
    Delivery.objects.filter(pk=delivery.pk).update(status="failed", next_at=None)
    delivery.refresh_from_db()
    return delivery


def test_the_log_is_narrowed_by_its_address(scene: Scene, client: Client, incident: Incident) -> None:
    factories.make_project(scene.workspace, "paris")
    told = ["E-mail opened", "Webhook opened"]

    assert shown(client, scene) == sorted([*told, "E-mail test message"])
    assert shown(client, scene, status="planned") == ["Webhook opened"]
    assert shown(client, scene, status="sent") == ["E-mail opened", "E-mail test message"]
    assert shown(client, scene, kind="webhook") == ["Webhook opened"]
    assert shown(client, scene, project="berlin") == told
    assert shown(client, scene, project="paris") == []
    assert shown(client, scene, incident=incident.wire_id, kind="email") == ["E-mail opened"]
    assert shown(client, scene, status="lost", kind="pigeon", project="?", incident="inc_x") == shown(client, scene)


def test_a_filter_that_finds_nothing_says_so_and_offers_the_way_back(
    scene: Scene, client: Client, incident: Incident
) -> None:
    page = client.get(scene.path("alerts/deliveries/?status=dropped&project=berlin")).content.decode()
    assert "No message like this" in page
    assert "Not sent, of Berlin branch." in page
    assert "Clear filter" in page


def test_one_message_shows_every_try_with_its_answer(scene: Scene, client: Client, incident: Incident) -> None:
    delivery = Delivery.objects.of(scene.workspace).get(kind="webhook")
    deliver_due(now=scene.now + timedelta(minutes=30), limit=50)
    page = client.get(scene.path(f"alerts/deliveries/{delivery.wire_id}"))

    assert [(attempt.ok, attempt.http_status) for attempt in page.context["tries"]] == [(False, 503), (False, 503)]
    text = page.content.decode()
    assert "It is tried again." in text
    assert "503" in text


def test_what_was_given_up_is_sent_again_once_somebody_says_so(
    scene: Scene, client: Client, incident: Incident, http_sink: HttpSink
) -> None:
    delivery = give_up(Delivery.objects.of(scene.workspace).get(kind="webhook"))
    path = scene.path(f"alerts/deliveries/{delivery.wire_id}")
    assert "Try again" in client.get(path).content.decode()
    http_sink.status = 200
    response = client.post(f"{path}/retry")

    assert response["Location"] == path
    deliver_due(now=scene.now + timedelta(hours=1), limit=50)
    delivery.refresh_from_db()
    assert delivery.status == "sent"
    assert client.post(f"{path}/retry").status_code == 409


def test_viewers_read_without_addresses_and_retry_nothing(scene: Scene, incident: Incident) -> None:
    delivery = give_up(Delivery.objects.of(scene.workspace).get(kind="webhook"))
    client = scene.client(scene.viewer)
    page = client.get(scene.path("alerts/deliveries/")).content.decode()

    assert "Pager" in page
    assert "address hidden" in page
    assert "@example.com" not in page.replace(scene.viewer.email, "")
    assert ">Try again</button>" not in page
    assert client.post(scene.path(f"alerts/deliveries/{delivery.wire_id}/retry")).status_code == 403
    delivery.refresh_from_db()
    assert delivery.status == "failed"


def test_an_editor_retries_messages_of_the_project_and_not_of_the_workspace(scene: Scene, incident: Incident) -> None:
    editor = factories.make_user()
    factories.make_seat(scene.workspace, "editor", user=editor)
    client = scene.client(editor)
    own = give_up(Delivery.objects.of(scene.workspace).get(kind="webhook"))
    other = give_up(Delivery.objects.of(scene.workspace).get(recipient="me@example.com"))

    assert client.post(scene.path(f"alerts/deliveries/{own.wire_id}/retry")).status_code == 302
    assert client.post(scene.path(f"alerts/deliveries/{other.wire_id}/retry")).status_code == 403
    other.refresh_from_db()
    assert other.status == "failed"


def test_a_seat_sees_what_concerns_its_projects_and_a_stranger_nothing(scene: Scene, incident: Incident) -> None:
    other = factories.make_project(scene.workspace, "paris")
    editor, colleague = factories.make_user(), factories.make_user()
    factories.make_seat(scene.workspace, "editor", user=editor, projects=[other])
    factories.make_seat(scene.workspace, "editor", user=colleague, projects=[scene.project])
    delivery = give_up(Delivery.objects.of(scene.workspace).get(kind="webhook"))
    path = scene.path(f"alerts/deliveries/{delivery.wire_id}")

    assert shown(scene.client(editor), scene) == []
    assert shown(scene.client(colleague), scene) == ["E-mail opened", "Webhook opened"]
    assert scene.client(editor).get(path).status_code == 404
    assert scene.client(editor).post(f"{path}/retry").status_code == 404
    slug = scene.stranger.memberships.get().workspace.slug
    foreign = f"/app/w/{slug}/alerts/deliveries/{delivery.wire_id}"
    assert scene.client(scene.stranger).get(foreign).status_code == 404
    assert scene.client(scene.stranger).post(f"{foreign}/retry").status_code == 404


def test_an_incident_leads_to_its_own_messages(scene: Scene, client: Client, incident: Incident) -> None:
    page = client.get(scene.path(f"incidents/{incident.wire_id}")).content.decode()
    for delivery in Delivery.objects.of(scene.workspace).filter(incident=incident):
        assert scene.path(f"alerts/deliveries/{delivery.wire_id}") in page
