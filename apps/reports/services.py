"""Writes of scheduled reports: what people set, and the step that sends what is due."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from apps.accounts.addresses import is_address
from apps.audit import services as audit
from apps.common.errors import ConflictError, InvalidInputError, NotFoundError, PlanLimitError, PremiumRequiredError
from apps.notifications.kinds import ChannelKind
from apps.notifications.services import queue_message
from apps.projects.models import Project
from apps.reports.models import ReportSchedule
from apps.reports.periods import zone_named
from apps.reports.presenters.mail import mail_of
from apps.reports.rhythm import latest_until, next_after
from apps.reports.selectors import report_for
from apps.reports.sla import LEAST, WHOLE
from apps.workspaces.models import Workspace
from apps.workspaces.usage import plan_of

MOST_SCHEDULES = 50
MOST_RECIPIENTS = 20
LONGEST_NAME = 120


@dataclass(frozen=True, slots=True)
class Wish:
    """A schedule as people set it. `project_keys` None: all projects; `target` in thousandths of a percent."""

    name: str
    frequency: str
    recipients: Sequence[str]
    hour: int = 8
    timezone: str = "UTC"
    weekday: int = 0
    day: int = 1
    format: str = "pdf"
    project_keys: Sequence[str] | None = None
    target: int = 99_900
    enabled: bool = True


@transaction.atomic
def create_schedule(*, workspace: Workspace, wish: Wish, actor: str, now: datetime) -> ReportSchedule:
    """A new schedule, due for the first time at its next hour.

    InvalidInputError names what is wrong; PremiumRequiredError on a Free workspace, PlanLimitError beyond 50.
    """
    _ensure_premium(workspace, now=now)
    # The lock queues creators, so two requests cannot both take the last place.
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    if ReportSchedule.objects.of(workspace).count() >= MOST_SCHEDULES:
        raise PlanLimitError(f"A workspace has at most {MOST_SCHEDULES} scheduled reports.")
    schedule = ReportSchedule(workspace=workspace, created_at=now)
    _fill(schedule, wish, now=now)
    _audit(schedule, actor=actor, verb="report.create", at=now)
    return schedule


@transaction.atomic
def update_schedule(*, schedule: ReportSchedule, wish: Wish, actor: str, now: datetime) -> ReportSchedule:
    """Set everything anew; it is next due at the next hour of its new rhythm. Errors as of `create_schedule`."""
    workspace = schedule.workspace
    _ensure_premium(workspace, now=now)
    current = ReportSchedule.objects.of(workspace).select_for_update().filter(pk=schedule.pk).first()
    if current is None:
        raise NotFoundError("There is no such report.")
    _fill(current, wish, now=now)
    _audit(current, actor=actor, verb="report.update", at=now)
    return current


@transaction.atomic
def delete_schedule(*, schedule: ReportSchedule, actor: str, now: datetime) -> None:
    """No further report; what is already on its way arrives."""
    _audit(schedule, actor=actor, verb="report.delete", at=now)
    schedule.delete()


@transaction.atomic
def send_now(*, schedule: ReportSchedule, actor: str, now: datetime) -> int:
    """Send the report of the latest complete period once more, whatever was sent before; how many messages left.

    The rhythm goes on as it was. ConflictError when it was sent within the last minute.
    """
    workspace = schedule.workspace
    _ensure_premium(workspace, now=now)
    due = latest_until(schedule.rhythm, now)
    count = _queue(schedule, due=due, key=f"report-now:{schedule.pk}:{int(now.timestamp()) // 60}", now=now)
    if not count:
        raise ConflictError("This report was sent a moment ago.")
    schedule.last_sent_at = now
    schedule.save(update_fields=["last_sent_at"])
    _audit(schedule, actor=actor, verb="report.send", at=now)
    return count


def send_due(*, now: datetime, limit: int) -> int:
    """Put the messages of up to `limit` due schedules into the outbox; how many schedules were due.

    Killed anywhere and run again, each recipient of a period gets one message: messages and the next due instant
    are committed together, and a message is known by schedule, due day and recipient. After an outage only the latest
    report that was missed is sent. Reports are made outside the transaction, so no lock waits for them.
    """
    due = ReportSchedule.objects.filter(enabled=True, next_at__lte=now).select_related("workspace")
    schedules = list(due.order_by("next_at", "id")[:limit])
    failures: list[Exception] = []
    for schedule in schedules:
        try:
            _send(schedule, now=now)
        except Exception as error:  # noqa: BLE001  # raised below: one that fails must not hold up the others
            failures.append(error)
    if failures:
        raise ExceptionGroup("reports could not be made", failures)
    return len(schedules)


def _send(schedule: ReportSchedule, *, now: datetime) -> None:
    latest = latest_until(schedule.rhythm, now)
    workspace = schedule.workspace
    allowed = plan_of(workspace, now=now) == "premium" and workspace.closed_at is None and latest >= schedule.next_at
    mail = mail_of(schedule, report_for(schedule, due=latest, now=now)) if allowed else None
    with transaction.atomic():
        rows = ReportSchedule.objects.of(schedule.workspace_id).select_for_update()
        current = rows.filter(pk=schedule.pk, enabled=True, updated_at=schedule.updated_at).first()
        if current is None or current.next_at != schedule.next_at:
            # Changed, or sent by another worker, while the report was made: the next step looks again.
            return
        if mail is not None:
            _queue_all(schedule, mail, key=_key(schedule, latest), now=now)
            current.last_sent_at = now
        current.next_at = next_after(current.rhythm, now)
        current.save(update_fields=["next_at", "last_sent_at"])


def _queue(schedule: ReportSchedule, *, due: datetime, key: str, now: datetime) -> int:
    return _queue_all(schedule, mail_of(schedule, report_for(schedule, due=due, now=now)), key=key, now=now)


def _queue_all(schedule: ReportSchedule, mail: dict[str, object], *, key: str, now: datetime) -> int:
    queued = [
        queue_message(
            workspace=schedule.workspace,
            kind=ChannelKind.EMAIL,
            recipient=recipient,
            event_name="report",
            payload=mail,
            key=f"{key}:{recipient}",
            now=now,
        )
        for recipient in schedule.recipients
    ]
    return sum(delivery is not None for delivery in queued)


def _key(schedule: ReportSchedule, due: datetime) -> str:
    """Names one report of a schedule: another hour of the same day is no second one."""
    return f"report:{schedule.pk}:{schedule.frequency}:{due.astimezone(schedule.rhythm.zone).date()}"


def _fill(schedule: ReportSchedule, wish: Wish, *, now: datetime) -> None:
    faults = dict(_faults(wish))
    if faults:
        raise InvalidInputError(fields=faults)
    keys = wish.project_keys
    projects = [] if keys is None else list(Project.objects.of(schedule.workspace_id).filter(key__in=keys))
    if keys is not None and (not keys or len(projects) != len(set(keys))):
        raise InvalidInputError(fields={"projects": "Choose projects of this workspace, or all."})
    for name in ("frequency", "hour", "timezone", "weekday", "day", "format", "target", "enabled"):
        setattr(schedule, name, getattr(wish, name))
    schedule.name = wish.name.strip()
    schedule.recipients = _clean(wish.recipients)
    schedule.all_projects = keys is None
    schedule.updated_at = now
    schedule.next_at = next_after(schedule.rhythm, now)
    schedule.save()
    schedule.projects.set(projects)


def _clean(recipients: Iterable[str]) -> list[str]:
    """Lower-cased, without repeats, in the order given."""
    return list(dict.fromkeys(address.strip().lower() for address in recipients if address.strip()))


def _faults(wish: Wish) -> Iterable[tuple[str, str]]:
    if not 1 <= len(wish.name.strip()) <= LONGEST_NAME:
        yield "name", f"1 to {LONGEST_NAME} characters."
    yield from _faulty_rhythm(wish)
    addresses = _clean(wish.recipients)
    bad = [address for address in addresses if not is_address(address)]
    if bad:
        yield "recipients", f"Invalid email address: {bad[0]}"
    elif not 1 <= len(addresses) <= MOST_RECIPIENTS:
        yield "recipients", f"1 to {MOST_RECIPIENTS} addresses."
    if wish.format not in ReportSchedule.Format.values:
        yield "format", "One of pdf, csv, html."
    if not LEAST <= wish.target <= WHOLE:
        yield "target", "A percentage from 50 to 100."


def _faulty_rhythm(wish: Wish) -> Iterable[tuple[str, str]]:
    if wish.frequency not in ReportSchedule.Frequency.values:
        yield "frequency", "One of daily, weekly, monthly."
    for field, value, least, most in (
        ("hour", wish.hour, 0, 23),
        ("weekday", wish.weekday, 0, 6),
        ("day", wish.day, 1, 31),
    ):
        if not least <= value <= most:
            yield field, f"{least} to {most}."
    try:
        zone_named(wish.timezone)
    except InvalidInputError as error:
        yield "timezone", error.message


def _ensure_premium(workspace: Workspace, *, now: datetime) -> None:
    if plan_of(workspace, now=now) != "premium":
        raise PremiumRequiredError("Scheduled reports need the Premium plan.")


def _audit(schedule: ReportSchedule, *, actor: str, verb: str, at: datetime) -> None:
    changes = {"frequency": schedule.frequency, "recipients": schedule.recipients, "format": schedule.format}
    audit.record(workspace=schedule.workspace_id, actor=actor, verb=verb, subject=schedule.name, at=at, changes=changes)
