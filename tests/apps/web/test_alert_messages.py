import re
from typing import Any

import pytest

from apps.notifications.models import Delivery, Route
from apps.notifications.services import sms_rule
from apps.workspaces.models import Workspace
from tests import factories
from tests.apps.web.conftest import Scene


def test_the_email_rule_is_saved_as_people_write_it(scene: Scene) -> None:
    client = scene.client(scene.owner)
    sent = {"rule": "email", "enabled": "on", "to": "Ops@Example.com,\nana@example.com", "cooldown": "15"}
    client.post(scene.path("alerts/workspace/"), sent)
    route = Route.objects.of(scene.workspace).get(kind="email")
    assert (route.enabled, route.recipients, route.cooldown_min) == (True, ["ops@example.com", "ana@example.com"], 15)

    refused = client.post(scene.path("alerts/workspace/"), {**sent, "to": "nobody"})
    assert refused.status_code == 400
    assert "Invalid email address: nobody" in refused.content.decode()


def test_the_webhook_shows_its_secret_once_and_refuses_forbidden_places(scene: Scene) -> None:
    client = scene.client(scene.owner)
    page = client.post(
        scene.path("alerts/workspace/"), {"rule": "webhook", "enabled": "on", "url": "https://hooks.example/x"}
    ).content.decode()
    found = re.search(r"whsec_[\w-]+", page)
    assert found is not None
    assert found.group() not in client.get(scene.path("alerts/workspace/")).content.decode()

    refused = client.post(scene.path("alerts/workspace/"), {"rule": "webhook", "url": "http://169.254.169.254/"})
    assert refused.status_code == 400
    assert Route.objects.of(scene.workspace).get(kind="webhook").url == "https://hooks.example/x"


def test_a_test_message_says_what_really_came_of_it(scene: Scene, mailoutbox: list[Any]) -> None:
    page = scene.client(scene.owner).post(scene.path("alerts/workspace/email/test"), follow=True).content.decode()

    assert [mail.to for mail in mailoutbox] == [["ana@example.com"]]
    assert "Test to ana@example.com was accepted" in page
    assert Delivery.objects.of(scene.workspace).get().status == "sent"


@pytest.mark.parametrize("path", ["alerts/workspace/email/test", "alerts/workspace/"])
def test_a_viewer_sends_and_changes_nothing(scene: Scene, path: str, mailoutbox: list[Any]) -> None:
    assert scene.client(scene.viewer).post(scene.path(path), {"rule": "email", "cooldown": "5"}).status_code == 403
    assert mailoutbox == []
    assert not Route.objects.of(scene.workspace).exists()


@pytest.mark.parametrize("rule", ["email", "webhook", "sms"])
def test_a_seat_limited_to_some_projects_does_not_set_the_rules_of_all(scene: Scene, rule: str) -> None:
    editor = factories.make_user()
    factories.make_seat(scene.workspace, "admin", user=editor, projects=[scene.project])

    sent = {"rule": rule, "cooldown": "5", "url": "https://hooks.example/x", "to": ""}
    assert scene.client(editor).post(scene.path("alerts/workspace/"), sent).status_code == 403
    assert not Route.objects.of(scene.workspace).exists()


def test_the_sms_rule_holds_a_number_and_numbers_of_single_projects(scene: Scene) -> None:
    client = scene.client(scene.owner)
    sent = {"rule": "sms", "enabled": "on", "to": "+61 400 111 222", "cooldown": "20"}
    client.post(scene.path("alerts/workspace/"), {**sent, "own-berlin": "on", "to-berlin": "+491511234567"})

    rule = sms_rule(scene.workspace)
    assert (rule.enabled, rule.to, rule.cooldown_minutes) == (True, "+61400111222", 20)
    assert rule.overrides == {"berlin": {"enabled": True, "to": "+491511234567"}}
    page = client.get(scene.path("alerts/workspace/")).content.decode()
    assert "+491511234567" in page

    client.post(scene.path("alerts/workspace/"), sent)
    assert sms_rule(scene.workspace).overrides == {}


@pytest.mark.parametrize(
    ("field", "typed", "sentence"),
    [
        ("to", "0151 123", "Global SMS number must be E.164"),
        ("to-berlin", "0151 123", "Project SMS number must be E.164"),
        ("cooldown", "0", "greater than or equal to 1"),
    ],
)
def test_what_is_wrong_with_a_number_is_said_beside_it_and_nothing_is_saved(
    scene: Scene, field: str, typed: str, sentence: str
) -> None:
    sent = {"rule": "sms", "enabled": "on", "to": "+61400111222", "cooldown": "20", "own-berlin": "on"}
    response = scene.client(scene.owner).post(scene.path("alerts/workspace/"), {**sent, field: typed})

    assert response.status_code == 400
    assert sentence in str(response.context["sms"].errors[field])
    assert not Route.objects.of(scene.workspace).exists()


def test_without_a_provider_a_test_sms_says_so(scene: Scene) -> None:
    client = scene.client(scene.owner)
    client.post(
        scene.path("alerts/workspace/"), {"rule": "sms", "enabled": "on", "to": "+61400111222", "cooldown": "20"}
    )
    page = client.post(scene.path("alerts/workspace/sms/test"), follow=True).content.decode()
    assert "No SMS provider is configured." in page
    assert not Delivery.objects.of(scene.workspace).exists()


def test_on_the_free_plan_sms_is_a_quiet_line_and_nothing_of_it_can_be_sent(scene: Scene) -> None:
    Workspace.objects.filter(pk=scene.workspace.pk).update(plan="free")
    client = scene.client(scene.owner)

    page = client.get(scene.path("alerts/workspace/")).content.decode()
    assert "SMS needs the Premium plan." in page
    assert "Save SMS rule" not in page
    sent = {"rule": "sms", "enabled": "on", "to": "+61400111222", "cooldown": "20"}
    assert client.post(scene.path("alerts/workspace/"), sent).status_code == 403
    assert client.post(scene.path("alerts/workspace/sms/test")).status_code == 403
    assert not Route.objects.of(scene.workspace).exists()


def test_a_viewer_learns_no_address_from_the_rules(scene: Scene) -> None:
    sent = {"rule": "email", "enabled": "on", "to": "ops@example.com", "cooldown": "15"}
    scene.client(scene.owner).post(scene.path("alerts/workspace/"), sent)

    page = scene.client(scene.viewer).get(scene.path("alerts/workspace/")).content.decode()
    assert "every 15 min" in page
    assert "ops@example.com" not in page


def test_a_kind_that_has_no_rule_cannot_be_tested(scene: Scene) -> None:
    assert scene.client(scene.owner).post(scene.path("alerts/workspace/slack/test")).status_code == 404
