import uuid
from typing import Any

import pytest
from django.test import Client

from apps.audit.models import AuditEntry
from apps.notifications.models import Channel, Delivery
from apps.notifications.services import set_alert_settings
from apps.workspaces.models import Workspace
from tests import factories
from tests.apps.web.conftest import Scene
from tests.sinks.http import HttpSink


@pytest.fixture
def hook(scene: Scene, http_sink: HttpSink) -> Channel:
    """A webhook of the project that leads to a web server of the test."""
    document = {"channels": [{"id": "ch_hook", "type": "webhook", "name": "Pager", "url": http_sink.url}]}
    set_alert_settings(project=scene.project, document=document, actor="test", now=scene.now)
    return Channel.objects.of(scene.workspace).get()


def act(scene: Scene, channel: Channel, verb: str) -> str:
    return scene.path(f"alerts/channels/{channel.public_id}/{verb}")


@pytest.fixture
def client(scene: Scene) -> Client:
    return scene.client(scene.owner)


def test_a_test_says_inline_that_the_other_side_took_it(
    scene: Scene, client: Client, hook: Channel, http_sink: HttpSink
) -> None:
    page = client.post(act(scene, hook, "test"))

    assert page.status_code == 200
    (outcome,) = page.context["outcomes"]
    assert outcome.ok
    assert len(http_sink.requests) == 1
    text = page.content.decode()
    assert f'id="test-{hook.number}"' in text
    assert "Accepted" in text
    hook.refresh_from_db()
    assert hook.last_ok_at is not None
    assert "Works" in client.get(scene.path("alerts/channels/")).content.decode()


def test_a_test_says_inline_what_the_other_side_answered(
    scene: Scene, client: Client, hook: Channel, http_sink: HttpSink
) -> None:
    http_sink.answers.append(410)
    page = client.post(act(scene, hook, "test")).content.decode()

    assert "Failed" in page
    assert "410" in page
    hook.refresh_from_db()
    assert hook.failing_since is not None
    text = client.get(scene.path("alerts/channels/")).content.decode()
    assert "Failing" in text
    assert hook.last_error in text


def test_a_channel_is_switched_off_and_on_and_keeps_its_settings(scene: Scene, client: Client, hook: Channel) -> None:
    client.post(act(scene, hook, "switch"), {"enabled": "off"})
    again = Channel.objects.get(pk=hook.pk)
    assert (again.enabled, again.config) == (False, hook.config)
    client.post(act(scene, hook, "switch"), {"enabled": "on"})
    assert Channel.objects.get(pk=hook.pk).enabled is True
    trail = AuditEntry.objects.of(scene.workspace).filter(changes__has_key="channel")
    assert [entry.changes["enabled"] for entry in trail.order_by("pk")] == [False, True]


@pytest.mark.parametrize("verb", ["test", "switch"])
def test_viewers_strangers_and_other_seats_reach_no_channel(
    scene: Scene, hook: Channel, verb: str, http_sink: HttpSink
) -> None:
    slug = scene.stranger.memberships.get().workspace.slug
    foreign = f"/app/w/{slug}/alerts/channels/{hook.public_id}/{verb}"
    other = factories.make_project(scene.workspace, "paris")
    editor = factories.make_user()
    factories.make_seat(scene.workspace, "editor", user=editor, projects=[other])

    assert scene.client(scene.viewer).post(act(scene, hook, verb)).status_code == 403
    assert scene.client(scene.stranger).post(foreign).status_code == 404
    assert scene.client(editor).post(act(scene, hook, verb)).status_code == 404
    unknown = scene.path(f"alerts/channels/{uuid.uuid4()}/{verb}")
    assert scene.client(scene.owner).post(unknown).status_code == 404
    assert scene.client(scene.owner).post(scene.path(f"alerts/channels/x/{verb}")).status_code == 404
    hook.refresh_from_db()
    assert hook.enabled is True
    assert http_sink.requests == []
    assert not Delivery.objects.of(scene.workspace).exists()


def test_tests_from_the_page_are_limited_like_the_apis(
    scene: Scene, client: Client, hook: Channel, http_sink: HttpSink
) -> None:
    for _ in range(5):
        assert client.post(act(scene, hook, "test")).status_code == 200
    page = client.post(act(scene, hook, "test"))

    assert page.status_code == 400
    assert "Too many test messages" in page.content.decode()
    assert len(http_sink.requests) == 5


def test_an_editor_of_the_project_may_test_and_a_viewer_sees_no_address(
    scene: Scene, hook: Channel, http_sink: HttpSink
) -> None:
    editor = factories.make_user()
    factories.make_seat(scene.workspace, "editor", user=editor, projects=[scene.project])
    assert scene.client(editor).post(act(scene, hook, "test")).status_code == 200
    assert len(http_sink.requests) == 1

    page = scene.client(scene.viewer).get(scene.path("alerts/channels/")).content.decode()
    assert "Pager" in page
    assert "127.0.0.1" not in page


def test_an_sms_on_the_free_plan_is_refused_inline(scene: Scene, client: Client) -> None:
    document = {"channels": [{"id": "ch_sms", "type": "sms", "to": ["+491511234567"]}]}
    set_alert_settings(project=scene.project, document=document, actor="test", now=scene.now)
    Workspace.objects.filter(pk=scene.workspace.pk).update(plan="free")
    page: Any = client.post(act(scene, Channel.objects.of(scene.workspace).get(), "test"))
    assert page.status_code == 400
    assert "SMS needs the Premium plan." in page.content.decode()
    assert not Delivery.objects.of(scene.workspace).exists()


def test_without_a_channel_the_page_says_what_one_is(client: Client, scene: Scene) -> None:
    assert "No channel yet" in client.get(scene.path("alerts/channels/")).content.decode()
