"""Deciding who is told in a real browser: without script by buttons alone, and what script adds."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from apps.notifications.models import Channel
from apps.notifications.services import alert_settings, set_alert_settings
from tests.apps.web.conftest import Scene, break_down
from tests.e2e.conftest import Visit
from tests.e2e.test_pages import RULES
from tests.sinks.http import HttpSink

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.xdist_group("browser")]


@pytest.mark.parametrize("script", [False, True])
def test_a_routing_is_made_previewed_and_saved(visit: Visit, scene: Scene, script: bool) -> None:
    page = visit(scene.path("alerts/routing/berlin"), user=scene.owner, script=script, width=390)
    page.get_by_role("button", name="Add channel").click()
    page.get_by_label("Addresses").fill("ops@example.com")
    page.get_by_role("button", name="Add schedule").click()
    page.get_by_label("Place 1").select_option(label="Ana Ruiz")
    page.get_by_role("button", name="Add step").click()
    page.get_by_label("Whoever is on call (main)").check()
    page.get_by_role("button", name="Add step").click()
    second = page.get_by_role("group", name="Step 2", exact=True)
    second.get_by_label("E-mail (ch_email)").check()
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_role("row").filter(has_text="Ana Ruiz")).to_contain_text("Told")
    expect(page.get_by_role("row").filter(has_text="E-mail")).to_contain_text("+15 min")
    assert alert_settings(scene.project, reveal=True)["channels"] == []

    page.get_by_role("button", name="Save routing").click()
    expect(page.get_by_text("The routing of Berlin branch is saved.")).to_be_visible()
    saved = alert_settings(scene.project, reveal=True)
    assert [target["type"] for step in saved["escalation"]["steps"] for target in step["targets"]] == [
        "oncall",
        "channel",
    ]


def test_enter_in_a_field_saves_and_a_fault_leads_to_its_field(visit: Visit, scene: Scene) -> None:
    page = visit(scene.path("alerts/routing/berlin"), user=scene.owner)
    page.get_by_role("button", name="Add window").click()
    page.get_by_label("Wait before the first step").fill("soon")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Nothing has been saved.")).to_be_visible()
    found = Axe().run(page, options={"runOnly": RULES})
    assert found.response["violations"] == []
    page.get_by_role("link", name="Wait before the first step").click()
    expect(page.get_by_label("Wait before the first step")).to_be_in_viewport()
    page.get_by_label("Wait before the first step").fill("30")
    page.keyboard.press("Enter")
    expect(page.get_by_text("is saved.")).to_be_visible()
    assert alert_settings(scene.project, reveal=True)["openAfterSeconds"] == 30


def test_a_free_place_follows_the_last_one_that_was_filled(visit: Visit, scene: Scene) -> None:
    page = visit(scene.path("alerts/routing/berlin"), user=scene.owner)
    page.get_by_role("button", name="Add schedule").click()
    page.get_by_label("Place 1").select_option(label="Ana Ruiz")
    page.get_by_label("Place 2").select_option(label="Vic")
    expect(page.get_by_label("Place 3")).to_be_visible()
    page.get_by_role("button", name="Save routing").click()
    expect(page.get_by_text("is saved.")).to_be_visible()
    people = [str(scene.owner.public_id), str(scene.viewer.public_id)]
    assert alert_settings(scene.project, reveal=True)["onCall"][0]["members"] == people


@pytest.mark.parametrize("script", [False, True])
def test_the_answer_to_a_test_stands_beside_its_channel(
    visit: Visit, scene: Scene, http_sink: HttpSink, script: bool
) -> None:
    document = {"channels": [{"id": "ch_hook", "type": "webhook", "name": "Pager", "url": http_sink.url}]}
    set_alert_settings(project=scene.project, document=document, actor="test", now=scene.now)
    number = Channel.objects.of(scene.workspace).get().number
    http_sink.answers.append(503)
    page = visit(scene.path("alerts/channels/"), user=scene.owner, script=script, width=390)
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator(f"#test-{number}")).to_contain_text("Failed")
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator(f"#test-{number}")).to_contain_text("Accepted")
    assert len(http_sink.requests) == 2


def test_on_a_phone_acknowledging_is_within_reach_of_the_thumb(visit: Visit, scene: Scene) -> None:
    incident = break_down(scene.device, at=scene.now)
    page = visit(scene.path(f"incidents/{incident.wire_id}"), user=scene.owner, width=390)
    button = page.get_by_role("button", name="Acknowledge")
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 44
    assert 450 < box["y"] < 900
    button.click()
    expect(page.get_by_text("is yours.")).to_be_visible()
