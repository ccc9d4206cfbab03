"""The uptime report (contract Dashmon 11): JSON, CSV and PDF of what came through the pipeline."""

import csv
import io
from datetime import timedelta

import pytest

from tests import factories
from tests.contracts.dashmon.conftest import refused
from tests.contracts.dashmon.test_history import store
from tests.pdf_reading import words_of

REPORT = "/api/reports/uptime"


@pytest.fixture
def measured(project, device, clock):
    """Two projects: three monitors with 10, 5 and no results."""
    clock.forward(minutes=1)
    second = factories.make_project(project.workspace, "lisbon-02", name="Lisbon branch", now=clock.now)
    other = factories.make_device(second, "Till 2")
    silent = factories.make_device(second, "Till 3")
    for back in range(10, 0, -1):
        store(device, clock.now - timedelta(hours=back), "down" if back == 3 else "up", latency_us=40_000 + back * 1000)
    for back in range(5, 0, -1):
        store(other, clock.now - timedelta(days=back), "up" if back > 1 else "warning", latency_us=100_000)
    return device, other, silent


def test_results_weigh_the_same_in_projects_and_the_summary(api, measured, clock) -> None:
    device, other, silent = measured

    body = api("GET", REPORT).json()

    assert (body["period"], body["generated_at"]) == ("weekly", "2026-03-02T10:01:00.000Z")
    assert body["summary"] == {"uptime_pct": 14 * 100 / 15, "projects": 2, "devices": 3}
    berlin, lisbon = body["projects"]
    assert (berlin["id"], berlin["name"], berlin["uptime_pct"]) == ("berlin-01", "Berlin branch", 90.0)
    assert berlin["devices"] == [
        {
            "id": str(device.public_id),
            "name": "Till 1",
            "type": "http",
            "url": "https://till.example.com/",
            "ip": device.host or None,
            "samples": 10,
            "uptime_pct": 90.0,
            "avg_response_ms": sum(40 + back for back in range(1, 11) if back != 3) / 9,
        }
    ]
    assert (lisbon["uptime_pct"], [row["samples"] for row in lisbon["devices"]]) == (100.0, [5, 0])
    assert lisbon["devices"][1]["uptime_pct"] is lisbon["devices"][1]["avg_response_ms"] is None
    assert str(other.public_id) == lisbon["devices"][0]["id"]
    assert str(silent.public_id) == lisbon["devices"][1]["id"]


@pytest.mark.parametrize(("asked", "days"), [("monthly", 30), ("weekly", 7), ("x", 7), ("Monthly", 7)])
def test_a_period_ends_now(api, project, clock, asked, days) -> None:
    body = api("GET", f"{REPORT}?period={asked}").json()

    assert body["period"] == {30: "monthly", 7: "weekly"}[days]
    assert body["to"] == "2026-03-02T10:00:00.000Z"
    assert body["from"] == (clock.now - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def test_a_workspace_without_anything_has_an_empty_report(api) -> None:
    body = api("GET", REPORT).json()

    assert body["summary"] == {"uptime_pct": None, "projects": 0, "devices": 0}
    assert body["projects"] == []


def test_own_ends_in_the_time_zone(api, measured) -> None:
    body = api("GET", f"{REPORT}?from=2026-02-26&to=2026-03-01&timezone=Australia/Adelaide").json()

    assert (body["period"], body["timezone"]) == ("custom", "Australia/Adelaide")
    assert (body["from"], body["to"]) == ("2026-02-25T13:30:00.000Z", "2026-02-28T13:30:00.000Z")
    assert body["projects"][1]["devices"][0]["samples"] == 3
    exact = api("GET", f"{REPORT}?from=2026-02-28T00:00:00Z").json()
    assert (exact["to"], exact["projects"][1]["devices"][0]["samples"]) == ("2026-03-02T10:01:00.000Z", 2)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("format=xml", "format"),
        ("timezone=Mars/Base", "timezone"),
        ("timezone=../etc", "timezone"),
        ("timezone=Europe", "timezone"),
        ("from=yesterday", "from"),
        ("to=2026-02-30", "to"),
        ("from=2026-03-01&to=2026-03-01", "from"),
        ("from=2027-01-01", "from"),
    ],
)
def test_bad_questions_are_refused(api, query, field) -> None:
    assert field in refused(api("GET", f"{REPORT}?{query}"), 400, "validation_error")["details"]["fields"]


def test_the_sheet_has_the_columns_of_the_contract(api, measured) -> None:
    response = api("GET", f"{REPORT}?format=csv&period=weekly")

    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert 'filename="uptime-weekly.csv"' in response.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert list(rows[0]) == [
        *("project_id", "project_name", "device_id", "device_name", "type", "ip", "url"),
        *("samples", "uptime_pct", "avg_response_ms"),
    ]
    assert [(row["samples"], row["uptime_pct"]) for row in rows] == [("10", "90.00"), ("5", "100.00"), ("0", "")]
    assert rows[0]["avg_response_ms"] == f"{sum(40 + back for back in range(1, 11) if back != 3) / 9:.2f}"
    assert rows[2]["avg_response_ms"] == ""


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@cmd"])
def test_no_spreadsheet_runs_a_name(api, project, name) -> None:
    factories.make_device(project, name)

    rows = list(csv.DictReader(io.StringIO(api("GET", f"{REPORT}?format=csv").content.decode())))

    assert rows[0]["device_name"] == f"'{name}"


def test_the_document_is_a_pdf_with_the_names_in_it(api, measured) -> None:
    response = api("GET", f"{REPORT}?format=pdf&period=monthly")

    assert response.headers["Content-Type"] == "application/pdf"
    assert 'filename="uptime-monthly.pdf"' in response.headers["Content-Disposition"]
    assert response.headers["Cache-Control"] == "no-store"
    words = words_of(response.content)
    assert {"Berlin branch", "Lisbon branch", "Till 1", "Till 3"} <= set(words)


def test_free_is_refused_in_every_form(api, workspace) -> None:
    workspace.plan = "free"
    workspace.save()

    for query in ("", "?format=csv", "?format=pdf", "?format=nonsense"):
        refused(api("GET", REPORT + query), 403, "premium_required", "premium_required")


def test_everybody_sees_the_projects_within_reach(seated, project, measured, stranger, with_token) -> None:
    scoped = seated("viewer", [project])("GET", REPORT).json()

    assert [row["id"] for row in scoped["projects"]] == ["berlin-01"]
    assert scoped["summary"] == {"uptime_pct": 90.0, "projects": 1, "devices": 1}
    assert with_token("read_only")("GET", REPORT).json()["summary"]["devices"] == 3
    assert stranger("GET", REPORT).json()["summary"]["devices"] == 0


def test_nothing_older_than_the_plan_keeps_is_counted(api, workspace, measured) -> None:
    workspace.limit_overrides = {"historyDays": 2}
    workspace.save()

    body = api("GET", f"{REPORT}?period=monthly").json()

    assert [row["samples"] for row in body["projects"][1]["devices"]] == [2, 0]
    assert body["from"] == "2026-02-28T10:01:00.000Z"
