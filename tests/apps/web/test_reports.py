"""Pages of reports, of what is sent by e-mail, and the analytics of a monitor."""

import csv
import io
import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict

from apps.notifications.models import Delivery
from apps.reports.models import ReportSchedule
from apps.reports.services import Wish, create_schedule
from apps.web.presenters.columns import column_chart
from apps.web.report_query import read_asked
from apps.workspaces.models import Workspace
from tests import factories
from tests.apps.web.conftest import Scene, break_down, measure
from tests.pdf_reading import words_of

FORM = {
    "name": "Weekly for the board",
    "frequency": "weekly",
    "weekday": "0",
    "day": "1",
    "hour": "8",
    "timezone": "Europe/Berlin",
    "recipients": "board@example.com, ops@example.com",
    "format": "pdf",
    "target": "99.95",
    "enabled": "on",
}


@pytest.fixture
def measured(scene: Scene) -> Scene:
    measure(scene.device, *["up"] * 55, "warning", "up", "down", "down", "up", now=scene.now)
    break_down(scene.device, at=scene.now - timedelta(minutes=3))
    return scene


@pytest.fixture
def schedule(scene: Scene) -> ReportSchedule:
    wish = Wish(name="Monthly", frequency="monthly", recipients=["board@example.com"])
    return create_schedule(workspace=scene.workspace, wish=wish, actor="ana@example.com", now=scene.now)


def page(scene: Scene, tail: str, *, user=None, status: int = 200) -> str:
    response = scene.client(user or scene.owner).get(scene.path(tail))
    assert response.status_code == status
    return response.content.decode()


def test_the_report_says_what_was_up_and_draws_it_without_script(measured: Scene) -> None:
    html = page(measured, "reports/")

    assert "Missed" in html
    # The two failures are a minute apart, so they may stand in two hours.
    assert sum(int(count) for count in re.findall(r">([12]) failed check", html)) == 2
    assert html.count('class="column"') >= 2
    assert "Show as table" in html
    assert 'aria-current="page">' in html
    assert "/reports/uptime.pdf?target=99.9&amp;period=7d" in html


@pytest.mark.parametrize("period", ["7d", "30d", "week", "month", "nonsense"])
def test_every_period_has_a_page(measured: Scene, period: str) -> None:
    assert "By monitor" in page(measured, f"reports/?period={period}")


def test_the_files_are_the_report_of_the_page(measured: Scene) -> None:
    client = measured.client(measured.viewer)

    sheet = client.get(measured.path("reports/uptime.csv?period=7d&target=90"))
    rows = list(csv.DictReader(io.StringIO(sheet.content.decode())))
    assert (rows[0]["device_name"], rows[0]["samples"], rows[0]["sla_target_pct"]) == ("Till 1", "60", "90")
    assert rows[0]["sla"] == "met"
    document = client.get(measured.path("reports/uptime.pdf?period=7d"))
    assert document["Content-Type"] == "application/pdf"
    assert {"Shop", "Berlin branch", "Till 1"} <= set(words_of(document.content))
    assert "attachment" in document["Content-Disposition"]


def test_a_scoped_seat_sees_its_projects_only(measured: Scene) -> None:
    hidden = factories.make_project(measured.workspace, "lisbon", name="Lisbon branch")
    factories.make_device(hidden, "Till of Lisbon")
    seat = factories.make_seat(measured.workspace, "editor", projects=[measured.project])

    for tail in ("reports/", "reports/?project=lisbon", "reports/uptime.csv"):
        html = page(measured, tail, user=seat.user)
        assert "Till of Lisbon" not in html
        assert "Lisbon branch" not in html
    assert "Till of Lisbon" in page(measured, "reports/?project=lisbon")
    assert "Berlin branch</span>" not in page(measured, "reports/?project=lisbon")


def test_a_stranger_and_nobody_see_nothing(measured: Scene, schedule: ReportSchedule) -> None:
    for tail in ("reports/", "reports/uptime.csv", "reports/schedules/", f"reports/schedules/{schedule.wire_id}"):
        page(measured, tail, user=measured.stranger, status=404)
    own = measured.stranger.memberships.get().workspace
    response = measured.client(measured.stranger).get(f"/app/w/{own.slug}/reports/schedules/{schedule.wire_id}")
    assert response.status_code == 404


def test_free_is_told_what_reports_need(measured: Scene) -> None:
    Workspace.objects.filter(pk=measured.workspace.pk).update(plan="free")

    for tail in ("reports/", "reports/uptime.csv", "reports/uptime.pdf", "reports/schedules/", "reports/schedules/new"):
        assert "Reports need the Premium plan" in page(measured, tail, status=403)
    assert "Analytics need the Premium plan" in page(measured, f"monitors/{measured.device.public_id}/analytics")


# --- What the address says -------------------------------------------------------------------------
def asked(query: str, scene: Scene):
    return read_asked(QueryDict(query), zone=ZoneInfo("Europe/Berlin"), now=scene.now)


def test_own_days_include_the_last_one(scene: Scene) -> None:
    found = asked("from=2026-03-28&to=2026-03-29", scene)

    assert (found.from_text, found.to_text) == ("2026-03-28", "2026-03-29")
    assert found.period.end - found.period.start == timedelta(hours=47)
    assert asked(found.query, scene) == found


@pytest.mark.parametrize(
    "query",
    [
        "from=x",
        "to=2026-01-01",
        "from=2026-02-02&to=2026-02-01",
        "from=2999-01-01",
        "target=200",
        "from=0001-01-01&to=x",
    ],
)
def test_nonsense_is_said_and_the_usual_report_shown(scene: Scene, query: str) -> None:
    found = asked(query, scene)

    assert found.fault
    assert (found.key, found.target) == ("7d", 99_900)


def test_a_chart_of_nothing_has_a_scale_and_no_rows(scene: Scene) -> None:
    chart = column_chart([(scene.now, 0.0)], texts=["0 s"], unit="min", form="%H", summary="")

    assert (chart.rows, chart.ticks[-1].label, len(chart.columns)) == ([], "10 min", 1)
    assert column_chart([], texts=[], unit="", form="%H", summary="").times == []


# --- By e-mail -------------------------------------------------------------------------------------
def test_a_report_is_planned_changed_and_deleted(scene: Scene) -> None:
    client = scene.client(scene.owner)

    client.post(scene.path("reports/schedules/new"), FORM | {"projects": ["berlin"]})
    schedule = ReportSchedule.objects.of(scene.workspace).get()
    assert (schedule.target, schedule.recipients) == (99_950, ["board@example.com", "ops@example.com"])
    assert [project.key for project in schedule.projects.all()] == ["berlin"]
    html = page(scene, f"reports/schedules/{schedule.wire_id}")
    assert 'value="99.95"' in html
    assert "board@example.com, ops@example.com" in html
    changed = FORM | {"name": "Daily", "frequency": "daily", "enabled": ""}
    client.post(scene.path(f"reports/schedules/{schedule.wire_id}"), changed)
    schedule.refresh_from_db()
    assert (schedule.name, schedule.enabled, schedule.all_projects) == ("Daily", False, True)
    client.post(scene.path(f"reports/schedules/{schedule.wire_id}/delete"))
    assert ReportSchedule.objects.count() == 0


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"target": "200"}, "A percentage from 50 to 100"),
        ({"recipients": "nobody"}, "Invalid email address: nobody"),
        ({"name": ""}, "This field is required."),
        ({"day": "40"}, "less than or equal to 31"),
        ({"projects": ["nowhere"]}, "is not one of the available choices"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(scene: Scene, schedule: ReportSchedule, change, said) -> None:
    client = scene.client(scene.owner)

    for tail in ("new", schedule.wire_id):
        response = client.post(scene.path(f"reports/schedules/{tail}"), FORM | change)
        assert response.status_code == 400
        assert said in response.content.decode()
    assert ReportSchedule.objects.get().name == "Monthly"


def test_people_of_the_workspace_are_chosen_by_a_tick(scene: Scene) -> None:
    client = scene.client(scene.owner)
    assert 'value="ana@example.com"' in page(scene, "reports/schedules/new")

    client.post(
        scene.path("reports/schedules/new"), FORM | {"members": ["vic@example.com"], "recipients": "a@b.example"}
    )

    schedule = ReportSchedule.objects.of(scene.workspace).get()
    assert schedule.recipients == ["vic@example.com", "a@b.example"]
    html = page(scene, f"reports/schedules/{schedule.wire_id}")
    assert 'value="vic@example.com" id="id_members_1" checked' in html
    assert ">\na@b.example</textarea>" in html
    nobody = client.post(scene.path("reports/schedules/new"), FORM | {"recipients": ""})
    assert "1 to 20 addresses." in nobody.content.decode()
    stranger = client.post(scene.path("reports/schedules/new"), FORM | {"members": ["eve@example.com"]})
    assert stranger.status_code == 400


def test_sending_now_says_how_many_and_does_so_once(scene: Scene, schedule: ReportSchedule) -> None:
    client = scene.client(scene.owner)

    first = client.post(scene.path(f"reports/schedules/{schedule.wire_id}/send"), follow=True).content.decode()
    again = client.post(scene.path(f"reports/schedules/{schedule.wire_id}/send"), follow=True).content.decode()

    assert "Monthly is on its way to 1 recipient." in first
    # Unless a minute ended in between, which the service tests hold still.
    assert "sent a moment ago" in again or "on its way" in again
    assert Delivery.objects.of(scene.workspace).filter(event_name="report").exists()


@pytest.mark.parametrize("act", ["", "/send", "/delete"])
def test_who_may_not_decide_who_hears_changes_nothing(scene: Scene, schedule: ReportSchedule, act: str) -> None:
    editor = factories.make_seat(scene.workspace, "editor").user
    for user in (scene.viewer, editor):
        response = scene.client(user).post(scene.path(f"reports/schedules/{schedule.wire_id}{act}"), FORM)
        assert response.status_code == 403
        assert "By e-mail" not in page(scene, "reports/", user=user)
        page(scene, "reports/schedules/", user=user, status=403)

    schedule.refresh_from_db()
    assert schedule.name == "Monthly"
    assert Delivery.objects.count() == 0


def test_a_full_workspace_can_still_delete_a_report(scene: Scene, schedule: ReportSchedule) -> None:
    Workspace.objects.filter(pk=scene.workspace.pk).update(limit_overrides={"projects": 0})
    client = scene.client(scene.owner)

    assert client.post(scene.path("reports/schedules/new"), FORM).status_code == 403
    client.post(scene.path(f"reports/schedules/{schedule.wire_id}/delete"))
    assert ReportSchedule.objects.count() == 0


# --- Analytics of a monitor ------------------------------------------------------------------------
def test_the_analytics_tab_says_what_its_numbers_mean(measured: Scene) -> None:
    html = page(measured, f"monitors/{measured.device.public_id}/analytics?range=24h")

    assert "58 of 60 checks answered" in html
    assert "Mean time between failures" in html
    assert "19 of 20 are faster" in html
    assert html.count('data-tone="neutral"') > 10


@pytest.mark.parametrize("range_", ["24h", "7d", "30d", "x"])
def test_without_an_answer_there_is_no_histogram(scene: Scene, range_: str) -> None:
    html = page(scene, f"monitors/{scene.device.public_id}/analytics?range={range_}", user=scene.viewer)

    assert "No answer in this range" in html
    assert "How response times are spread" not in html


# --- Filters of incidents --------------------------------------------------------------------------
def test_incidents_are_filtered_by_project_monitor_and_days(measured: Scene) -> None:
    lisbon = factories.make_project(measured.workspace, "lisbon", name="Lisbon branch")
    other = factories.make_device(lisbon, "Till of Lisbon", now=measured.now)
    break_down(other, at=measured.now - timedelta(minutes=2))

    def names(query: str) -> set[str]:
        html = page(measured, f"incidents/?status=all&{query}")
        return {name for name in ("Till 1</a>", "Till of Lisbon</a>") if name in html}

    today = f"{measured.now.date()}"
    yesterday = f"{measured.now.date() - timedelta(days=1)}"
    assert names("") == {"Till 1</a>", "Till of Lisbon</a>"}
    assert names("project=lisbon") == {"Till of Lisbon</a>"}
    assert names(f"monitor={measured.device.public_id}") == {"Till 1</a>"}
    assert names(f"from={yesterday}&to={today}") == {"Till 1</a>", "Till of Lisbon</a>"}
    assert names("to=2026-01-01") == set()
    # What is not there filters nothing.
    assert names("project=nowhere&monitor=x") == {"Till 1</a>", "Till of Lisbon</a>"}


def test_an_empty_filter_is_said_in_words_with_a_way_out(measured: Scene) -> None:
    html = page(measured, "incidents/?status=resolved&project=berlin&from=2026-01-01&to=2026-01-02")

    assert "No resolved incident fits" in html
    assert "Berlin branch · from 2026-01-01 · until 2026-01-02" in html
    assert "Clear filter" in html


@pytest.mark.parametrize("query", ["from=x", "to=2026-02-30", "from=2026-02-02&to=2026-02-01", "from=0001-01-01"])
def test_days_that_are_none_are_said(scene: Scene, query: str) -> None:
    assert 'role="alert"' in page(scene, f"incidents/?{query}")


def test_the_scope_holds_for_filters(measured: Scene) -> None:
    lisbon = factories.make_project(measured.workspace, "lisbon", name="Lisbon branch")
    seat = factories.make_seat(measured.workspace, "viewer", projects=[lisbon])

    html = page(measured, f"incidents/?status=all&monitor={measured.device.public_id}&project=berlin", user=seat.user)

    assert "Till 1" not in html
    assert "Berlin branch" not in html
