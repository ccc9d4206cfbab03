"""What an incident says of silence, of what caused it and of who hears next."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from apps.incidents import services as incidents
from apps.incidents.models import Incident, IncidentEvent
from apps.notifications.models import Channel, Escalation, Route
from apps.notifications.services import fan_out, set_alert_settings
from apps.notifications.upcoming import upcoming
from apps.web.presenters.incidents import moment
from apps.web.presenters.routing import Names
from tests import factories
from tests.apps.web.conftest import Scene, break_down

NAMES = Names({"u1": "Ana"}, {"ch_hook": "Pager"})


def event(kind: str, **detail: Any) -> IncidentEvent:
    return IncidentEvent(kind=kind, at=datetime.fromisoformat("2026-03-02T10:00:00+00:00"), detail=detail)


@pytest.mark.parametrize(
    ("recipient", "reason", "sentence"),
    [
        ("step 1", "quiet_hours", "Step 1 was left out: quiet hours"),
        ("", "quiet_hours", "Nobody was told: quiet hours"),
        ("oncall:main", "no_one_on_call", "Nobody was on call in main"),
        ("channel:ch_hook", "gone", "Pager was not told: it is switched off or gone"),
        ("user:u1", "gone", "Ana has no address here any more"),
        ("user:u2", "gone", "Somebody who has left has no address here any more"),
        ("channel:ch_hook", "something new", "Pager was not told: something new"),
    ],
)
def test_why_somebody_was_not_told_is_said_with_names(recipient: str, reason: str, sentence: str) -> None:
    told = event("notified", channel="routing", recipient=recipient, result=reason)
    assert moment(told, NAMES).sentence == sentence


def test_flapping_and_what_follows_are_sentences() -> None:
    assert moment(event("flapping", after="down")).sentence == "Keeps changing between well and not"
    assert moment(event("released", after="down")).sentence == "Settled, still down"
    released = moment(event("released", after="warning", reason="parent_resolved"))
    assert released.sentence == "Still degraded although what it depends on is well again"
    assert released.more == "People hear of it now."
    named = event("notified", channel="webhook", recipient="ch_hook", result="delivered")
    assert moment(named, NAMES).sentence == "Webhook to Pager was delivered"
    slack = event("notified", channel="slack", recipient="https://hooks.slack.example", result="delivered")
    assert moment(slack).sentence == "Slack to https://hooks.slack.example was delivered"


@pytest.fixture
def steps(scene: Scene) -> Incident:
    """Down for four minutes; a second step is due in eleven, a second round in fifty-six."""
    ana = str(scene.owner.public_id)
    document = {
        "channels": [{"id": "ch_mail", "type": "email", "name": "Ops", "to": ["ops@example.com"]}],
        "escalation": {
            "steps": [
                {"afterMinutes": 0, "targets": [{"type": "channel", "id": "ch_mail"}]},
                {"afterMinutes": 15, "targets": [{"type": "user", "id": ana}]},
            ],
            "repeat": {"times": 1, "everyMinutes": 60},
        },
    }
    set_alert_settings(project=scene.project, document=document, actor="test", now=scene.now)
    incident = break_down(scene.device, at=scene.now - timedelta(minutes=4))
    fan_out(now=scene.now, limit=50)
    return incident


def ahead(scene: Scene, incident: Incident) -> list[tuple[str, str, str]]:
    page = scene.client(scene.viewer).get(scene.path(f"incidents/{incident.wire_id}"))
    return [(line.who, line.after, line.step) for line in page.context["ahead"]]


def test_the_page_says_who_is_told_next_and_when(scene: Scene, steps: Incident) -> None:
    assert ahead(scene, steps) == [
        ("Ana Ruiz", "+15 min", "Step 2"),
        ("Ops", "+1 h", "Step 1, round 2"),
        ("Ana Ruiz", "+1 h 15 min", "Step 2, round 2"),
    ]
    text = scene.client(scene.owner).get(scene.path(f"incidents/{steps.wire_id}")).content.decode()
    assert "Who is told next" in text


def test_once_somebody_has_it_or_it_is_over_nobody_is_told_next(scene: Scene, steps: Incident) -> None:
    incidents.acknowledge(incident=steps, actor="ana", user=None, now=scene.now)
    assert ahead(scene, Incident.objects.get(pk=steps.pk)) == []
    incidents.resolve(incident=steps, actor="ana", now=scene.now)
    assert ahead(scene, Incident.objects.get(pk=steps.pk)) == []


def test_what_a_window_puts_off_is_dated_to_when_it_is_looked_at_again(scene: Scene, steps: Incident) -> None:
    later = scene.now + timedelta(hours=2)
    Escalation.objects.of(scene.workspace).update(next_at=later)
    found = upcoming(steps)
    assert found is not None
    assert {item.at for item in found.notices} == {later}


def test_a_routing_that_was_switched_off_tells_nobody_next(scene: Scene, steps: Incident) -> None:
    Route.objects.of(scene.workspace).update(enabled=False)
    assert upcoming(steps) is None


def test_a_channel_that_is_off_is_said_to_be_left_out(scene: Scene, steps: Incident) -> None:
    Channel.objects.of(scene.workspace).update(enabled=False)
    page = scene.client(scene.owner).get(scene.path(f"incidents/{steps.wire_id}"))
    assert [(line.who, line.why) for line in page.context["ahead"] if line.kind == "skipped"] == [
        ("Ops", "The channel is switched off")
    ]


@pytest.fixture
def silent(scene: Scene, steps: Incident) -> Incident:
    """A till behind the router that is down."""
    till = factories.make_device(scene.project, "Till 2", now=scene.now - timedelta(days=1))
    behind = break_down(till, at=scene.now)
    Incident.objects.filter(pk=behind.pk).update(caused_by=steps, muted=True)
    return Incident.objects.get(pk=behind.pk)


def test_a_silent_incident_names_its_cause_and_the_cause_what_follows(
    scene: Scene, steps: Incident, silent: Incident
) -> None:
    client = scene.client(scene.owner)
    page = client.get(scene.path(f"incidents/{silent.wire_id}")).content.decode()
    assert "<b>Silent</b> because" in page
    assert scene.path(f"incidents/{steps.wire_id}") in page
    cause = client.get(scene.path(f"incidents/{steps.wire_id}"))
    assert [row.incident for row in cause.context["consequences"]] == [silent]
    assert upcoming(silent) is None

    Incident.objects.filter(pk=silent.pk).update(muted=False)
    page = client.get(scene.path(f"incidents/{silent.wire_id}")).content.decode()
    assert "and outlasted it" in page


def test_a_cause_in_a_project_out_of_reach_is_not_named(scene: Scene, steps: Incident, silent: Incident) -> None:
    other = factories.make_project(scene.workspace, "paris")
    Incident.objects.filter(pk=silent.pk).update(project=other)
    editor, colleague = factories.make_user(), factories.make_user()
    factories.make_seat(scene.workspace, "editor", user=editor, projects=[other])
    factories.make_seat(scene.workspace, "editor", user=colleague, projects=[scene.project])

    page = scene.client(editor).get(scene.path(f"incidents/{silent.wire_id}")).content.decode()
    assert "something it depends on is down" in page
    assert "Till 1" not in page
    cause = scene.client(colleague).get(scene.path(f"incidents/{steps.wire_id}"))
    assert cause.context["consequences"] == []
