"""Nothing that is not meant for visitors is in any public answer: every text field is marked, every answer searched."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from apps.common.values import Ref
from apps.devices.models import Device, DeviceState
from apps.pipeline.windows import set_maintenance
from apps.projects.models import Project
from apps.projects.windows import Target
from apps.statuspages import services
from apps.statuspages.models import StatusPage
from apps.statuspages.services import Choice
from apps.statuspages.services.components import set_components
from apps.tokens.models import AgentKey
from tests import factories
from tests.apps.web.conftest import break_down, measure

MARK = "SECRETMARK"
PATHS = (
    "/status/acme",
    "/status/acme?lang=de&theme=dark",
    "/status/acme/history",
    "/status/acme/incidents/THREAD",
    "/status/acme/feed.rss",
    "/status/acme/feed.atom",
    "/status/acme/feed.json",
    "/status/acme/calendar.ics",
    "/status/acme/badge.svg",
    "/status/acme/badge.svg?project=berlin-01",
    "/status/acme/embed",
    "/status/acme/embed.js",
    "/status/acme/subscribe",
    "/status/acme/logo.png",
    "/api/public/status-pages/acme",
)


def marked(kind: type[Any], keep: set[str]) -> dict[str, str]:
    """Every text column of a model with the mark in it, except those that visitors may read."""
    found = {}
    for field in kind._meta.concrete_fields:
        if field.get_internal_type() in {"CharField", "TextField"} and field.name not in keep and not field.choices:
            found[field.name] = f"{MARK}-{field.name}"[: field.max_length]
    return found


@pytest.fixture
def page(workspace, project, clock) -> StatusPage:
    device = factories.make_device(project, "Till 1")
    heartbeat = factories.make_device(project, "Backup", kind="heartbeat")
    lonely = factories.make_device(factories.make_project(workspace, "hidden", name=f"{MARK} hidden project"), "Kiosk")
    made, _ = services.create_page(
        workspace=workspace, values={"name": "Acme status", "slug": "acme"}, projects=[project], now=clock.now
    )
    set_components(page=made, choices=[Choice(project=project), Choice(device=lonely, group="Outside")])
    measure(device, *["up"] * 30, "down", "down", now=clock.now)
    break_down(device, at=clock.now - timedelta(minutes=2), text=f"{MARK} 10.0.0.7 refused")
    update = services.publish(
        page=made, status="investigating", title="Slow", body="Soon.", projects=[project], now=clock.now
    )
    assert update.thread == update.wire_id
    for target in (Target(workspace.pk, project=project), Target(workspace.pk, ref=Ref("device", heartbeat.pk))):
        starts = clock.now + timedelta(hours=3)
        set_maintenance(target=target, starts_at=starts, ends_at=None, reason=f"{MARK} reason", now=clock.now)
    Project.objects.filter(pk=project.pk).update(**marked(Project, {"key", "name"}))
    Device.objects.update(**marked(Device, {"name", "kind"}))
    Device.objects.filter(pk=device.pk).update(
        port=54321, synthetic={"x": MARK}, dns={"x": MARK}, heartbeat={"x": MARK}
    )
    DeviceState.objects.update(**marked(DeviceState, {"state", "announced"}))
    services.subscribe(page=made, kind="email", address=f"{MARK}@example.com", language="en", now=clock.now)
    type(workspace).objects.filter(pk=workspace.pk).update(name=f"{MARK} workspace")
    return made


def test_no_public_answer_holds_a_secret(page, workspace, owner, settings) -> None:
    settings.RATE_LIMITS = False
    ids = [str(device.public_id) for device in Device.objects.all()]
    forbidden = [MARK.lower(), "54321", str(workspace.public_id), str(owner.public_id), owner.email, *ids]
    forbidden += [row.secret for row in AgentKey.objects.all() if row.secret]
    thread = page.updates.get().thread
    assert len(forbidden) > 7

    for path in PATHS:
        response = Client().get(path.replace("THREAD", thread))
        expected = 404 if path.endswith("logo.png") else 200
        assert response.status_code == expected, path
        said = response.content.decode().lower() + json.dumps(dict(response.headers)).lower()
        assert [word for word in forbidden if word.lower() in said] == [], path


def test_the_search_would_find_what_it_looks_for(page) -> None:
    type(page).objects.filter(pk=page.pk).update(description=f"{MARK} shown")

    assert MARK in Client().get("/status/acme").content.decode()


def test_what_is_hostile_in_a_name_stays_a_name(page, project, settings) -> None:
    settings.RATE_LIMITS = False
    hostile = "\"><script>alert(1)</script>'&\x01"
    Device.objects.update(name=hostile)
    Project.objects.filter(pk=project.pk).update(name=hostile)
    type(page).objects.filter(pk=page.pk).update(name=hostile[:100])
    services.publish(page=page, status="info", title=hostile, body=hostile, now=page.created_at)
    from xml.etree import ElementTree as ET

    for path in PATHS:
        response = Client().get(path.replace("THREAD", page.updates.first().thread))
        body = response.content.decode()
        if path.endswith(("feed.json", "acme/calendar.ics")) or "/api/" in path:
            continue
        assert "<script>alert" not in body, path
        if path.endswith((".rss", ".atom", "badge.svg")):
            ET.fromstring(body)


def test_feeds_and_calendar_are_well_formed(page, settings) -> None:
    settings.RATE_LIMITS = False
    from icalendar import Calendar

    calendar = Calendar.from_ical(Client().get("/status/acme/calendar.ics").content)
    feed = Client().get("/status/acme/feed.json").json()

    assert len(list(calendar.walk("VEVENT"))) == 2
    assert all(event["UID"] for event in calendar.walk("VEVENT"))
    assert feed["version"].endswith("1.1")
    assert feed["items"][0]["content_html"] == "<p>Soon.</p>"
