"""Scheduled reports: what people set, and that each message leaves exactly once."""

import base64
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import transaction

from apps.audit.models import AuditEntry
from apps.common.errors import ConflictError, InvalidInputError, NotFoundError, PlanLimitError, PremiumRequiredError
from apps.notifications.models import Delivery
from apps.notifications.services import deliver_due
from apps.reports import services, tasks
from apps.reports.models import ReportSchedule
from apps.reports.selectors import schedule_by_public_id, schedules_of
from apps.reports.services import Wish
from apps.workspaces.models import Workspace
from dashmon import steps
from tests import factories
from tests.apps.reports.conftest import measure
from tests.pdf_reading import words_of
from tests.sinks.smtp import SmtpSink

WISH = Wish(
    name="Weekly for the board",
    frequency="weekly",
    recipients=("Board@example.com", "ops@example.com", "board@example.com "),
    hour=8,
    timezone="Europe/Berlin",
    weekday=0,
)


class Killed(BaseException):
    """What a signal does to a process: nothing catches it."""


def plan(workspace: Workspace, now: datetime, **changes: Any) -> ReportSchedule:
    return services.create_schedule(
        workspace=workspace, wish=replace(WISH, **changes), actor="ana@example.com", now=now
    )


def sent(workspace: Workspace) -> list[tuple[str, str]]:
    """Recipient and subject of everything in the outbox, oldest first."""
    rows = Delivery.objects.of(workspace).order_by("pk")
    return [(row.recipient, row.payload["subject"]) for row in rows]


# --- What people set -------------------------------------------------------------------------------
def test_a_new_schedule_is_due_at_its_next_hour(workspace, now) -> None:
    schedule = plan(workspace, now)

    assert schedule.next_at == datetime.fromisoformat("2026-03-09T07:00:00+00:00")
    assert schedule.recipients == ["board@example.com", "ops@example.com"]
    assert (schedule.all_projects, schedule.target, schedule.enabled) == (True, 99_900, True)
    entry = AuditEntry.objects.get(verb="report.create")
    assert (entry.actor, entry.subject) == ("ana@example.com", "Weekly for the board")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"frequency": "hourly"}, "frequency"),
        ({"hour": 24}, "hour"),
        ({"weekday": 7}, "weekday"),
        ({"day": 0}, "day"),
        ({"day": 32}, "day"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"recipients": ()}, "recipients"),
        ({"recipients": ("nobody",)}, "recipients"),
        ({"recipients": ("a@example.com\nBcc: b@example.com",)}, "recipients"),
        ({"recipients": tuple(f"a{number}@example.com" for number in range(21))}, "recipients"),
        ({"format": "exe"}, "format"),
        ({"target": 100_001}, "target"),
        ({"project_keys": ()}, "projects"),
        ({"project_keys": ("nowhere",)}, "projects"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_kept(workspace, now, changes, field) -> None:
    with pytest.raises(InvalidInputError) as refused:
        plan(workspace, now, **changes)

    assert set(refused.value.fields) == {field}
    assert ReportSchedule.objects.count() == AuditEntry.objects.filter(verb="report.create").count() == 0


def test_projects_of_other_workspaces_are_unknown(workspace, project, now) -> None:
    factories.make_project(factories.make_workspace(), "theirs")

    with pytest.raises(InvalidInputError):
        plan(workspace, now, project_keys=("berlin", "theirs"))
    assert [row.key for row in plan(workspace, now, project_keys=("berlin",)).projects.all()] == ["berlin"]


def test_a_change_moves_the_next_report(workspace, now) -> None:
    schedule = plan(workspace, now)

    services.update_schedule(
        schedule=schedule, wish=replace(WISH, frequency="daily", hour=23), actor="ana@example.com", now=now
    )

    schedule.refresh_from_db()
    assert schedule.next_at == datetime.fromisoformat("2026-03-02T22:00:00+00:00")
    schedule.delete()
    with pytest.raises(NotFoundError):
        services.update_schedule(schedule=ReportSchedule(pk=7, workspace=workspace), wish=WISH, actor="a", now=now)


def test_limits_and_plans(workspace, now, monkeypatch) -> None:
    schedule = plan(workspace, now)
    monkeypatch.setattr(services, "MOST_SCHEDULES", 1)
    with pytest.raises(PlanLimitError):
        plan(workspace, now)
    workspace.plan = "free"
    workspace.save()
    for act in (
        lambda: plan(workspace, now),
        lambda: services.update_schedule(schedule=schedule, wish=WISH, actor="a", now=now),
        lambda: services.send_now(schedule=schedule, actor="a", now=now),
    ):
        with pytest.raises(PremiumRequiredError):
            act()

    services.delete_schedule(schedule=schedule, actor="ana@example.com", now=now)
    assert ReportSchedule.objects.count() == 0


def test_other_workspaces_find_nothing(workspace, now) -> None:
    schedule, stranger = plan(workspace, now), factories.make_workspace()

    assert schedules_of(stranger) == []
    for public_id in (schedule.public_id, None):
        with pytest.raises(NotFoundError):
            schedule_by_public_id(stranger, public_id)
    assert schedule_by_public_id(workspace, schedule.public_id) == schedule


# --- What is sent ----------------------------------------------------------------------------------
def test_nothing_is_sent_before_it_is_due(workspace, now) -> None:
    schedule = plan(workspace, now)

    assert services.send_due(now=schedule.next_at - timedelta(seconds=1), limit=10) == 0
    assert sent(workspace) == []


def test_each_recipient_gets_one_message_a_period(workspace, device, now) -> None:
    schedule = plan(workspace, now)
    due = schedule.next_at

    for minutes in (0, 1, 2):
        services.send_due(now=due + timedelta(minutes=minutes), limit=10)

    subject = "Weekly for the board: 2 March 2026 to 8 March 2026"
    assert sent(workspace) == [("board@example.com", subject), ("ops@example.com", subject)]
    schedule.refresh_from_db()
    assert (schedule.last_sent_at, schedule.next_at) == (due, due + timedelta(days=7))


def test_after_an_outage_only_the_latest_report_is_sent(workspace, now) -> None:
    schedule = plan(workspace, now, frequency="daily", recipients=("ops@example.com",))

    services.send_due(now=schedule.next_at + timedelta(days=9, hours=5), limit=10)

    assert sent(workspace) == [("ops@example.com", "Weekly for the board: 11 March 2026")]
    schedule.refresh_from_db()
    assert schedule.next_at == datetime.fromisoformat("2026-03-13T07:00:00+00:00")


@pytest.mark.parametrize("place", ["mail_of", "queue_message", "next_after"])
@pytest.mark.parametrize("calls", [0, 1])
@pytest.mark.django_db(transaction=True)
def test_a_kill_anywhere_and_a_repeat_send_each_message_once(now, monkeypatch, place, calls) -> None:
    workspace = factories.make_workspace(now=now)
    schedule = plan(workspace, now)
    real, left = getattr(services, place), [calls]

    def dying(*args: Any, **kwargs: Any) -> Any:
        if not left[0]:
            raise Killed
        left[0] -= 1
        return real(*args, **kwargs)

    monkeypatch.setattr(services, place, dying)
    try:
        services.send_due(now=schedule.next_at, limit=10)
    except Killed:
        assert sent(workspace) == []
    monkeypatch.setattr(services, place, real)
    services.send_due(now=schedule.next_at, limit=10)
    services.send_due(now=schedule.next_at, limit=10)

    assert [recipient for recipient, _ in sent(workspace)] == ["board@example.com", "ops@example.com"]


def test_two_workers_at_once_send_it_once(workspace, now, monkeypatch) -> None:
    schedule = plan(workspace, now)
    real, inside = services.mail_of, []

    def slow(*args: Any) -> Any:
        if not inside:
            inside.append(True)
            # While one worker makes the report, another does all of it.
            services.send_due(now=schedule.next_at, limit=10)
        return real(*args)

    monkeypatch.setattr(services, "mail_of", slow)
    services.send_due(now=schedule.next_at, limit=10)

    assert len(sent(workspace)) == 2


def test_a_report_that_was_changed_while_it_was_made_is_made_anew(workspace, now, monkeypatch) -> None:
    schedule = plan(workspace, now)
    due, real = schedule.next_at, services.mail_of

    def changing(*args: Any) -> Any:
        monkeypatch.setattr(services, "mail_of", real)
        wish = replace(WISH, recipients=("new@example.com",))
        services.update_schedule(schedule=schedule, wish=wish, actor="ana@example.com", now=due)
        return real(*args)

    monkeypatch.setattr(services, "mail_of", changing)
    services.send_due(now=due, limit=10)

    assert sent(workspace) == []
    services.send_due(now=due + timedelta(days=7), limit=10)
    assert [recipient for recipient, _ in sent(workspace)] == ["new@example.com"]


def test_one_report_that_cannot_be_made_does_not_hold_up_the_others(workspace, now, monkeypatch) -> None:
    broken = plan(workspace, now, name="Broken", recipients=("a@example.com",))
    plan(workspace, now, name="Sound", recipients=("b@example.com",))
    real = services.mail_of

    def failing(schedule: ReportSchedule, report: Any) -> Any:
        if schedule.pk == broken.pk:
            raise ValueError("no such font")
        return real(schedule, report)

    monkeypatch.setattr(services, "mail_of", failing)
    with pytest.raises(ExceptionGroup):
        services.send_due(now=broken.next_at, limit=10)

    assert [recipient for recipient, _ in sent(workspace)] == ["b@example.com"]


@pytest.mark.parametrize("changes", [{"plan": "free"}, {"closed_at": datetime.fromisoformat("2026-03-02T00:00:00Z")}])
def test_without_premium_or_after_the_end_nothing_is_sent_and_nothing_piles_up(workspace, now, changes) -> None:
    schedule = plan(workspace, now)
    Workspace.objects.filter(pk=workspace.pk).update(**changes)

    assert services.send_due(now=schedule.next_at, limit=10) == 1

    assert sent(workspace) == []
    assert services.send_due(now=schedule.next_at, limit=10) == 0


def test_a_switched_off_report_is_not_sent(workspace, now) -> None:
    schedule = plan(workspace, now, enabled=False)

    assert services.send_due(now=schedule.next_at, limit=10) == 0


def test_the_limit_holds_and_the_oldest_goes_first(workspace, now) -> None:
    late = plan(workspace, now, name="Late", hour=9, recipients=("b@example.com",))
    plan(workspace, now, name="Early", recipients=("a@example.com",))

    assert services.send_due(now=late.next_at, limit=1) == 1
    assert [recipient for recipient, _ in sent(workspace)] == ["a@example.com"]


def test_send_now_leaves_the_rhythm_alone_and_is_no_second_one(workspace, now) -> None:
    schedule = plan(workspace, now)
    due = schedule.next_at

    assert services.send_now(schedule=schedule, actor="ana@example.com", now=now) == 2
    with pytest.raises(ConflictError):
        services.send_now(schedule=schedule, actor="ana@example.com", now=now + timedelta(seconds=20))
    assert services.send_now(schedule=schedule, actor="ana@example.com", now=now + timedelta(minutes=2)) == 2

    schedule.refresh_from_db()
    assert schedule.next_at == due
    assert {subject for _, subject in sent(workspace)} == {"Weekly for the board: 23 February 2026 to 1 March 2026"}
    services.send_due(now=due, limit=10)
    assert len(sent(workspace)) == 6


# --- What arrives ----------------------------------------------------------------------------------
def arrive(workspace: Workspace, schedule: ReportSchedule, sink: SmtpSink) -> Any:
    services.send_due(now=schedule.next_at, limit=10)
    deliver_due(now=schedule.next_at, limit=10)
    return sink.to("ops@example.com")[0]


def test_a_mail_with_a_pdf(workspace, device, now, smtp_sink) -> None:
    measure(device, ["up"] * 95 + ["down"], first=now)
    message = arrive(workspace, plan(workspace, now), smtp_sink)

    assert message["Subject"] == "Weekly for the board: 2 March 2026 to 8 March 2026"
    text = message.get_body(("plain",)).get_content()
    assert "Uptime " in text
    assert "You get this every week because somebody in the workspace Shop put your address on this report." in text
    assert f"/app/w/{workspace.slug}/reports/schedules/" in text
    attached = next(iter(message.iter_attachments()))
    assert attached.get_filename() == "weekly-for-the-board-2026-03-02.pdf"
    assert {"Berlin branch", "Till 1"} <= set(words_of(attached.get_content()))


def test_a_mail_with_a_sheet_and_one_with_nothing_attached(workspace, device, now, smtp_sink) -> None:
    sheet = arrive(workspace, plan(workspace, now, format="csv"), smtp_sink)
    smtp_sink.messages.clear()
    services.delete_schedule(schedule=ReportSchedule.objects.get(), actor="a", now=now)
    bare = arrive(workspace, plan(workspace, now, format="html", name="<b>Board</b>"), smtp_sink)

    assert next(iter(sheet.iter_attachments())).get_content().startswith("project_id,")
    assert list(bare.iter_attachments()) == []
    page = bare.get_body(("html",)).get_content()
    assert "Till 1" in page
    assert "<b>Board</b>" not in page
    assert "&lt;b&gt;Board&lt;/b&gt;" in page


def test_only_the_chosen_projects_are_told_about(workspace, project, device, now) -> None:
    factories.make_device(factories.make_project(workspace, "lisbon", name="Lisbon branch"), "Till 2")
    schedule = plan(workspace, now, project_keys=("berlin",), format="csv", recipients=("ops@example.com",))

    services.send_due(now=schedule.next_at, limit=10)

    payload = Delivery.objects.of(workspace).get().payload
    sheet = base64.b64decode(payload["attachments"][0]["base64"]).decode()
    assert "Berlin branch" in sheet
    assert "Lisbon branch" not in sheet + payload["text"] + payload["html"]


def test_the_doors_of_the_background_send_what_is_due(workspace, now, monkeypatch) -> None:
    schedule = plan(workspace, now)
    monkeypatch.setattr("django.utils.timezone.now", lambda: schedule.next_at)

    assert steps.send_reports() is False
    tasks.send_reports(unknown="keyword from a newer sender")

    assert len(sent(workspace)) == 2
    with transaction.atomic():
        assert Delivery.objects.of(workspace).filter(event_name="report").count() == 2
