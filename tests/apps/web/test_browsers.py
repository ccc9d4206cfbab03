"""A person's own browsers: added by the browser itself, told when routing names the person, removed at will."""

from typing import Any

import pytest
from django.test import Client

from apps.audit.models import AuditEntry
from apps.notifications import services as notifications
from apps.notifications.models import Channel, Delivery
from apps.notifications.services import set_alert_settings
from tests import factories
from tests.apps.incidents.scene import change, tell
from tests.apps.notifications.test_web_push import Browser
from tests.sinks.http import HttpSink


@pytest.fixture
def sent(http_sink: HttpSink) -> dict[str, str]:
    return {"endpoint": http_sink.url, "name": "Firefox on the desk", **Browser().keys()}


@pytest.fixture
def me(scene: Any) -> Client:
    return scene.client(scene.owner)


def at(scene: Any, path: str = "") -> str:
    return f"/app/w/{scene.workspace.slug}/profile/{path}"


def test_a_browser_is_added_shown_and_added_again_without_a_second_row(scene, me, sent) -> None:
    for name in ("Firefox on the desk", "Firefox at home"):
        me.post(at(scene, "browsers"), {**sent, "name": name})

    channel = Channel.objects.get()
    assert (channel.kind, channel.seat.user) == ("web_push", scene.owner)
    page = me.get(at(scene)).content.decode()
    assert "Firefox at home" in page
    assert sent["auth"] not in page
    assert AuditEntry.objects.filter(verb="browser.add").count() == 2


@pytest.mark.parametrize("wrong", [{"endpoint": ""}, {"auth": "x"}, {"endpoint": "http://169.254.169.254/"}])
def test_what_is_no_subscription_is_refused_in_words(scene, me, sent, wrong) -> None:
    answer = me.post(at(scene, "browsers"), {**sent, **wrong}, follow=True)

    assert not Channel.objects.exists()
    assert [str(message) for message in answer.context["messages"]]


def test_the_person_whom_routing_names_is_told_in_the_browser(scene, me, sent, http_sink, now) -> None:
    me.post(at(scene, "browsers"), sent)
    steps = [{"afterMinutes": 0, "targets": [{"type": "user", "id": str(scene.owner.public_id)}]}]
    set_alert_settings(project=scene.project, document={"escalation": {"steps": steps}}, actor="owner", now=now)
    device = factories.make_device(scene.project, "Till")
    tell(change(device, "up", "down", now))
    notifications.fan_out(now=now, limit=10)
    notifications.deliver_due(now=now, limit=10)

    assert {row.kind for row in Delivery.objects.all()} == {"email", "web_push"}
    assert len(http_sink.requests) == 1


def test_a_test_says_what_really_came_of_it(scene, me, sent, http_sink) -> None:
    me.post(at(scene, "browsers"), sent)
    number = Channel.objects.get().number
    http_sink.answers = [201, 410]

    good = me.post(at(scene, f"browsers/{number}/test"), follow=True)
    bad = me.post(at(scene, f"browsers/{number}/test"), follow=True)

    assert "Accepted by the push service." in good.content.decode()
    assert "Answered 410." in bad.content.decode()


def test_tests_of_a_browser_are_limited_and_the_profile_says_so(scene, me, sent, http_sink, still_clock) -> None:
    me.post(at(scene, "browsers"), sent)
    number = Channel.objects.get().number
    for _ in range(5):
        me.post(at(scene, f"browsers/{number}/test"))
    page = me.post(at(scene, f"browsers/{number}/test"), follow=True)

    assert "Too many test messages: at most 5 a minute and 50 a day." in page.content.decode()
    assert len(http_sink.requests) == 5


def test_nobody_touches_somebody_elses_browser(scene, me, sent) -> None:
    me.post(at(scene, "browsers"), sent)
    number = Channel.objects.get().number
    other = factories.make_user()
    factories.make_seat(scene.workspace, "admin", user=other)
    stranger = scene.client(other)

    for act in ("test", "remove"):
        assert stranger.post(at(scene, f"browsers/{number}/{act}")).status_code == 404
    assert Channel.objects.count() == 1


def test_a_browser_is_removed(scene, me, sent) -> None:
    me.post(at(scene, "browsers"), sent)
    me.post(at(scene, f"browsers/{Channel.objects.get().number}/remove"))

    assert not Channel.objects.exists()


def test_ten_browsers_are_enough_for_a_person(scene, me, sent) -> None:
    for number in range(11):
        me.post(at(scene, "browsers"), {**sent, "endpoint": f"{sent['endpoint']}/{number}"})

    assert Channel.objects.count() == 10


def test_the_worker_is_served_from_where_it_may_govern_the_pages(client, db) -> None:
    answer = client.get("/app/push-worker.js")

    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert b"showNotification" in b"".join(answer.streaming_content)
