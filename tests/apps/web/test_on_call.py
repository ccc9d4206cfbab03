from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from apps.audit.models import AuditEntry
from apps.notifications.models import Route
from apps.notifications.services import add_override, alert_settings, set_alert_settings
from apps.workspaces.models import Workspace
from tests import factories
from tests.apps.web.conftest import Scene

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def rotating(scene: Scene) -> Scene:
    """Ana and Vic take turns week by week, from a Monday three weeks before the clocks go forward."""
    members = [str(scene.owner.public_id), str(scene.viewer.public_id)]
    document = {
        "timezone": "Europe/Berlin",
        "onCall": [{"id": "main", "members": members, "startsOn": "2026-03-09", "handoffTime": "09:00"}],
    }
    set_alert_settings(project=scene.project, document=document, actor="test", now=scene.now)
    return scene


@pytest.fixture
def client(rotating: Scene) -> Client:
    return rotating.client(rotating.owner)


def path(scene: Scene, asked: str = "") -> str:
    return scene.path(f"alerts/on-call/{asked}")


def overrides(scene: Scene) -> list[dict[str, str]]:
    found: list[dict[str, str]] = alert_settings(scene.project, reveal=True)["onCall"][0]["overrides"]
    return found


def soon(scene: Scene, **later: int) -> str:
    return (scene.now + timedelta(**later)).astimezone(BERLIN).strftime("%Y-%m-%dT%H:%M")


def stand_in(scene: Scene) -> dict[str, str]:
    """Vic takes the next day."""
    return {"act": "add", "member": str(scene.viewer.public_id), "start": soon(scene), "end": soon(scene, days=1)}


def stretches(page: Any, day: str) -> list[tuple[str, str]]:
    (cell,) = (cell for week in page.context["weeks"] for cell in week if cell.day.isoformat() == day)
    return [(part.who, part.span) for part in cell.stretches]


def test_a_month_shows_each_handoff_at_the_same_wall_time_over_summer_time(rotating: Scene, client: Client) -> None:
    page = client.get(path(rotating, "?month=2026-03"))

    assert len(page.context["weeks"]) == 6
    assert stretches(page, "2026-03-09") == [("Nobody", "to 09:00"), ("Ana Ruiz", "from 09:00")]
    assert stretches(page, "2026-03-29") == [("Ana Ruiz", "")]
    assert stretches(page, "2026-03-30") == [("Ana Ruiz", "to 09:00"), ("Vic", "from 09:00")]
    assert (page.context["before"], page.context["after"]) == ("2026-02", "2026-04")


@pytest.mark.parametrize("month", ["0000-01", "9999-12", "2026-13", "x", "", "2026-03-01"])
def test_a_month_that_is_none_is_this_month(rotating: Scene, client: Client, month: str) -> None:
    page = client.get(path(rotating), {"month": month})
    assert page.status_code == 200
    assert page.context["month"] == rotating.now.astimezone(BERLIN).date().replace(day=1)


def test_a_stand_in_is_set_in_the_time_of_the_schedule_and_taken_back(rotating: Scene, client: Client) -> None:
    vic = str(rotating.viewer.public_id)
    sent = {"act": "add", "member": vic, "start": soon(rotating, hours=-1), "end": soon(rotating, days=2)}
    page = client.post(path(rotating, "?project=berlin&schedule=main"), sent, follow=True)

    (saved,) = overrides(rotating)
    assert saved["userId"] == vic
    start = datetime.fromisoformat(saved["start"]).astimezone(BERLIN)
    assert start.strftime("%Y-%m-%dT%H:%M") == sent["start"]
    assert "Vic stands in." in page.content.decode()
    assert page.context["schedules"][0].now == "Vic"
    assert page.context["schedules"][0].stand_in is True

    (item, _), *_ = page.context["overrides"]
    gone = {"act": "remove", "member": vic, "start": item.start.isoformat(), "end": item.end.isoformat()}
    client.post(path(rotating, "?project=berlin&schedule=main"), gone)
    assert overrides(rotating) == []
    assert client.post(path(rotating), gone).status_code == 404
    assert AuditEntry.objects.of(rotating.workspace).filter(verb="alertSettings.update").count() == 3


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"end": "2020-01-01T10:00", "start": "2020-01-01T09:00"}, "end"),
        ({"start": "2031-01-01T10:00", "end": "2031-01-01T09:00"}, "end"),
        ({"start": "soon"}, "start"),
        ({"start": ""}, "start"),
        ({"end": "9999-12-31T23:59"}, "end"),
        ({"member": "u_nobody"}, "member"),
    ],
)
def test_what_is_wrong_with_a_stand_in_is_said_beside_its_field(
    rotating: Scene, client: Client, changes: dict[str, str], field: str
) -> None:
    usual = {
        "act": "add",
        "member": str(rotating.viewer.public_id),
        "start": soon(rotating),
        "end": soon(rotating, days=1),
    }
    page = client.post(path(rotating), {**usual, **changes})

    assert page.status_code == 400
    assert field in page.context["form"].errors
    assert overrides(rotating) == []


def test_a_hundred_stand_ins_are_enough(rotating: Scene, client: Client) -> None:
    for number in range(100):
        add_override(
            project=rotating.project,
            rotation_id="main",
            member=str(rotating.viewer.public_id),
            start=rotating.now + timedelta(days=number),
            end=rotating.now + timedelta(days=number + 1),
            actor="test",
            now=rotating.now,
        )
    usual = {
        "act": "add",
        "member": str(rotating.viewer.public_id),
        "start": soon(rotating),
        "end": soon(rotating, days=1),
    }
    page = client.post(path(rotating), usual)
    assert page.status_code == 400
    assert "at most 100 stand-ins" in page.content.decode()


def test_an_unknown_schedule_is_said_and_takes_nothing(rotating: Scene, client: Client) -> None:
    page = client.get(path(rotating, "?project=berlin&schedule=gone"))
    assert "There is no such schedule any more." in page.content.decode()
    assert client.post(path(rotating, "?schedule=gone"), {"act": "add"}).status_code == 404


def test_a_viewer_sees_the_calendar_and_changes_nothing(rotating: Scene) -> None:
    client = rotating.client(rotating.viewer)
    page = client.get(path(rotating)).content.decode()
    assert "Add stand-in" not in page
    assert client.post(path(rotating), stand_in(rotating)).status_code == 403
    assert overrides(rotating) == []


def test_a_seat_sees_schedules_of_its_projects_only(rotating: Scene) -> None:
    other = factories.make_project(rotating.workspace, "paris")
    editor = factories.make_user()
    factories.make_seat(rotating.workspace, "editor", user=editor, projects=[other])
    client = rotating.client(editor)

    assert client.get(path(rotating)).context["schedules"] == []
    sent = stand_in(rotating)
    assert client.post(path(rotating, "?project=berlin&schedule=main"), sent).status_code == 404
    assert overrides(rotating) == []


def test_without_a_schedule_the_page_says_what_one_is_for(scene: Scene) -> None:
    page = scene.client(scene.owner).get(path(scene)).content.decode()
    assert "Nobody is on call" in page
    assert "alerts/routing/berlin#on-call" in page
    Workspace.objects.filter(pk=scene.workspace.pk).update(plan="free")
    assert "need the Premium plan" in scene.client(scene.owner).get(path(scene)).content.decode()


def test_a_schedule_without_people_says_nobody(rotating: Scene, client: Client) -> None:
    route = Route.objects.of(rotating.workspace).get()
    route.policy["onCall"][0]["members"] = []
    route.save()
    page = client.get(path(rotating))
    assert page.context["schedules"][0].now == "Nobody"
